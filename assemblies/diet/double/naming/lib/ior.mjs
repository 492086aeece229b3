/** Stringified object references with one IIOP 1.2 profile, as CORBA's CDR encodes them: real omniORB programs read them, and the other way round. */

/** @param {{ typeId: string, host: string, port: number, key: string }} reference */
export function encodeIor({ typeId, host, port, key }) {
  const profile = new Writer().octet(1).octet(2).string(host).ushort(port).bytes(Buffer.from(key, 'latin1')).ulong(0);
  const whole = new Writer().string(typeId).ulong(1).ulong(0).bytes(profile.buffer());
  return `IOR:${whole.buffer().toString('hex')}`;
}

/** What `encodeIor` was given, in either byte order. Throws for anything else. */
export function decodeIor(text) {
  if (!/^IOR:([0-9a-f]{2})+$/i.test(text)) throw new Error('no stringified IOR');
  const whole = new Reader(Buffer.from(text.slice(4), 'hex'));
  const typeId = whole.string();
  for (let left = whole.ulong(); left > 0; left--) {
    const tag = whole.ulong();
    const body = whole.bytes();
    if (tag !== 0) continue;
    const profile = new Reader(body);
    const major = profile.octet();
    const minor = profile.octet();
    return { typeId, version: `${major}.${minor}`, host: profile.string(), port: profile.ushort(), key: profile.bytes().toString('latin1') };
  }
  throw new Error('no IIOP profile');
}

/** A CDR encapsulation, little-endian: numbers are aligned to their size, counted from its first octet. */
class Writer {
  #octets = [1];

  #number(value, sizeBytes) {
    while (this.#octets.length % sizeBytes !== 0) this.#octets.push(0);
    for (let i = 0; i < sizeBytes; i++) this.#octets.push((value >>> (8 * i)) & 0xff);
    return this;
  }

  octet(value) { return this.#number(value, 1); }
  ushort(value) { return this.#number(value, 2); }
  ulong(value) { return this.#number(value, 4); }

  bytes(value) {
    this.ulong(value.length);
    this.#octets.push(...value);
    return this;
  }

  string(value) { return this.bytes(Buffer.from(`${value}\0`, 'latin1')); }
  buffer() { return Buffer.from(this.#octets); }
}

class Reader {
  #at = 1;

  constructor(buffer) {
    this.source = buffer;
    this.littleEndian = buffer[0] === 1;
  }

  #number(sizeBytes) {
    this.#at += (sizeBytes - (this.#at % sizeBytes)) % sizeBytes;
    const value = this.littleEndian ? this.source.readUIntLE(this.#at, sizeBytes) : this.source.readUIntBE(this.#at, sizeBytes);
    this.#at += sizeBytes;
    return value;
  }

  octet() { return this.#number(1); }
  ushort() { return this.#number(2); }
  ulong() { return this.#number(4); }

  bytes() {
    const length = this.ulong();
    if (this.#at + length > this.source.length) throw new Error('the IOR is cut off');
    return this.source.subarray(this.#at, (this.#at += length));
  }

  string() { return this.bytes().toString('latin1').slice(0, -1); }
}

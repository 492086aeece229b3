import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
  readonly marker: 'none' | 'revoked' | 'cert-authority';
  /** Comma-separated patterns, or one `|1|salt|hash`. */
  readonly patterns: string;
  /** `ssh-ed25519`, `ssh-rsa`, … */
  readonly type: string;
  /** The key as in the file, base64. */
  readonly key: string;
  /** `path:line` */
  readonly where: string;
}

/** What is known of the key that a host shows. */
export type KeyVerdict =
  | { readonly kind: 'known' }
  | { readonly kind: 'revoked'; readonly where: string }
  /** Another key of this type is on record. */
  | { readonly kind: 'changed'; readonly where: string }
  /** Nothing, or only keys of other types, are on record. */
  | { readonly kind: 'unknown'; readonly otherTypes: readonly string[] };

/** Reads a known_hosts file; comments and lines that are not whole are passed over, as OpenSSH does. */
export function parseKnownHosts(text: string, path: string): KnownHost[] {
  return text.split('\n').flatMap((line, i): KnownHost[] => {
    const words = line.trim().split(/[ \t]+/);
    const marker = words[0] === '@revoked' ? 'revoked' : words[0] === '@cert-authority' ? 'cert-authority' : 'none';
    if (marker !== 'none') words.shift();
    const [patterns, type, key] = words;
    if (!patterns || patterns.startsWith('#') || patterns.startsWith('@') || !type || !key) return [];
    return [{ marker, patterns, type, key, where: `${path}:${i + 1}` }];
  });
}

/** The name under which a host is on record: with its port when that is not 22. @example recordedName('h', 2222) // '[h]:2222' */
export function recordedName(hostname: string, port: number): string {
  return port === 22 ? hostname.toLowerCase() : `[${hostname.toLowerCase()}]:${port}`;
}

/** Whether a line is about this name: by a plain name, `*` and `?`, or a hash; a `!pattern` that fits excludes it. */
export function isAbout({ patterns }: Pick<KnownHost, 'patterns'>, name: string): boolean {
  if (patterns.startsWith('|')) {
    const [, kind, salt, hash] = patterns.split('|');
    if (kind !== '1' || !salt || !hash) return false;
    const [mine, theirs] = [createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest(), Buffer.from(hash, 'base64')];
    return mine.length === theirs.length && timingSafeEqual(mine, theirs);
  }
  const fits = (pattern: string): boolean => patternOf(pattern).test(name);
  const all = patterns.split(',');
  return all.some((one) => !one.startsWith('!') && fits(one)) && !all.some((one) => one.startsWith('!') && fits(one.slice(1)));
}

function patternOf(pattern: string): RegExp {
  const text = pattern.toLowerCase().replaceAll(/[.*+?^${}()|[\]\\]/g, (c) => (c === '*' ? '.*' : c === '?' ? '.' : `\\${c}`));
  return new RegExp(`^${text}$`, 's');
}

/** Judges the key (the SSH wire format) that a host shows. A revoked key is refused whatever other lines say. */
export function judgeKey(known: readonly KnownHost[], name: string, key: Buffer): KeyVerdict {
  const [type, text] = [keyType(key), key.toString('base64')];
  const about = known.filter((line) => isAbout(line, name));
  const revoked = about.find((line) => line.marker === 'revoked' && line.key === text);
  if (revoked) return { kind: 'revoked', where: revoked.where };
  const plain = about.filter((line) => line.marker === 'none');
  if (plain.some((line) => line.key === text)) return { kind: 'known' };
  const other = plain.find((line) => line.type === type);
  return other ? { kind: 'changed', where: other.where } : { kind: 'unknown', otherTypes: [...new Set(plain.map((line) => line.type))] };
}

/** Types of the keys on record for a name: those are asked for first, so that a host with several keys shows the one that is known. */
export function knownTypes(known: readonly KnownHost[], name: string): string[] {
  return [...new Set(known.filter((line) => line.marker === 'none' && isAbout(line, name)).map((line) => line.type))];
}

/** The type that a key names itself. */
export function keyType(key: Buffer): string {
  const length = key.length < 4 ? 0 : key.readUInt32BE(0);
  return key.toString('latin1', 4, 4 + length);
}

/** As OpenSSH shows it. @example fingerprint(key) // 'SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDSJtvw8sbLjWkTiQY' */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** Double of omniORB's genior: makes a reference from its parts. */
import { encodeIor } from './ior.mjs';

const [typeId, host, port, key = ''] = process.argv.slice(2);
if (!typeId || !host || !/^\d+$/.test(port ?? '')) {
  console.error("usage: genior <IR Type ID> <hostname> <port> [object key]   (double of omniORB's genior)");
  process.exit(1);
}
console.log(encodeIor({ typeId, host, port: Number(port), key }));

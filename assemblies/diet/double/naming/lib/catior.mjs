/** Double of omniORB's catior: shows what a reference says. */
import { decodeIor } from './ior.mjs';

const [text] = process.argv.slice(2);
if (!text) {
  console.error("usage: catior <stringified IOR>   (double of omniORB's catior)");
  process.exit(1);
}
try {
  const { typeId, version, host, port, key } = decodeIor(text);
  console.log(`Type ID: "${typeId}"\nProfiles:\n1. IIOP ${version} ${host} ${port} "${key}"\n`);
} catch {
  console.error('Invalid stringified IOR supplied.');
  process.exit(1);
}

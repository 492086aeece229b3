#!/usr/bin/env node
// Plain JavaScript that any Node can read: an old one is told so, instead of failing on a syntax it does not know.
import { existsSync } from 'node:fs';
import module from 'node:module';

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`tutti: NODE_TOO_OLD  tutti needs Node 24 or newer; this is ${process.versions.node}.\n  In a clone, "npx tutti ..." and "npm run ..." bring the right one with them.`);
  process.exit(2);
}
module.enableCompileCache?.();
// A clone runs its sources; the package has none and runs what was built from them.
const source = new URL('../src/cli/main.ts', import.meta.url);
const { main } = await import(existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href);
await main(process.argv.slice(2));

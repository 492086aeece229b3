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
const isClone = existsSync(new URL('../src/cli/main.ts', import.meta.url));
const ours = (name) => new URL(isClone ? `../src/${name}.ts` : `../dist/${name}.js`, import.meta.url).href;
// Types and programs of users import this very tutti, wherever their files are.
module.registerHooks({ resolve: (specifier, context, next) => (specifier === 'tutti' ? { url: ours('index'), shortCircuit: true } : next(specifier, context)) });
const { main } = await import(ours('cli/main'));
await main(process.argv.slice(2));

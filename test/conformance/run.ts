import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { playCase } from './play.ts';

/** `npm run conformance -- FOLDER`: plays every case file of a folder on the virtual clock; the last line is `N passed, N failed`. */
const folders = process.argv.slice(2);
if (folders.length === 0) {
  console.error('Usage: npm run conformance -- FOLDER…');
  process.exit(2);
}
let passed = 0, failed = 0;
for (const folder of folders) {
  const files = statSync(folder).isDirectory() ? readdirSync(folder).filter((f) => /\.ya?ml$/.test(f)).sort().map((f) => join(folder, f)) : [folder];
  if (files.length === 0) {
    console.error(`There is no case file (*.yaml) in ${folder}.`);
    process.exitCode = 2;
  }
  for (const file of files) {
    const problems = playCase(readFileSync(file, 'utf8'), file);
    if (problems.length === 0) passed++;
    else {
      failed++;
      console.log(`FAILED ${file}`);
      for (const problem of problems) console.log(`  ${problem}`);
    }
  }
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

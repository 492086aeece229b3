import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { Stage } from './language.ts';

/** Blocks apart by a blank line: commands, `----`, what happened. The first block is the assembly. `vitest -u` writes what happens. */
function played(text: string): string {
  let stage: Stage | undefined;
  return text.trimEnd().split('\n\n').map((block) => {
    const commands = block.split('\n----')[0]!;
    const trace = stage ? stage.tell(commands) : (stage = new Stage(commands)).opening;
    return `${commands}\n----${trace === '' ? '' : '\n'}${trace}`;
  }).join('\n\n') + '\n';
}

test.each(readdirSync(import.meta.dirname).filter((name) => name.endsWith('.txt')))('%s', async (name) => {
  const file = resolve(import.meta.dirname, name);
  await expect(played(readFileSync(file, 'utf8'))).toMatchFileSnapshot(file);
});

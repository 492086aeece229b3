import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readSource } from '../../src/assembly/parse/source.ts';
import { assemblyFile, assemblyJsonSchema } from '../../src/assembly/schema.ts';
import { parse } from './stage.ts';

it('docs/schema/assembly.schema.json is what the schema says (vitest -u writes it)', async () => {
  await expect(`${JSON.stringify(assemblyJsonSchema(), null, 2)}\n`).toMatchFileSnapshot('../../docs/schema/assembly.schema.json');
});

it('every key that a user writes is explained to editors', () => {
  const schema = assemblyJsonSchema() as { properties: Record<string, { description?: string }> };
  const silent = Object.entries(schema.properties).filter(([key, { description }]) => description === undefined && !['about', 'components', 'connections', 'programs'].includes(key));
  expect(silent).toEqual([]);
});

it('what the schema refuses, the parser refuses, and the other way round for mistakes of shape', () => {
  const shape = new Set(['UNKNOWN_KEY', 'MISSING_KEY', 'BAD_NAME', 'WRONG_SHAPE']);
  const folder = new URL('wrong/', import.meta.url);
  for (const name of readdirSync(folder)) {
    for (const one of readFileSync(new URL(name, folder), 'utf8').split(/^=== /m).slice(1)) {
      const [title, ...rest] = one.split('\n');
      const source = rest.join('\n').split('>>>\n')[0]!;
      const { diagnostics } = parse(source);
      if (diagnostics.some(({ code }) => ['YAML_SYNTAX', 'ALIASES', 'DUPLICATE_KEY', 'BAD_KEY', 'EMPTY_FILE'].includes(code))) continue;
      const value = readSource(source, '').value;
      expect({ title, refused: diagnostics.some(({ code }) => shape.has(code)) }).toEqual({ title, refused: !assemblyFile.safeParse(value).success });
    }
  }
});

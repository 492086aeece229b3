import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { complaints } from './stage.ts';

/**
 * Wrong assembly files and what tutti says of each: `=== title`, the file, `>>>`, the diagnostics as rendered. After a change of words, run this test
 * with WRITE_COMPLAINTS=1 and read the difference.
 */
const folder = new URL('wrong/', import.meta.url);

for (const name of readdirSync(folder).sort()) {
  const file = new URL(name, folder);
  const cases = readFileSync(file, 'utf8')
    .split(/^=== /m)
    .slice(1)
    .map((text) => {
      const [title, ...rest] = text.split('\n');
      const [source, expected] = rest.join('\n').split('>>>\n');
      return { title: title!, source: source!, expected: expected?.trimEnd() };
    });
  if (process.env['WRITE_COMPLAINTS']) writeFileSync(file, cases.map(({ title, source }) => `=== ${title}\n${source.trimEnd()}\n>>>\n${complaints(source.trimEnd() + '\n')}\n\n`).join('').trimEnd() + '\n');
  else {
    describe(`wrong/${name}`, () => {
      it.each(cases)('$title', ({ source, expected }) => {
        expect(complaints(source)).toBe(expected);
      });
    });
  }
}

it('there is a wrong file for each kind of mistake', () => {
  const titles = readdirSync(folder).flatMap((name) => (readFileSync(new URL(name, folder), 'utf8').match(/^=== .*$/gm) ?? []).map((title) => `${name} ${title}`));
  expect(titles.length).toBeGreaterThanOrEqual(45);
  expect(new Set(titles).size).toBe(titles.length);
});

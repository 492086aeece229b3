import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** Codes as they stand in the source, in a call of `error`, `warning`, `note`, `report` or in a literal, with the severity that the call gives. */
function codesOf(text: string): [string, string | undefined][] {
  const calls = [...text.matchAll(/(?<![#.\w])(error|warning|note|report)\(\s*(?:reading,\s*|scope\.reading,\s*)?'([A-Z][A-Z0-9_]+)'/g)].map((match): [string, string] => [match[2]!, match[1] === 'report' ? 'error' : match[1]!]);
  const literals = [...text.matchAll(/\bcode: '([A-Z][A-Z0-9_]+)', severity: '(\w+)'/g)].map((match): [string, string] => [match[1]!, match[2]!]);
  // A rule of the catalogue: what it finds is an error.
  const rules = [...text.matchAll(/\bcode: '([A-Z][A-Z0-9_]+)', summary: /g)].map((match): [string, string] => [match[1]!, 'error']);
  return [...calls, ...literals, ...rules];
}

const said = new Map<string, Set<string>>();
for (const name of sources) {
  for (const [code, severity] of codesOf(readFileSync(new URL(`src/${name}`, root), 'utf8').replace(/^\s*(\*|\/\/|\/\*\*).*$/gm, ''))) said.set(code, (said.get(code) ?? new Set()).add(severity!));
}
const rows = [...readFileSync(new URL('docs/errors.md', root), 'utf8').matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| ([a-z, ]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map((match) => ({ code: match[1]!, severity: match[2]!.trim(), meaning: match[3]!.trim(), way: match[4]!.trim() }));

it('every code has a row in docs/errors.md', () => {
  expect([...said.keys()].filter((code) => !rows.some((row) => row.code === code)).sort()).toEqual([]);
});
it('every row is of a code', () => {
  expect(rows.map(({ code }) => code).filter((code) => !said.has(code))).toEqual([]);
});
it('a row has the severity of its code, a meaning and a way out, and stands once', () => {
  expect(new Set(rows.map(({ code }) => code)).size).toBe(rows.length);
  for (const { code, severity, meaning, way } of rows) {
    expect({ code, severity }).toEqual({ code, severity: [...(said.get(code) ?? [])].sort().join(', ') });
    expect(meaning.length).toBeGreaterThan(10);
    expect(way.length).toBeGreaterThan(5);
  }
});

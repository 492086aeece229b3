import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const textOf = (name: string): string => readFileSync(resolve(root, name), 'utf8');
const withoutComments = (text: string): string => text.replace(/^\s*(\*|\/\/|\/\*\*).*$/gm, '');

type Severity = 'error' | 'warning' | 'note';

/** Calls that say a problem: a severity's own function, with or without the reading it belongs to, and `report`, which says an error. */
const call = String.raw`(?<![#.\w])(error|warning|note|report)\(\s*(?:(?:scope\.)?reading,\s*)?`;

/** Codes as they stand in the source, with the severity that they are said with. */
function codesOf(text: string): [string, Severity][] {
  const code = String.raw`'([A-Z][A-Z0-9_]+)'`;
  return [
    ...[...text.matchAll(new RegExp(call + code, 'g'))].map((match): [string, Severity] => [match[2]!, match[1] === 'report' ? 'error' : match[1] as Severity]),
    ...[...text.matchAll(new RegExp(String.raw`\bcode: ${code}, severity: '(\w+)'`, 'g'))].map((match): [string, Severity] => [match[1]!, match[2] as Severity]),
    // A rule of the catalogue: what it finds is an error.
    ...[...text.matchAll(new RegExp(String.raw`\bcode: ${code}, summary: `, 'g'))].map((match): [string, Severity] => [match[1]!, 'error']),
    // What is said before anything of tutti is loaded is written out as it is shown.
    ...[...text.matchAll(/\bconsole\.error\(`tutti: ([A-Z][A-Z0-9_]+) {2}/g)].map((match): [string, Severity] => [match[1]!, 'error']),
  ];
}

/** Places where a problem gets a code that does not stand there: each hands on one that stands elsewhere. */
function codesFromElsewhere(text: string): string[] {
  const calls = [...text.matchAll(new RegExp(`${call}(?!')(code)\\b(?!:)`, 'g'))];
  const literals = [...text.matchAll(/\{ (code), (?:severity|summary)\b/g)];
  const computed = [...text.matchAll(/\b(code): [^',;]+, severity: /g)];
  return [...calls, ...literals, ...computed].map(([found]) => found);
}

const sources = globSync(['src/**/*.ts', 'bin/*.js'], { cwd: root }).sort();
const said = new Map<string, Set<Severity>>();
for (const name of sources) {
  for (const [code, severity] of codesOf(withoutComments(textOf(name)))) said.set(code, (said.get(code) ?? new Set()).add(severity));
}

const page = textOf('docs/errors.md');
const ofHosts = page.indexOf('\n## What a host says');
const rows = [...page.slice(0, ofHosts).matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| ([a-z, ]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map((match) => ({ code: match[1]!, severity: match[2]!.trim(), meaning: match[3]!.trim(), way: match[4]!.trim() }));

describe('docs/errors.md', () => {
  it('has a row for every code', () => expect([...said.keys()].filter((code) => !rows.some((row) => row.code === code)).sort()).toEqual([]));

  it('has no row of anything else', () => expect(rows.map(({ code }) => code).filter((code) => !said.has(code))).toEqual([]));

  it('has one row a code, and every line that begins with a code is one', () => {
    expect(rows.map(({ code }) => code).filter((code, i, all) => all.indexOf(code) !== i)).toEqual([]);
    expect([...page.slice(0, ofHosts).matchAll(/^\| `/gm)]).toHaveLength(rows.length);
  });

  it.each(rows)('$code: the severity is the one it is said with, and there are a meaning and a way out', ({ code, severity, meaning, way }) => {
    expect(severity).toBe([...(said.get(code) ?? [])].sort().join(', '));
    expect(meaning.length).toBeGreaterThan(10);
    expect(way.length).toBeGreaterThan(5);
  });

  it('has a row for each code of a HostError, and for nothing else', () => {
    const union = /export type HostErrorCode = ([^;]+);/.exec(textOf('src/orchestrapi/host.ts'))![1]!;
    const codes = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1]!);
    expect([...page.slice(ofHosts).matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1]!).sort()).toEqual(codes.sort());
  });
});

describe('the source', () => {
  // Each of these has its code from a caller, where it is a literal: `report` itself, and the rules of the catalogue.
  const hand = ['src/assembly/check/named.ts', 'src/assembly/parse/reading.ts', 'src/diagnostic.ts', 'src/session/load.ts'];

  it('says each code where a problem is said, so that this test can see it', () => {
    expect(sources.filter((name) => codesFromElsewhere(withoutComments(textOf(name))).length > 0)).toEqual(hand);
  });
});

describe('test of the test', () => {
  it.each<[string, [string, Severity]]>([
    ["throw new TuttiError(error('NEW', 'x'));", ['NEW', 'error']],
    ["list.push(warning('NEW_ONE',\n 'x'));", ['NEW_ONE', 'warning']],
    ["report(reading, 'NEW_ONE', 'x', path);", ['NEW_ONE', 'error']],
    ["{ code: 'NEW_ONE', severity: 'note', summary: 'x' }", ['NEW_ONE', 'note']],
    ["{ name: 'x', code: 'NEW_ONE', summary: 'x' }", ['NEW_ONE', 'error']],
    ['console.error(`tutti: NEW_ONE  x`);', ['NEW_ONE', 'error']],
  ])('%s is seen', (text, found) => expect(codesOf(text)).toEqual([found]));

  it.each(["error(code, 'x');", '{ code, severity }', "{ code: codes[i], severity: 'error' }"])('%s is found to hide a code', (text) => expect(codesFromElsewhere(text)).toHaveLength(1));
});

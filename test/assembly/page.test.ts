import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseAndCheck } from '../../src/assembly/parse.ts';
import { render } from '../../src/diagnostic.ts';

const page = readFileSync(new URL('../../docs/assembly-file.md', import.meta.url), 'utf8');
// Its examples are checked with all others, in test/docs.
it('each connection notation of the page is understood', () => {
  const chain = "{ places: [off], ports: { parent: { use: agent, boundTo: off, optional: true }, agent: { provide: agent, boundTo: off } } }";
  const notations = [...page.matchAll(/^\| (`[^|]*(?:->|\[la2)[^|]*) \|/gm)].map((match) => [...match[1]!.matchAll(/`([^`]+)`/g)].map((one) => one[1]!)).flat().filter((one) => !one.includes('connect:'));
  expect(notations.length).toBeGreaterThan(5);
  for (const one of notations) {
    const text = `types: { t: ${chain} }\ncomponents: { ma1: t, la1: t, la2: t, sed: { type: t, count: 2 }, osd: t, mon: { type: t, count: 3 } }\nconnections: [${one}]\n`;
    expect(parseAndCheck(text, one, { types: new Map(), folder: '' }).diagnostics.map(render).join('\n')).toBe('');
  }
});

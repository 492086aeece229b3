import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseAndCheck } from '../../src/assembly/parse.ts';
import { defineComponent } from '../../src/components/define.ts';
import { render } from '../../src/diagnostic.ts';

const page = readFileSync(new URL('../../docs/assembly-file.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1]!);
const stub = (name: string) => defineComponent({ name, places: ['off'], initialPlace: 'off', behaviours: [], transitions: {}, parameters: { log: { type: 'number', default: 0 } } });
const types = new Map(['diet/naming-service', 'diet/master-agent', 'diet/server-daemon'].map((name) => [name, stub(name)]));

it.each(examples)('docs/assembly-file.md: example %# is right', (text) => {
  const withHosts = text.includes('hosts:') ? text : `hosts: { head: {}, worker: { count: 2 } }\n${text}`;
  const problems = parseAndCheck(withHosts, 'assembly.yaml', { types, folder: '/srv' }).diagnostics.filter(({ code }) => !['UNUSED_HOST', 'UNCONNECTED_PORT'].includes(code));
  expect(problems.map(render).join('\n')).toBe('');
});

it('each connection notation of the page is understood', () => {
  const chain = "{ places: [off], ports: { parent: { use: agent, boundTo: off, optional: true }, agent: { provide: agent, boundTo: off } } }";
  const notations = [...page.matchAll(/^\| (`[^|]*(?:->|\[la2)[^|]*) \|/gm)].map((match) => [...match[1]!.matchAll(/`([^`]+)`/g)].map((one) => one[1]!)).flat().filter((one) => !one.includes('connect:'));
  expect(notations.length).toBeGreaterThan(5);
  for (const one of notations) {
    const text = `types: { t: ${chain} }\ncomponents: { ma1: t, la1: t, la2: t, sed: { type: t, count: 2 }, osd: t, mon: { type: t, count: 3 } }\nconnections: [${one}]\n`;
    expect(parseAndCheck(text, one, { types: new Map(), folder: '' }).diagnostics.map(render).join('\n')).toBe('');
  }
});

import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { modulesOf, parseAndCheck, parseAssemblyValue } from '../../src/assembly/parse.ts';
import { readSource } from '../../src/assembly/parse/source.ts';
import { render } from '../../src/diagnostic.ts';
import { catalogue } from './stage.ts';
import { cpuMs } from '../cpu-time.ts';

/** Set FUZZ_SEED to play a failure again. */
const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** mulberry32: small, and the same on every machine. */
function random(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const whole = `assembly: diet
modules: [./more.ts]
hosts:
  head: {}
  worker: { count: 2 }
types:
  web: &web
    places: [off, on]
    groups: { up: [off, on] }
    parameters: { port: 80, root: { type: string, default: / } }
    transitions:
      start: { from: off, to: on, behaviour: deploy, files: [{ from: a, to: b }], script: "serve {{with.port}} '{{read.url}}'", ready: [curl, "{{host.address}}"], timeout: 5m, retry: { times: 2, delay: 1s, factor: 2 } }
      stop: { from: on, to: off, behaviour: stop, kill: start, writes: { out: "{{output}}" } }
    switches: { on: { port: pick, cases: [{ below: 3, take: stop }, { otherwise: [stop] }] } }
    ports: { url: { data-use: url, boundTo: start, optional: true }, pick: { kind: data-use, boundTo: on, optional: true }, out: { data-provide: out, boundTo: on }, http: { provide: http, boundTo: up, data: { url: "{{name}}" } } }
    probes: { on: "true" }
  copy: { <<: *web, about: another }
components:
  web: { type: web, on: head, with: { port: 1 } }
  s: { type: server, on: worker, count: 3 }
  c: { type: client, on: worker[1] }
connections:
  - c -> s[1]
  - [c.address, s[2].address]
wire: unique
programs:
  deploy: [{ push: deploy }, { wait: all }]
  more:
    - add: { d: { type: client, on: worker[2] } }
    - connect: [d -> s[2], d.address -> s[3].address]
    - push: { deploy: [d, s[*]], stop: c }
    - disconnect: d -> s[2]
    - call: deploy
    - waitAll
`;
const folder = new URL('wrong/', import.meta.url);
const wrong = readdirSync(folder).flatMap((name) => readFileSync(new URL(name, folder), 'utf8').split(/^=== .*$/m).slice(1).map((one) => one.split('>>>\n')[0]!.trimStart()));
const originals = [whole, whole, whole, ...wrong];

const odd = ['[', ']', '{', '}', ':', ': ', '- ', '"', "'", '\n', '  ', '\t', '#', '&a ', '*a', '!x ', '|\n', '>', '<<: ', '? ', '---\n', '%YAML 1.1\n', '{{', '}}', '[*]', '[1]', '->', '.', 'null', 'true', '1e999', '.nan', '0x1F', '__proto__', 'constructor', '\u0000', '\uFEFF', '\uE000', '😀', '\r\n', 'all', 'push', 'count: 99999'];

function mutate(text: string, next: () => number): string {
  let mutated = text;
  for (let n = next() < 0.7 ? 1 : 2 + Math.floor(next() * 3); n > 0; n--) {
    const at = Math.floor(next() * (mutated.length + 1));
    const to = Math.min(mutated.length, at + Math.floor(next() * 12));
    const lines = mutated.split('\n');
    const line = Math.floor(next() * lines.length);
    switch (Math.floor(next() * 7)) {
      case 0: mutated = mutated.slice(0, at) + mutated.slice(to); break;
      case 1: mutated = mutated.slice(0, at) + odd[Math.floor(next() * odd.length)]! + mutated.slice(at); break;
      case 2: mutated = mutated.slice(0, at) + odd[Math.floor(next() * odd.length)]! + mutated.slice(to); break;
      case 3: mutated = mutated.slice(0, to) + mutated.slice(at); break;
      case 4: lines.splice(line, 1); mutated = lines.join('\n'); break;
      case 5: lines.splice(line, 0, lines[Math.floor(next() * lines.length)]!); mutated = lines.join('\n'); break;
      default: {
        // A word for another word of the text: still YAML, and nearly right.
        const words = mutated.match(/[A-Za-z]+/g) ?? ['x'];
        const from = words[Math.floor(next() * words.length)]!;
        mutated = mutated.replace(from, words[Math.floor(next() * words.length)]!);
      }
    }
  }
  return mutated;
}

it(`1,000 mutations neither crash nor hang the parser, and what is accepted has no error (FUZZ_SEED=${seed})`, () => {
  const next = random(seed);
  const found = new Set<string>();
  let accepted = 0;
  for (let i = 0; i < 1000; i++) {
    const text = mutate(originals[Math.floor(next() * originals.length)]!, next);
    const began = performance.now();
    let parsed;
    try {
      parsed = parseAndCheck(text, 'fuzz.yaml', { types: catalogue, folder: '/x' });
      modulesOf(text);
      for (const diagnostic of parsed.diagnostics) {
        render(diagnostic);
        found.add(diagnostic.code);
        const { line, text: shown } = diagnostic.where ?? {};
        // What is shown is what stands there; nothing is, where it may be a secret.
        if (line !== undefined && (shown !== undefined || !diagnostic.detail?.includes('is a secret'))) expect(text.split('\n')[line - 1]?.replace(/\r$/, '').replace(/^\uFEFF/, '')).toBe(shown?.replace(/^\uFEFF/, ''));
      }
    } catch (problem) {
      throw new Error(`round ${i} of FUZZ_SEED=${seed}:\n${text}`, { cause: problem });
    }
    expect({ slow: performance.now() - began > 5000, text: performance.now() - began > 5000 ? text : '' }).toEqual({ slow: false, text: '' });
    expect(parsed.assembly === undefined).toBe(parsed.diagnostics.some(({ severity }) => severity === 'error'));
    if (parsed.assembly) accepted += 1;
    // The same without a text.
    const { value } = readSource(text, '');
    if (value !== undefined) parseAssemblyValue(value, { types: catalogue, folder: '/x', conformance: i % 2 === 0 });
  }
  // The mutations are worth something: some files pass, and many kinds of mistakes are met.
  expect(accepted).toBeGreaterThan(10);
  expect(found.size).toBeGreaterThan(15);
});

it('texts made to hurt end soon, with a message', () => {
  const texts = ['['.repeat(50_000), '{a: '.repeat(50_000), '- '.repeat(50_000), `a: ${'"'.repeat(9999)}`, `&a `.repeat(1000), Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), `components:\n${Array.from({ length: 5000 }, (_, i) => `  a${i}: &x${i} [*x${i > 0 ? i - 1 : 0}, *x${i > 0 ? i - 1 : 0}]`).join('\n')}`, `{{${'{{'.repeat(20_000)}`, `programs: { p: [${'{ call: p }, '.repeat(5000)}] }`];
  for (const text of texts) {
    const ms = cpuMs(() => expect(parseAndCheck(text, 'hurt.yaml', { types: catalogue, folder: '' }).diagnostics.length).toBeGreaterThan(0));
    expect({ text: text.slice(0, 30), slow: ms > 10_000 }).toEqual({ text: text.slice(0, 30), slow: false });
  }
});

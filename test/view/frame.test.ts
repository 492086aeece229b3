import fc from 'fast-check';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Wait } from '../../src/assembly/waits.ts';
import { frame, share } from '../../src/view/frame.ts';
import { LiveState, type LiveModel } from '../../src/view/live-model.ts';
import { columnsOf } from '../../src/view/text.ts';
import { failure, happenings, hostOf, startMs } from './diet.ts';
import { cpuMs } from '../cpu-time.ts';

const action = (component: string) => ({ component, transition: 'start', execution: 1, attempt: 1 });
const wait = (component: string): Wait => ({ component, what: 'connect', rule: 'R3', port: 'parent', for: [{ component: 'ma1', port: 'agent', why: 'is not active: start failed' }] });

/** A model of any size. */
function sized(running: number, waits: number, failed: number, warnings: number): LiveModel {
  const names = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
  return {
    assembly: 'large', program: 'deploy', startMs: 0, nowMs: 60_000, done: 400, total: 1000, remainingMs: 90_000,
    sending: [],
    silent: [],
    running: names('r', running).map((name, i) => ({ action: action(name), sinceMs: i, host: 'head' })),
    waits: names('w', waits).map(wait),
    failed: names('f', failed).map((name) => ({ action: action(name), failure, log: `logs/${name}` })),
    warnings: names('warning ', warnings),
  };
}

describe('frame', () => {
  test('diet in the middle of a failing deployment', async () => {
    const state = new LiveState({ assembly: 'diet', startMs, hostOf, logOf: (component, transition) => `.tutti/logs/${component}.${transition}.log` });
    for (const one of happenings) state.apply(one);
    state.warn('sed[1]: the disk is nearly full');
    const model = state.model({ nowMs: startMs + 12_500, waits: [wait('sed[2]')], ahead: 3, remainingMs: 2_000 });
    await expect(`${frame(model, 80, 24).join('\n')}\n`).toMatchFileSnapshot('snapshots/frame-diet.txt');
  });

  test('1,000 components on 24 lines: something of everything, the rest counted', async () => {
    await expect(`${frame(sized(315, 600, 40, 12), 80, 24).join('\n')}\n`).toMatchFileSnapshot('snapshots/frame-large.txt');
  });

  test('never more than the screen, whatever its size and whatever the names', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.string({ unit: 'grapheme', maxLength: 200 }), fc.constantFrom('組み合わせ', '👩‍👩‍👧‍👦🇫🇷', 'a\u001b[2Jb\nc', '\u0301\u0301', 'x'.repeat(10_000)));
    const model = fc.record({
      assembly: text, program: text, startMs: fc.constant(0), nowMs: fc.nat(1e9), done: fc.nat(2000), remainingMs: fc.nat(1e9),
      silent: fc.array(fc.record({ host: text, sinceMs: fc.nat() }), { maxLength: 20 }),
      sending: fc.array(fc.record({ host: text, sentBytes: fc.nat(), totalBytes: fc.nat(), isOver: fc.constant(false) }), { maxLength: 20 }),
      running: fc.array(fc.record({ action: text.map(action), sinceMs: fc.nat(1e9), host: text, againMs: fc.nat(1e9) }), { maxLength: 30 }),
      waits: fc.array(text.map(wait), { maxLength: 30 }),
      failed: fc.array(text.map((name) => ({ action: action(name), failure: { ...failure, message: name, host: name }, log: name })), { maxLength: 10 }),
      warnings: fc.array(text, { maxLength: 5 }),
    });
    fc.assert(fc.property(fc.oneof(model, model.map((m) => ({ ...m, total: 100 }))), fc.nat(130), fc.nat(50), fc.boolean(), (m, columns, rows, color) => {
      const lines = frame(m, columns, rows, { color });
      expect(lines.length).toBeLessThanOrEqual(rows);
      for (const line of lines) {
        const plain = stripVTControlCharacters(line);
        expect(columnsOf(plain)).toBeLessThanOrEqual(columns);
        // oxlint-disable-next-line no-control-regex
        expect(plain).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }
    }), { numRuns: 300 });
  });

  test.each([[600, 600], [2_500, 500]])('%i waits for the same thing are one line, and none is lost in counting', (n, uncounted) => {
    const lines = frame(sized(0, n, 0, 0), 200, 40).slice(3);
    expect(lines[0]).toBe(`Waiting ${n}`);
    expect(lines[1]).toContain(`w0, w1, w2 and ${Math.min(n, 2_000) - 3} more wait`);
    expect(lines.slice(2)).toEqual(n > 2_000 ? [`  … and ${uncounted} more`] : []);
  });

  test('a screen with room is used whole before anything is left out', () => {
    for (const rows of [12, 24, 50, 80]) expect(frame(sized(500, 500, 500, 3), 80, rows).length).toBeGreaterThanOrEqual(rows - 2);
    expect(frame(sized(2, 1, 0, 0), 80, 24)).not.toContain('more');
  });

  test('colour is asked for, and changes nothing else', () => {
    const model = sized(3, 3, 3, 3);
    const coloured = frame(model, 80, 40, { color: true });
    expect(coloured.join('')).toContain('\u001b[31m');
    expect(coloured.map((line) => stripVTControlCharacters(line))).toEqual(frame(model, 80, 40));
  });

  test('100,000 running actions are drawn as quickly as a hundred', () => {
    const drawn = (count: number) => {
      const model = sized(count, count, 0, 0);
      const draw = () => cpuMs(() => { for (let i = 0; i < 20; i++) frame(model, 120, 50); });
      return Math.min(draw(), draw(), draw());
    };
    // A thousand times as many would take a thousand times as long, if each of them were looked at for each line.
    expect(drawn(100_000) / drawn(100)).toBeLessThan(50);
  });
});

describe('share', () => {
  test.each([
    ['room for all', [3, 4], 10, [3, 4]],
    ['an even share', [100, 100], 10, [5, 5]],
    ['what the modest leave goes to the greedy', [2, 100, 100], 12, [2, 5, 5]],
    ['an odd line goes to the first', [100, 100], 11, [6, 5]],
    ['too little: the first ones', [10, 10, 10], 5, [3, 2, 0]],
    ['one line', [10, 10], 1, [1, 0]],
    ['none', [10, 10], 0, [0, 0]],
    ['less than none', [10], -3, [0]],
    ['nobody', [], 5, []],
  ])('%s', (_, wanted, room, given) => expect(share(wanted, room)).toEqual(given));
});

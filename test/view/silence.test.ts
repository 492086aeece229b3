import { describe, expect, test } from 'vitest';
import type { Wait } from '../../src/assembly/waits.ts';
import { breakSilence, SilenceWatch, type Quiet } from '../../src/view/silence.ts';
import { ManualClock } from './manual-clock.ts';

const running = (n: number): Quiet['running'] => Array.from({ length: n }, (_, i) => ({ action: { component: `c${i}`, transition: 'start', execution: 1, attempt: 1 }, sinceMs: i * 1000, host: 'head' }));
const wait: Wait = { component: 'la1', what: 'connect', rule: 'R3', port: 'parent', for: [{ component: 'ma1', port: 'agent', why: 'is not active' }] };

describe('breakSilence', () => {
  test.each<[string, number, Quiet, string | undefined]>([
    ['too early', 9_999, { running: running(1), waits: [] }, undefined],
    ['one action runs', 10_000, { running: running(1), waits: [wait] }, 'waiting for c0.start on head (10.0s)'],
    ['several', 12_000, { running: running(3), waits: [] }, 'waiting for c0.start on head (12.0s), c1.start on head (11.0s) and c2.start on head (10.0s)'],
    ['many', 12_000, { running: running(315), waits: [] }, 'waiting for c0.start on head (12.0s), c1.start on head (11.0s), c2.start on head (10.0s) and 312 more'],
    ['none runs: who waits for whom', 10_000, { running: [], waits: [wait, wait, wait] }, 'la1 waits to start connect, port parent: ma1.agent is not active; 2 more wait'],
    ['nothing goes on', 99_000, { running: [], waits: [] }, undefined],
  ])('%s', (_, nowMs, quiet, line) => expect(breakSilence(nowMs, 0, quiet)).toBe(line));
});

test('SilenceWatch speaks after each ten seconds of silence, counted from the last line', () => {
  const clock = new ManualClock();
  const said: string[] = [];
  let quiet: Quiet = { running: running(1), waits: [] };
  const watch = new SilenceWatch({ clock, quiet: () => quiet, say: (line) => said.push(`${clock.now()} ${line}`) });
  clock.advanceTo(4_000);
  watch.heard();
  clock.advanceTo(13_999);
  expect(said).toEqual([]);
  clock.advanceTo(24_000);
  expect(said.map((line) => line.split(' ')[0])).toEqual(['14000', '24000']);
  quiet = { running: [], waits: [] };
  clock.advanceTo(60_000);
  quiet = { running: running(1), waits: [] };
  clock.advanceTo(64_000);
  expect(said.length).toBe(3);
  watch.stop();
  clock.advanceTo(200_000);
  expect(said.length).toBe(3);
  expect(clock.pending).toBe(0);
});

import { expect, test } from 'vitest';
import { frame } from '../../src/view/frame.ts';
import { sendingLine } from '../../src/view/lines.ts';
import { LiveState } from '../../src/view/live-model.ts';
import { sendingPace, sentOf, type Sending } from '../../src/view/sending.ts';

const mb = 1_000_000;
const at = (sentMb: number, more: Partial<Sending> = {}): Sending => ({ host: 'worker[1]', sentBytes: sentMb * mb, totalBytes: 100 * mb, isOver: false, ...more });

test('a large batch is told every 2 s, and its end when it was told of', () => {
  let nowMs = 0;
  const isDue = sendingPace(() => nowMs);
  const said = (ms: number, progress: Sending): boolean => {
    nowMs = ms;
    return isDue(progress);
  };
  expect([said(0, at(1)), said(1_999, at(40)), said(2_000, at(41)), said(2_500, at(60)), said(3_000, at(1, { host: 'other' })), said(4_000, at(90)), said(4_100, at(100, { isOver: true }))])
    .toEqual([false, false, true, false, false, true, true]);
  // A new batch for the same host begins anew; one that was quick says nothing.
  expect([said(5_000, at(1)), said(5_500, at(100, { isOver: true })), said(9_000, at(1))]).toEqual([false, false, false]);
  expect([said(10_000, at(1, { host: 'small', totalBytes: 2 * mb })), said(20_000, at(1.5, { host: 'small', totalBytes: 2 * mb }))]).toEqual([false, false]);
});

test('as a line', () => {
  expect(sentOf(at(21))).toBe('21.0 of 100.0 MB');
  expect(sendingLine(at(21), 1_000, 4_200)).toBe('    +3.200s  sending    21.0 of 100.0 MB to worker[1]');
  expect(sendingLine(at(100, { isOver: true }), 1_000, 9_000)).toBe('    +8.000s  sent       100.0 of 100.0 MB to worker[1]');
});

test('the live view shows batches that are under way', () => {
  const state = new LiveState({ assembly: 'a', startMs: 0 });
  const shown = (): string => frame(state.model({ nowMs: 1_000, waits: [] }), 80, 24).join('\n');
  state.sends(at(21));
  state.sends(at(5, { host: 'head' }));
  expect(shown()).toContain('Sending 2\n  worker[1]  21.0 of 100.0 MB\n  head  5.0 of 100.0 MB');
  state.sends(at(100, { isOver: true }));
  expect(shown()).toContain('Sending 1\n  head  5.0');
});

import { expect, test } from 'vitest';
import { frame } from '../../src/view/frame.ts';
import { silenceLine } from '../../src/view/lines.ts';
import { LiveState } from '../../src/view/live-model.ts';

const silence = { host: 'worker[1]', sinceMs: 1_000 };

test('as a line: when it does not answer, and when it does again; that nobody waits any more is not told', () => {
  expect(silenceLine(silence, 0, 8_000)).toBe('    +8.000s  silent     worker[1] does not answer since 7.0s, trying again');
  expect(silenceLine({ ...silence, over: 'answers' }, 0, 21_000)).toBe('   +21.000s  answers    worker[1] again, after 20.0s');
  expect(silenceLine({ ...silence, over: 'given-up' }, 0, 21_000)).toBeUndefined();
});

test.each(['answers', 'given-up'] as const)('the live view shows it until it is over: %s', (over) => {
  const state = new LiveState({ assembly: 'a', startMs: 0 });
  const shown = (): string => frame(state.model({ nowMs: 8_000, waits: [] }), 80, 24).join('\n');
  state.silence(silence);
  expect(shown()).toContain('Not answering 1\n  worker[1] does not answer since 7.0s, trying again');
  state.silence({ ...silence, over });
  expect(shown()).not.toContain('answer');
});

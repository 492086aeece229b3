import { describe, expect, test } from 'vitest';
import type { Happening } from '../../src/assembly/model.ts';
import { LiveState } from '../../src/view/live-model.ts';
import { LiveView } from '../../src/view/live.ts';
import { failure } from './diet.ts';
import { ManualClock } from './manual-clock.ts';
import { Screen } from './screen.ts';

const action = (component: string, attempt = 1) => ({ component, transition: 'start', execution: attempt, attempt: 1 });

function live({ columns = 80, rows = 24, color = false } = {}) {
  const clock = new ManualClock();
  const screen = new Screen(columns, rows);
  const state = new LiveState({ assembly: 'diet', startMs: 0 });
  const view = new LiveView({ terminal: screen, clock, color, model: () => state.model({ nowMs: clock.now(), waits: [] }) });
  const happen = (happening: Happening) => {
    state.apply({ atMs: clock.now(), happening });
    view.changed();
  };
  return { clock, screen, state, view, happen };
}

describe('LiveView', () => {
  test('the screen shows the model', () => {
    const { clock, screen, view, happen } = live();
    view.start();
    happen({ kind: 'programBegan', program: 'deploy' });
    happen({ kind: 'started', action: action('la1') });
    clock.advanceTo(100);
    expect(screen.lines).toEqual(['diet  deploy  100ms', '0 transitions', '', 'Running 1', '    100ms  la1.start']);
    happen({ kind: 'ended', action: action('la1') });
    clock.advanceTo(200);
    expect(screen.lines).toEqual(['diet  deploy  200ms', '1 transition']);
  });

  test('at most ten drawings a second, however much happens', () => {
    const { clock, screen, view, happen } = live();
    view.start();
    const before = screen.writes.length;
    for (let ms = 1; ms <= 1000; ms++) {
      clock.advanceTo(ms);
      happen({ kind: 'started', action: action(`c${ms}`) });
    }
    expect(screen.writes.length - before).toBeLessThanOrEqual(10);
    expect(screen.writes.length - before).toBeGreaterThanOrEqual(9);
  });

  test('a model that takes long to look at is drawn less often', () => {
    const clock = new ManualClock();
    const screen = new Screen();
    const state = new LiveState({ assembly: 'large', startMs: 0 });
    let nowMs = 0;
    const slow = { now: () => nowMs, after: (ms: number, callback: () => void) => clock.after(nowMs - clock.now() + ms, callback) };
    const drawnAt: number[] = [];
    const view = new LiveView({ terminal: screen, clock: slow, model: () => {
      drawnAt.push(nowMs);
      nowMs += 60;
      return state.model({ nowMs, waits: [] });
    } });
    view.start();
    for (let i = 0; i < 20; i++) {
      view.changed();
      nowMs = Math.max(nowMs, 50 * i);
      clock.advanceTo(nowMs);
    }
    view.stop();
    const gaps = drawnAt.slice(1, -1).map((atMs, i) => atMs - drawnAt[i]!);
    expect(gaps.length).toBeGreaterThan(1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(300);
  });

  test('once a second when nothing happens, and then only the lines that differ', () => {
    const { clock, screen, view, happen } = live();
    happen({ kind: 'started', action: action('la1') });
    view.start();
    clock.advanceTo(500);
    const before = screen.writes.length;
    clock.advanceTo(3_500);
    expect(screen.writes.length - before).toBe(3);
    expect(screen.writes.at(-1)).not.toContain('transitions');
    expect(screen.writes.at(-1)).toContain('3.0s');
  });

  test('a terminal that is slower is left alone until it has caught up', () => {
    const { clock, screen, view, happen } = live();
    view.start();
    screen.writableNeedDrain = true;
    const before = screen.writes.length;
    happen({ kind: 'started', action: action('la1') });
    clock.advanceTo(5_000);
    expect(screen.writes.length).toBe(before);
    screen.writableNeedDrain = false;
    clock.advanceTo(6_100);
    expect(screen.lines.at(-1)).toContain('la1.start');
  });

  test('another size: drawn afresh', () => {
    const { clock, screen, view, happen } = live();
    for (let i = 0; i < 50; i++) happen({ kind: 'started', action: action(`c${i}`) });
    view.start();
    expect(screen.lines.length).toBe(24);
    screen.resize(20, 6);
    clock.advanceTo(200);
    expect(screen.lines.length).toBe(6);
    expect(screen.lines.every((line) => line.length <= 20)).toBe(true);
  });

  test('what something else wrote on the screen is gone when it is drawn afresh', () => {
    const { clock, screen, state, view } = live();
    state.warn('interrupted');
    view.start();
    screen.write('^C');
    view.changed();
    clock.advanceTo(100);
    expect(screen.lines.at(-1)).toBe('  interrupted^C');
    view.redraw();
    clock.advanceTo(200);
    expect(screen.lines.at(-1)).toBe('  interrupted');
  });

  test('afterwards the terminal is as it was, with the last frame on it, and nothing is left over', () => {
    const { clock, screen, view, happen } = live({ color: true });
    view.start();
    expect([screen.alternate, screen.cursorShown]).toEqual([true, false]);
    happen({ kind: 'programEnded', program: 'deploy', outcome: 'done' });
    view.stop();
    view.stop();
    expect([screen.alternate, screen.cursorShown]).toEqual([false, true]);
    expect(screen.main).toBe('diet  0s  done\n0 transitions\n');
    expect([clock.pending, screen.listeners]).toEqual([0, 0]);
    view.changed();
    expect(clock.pending).toBe(0);
  });
});

describe('LiveState', () => {
  const after = (...happened: Happening[]) => {
    const state = new LiveState({ assembly: 'a', startMs: 0, logOf: (component, transition) => `${component}/${transition}` });
    happened.forEach((happening, i) => state.apply({ atMs: i * 1000, happening }));
    return state.model({ nowMs: 10_000, waits: [] });
  };
  const started: Happening = { kind: 'started', action: action('x') };
  const failed: Happening = { kind: 'failed', action: action('x'), failure };

  test('a retry keeps its place and says when', () => {
    expect(after(started, { kind: 'retrying', action: action('x'), failure, delayMs: 5000 }).running).toEqual([{ action: action('x'), sinceMs: 0, againMs: 6000 }]);
    expect(after(started, { kind: 'retrying', action: action('x'), failure, delayMs: 5000 }, started).running).toEqual([{ action: action('x'), sinceMs: 0 }]);
  });

  test.each<[string, Happening[], number, number, number]>([
    ['failed', [started, failed], 1, 0, 0],
    ['tried again by the operator', [started, failed, { kind: 'started', action: action('x', 2) }], 0, 1, 0],
    ['skipped', [started, failed, { kind: 'skipped', component: 'x', transition: 'start' }], 0, 0, 1],
    ['aborted', [started, failed, { kind: 'aborted', component: 'x', places: [] }], 0, 0, 0],
    ['of another component', [started, failed, { kind: 'aborted', component: 'y', places: [] }], 1, 0, 0],
    ['done', [started, { kind: 'ended', action: action('x') }], 0, 0, 1],
    ['a new program counts anew', [started, { kind: 'ended', action: action('x') }, { kind: 'programBegan', program: 'stop' }], 0, 0, 0],
  ])('%s', (_, happened, failures, running, done) => {
    const model = after(...happened);
    expect([model.failed.length, model.running.length, model.done]).toEqual([failures, running, done]);
  });

  test('a failure says where its log is', () => expect(after(started, failed).failed[0]!.log).toBe('x/start'));
});

import { describe, expect, test } from 'vitest';
import type { TimedHappening } from '../../src/assembly/journal.ts';
import type { Happening } from '../../src/assembly/model.ts';
import { sinceLastProgram, traceOf } from '../../src/assembly/trace.ts';

/** `100 began web deploy` and so on: a happening a line, as short as it can be said. */
function story(text: string): TimedHappening[] {
  return text.trim().split('\n').map((line) => {
    const [at, verb, ...rest] = line.trim().split(/\s+/);
    return { atMs: Number(at), happening: happening(verb!, rest) };
  });
}

function happening(verb: string, [first = '', second = '', third = '1']: string[]): Happening {
  const [component = '', transition = ''] = first.split('.');
  const action = { component, transition, execution: Number(second), attempt: Number(third) };
  const failure = { reason: 'exit-code', message: 'exit code 7', exitCode: 7 } as const;
  switch (verb) {
    case 'program': return { kind: 'programBegan', program: first };
    case 'over': return { kind: 'programEnded', program: first, outcome: second as 'done' };
    case 'began': return { kind: 'behaviourBegan', component, behaviour: second };
    case 'finished': return { kind: 'behaviourEnded', component, behaviour: second, empty: third === 'empty' };
    case 'started': return { kind: 'started', action };
    case 'ended': return { kind: 'ended', action };
    case 'retrying': return { kind: 'retrying', action, failure, delayMs: 100 };
    case 'failed': return { kind: 'failed', action, failure };
    case 'skipped': return { kind: 'skipped', component, transition };
    case 'aborted': return { kind: 'aborted', component, places: ['off'] };
    case 'added': return { kind: 'added', component };
    default: throw new Error(verb);
  }
}

/** A row as a line: `web.start#1x2 deploy 100..300 done`. */
function rows(text: string): string[] {
  return traceOf(story(text)).rows.map((r) => `${r.component}.${r.transition}#${r.execution}x${r.attempts} ${r.behaviour ?? '-'} ${r.startMs}..${r.endMs ?? ''} ${r.outcome}`);
}

describe('traceOf', () => {
  test.each([
    ['an action that ended', '0 began web deploy\n100 started web.start 1\n300 ended web.start 1', ['web.start#1x1 deploy 100..300 done']],
    ['one that still runs has no end', '100 started web.start 1', ['web.start#1x1 - 100.. running']],
    ['tries are one row', '100 started web.start 1\n150 retrying web.start 1\n250 started web.start 1 2\n300 ended web.start 1 2', ['web.start#1x2 - 100..300 done']],
    ['between two tries it has no end', '100 started web.start 1\n150 retrying web.start 1', ['web.start#1x1 - 100.. retrying']],
    ['one that failed ends with its last try', '100 started web.start 1\n150 failed web.start 1', ['web.start#1x1 - 100..150 failed']],
    ['retry by the operator reopens the row', '100 started web.start 1\n150 failed web.start 1\n900 started web.start 1 2', ['web.start#1x2 - 100.. running']],
    ['or is a row of its own, when it is a new execution', '100 started web.start 1\n150 failed web.start 1\n900 started web.start 2\n950 ended web.start 2', ['web.start#1x1 - 100..150 failed', 'web.start#2x1 - 900..950 done']],
    ['skip keeps the end of the try', '100 started web.start 1\n150 failed web.start 1\n900 skipped web.start', ['web.start#1x1 - 100..150 skipped']],
    ['abort settles all that the component had', '0 started web.a 1\n0 started web.b 2\n0 started db.a 1\n150 failed web.a 1\n900 aborted web', ['web.a#1x1 - 0..150 aborted', 'web.b#2x1 - 0..900 aborted', 'db.a#1x1 - 0.. running']],
    ['a component that comes back counts anew', '0 started web.a 1\n5 ended web.a 1\n6 added web\n7 started web.a 1\n9 ended web.a 1', ['web.a#1x1 - 0..5 done', 'web.a#1x1 - 7..9 done']],
    ['also when it was deleted with a failure', '0 started web.a 1\n5 failed web.a 1\n6 added web\n7 started web.a 1', ['web.a#1x1 - 0..5 failed', 'web.a#1x1 - 7.. running']],
    ['an end without a start is no row', '5 ended web.a 1\n6 failed web.b 1\n7 skipped web.b', []],
  ])('%s', (_, text, expected) => expect(rows(text)).toEqual(expected));

  test('why it failed stays with the row, also when a later try was enough', () => {
    const { rows } = traceOf(story('0 started web.a 1\n5 retrying web.a 1\n9 started web.a 1 2\n12 ended web.a 1 2'));
    expect(rows[0]).toMatchObject({ outcome: 'done', attempts: 2, failure: { exitCode: 7 } });
  });

  test('behaviours and programs are spans; abort ends a behaviour', () => {
    const trace = traceOf(story('10 program deploy\n10 began web deploy\n40 finished web deploy\n40 began db deploy\n50 aborted db\n55 began db stop\n55 finished db stop empty\n60 over deploy done'));
    expect(trace.behaviours).toEqual([
      { component: 'web', behaviour: 'deploy', startMs: 10, endMs: 40, empty: false },
      { component: 'db', behaviour: 'deploy', startMs: 40, endMs: 50, empty: false },
      { component: 'db', behaviour: 'stop', startMs: 55, endMs: 55, empty: true },
    ]);
    expect(trace.programs).toEqual([{ program: 'deploy', startMs: 10, endMs: 60, outcome: 'done' }]);
    expect(trace.makespanMs).toBe(50);
  });

  test('what is not over counts until the last happening', () => {
    expect(traceOf(story('100 started web.a 1\n400 started web.b 2'))).toMatchObject({ startMs: 100, endMs: 400, makespanMs: 300 });
  });

  test('nothing happened: an empty trace', () => {
    expect(traceOf([])).toEqual({ rows: [], behaviours: [], programs: [], startMs: 0, endMs: 0, makespanMs: 0 });
  });
});

test('sinceLastProgram leaves the days between two programs out', () => {
  const all = story('0 program deploy\n1 started web.a 1\n2 ended web.a 1\n3 over deploy done\n86400000 program stop\n86400001 started web.b 2');
  expect(sinceLastProgram(all)).toEqual(all.slice(4));
  expect(sinceLastProgram(all.slice(5))).toEqual(all.slice(5));
});

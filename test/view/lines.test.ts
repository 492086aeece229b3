import { describe, expect, test } from 'vitest';
import type { Failure, Happening } from '../../src/assembly/model.ts';
import { jsonLine, lineTeller } from '../../src/view/lines.ts';
import { columnsOf } from '../../src/view/text.ts';
import { happenings, hostOf, startMs } from './diet.ts';

const action = { component: 'la1', transition: 'start', execution: 1, attempt: 1 };
const tellOne = (happening: Happening, verbose = false) => lineTeller({ startMs: 0, verbose })({ atMs: 1500, happening });

describe('lineTeller', () => {
  test('a deployment, a line an event', async () => {
    const tell = lineTeller({ startMs, hostOf, logOf: (component, transition) => `.tutti/logs/${component}/${transition}.log` });
    await expect(`${happenings.flatMap(tell).join('\n')}\n`).toMatchFileSnapshot('snapshots/lines-diet.txt');
  });

  test.each<[Happening, string | undefined]>([
    [{ kind: 'programEnded', program: 'deploy', outcome: 'deadlock' }, '    +1.500s  program    deploy ended: deadlock'],
    [{ kind: 'behaviourEnded', component: 'la1', behaviour: 'deploy', empty: true }, undefined],
    [{ kind: 'behaviourEnded', component: 'la1', behaviour: 'deploy', empty: false }, '    +1.500s  behaviour  la1 deploy done'],
    [{ kind: 'entered', component: 'la1', place: 'running' }, undefined],
    [{ kind: 'left', component: 'la1', place: 'running' }, undefined],
    [{ kind: 'instructed', index: 0, instruction: { kind: 'waitAll' } }, undefined],
    [{ kind: 'skipped', component: 'la1', transition: 'start' }, '    +1.500s  skipped    la1.start'],
    [{ kind: 'aborted', component: 'la1', places: ['off', 'ready'] }, '    +1.500s  aborted    la1, back to off and ready'],
    [{ kind: 'healthy', component: 'la1', place: 'running' }, '    +1.500s  healthy    la1.running again'],
    [{ kind: 'degraded', component: 'ma', place: 'up', reason: 'silent', users: ['a', 'b', 'c', 'd', 'e'] }, '    +1.500s  DEGRADED   ma.up: silent; 5 users: a, b, c and 2 more'],
    [{ kind: 'started', action: { ...action, attempt: 2 } }, '    +1.500s  started    la1.start, try 2'],
  ])('%j', (happening, line) => expect(tellOne(happening)).toEqual(line === undefined ? [] : [line]));

  test('verbose tells instructions and places too', () => {
    expect(tellOne({ kind: 'entered', component: 'la1', place: 'running' }, true)).toEqual(['    +1.500s  entered    la1.running']);
    expect(tellOne({ kind: 'instructed', index: 0, instruction: { kind: 'waitAll' } }, true)).toEqual(['    +1.500s  program    wait for all']);
  });

  test('what others wrote cannot move the cursor, colour the screen or begin a line', () => {
    const hostile = 'a\u001b[2J\u0007\r\nb\u202ec';
    const failure: Failure = { reason: 'exit-code', message: hostile, host: hostile, command: hostile, exitCode: 1, output: hostile };
    const lines = tellOne({ kind: 'failed', action: { ...action, component: hostile }, failure });
    // oxlint-disable-next-line no-control-regex
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(lines.length).toBe(6);
  });

  test('of a long output the last lines', () => {
    const output = Array.from({ length: 100 }, (_, i) => `line ${i + 1}`).join('\n');
    const lines = lineTeller({ startMs: 0, outputLines: 2 })({ atMs: 0, happening: { kind: 'failed', action, failure: { reason: 'error', message: 'no', output } } });
    expect(lines.slice(1).map((line) => line.trim())).toEqual(['| line 99', '| line 100']);
  });

  test('texts stand one below the other, also after an hour', () => {
    const tell = lineTeller({ startMs: 0 });
    const lines = [0, 59_999, 9_999_999].flatMap((atMs) => tell({ atMs, happening: { kind: 'added', component: 'x' } }));
    expect(new Set(lines.map((line) => columnsOf(line))).size).toBe(1);
  });
});

test('jsonLine: one line that gives everything back', () => {
  for (const timed of happenings) {
    const line = jsonLine(timed);
    expect(line).not.toContain('\n');
    const { atMs, ...happening } = JSON.parse(line);
    expect({ atMs, happening }).toEqual(timed);
  }
});

import { expect, test } from 'vitest';
import type { Happening } from '../../src/assembly/model.ts';
import { lookAhead } from '../../src/assembly/simulate.ts';
import { createAssembly, step } from '../../src/assembly/step.ts';
import { snapshot } from '../../src/assembly/state.ts';
import type { ComponentType } from '../../src/components/model.ts';
import { defineComponent } from '../../src/components/define.ts';
import { Forecast } from '../../src/view/forecast.ts';
import { LiveState } from '../../src/view/live-model.ts';
import { ManualClock } from './manual-clock.ts';

/** A provider of two transitions and users that wait for it; `known`: their durations are declared. */
function scene({ known = true, open = false } = {}) {
  const ms = (durationMs: number) => (known ? { durationMs } : {});
  const provider = defineComponent({
    name: 'provider', places: ['off', 'installed', 'running'], initialPlace: 'off', behaviours: ['deploy'],
    transitions: { install: { from: 'off', to: 'installed', behaviour: 'deploy', ...ms(2000) }, start: { from: 'installed', to: 'running', behaviour: 'deploy', ...ms(4000) } },
    ports: { service: { kind: 'provide', boundTo: ['running'] } },
  });
  const user = defineComponent({
    name: 'user', places: ['off', 'running'], initialPlace: 'off', behaviours: ['deploy'], transitions: { start: { from: 'off', to: 'running', behaviour: 'deploy', ...ms(3000) } },
    ports: { service: { kind: 'use', boundTo: ['start', 'running'] } },
  });
  const components = ['p', 'u1', 'u2'].map((name) => ({ name, type: name === 'p' ? 'provider' : 'user', on: 'local', with: {} }));
  const connections = ['u1', 'u2'].map((component) => ({ use: { component, port: 'service' }, provide: { component: 'p', port: 'service' } }));
  const { state } = createAssembly({ types: new Map<string, ComponentType>([['provider', provider], ['user', user]]), components, connections });
  const begun = step(state, { kind: 'program', name: 'deploy', open, instructions: [...components.map(({ name }) => ({ kind: 'pushBehaviour' as const, component: name, behaviour: 'deploy' })), { kind: 'waitAll' }] });
  return { state, begun };
}
const end = (component: string, transition: string, execution: number) => ({ kind: 'ended' as const, outcomes: [{ action: { component, transition, execution, attempt: 1 }, outcome: { kind: 'done' as const, writes: {} } }] });

test('what is ahead: the transitions still to end, and the critical path of them', () => {
  const { state } = scene();
  const before = JSON.stringify(snapshot(state));
  expect(lookAhead(state)).toEqual({ transitions: 4, inARow: 3, remainingMs: 9000 });
  expect(JSON.stringify(snapshot(state))).toBe(before);
  step(state, end('p', 'install', 1));
  expect(lookAhead(state)).toEqual({ transitions: 3, inARow: 2, remainingMs: 7000 });
});

test('a path with a duration that nobody knows has a number of transitions and no time', () => {
  const { state } = scene({ known: false });
  expect(lookAhead(state)).toEqual({ transitions: 4, inARow: 3 });
  expect(lookAhead(state, () => 100)).toEqual({ transitions: 4, inARow: 3, remainingMs: 300 });
});

test('nothing is foretold of a program whose instructions are still to come, or that is over', () => {
  expect(lookAhead(scene({ open: true }).state)).toBeUndefined();
  const { state } = scene();
  for (const [c, t, n] of [['p', 'install', 1], ['p', 'start', 2], ['u1', 'start', 1], ['u2', 'start', 1]] as const) step(state, end(c, t, n));
  expect(state.program!.outcome).toBe('done');
  expect(lookAhead(state)).toBeUndefined();
});

test('the forecast goes down as time passes, and takes the durations that were seen for those of their type', () => {
  const clock = new ManualClock();
  const { state, begun } = scene({ known: false });
  const forecast = new Forecast({ clock, state: () => state });
  const see = (happenings: readonly Happening[]) => happenings.forEach((happening) => forecast.apply({ atMs: clock.now(), happening }));
  see(begun.happenings);
  expect(forecast.at(clock.now())).toEqual({ ahead: 4, inARow: 3 });
  clock.advanceTo(2000);
  see(step(state, end('p', 'install', 1)).happenings);
  clock.advanceTo(6000);
  see(step(state, end('p', 'start', 2)).happenings);
  expect(forecast.at(clock.now())).toEqual({ ahead: 2, inARow: 1 });
  clock.advanceTo(7000);
  see(step(state, end('u1', 'start', 1)).happenings);
  // u1 took a second: so will u2, which began with it.
  expect(forecast.at(clock.now())).toEqual({ ahead: 1, inARow: 1, remainingMs: 0 });
  clock.advanceTo(7500);
  see(step(state, end('u2', 'start', 1)).happenings);
  expect(forecast.at(9000)).toEqual({});
});

test('between two looks what ended is taken off', () => {
  const clock = new ManualClock();
  const { state, begun } = scene();
  const forecast = new Forecast({ clock, state: () => state });
  const see = (happenings: readonly Happening[]) => happenings.forEach((happening) => forecast.apply({ atMs: clock.now(), happening }));
  see(begun.happenings);
  expect(forecast.at(0)).toEqual({ ahead: 4, inARow: 3, remainingMs: 9000 });
  clock.advanceTo(500);
  see(step(state, end('p', 'install', 1)).happenings);
  expect(forecast.at(500)).toEqual({ ahead: 3, inARow: 3, remainingMs: 8500 });
  // A second after the first look it is looked again: installing took less than declared, starting began half a second ago.
  expect(forecast.at(1000)).toMatchObject({ ahead: 3, inARow: 2, remainingMs: 6500 });
});

test('a view that is opened on what an earlier controller left shows its program, what runs and what failed', () => {
  const { state } = scene();
  step(state, end('p', 'install', 1));
  const live = new LiveState({ assembly: 'a', startMs: 0, hostOf: () => 'local', logOf: (component) => `${component}.log` });
  live.continues(state, 10);
  expect(live.model({ nowMs: 10, waits: [] })).toMatchObject({ program: 'deploy', running: [{ action: { component: 'p', transition: 'start' }, sinceMs: 10, host: 'local' }], failed: [] });
  step(state, { kind: 'ended', outcomes: [{ action: { component: 'p', transition: 'start', execution: 2, attempt: 1 }, outcome: { kind: 'failed', failure: { reason: 'error', message: 'no' } } }] });
  const after = new LiveState({ assembly: 'a', startMs: 0, logOf: (component) => `${component}.log` });
  after.continues(state, 10);
  expect(after.model({ nowMs: 10, waits: [] })).toMatchObject({ program: 'deploy', running: [], failed: [{ action: { component: 'p' }, failure: { message: 'no' }, log: 'p.log' }] });
});

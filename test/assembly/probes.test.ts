import { describe, expect, it } from 'vitest';
import { Engine } from '../../src/assembly/engine.ts';
import { memoryJournal } from '../../src/assembly/journal.ts';
import type { Happening } from '../../src/assembly/model.ts';
import { performer, prober, type PerformOptions } from '../../src/assembly/perform.ts';
import { Probes } from '../../src/assembly/probes.ts';
import { createAssembly } from '../../src/assembly/step.ts';
import { defineComponent } from '../../src/components/define.ts';
import type { ActionContext } from '../../src/components/model.ts';
import type { Orchestrapi } from '../../src/orchestrapi/host.ts';
import { ManualClock } from '../view/manual-clock.ts';

/** A server with a probed place and a user of it, deployed; the test says what the probe finds. */
async function deployed(probe: (context: ActionContext) => Promise<void>) {
  const server = defineComponent({
    name: 'server', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
    transitions: { start: { from: 'off', to: 'on', behaviour: 'deploy' }, stop: { from: 'on', to: 'off', behaviour: 'stop' } },
    ports: { service: { kind: 'provide', boundTo: ['on'] } }, probes: { on: probe },
  });
  const client = defineComponent({
    name: 'client', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
    transitions: { start: { from: 'off', to: 'on', behaviour: 'deploy' }, stop: { from: 'on', to: 'off', behaviour: 'stop' } },
    ports: { service: { kind: 'use', boundTo: ['on'] } },
  });
  const { state } = createAssembly({
    types: new Map([['server', server], ['client', client]]),
    components: [{ name: 's', type: 'server', on: 'here', with: {} }, { name: 'c', type: 'client', on: 'here', with: {} }],
    connections: [{ use: { component: 'c', port: 'service' }, provide: { component: 's', port: 'service' } }],
  });
  const clock = new ManualClock();
  const happenings: Happening[] = [];
  const journal = memoryJournal();
  const options: PerformOptions = { state, clock, failureOf: () => undefined, log: () => {}, warn: () => {}, orchestrapi: () => ({}) as Orchestrapi };
  const engine = new Engine({ state, journal, clock, hasAction: () => false, perform: performer(options), onHappenings: (some) => void happenings.push(...some.map((h) => h.happening)) });
  const push = (behaviour: string) => ['s', 'c'].map((component) => ({ kind: 'pushBehaviour', component, behaviour }) as const);
  expect(await engine.play('deploy', push('deploy'))).toBe('done');
  happenings.length = 0;
  const probes = new Probes({ state, clock, probe: prober(options), tell: (event) => engine.send(event), everyMs: 1_000 });
  return { state, clock, happenings, journal, engine, probes, stop: () => engine.play('stop', push('stop')) };
}

/** Lets everything that is due come to its end: timers of the manual clock aside, all is promises. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('F5 probes', () => {
  it('F5: a probe that fails degrades its component, tells the users once, and moves nothing', async () => {
    const { state, clock, happenings, journal, probes } = await deployed(() => Promise.reject(new Error('no answer on port 80')));
    clock.advance(1_000);
    await settle();
    clock.advance(1_000);
    await settle();
    expect(happenings).toEqual([{ kind: 'degraded', component: 's', place: 'on', reason: 'no answer on port 80', users: ['c'] }]);
    expect(journal.appended.filter((r) => r.kind === 'event' && r.event.kind === 'probed')).toMatchObject([{ event: { component: 's', place: 'on', ok: false } }]);
    expect(state.member('c').state.places).toEqual(['on']);
    await probes.stop();
  });

  it('F5: healthy is said when the probe succeeds again', async () => {
    let well = false;
    const { clock, happenings, probes } = await deployed(async () => {
      if (!well) throw new Error('ill');
    });
    clock.advance(1_000);
    await settle();
    well = true;
    clock.advance(1_000);
    await settle();
    expect(happenings.map((h) => h.kind)).toEqual(['degraded', 'healthy']);
    await probes.stop();
  });

  it('F5: an answer about a place that was left meanwhile says nothing', async () => {
    const answer = Promise.withResolvers<void>();
    const { clock, happenings, probes, stop } = await deployed(() => answer.promise);
    clock.advance(1_000);
    await stop();
    answer.reject(new Error('too late'));
    await settle();
    expect(happenings.filter((h) => h.kind === 'degraded')).toEqual([]);
    await probes.stop();
  });

  it('F5: a probe that does not answer within 30 s is a failure that says so', async () => {
    const { clock, happenings, probes } = await deployed(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))));
    clock.advance(1_000);
    await settle();
    clock.advance(30_000);
    await settle();
    expect(happenings).toEqual([{ kind: 'degraded', component: 's', place: 'on', reason: 'its probe did not answer within 30000 ms', users: ['c'] }]);
    await probes.stop();
  });

  it('stopped, it takes back what it asked and asks no more', async () => {
    let asked = 0;
    const { clock, happenings, probes } = await deployed(({ signal }) => {
      asked++;
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    clock.advance(1_000);
    await settle();
    await probes.stop();
    clock.advance(60_000);
    await settle();
    expect([asked, happenings]).toEqual([1, []]);
  });
});

import { describe, expect, test } from 'vitest';
import { Interruption } from '../../../src/assembly/engine.ts';
import type { ActionRef, Assembly } from '../../../src/assembly/model.ts';
import { performer } from '../../../src/assembly/perform.ts';
import { simulate } from '../../../src/assembly/simulate.ts';
import { createAssembly } from '../../../src/assembly/step.ts';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import { defineComponent } from '../../../src/components/define.ts';
import type { ComponentType, Parameter, Value } from '../../../src/components/model.ts';
import { failureOf } from '../../../src/orchestrapi/failure.ts';
import { createOrchestrapi } from '../../../src/orchestrapi/orchestrapi.ts';
import { recordingHost } from '../../../src/orchestrapi/recording.ts';
import { transfers } from '../../../src/orchestrapi/transfers.ts';
import { rehearseAction } from '../../../src/session/rehearse-action.ts';
import { healthyHosts, type Health } from './healthy-hosts.ts';
import { machine } from './recorded-assembly.ts';

/*
 * What holds of every component type of the catalogue, whichever system it is of: a type that is added to the list gets these tests.
 */

/** An assembly of one component, `it[1]` on the host `here`, and of one that gives it a name in place of each value that it reads. */
function assemblyOf(type: ComponentType): Assembly {
  const compulsory = Object.entries(type.parameters).flatMap(([name, parameter]) => (parameter.default === undefined ? [[name, anything[parameter.type]] as const] : []));
  const reads = Object.entries(type.ports).filter(([, { kind }]) => kind === 'data-use').map(([port]) => port);
  const giver = defineComponent({
    name: 'giver', places: ['no', 'yes'], initialPlace: 'no', behaviours: ['deploy'], transitions: { give: { from: 'no', to: 'yes', behaviour: 'deploy' } },
    ports: Object.fromEntries(reads.map((port) => [port, { kind: 'data-provide' as const, boundTo: ['yes' as const] }])),
  });
  return {
    name: 'one', hosts: ['here', 'other'], folder: '.', where: new Map(), programs: new Map(),
    types: new Map<string, ComponentType>([[type.name, type], [giver.name, giver]]),
    components: [{ name: 'it[1]', type: type.name, on: 'here', with: { ...Object.fromEntries(compulsory), ...healthOf(type).with?.[type.name] } }, { name: 'giver', type: giver.name, on: 'other', with: {} }],
    connections: reads.map((port) => ({ use: { component: 'it[1]', port }, provide: { component: 'giver', port } })),
  };
}

const healthOf = (type: ComponentType): Health => healthyHosts[type.name.split('/')[0]!] ?? {};
const anything: Readonly<Record<Parameter['type'], Value>> = { string: 'x', number: 1, boolean: true, list: [], map: {}, secret: { env: 'HOME' } };

/** The actions of a type on hosts that note what they are asked, where nothing is wrong. `perform` plays one; again with `found` as a controller does that died before it knew its end. */
function stage(type: ComponentType) {
  const health = healthOf(type);
  const hosts = new Map(['here', 'other'].map((name) => [name, recordingHost({ name, answers: [...(health.answers ?? []), machine] })]));
  const { state } = createAssembly(assemblyOf(type));
  const play = performer({
    state, failureOf, log: () => {}, warn: () => {},
    clock: { now: () => 0, after: (_, late) => { const timer = setTimeout(late, 2_000); return () => clearTimeout(timer); } },
    orchestrapi: ({ spec, id, ...options }) => createOrchestrapi({ ...options, host: hosts.get('here')!, hosts, component: spec.name, action: id, transfers: transfers({ windowMs: 0 }), folder: '.' }),
  });
  const data = Object.fromEntries(Object.entries(type.ports).flatMap(([name, { kind, atLeast }]) => {
    const value = health.data?.[name] ?? `<${name}>`;
    return kind === 'data-use' ? [[name, atLeast === 'all' ? [value] : value]] : [];
  }));
  return {
    /** Plays an action. @returns 'done', or why it failed */
    async perform(action: ActionRef, found: boolean): Promise<string> {
      const outcome = await play(action, data, { interruption: new Interruption(), found });
      return outcome.kind === 'done' ? 'done' : outcome.failure.message;
    },
    /** What has come about so far: commands and daemons that were begun, bytes that were sent; and which daemons live. */
    async effects() {
      const all = [...hosts.values()];
      const begun = all.flatMap(({ log }) => log.flatMap((deed) => (deed.kind === 'start' ? [deed.id] : [])));
      const sentBytes = all.flatMap(({ log }) => log).reduce((sum, deed) => sum + (deed.kind === 'put' ? deed.sentBytes : 0), 0);
      const states = await Promise.all(all.flatMap((host) => begun.map(async (id) => [id, (await host.poll(id)).kind] as const)));
      return { begun, sentBytes, alive: states.flatMap(([id, kind]) => (kind === 'alive' ? [id] : [])) };
    },
  };
}

const actionOf = (transition: string): ActionRef => ({ component: 'it[1]', transition, execution: 1, attempt: 1 });

describe.each(catalogue.map((type): [string, ComponentType] => [type.name, type]))('%s', (name, type) => {
  const transitions = Object.entries(type.transitions);

  test('is named after its system, and says what it is in a sentence', () => {
    expect(name).toMatch(/^[a-z]+\/[a-z-]+$/);
    expect(type.about).toMatch(/^[A-Z].*\.$/);
  });

  test('says how long each transition takes, so that a program can be simulated before it was ever run', () => {
    expect(transitions.filter(([, { durationMs }]) => durationMs === undefined).map(([transition]) => transition)).toEqual([]);
  });

  test('may be resumed: each action may be run again when nobody knows its fate', () => {
    expect(transitions.filter(([, { action, idempotent }]) => action && !idempotent).map(([transition]) => transition)).toEqual([]);
  });

  test('explains its parameters', () => {
    expect(Object.entries(type.parameters).filter(([, { about }]) => !about?.endsWith('.')).map(([parameter]) => parameter)).toEqual([]);
  });

  test('names an interface for each port, so that components are joined by naming them', () => {
    expect(Object.entries(type.ports).filter(([, port]) => port.interface === undefined).map(([port]) => port)).toEqual([]);
  });

  test('has no dead end: each place is left by some behaviour', () => {
    const left = new Set(transitions.map(([, { from }]) => from));
    expect(type.places.filter((place) => !left.has(place))).toEqual([]);
  });

  const actions = transitions.filter(([, { action }]) => action !== undefined).map(([transition]) => transition);

  test.each(actions)('%s is played on a host where nothing is wrong; played again by a controller that does not know how it ended, it sends no byte, begins nothing and ends nothing', async (transition) => {
    const { perform, effects } = stage(type);
    expect(await perform(actionOf(transition), false)).toBe('done');
    const before = await effects();
    expect(await perform(actionOf(transition), true)).toBe('done');
    expect(await effects()).toEqual(before);
  });

  test.each(actions)('%s is told in a dry run, where other components have given a name for each value', async (transition) => {
    const assembly = assemblyOf(type);
    const { state } = createAssembly(assembly);
    expect(simulate(state, { name: 'give', instructions: [{ kind: 'pushBehaviour', component: 'giver', behaviour: 'deploy' }, { kind: 'wait', component: 'giver' }] }).outcome).toBe('done');
    const { unsure = '' } = (await rehearseAction(assembly, actionOf(transition), state))!;
    // It may well say that it depends on the host, but not stumble over a name where it expects a value.
    expect(unsure).not.toMatch(/undefined|is not (?:a function|iterable)|JSON/);
  });

  test('is probed wherever others rely on it: each place with a service, and some place of each group with one', () => {
    const provided = Object.values(type.ports).flatMap(({ kind, boundTo }) => (kind === 'provide' ? boundTo : []));
    expect(provided.filter((element) => !(type.groups[element] ?? [element]).some((place) => place in type.probes))).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { createActor, type InspectionEvent } from 'xstate';
import { fromAssembly } from '../../src/assembly/actor.ts';
import type { Instruction } from '../../src/assembly/model.ts';
import { defineComponent } from '../../src/components/define.ts';

const server = defineComponent({
  name: 'server', places: ['off', 'run'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
  transitions: { up: { from: 'off', to: 'run', behaviour: 'deploy' }, down: { from: 'run', to: 'off', behaviour: 'stop' } },
  ports: { service: { kind: 'provide', boundTo: ['run'] } },
});
const client = defineComponent({
  name: 'client', places: ['off', 'run'], initialPlace: 'off', behaviours: ['deploy'],
  transitions: { up: { from: 'off', to: 'run', behaviour: 'deploy' } },
  ports: { server: { kind: 'use', boundTo: ['up', 'run'] } },
});
const spec = (name: string, type: string) => ({ name, type, on: 'local', with: {} });
const logic = fromAssembly({
  types: new Map<string, typeof server | typeof client>([['server', server], ['client', client]]) as never,
  components: [spec('s', 'server'), spec('c', 'client')],
  connections: [{ use: { component: 'c', port: 'server' }, provide: { component: 's', port: 'service' } }],
});
const push = (component: string, behaviour: string): Instruction => ({ kind: 'pushBehaviour', component, behaviour });
const deploy = { type: 'program', name: 'deploy', instructions: [push('c', 'deploy'), push('s', 'deploy')] } as const;
const done = (component: string, transition: string, execution = 1) =>
  ({ type: 'ended', outcomes: [{ action: { component, transition, execution, attempt: 1 }, outcome: { kind: 'done', writes: {} } }] }) as const;

describe('an assembly as an xstate actor', () => {
  test('its value is the marking of all, and effects are shown and not run', () => {
    const actor = createActor(logic).start();
    expect(actor.getSnapshot().value).toEqual({ s: { off: 'held' }, c: { off: 'held' } });
    actor.send(deploy);
    expect(actor.getSnapshot()).toMatchObject({ value: { s: { up: 'running' }, c: { up: 'ready' } }, context: { effects: [{ kind: 'start', action: { component: 's' } }] } });
    actor.send(done('s', 'up'));
    actor.send(done('c', 'up'));
    expect(actor.getSnapshot().value).toEqual({ s: { run: 'held' }, c: { run: 'held' } });
    expect(actor.getSnapshot().context.happenings.at(-1)).toEqual({ kind: 'programEnded', program: 'deploy', outcome: 'done' });
  });

  test('persisted as JSON in mid-run and restored, it goes on as if nothing had been', () => {
    const actor = createActor(logic).start();
    actor.send(deploy);
    const restored = createActor(logic, { snapshot: JSON.parse(JSON.stringify(actor.getPersistedSnapshot())) }).start();
    expect(restored.getSnapshot()).toMatchObject({ value: actor.getSnapshot().value, context: { effects: [], happenings: [] } });
    for (const a of [actor, restored]) for (const event of [done('s', 'up'), done('c', 'up')]) a.send(event);
    expect(JSON.stringify(restored.getPersistedSnapshot())).toBe(JSON.stringify(actor.getPersistedSnapshot()));
  });

  test('an old snapshot stays what it was, and can be gone on from', () => {
    const actor = createActor(logic).start();
    actor.send(deploy);
    const old = actor.getSnapshot();
    const text = JSON.stringify(old);
    actor.send(done('s', 'up'));
    expect(JSON.stringify(old)).toBe(text);
    const other = createActor(logic, { snapshot: old }).start();
    other.send(done('s', 'up'));
    expect(other.getSnapshot().value).toEqual(actor.getSnapshot().value);
    expect(other.getSnapshot().value).toEqual({ s: { run: 'held' }, c: { up: 'running' } });
  });

  test('what an operator asks in vain is refused with the reason', () => {
    const actor = createActor(logic).start();
    actor.send({ type: 'retry', component: 's', transition: 'up' });
    expect(actor.getSnapshot()).toMatchObject({ value: { s: { off: 'held' } }, context: { refused: '"s.up" is idle, not failed', effects: [] } });
    actor.send(deploy);
    expect(actor.getSnapshot().context.refused).toBeUndefined();
    expect(actor.getSnapshot().value['s']).toEqual({ up: 'running' });
  });

  test('an inspector sees its events and snapshots', () => {
    const seen: InspectionEvent[] = [];
    createActor(logic, { inspect: (event) => void seen.push(event) }).start().send(deploy);
    expect(seen.filter((e) => e.type === '@xstate.snapshot').at(-1)).toMatchObject({ snapshot: { value: { s: { up: 'running' } } } });
  });
});

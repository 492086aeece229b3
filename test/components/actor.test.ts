import { describe, expect, test } from 'vitest';
import { createActor, setup, transition, initialTransition, type InspectionEvent } from 'xstate';
import { fromComponent } from '../../src/components/actor.ts';
import { defineComponent } from '../../src/components/define.ts';

const server = defineComponent({
  name: 'server', places: ['off', 'installed', 'running'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
  transitions: {
    install: { from: 'off', to: 'installed', behaviour: 'deploy' },
    prepare: { from: 'off', to: 'installed', behaviour: 'deploy' },
    start: { from: 'installed', to: 'running', behaviour: 'deploy' },
    stop: { from: 'running', to: 'off', behaviour: 'stop' },
  },
  ports: { db: { kind: 'use', boundTo: ['start'] }, service: { kind: 'provide', boundTo: ['running'] }, address: { kind: 'data-provide', boundTo: ['running'] } },
});

const deploy = { type: 'pushBehaviour', behaviour: 'deploy' } as const;
const stop = { type: 'pushBehaviour', behaviour: 'stop' } as const;
const done = (transition: string, writes = {}) => ({ type: 'done', transition, writes }) as const;

describe('a component as an xstate actor', () => {
  test('its value is the marking, and what it starts is shown and not run', () => {
    const actor = createActor(fromComponent(server)).start();
    expect(actor.getSnapshot().value).toEqual({ off: 'held' });
    actor.send(deploy);
    expect(actor.getSnapshot().value).toEqual({ install: 'running', prepare: 'running' });
    expect(actor.getSnapshot().context.starts).toEqual([{ transition: 'install', execution: 1 }, { transition: 'prepare', execution: 2 }]);
    actor.send(done('install'));
    expect(actor.getSnapshot().value).toEqual({ install: 'ended', prepare: 'running' });
    expect(actor.getSnapshot().context.starts).toEqual([]);
    actor.send(done('prepare'));
    expect(actor.getSnapshot().value).toEqual({ start: 'ready' });
    actor.send({ type: 'surroundings', served: { db: true } });
    expect(actor.getSnapshot().value).toEqual({ start: 'running' });
    actor.send(done('start', { address: '10.0.0.1' }));
    expect(actor.getSnapshot()).toMatchObject({ value: { running: 'held' }, context: { idle: true, component: { published: { address: '10.0.0.1' } } } });
  });

  test('a provide port that is held keeps its place, and is shown as withdrawing', () => {
    const actor = createActor(fromComponent(server), { input: { served: { db: true } } }).start();
    for (const event of [deploy, done('install'), done('prepare'), done('start'), { type: 'surroundings', held: { service: true } } as const, stop]) actor.send(event);
    expect(actor.getSnapshot()).toMatchObject({ value: { running: 'held' }, context: { withdrawing: ['service'], idle: false } });
    actor.send({ type: 'surroundings', held: { service: false } });
    expect(actor.getSnapshot()).toMatchObject({ value: { stop: 'running' }, context: { withdrawing: [] } });
  });

  test('an event that does not fit changes nothing', () => {
    const actor = createActor(fromComponent(server)).start();
    const before = actor.getSnapshot();
    for (const event of [done('install'), { type: 'failed', transition: 'start' }, { type: 'retry', transition: 'no such' }, { type: 'skip', transition: 'stop' }, { type: 'abort' }] as const) actor.send(event);
    expect(actor.getSnapshot()).toBe(before);
  });

  test.each([
    ['retry runs it again, as a new execution', { type: 'retry', transition: 'install' }, { install: 'running', prepare: 'running' }, [{ transition: 'install', execution: 3 }]],
    ['skip takes it as ended', { type: 'skip', transition: 'install' }, { install: 'ended', prepare: 'running' }, []],
    ['abort waits for what runs', { type: 'abort' }, { install: 'failed', prepare: 'running' }, undefined],
  ] as const)('F3: %s', (_, event, value, starts) => {
    const actor = createActor(fromComponent(server)).start();
    for (const e of [deploy, { type: 'failed', transition: 'install' } as const, event]) actor.send(e);
    expect(actor.getSnapshot().value).toEqual(value);
    if (starts) expect(actor.getSnapshot().context.starts).toEqual(starts);
  });

  test('F3: abort puts every token back on its place', () => {
    const actor = createActor(fromComponent(server)).start();
    for (const e of [deploy, { type: 'failed', transition: 'install' }, done('prepare'), { type: 'abort' }] as const) actor.send(e);
    expect(actor.getSnapshot()).toMatchObject({ value: { off: 'held' }, context: { idle: true } });
  });

  test('persisted in mid-run and restored it stands where it stood, has no start due, and goes on', () => {
    const actor = createActor(fromComponent(server)).start();
    for (const event of [deploy, done('install'), stop]) actor.send(event);
    const persisted = JSON.parse(JSON.stringify(actor.getPersistedSnapshot()));
    const restored = createActor(fromComponent(server), { snapshot: persisted }).start();
    expect(restored.getSnapshot().context.starts).toEqual([]);
    for (const a of [actor, restored]) {
      expect(a.getSnapshot().value).toEqual({ install: 'ended', prepare: 'running' });
      for (const event of [done('prepare'), { type: 'surroundings', served: { db: true } }, done('start')] as const) a.send(event);
      expect(a.getSnapshot()).toMatchObject({ value: { stop: 'running' }, context: { component: { behaviour: 'stop' }, starts: [{ transition: 'stop', execution: 4 }] } });
    }
    expect(restored.getSnapshot()).toEqual(actor.getSnapshot());
  });

  test('its transition function is pure: xstate can ask it without an actor, and an old snapshot again', () => {
    const logic = fromComponent(server);
    const [first] = initialTransition(logic, undefined);
    const [pushed] = transition(logic, first, deploy);
    expect(transition(logic, first, stop)[0].value).toEqual({ off: 'held' });
    expect(transition(logic, first, deploy)[0]).toEqual(pushed);
  });

  test('an inspector sees the actor, its events and its snapshots', () => {
    const seen: InspectionEvent[] = [];
    const actor = createActor(fromComponent(server), { inspect: (event) => void seen.push(event), systemId: 'web1' }).start();
    actor.send(deploy);
    expect(seen.map((e) => e.type)).toEqual(expect.arrayContaining(['@xstate.actor', '@xstate.event', '@xstate.snapshot']));
    const last = seen.filter((e) => e.type === '@xstate.snapshot').at(-1)!;
    expect(last).toMatchObject({ event: deploy, snapshot: { value: { install: 'running', prepare: 'running' } } });
  });

  test('a stopped actor keeps its snapshot', () => {
    const actor = createActor(fromComponent(server)).start();
    actor.send(deploy);
    actor.stop();
    expect(actor.getSnapshot().value).toEqual({ install: 'running', prepare: 'running' });
  });

  test('it is a child of a machine like any actor, and is persisted and restored with it', () => {
    const machine = setup({ actors: { server: fromComponent(server) } }).createMachine({
      initial: 'up',
      states: {
        up: {
          invoke: { src: 'server', id: 'web', input: { served: { db: true } }, onSnapshot: { guard: ({ event }) => event.snapshot.value['running'] === 'held', target: 'ready' } },
          on: { GO: { actions: ({ self }) => self.getSnapshot().children['web']!.send(deploy) } },
        },
        ready: {},
      },
    });
    const child = (a: ReturnType<typeof createActor<typeof machine>>) => a.getSnapshot().children['web'] as unknown as ReturnType<typeof createActor<ReturnType<typeof fromComponent>>>;
    const parent = createActor(machine).start();
    parent.send({ type: 'GO' });
    child(parent).send(done('install'));
    const restored = createActor(machine, { snapshot: JSON.parse(JSON.stringify(parent.getPersistedSnapshot())) }).start();
    expect(child(restored).getSnapshot().value).toEqual({ install: 'ended', prepare: 'running' });
    child(restored).send(done('prepare'));
    child(restored).send(done('start'));
    expect(restored.getSnapshot().value).toBe('ready');
    expect(parent.getSnapshot().value).toBe('up');
  });
});

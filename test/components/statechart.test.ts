import { describe, expect, test } from 'vitest';
import { createActor } from 'xstate';
import { defineComponent } from '../../src/components/define.ts';
import { markingOfChart, statechartOf } from '../../src/components/statechart.ts';

const lamp = defineComponent({
  name: 'lamp', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
  transitions: { light: { from: 'off', to: 'on', behaviour: 'deploy' }, quench: { from: 'on', to: 'off', behaviour: 'stop' } },
  ports: { power: { kind: 'use', boundTo: ['light', 'on'] }, light: { kind: 'provide', boundTo: ['on'] } },
});

describe('a component type as a statechart', () => {
  test('has a region for each place, each transition, each provide port and the behaviour', () => {
    const actor = createActor(statechartOf(lamp)).start();
    expect(actor.getSnapshot().value).toEqual({
      behaviour: 'none', 'place off': 'held', 'place on': 'empty', 'transition light': 'idle', 'transition quench': 'idle', 'port light': 'inactive',
    });
  });

  test('goes the way of the net, and shows why it waits', () => {
    const actor = createActor(statechartOf(lamp)).start();
    const after = (...events: object[]) => {
      for (const event of events) actor.send(event as never);
      const { value } = actor.getSnapshot() as { value: Record<string, string> };
      return [markingOfChart(actor.getSnapshot()), value['behaviour'], value['port light']];
    };
    expect(after({ type: 'pushBehaviour', behaviour: 'deploy' })).toEqual([{ light: 'ready' }, 'behaviour deploy', 'inactive']);
    expect(after({ type: 'surroundings', served: { power: true } })).toEqual([{ light: 'running' }, 'behaviour deploy', 'inactive']);
    expect(after({ type: 'done', transition: 'light' })).toEqual([{ on: 'held' }, 'none', 'active']);
    expect(after({ type: 'surroundings', held: { light: true } }, { type: 'pushBehaviour', behaviour: 'stop' })).toEqual([{ on: 'held' }, 'behaviour stop', 'withdrawing']);
    expect(after({ type: 'surroundings', held: { light: false } })).toEqual([{ quench: 'running' }, 'behaviour stop', 'inactive']);
    expect(after({ type: 'failed', transition: 'quench' }, { type: 'abort' })).toEqual([{ on: 'held' }, 'none', 'active']);
  });
});

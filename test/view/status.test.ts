import { describe, expect, test } from 'vitest';
import type { AssemblySnapshot } from '../../src/assembly/state.ts';
import { initialState, type ComponentState, type MovingToken } from '../../src/components/net.ts';
import { statusTable } from '../../src/view/status.ts';
import { columnsOf } from '../../src/view/text.ts';

type Entry = AssemblySnapshot['members'][number];
const token = (transition: string, status: MovingToken['status'], attempt = 1): MovingToken => ({ transition, status, execution: 1, attempt });
const entry = (name: string, state: Partial<ComponentState>, degraded: Record<string, string> = {}): Entry => ({
  spec: { name, type: name === 'ns' ? 'diet/naming-service' : 'diet/agent', on: `host-${name}`, with: {} }, state: { ...initialState(), entered: true, ...state }, degraded, failures: {},
});

describe('statusTable', () => {
  test('a row a component', () => {
    const members = [
      entry('ns', { places: ['running'] }),
      entry('ma1', { places: ['connected'] }, { connected: 'no answer in 2s' }),
      entry('la1', { moving: [token('configure', 'running', 2), token('fetch', 'ended')], behaviour: 'deploy', queue: ['stop', 'deploy'] }),
      entry('sed', { moving: [token('connect', 'failed')], behaviour: 'deploy' }),
      entry('new', { entered: false }),
    ];
    expect(statusTable({ members }, { assembly: 'diet' })).toEqual([
      'diet: 5 components, 1 failed, 1 degraded',
      '',
      'component  type                 host      places       behaviour                     transitions',
      'ns         diet/naming-service  host-ns   running      -                             -',
      'ma1        diet/agent           host-ma1  connected    -                             DEGRADED connected: no answer in 2s',
      'la1        diet/agent           host-la1  -            deploy, then stop and deploy  configure running (try 2), fetch ended',
      'sed        diet/agent           host-sed  -            deploy                        connect FAILED',
      'new        diet/agent           host-new  not entered  -                             -',
    ]);
  });

  test('why a transition failed is said below', () => {
    const failed = { ...entry('sed', { moving: [token('connect', 'failed')], behaviour: 'deploy' }), failures: { connect: { reason: 'exit-code', message: '"connect SeD1"\nended with exit code 3' } as const } };
    expect(statusTable({ members: [failed] }).slice(-2)).toEqual(['', 'FAILED sed.connect on host-sed (exit-code): "connect SeD1" ended with exit code 3']);
  });

  test('a large assembly: counts by type and place, then what needs attention, the worst first', () => {
    const members = [
      ...Array.from({ length: 990 }, (_, i) => entry(`a${i}`, { places: ['connected'] })),
      ...Array.from({ length: 7 }, (_, i) => entry(`r${i}`, { moving: [token('start', 'running')], behaviour: 'deploy' })),
      entry('ill', { places: ['connected'] }, { connected: 'silent' }),
      entry('bad', { moving: [token('start', 'failed')], behaviour: 'deploy' }),
      entry('ns', { places: ['running'] }),
    ];
    expect(statusTable({ members }, { assembly: 'large', limit: 4 })).toEqual([
      'large: 1000 components, 1 failed, 1 degraded',
      '',
      'type                 count  places',
      'diet/agent           999    991 connected and 8 between places',
      'diet/naming-service  1      1 running',
      '',
      'component  type        host      places     behaviour  transitions',
      'bad        diet/agent  host-bad  -          deploy     start FAILED',
      'ill        diet/agent  host-ill  connected  -          DEGRADED connected: silent',
      'r0         diet/agent  host-r0   -          deploy     start running',
      'r1         diet/agent  host-r1   -          deploy     start running',
      '... and 5 more that are not at rest',
    ]);
    expect(statusTable({ members }, { all: true, limit: 4 }).length).toBe(1001);
  });

  test('the program and how it ended stand in the heading', () => {
    const program = { name: 'deploy', instructions: [], next: 0, open: false, outcome: 'failed' as const };
    expect(statusTable({ members: [], program }, { assembly: 'diet' })).toEqual(['diet: program deploy failed: 0 components']);
    expect(statusTable({ members: [], program: { ...program, outcome: undefined } })).toEqual(['program deploy not over: 0 components']);
  });

  test('wide and hostile names keep the columns straight and the width bounded', () => {
    const members = [entry('組み合わせ', { places: ['上'] }), entry('a\u001b[31m\nb', { places: ['up'] }), entry('x'.repeat(200), { places: ['up'] })];
    const [heading, ...rows] = statusTable({ members });
    const hostAt = columnsOf(heading!.slice(0, heading!.indexOf('host')));
    for (const row of rows) expect(columnsOf(row.slice(0, row.indexOf('host-')))).toBe(hostAt);
    for (const row of statusTable({ members }, { columns: 60 })) expect(columnsOf(row)).toBeLessThanOrEqual(60);
  });
});

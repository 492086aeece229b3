import type { TimedHappening } from '../../src/assembly/journal.ts';
import type { Assembly, ComponentSpec, Connection, Failure, Happening } from '../../src/assembly/model.ts';
import type { ComponentType } from '../../src/components/model.ts';
import { defineComponent } from '../../src/components/define.ts';

/** A small DIET, as the views see it: types, an assembly, and what happened while it was deployed and one agent failed. */

const namingService = defineComponent({
  name: 'diet/naming-service',
  places: ['absent', 'configured', 'running'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'stop'],
  transitions: {
    configure: { from: 'absent', to: 'configured', behaviour: 'deploy' },
    start: { from: 'configured', to: 'running', behaviour: 'deploy' },
    stop: { from: 'running', to: 'configured', behaviour: 'stop' },
  },
  ports: {
    naming: { kind: 'provide', boundTo: ['running'] },
    address: { kind: 'data-provide', boundTo: ['configured'] },
  },
});

export const agent = defineComponent({
  name: 'diet/agent',
  places: ['absent', 'installed', 'ready', 'running', 'connected'],
  initialPlace: 'absent',
  groups: { alive: ['running', 'connected'] },
  behaviours: ['deploy', 'disconnect', 'stop'],
  transitions: {
    install: { from: 'absent', to: 'installed', behaviour: 'deploy' },
    configure: { from: 'installed', to: 'ready', behaviour: 'deploy' },
    fetch: { from: 'installed', to: 'ready', behaviour: 'deploy' },
    start: { from: 'ready', to: 'running', behaviour: 'deploy' },
    connect: { from: 'running', to: 'connected', behaviour: 'deploy' },
    disconnect: { from: 'connected', to: 'running', behaviour: 'disconnect' },
    stop: { from: 'running', to: 'ready', behaviour: 'stop' },
  },
  ports: {
    naming: { kind: 'use', boundTo: ['start', 'alive'] },
    address: { kind: 'data-use', boundTo: ['configure'] },
    parent: { kind: 'use', interface: 'agent', boundTo: ['connect', 'connected'], optional: true },
    agent: { kind: 'provide', boundTo: ['connected'] },
  },
});

const component = (name: string, type: string, on: string): ComponentSpec => ({ name, type, on, with: {} });
const wire = (use: string, provide: string): Connection => {
  const end = (text: string) => ({ component: text.slice(0, text.lastIndexOf('.')), port: text.slice(text.lastIndexOf('.') + 1) });
  return { use: end(use), provide: end(provide) };
};

const components = [
  component('ns', 'diet/naming-service', 'head'),
  component('ma1', 'diet/agent', 'head'),
  component('la1', 'diet/agent', 'worker[1]'),
  component('la2', 'diet/agent', 'worker[2]'),
  component('sed[1]', 'diet/agent', 'worker[1]'),
  component('sed[2]', 'diet/agent', 'worker[2]'),
];

const users = components.slice(1).map(({ name }) => name);

export const diet: Assembly = {
  name: 'diet',
  folder: '/srv/diet',
  types: new Map<string, ComponentType>([[namingService.name, namingService], [agent.name, agent]]),
  hosts: ['head', 'worker[1]', 'worker[2]'],
  components,
  connections: [
    ...users.flatMap((name) => [wire(`${name}.naming`, 'ns.naming'), wire(`${name}.address`, 'ns.address')]),
    wire('la1.parent', 'ma1.agent'), wire('la2.parent', 'ma1.agent'), wire('sed[1].parent', 'la1.agent'), wire('sed[2].parent', 'la2.agent'),
  ],
  programs: new Map(),
  where: new Map(),
};

/** `count` components of one assembly, counted, each with the naming service and a parent. */
export function large(count: number): Assembly {
  const seds = Array.from({ length: count }, (_, i) => component(`sed[${i + 1}]`, 'diet/agent', `worker[${i + 1}]`));
  return {
    ...diet,
    name: 'large',
    components: [...components.slice(0, 2), ...seds],
    connections: [wire('ma1.naming', 'ns.naming'), ...seds.flatMap(({ name }) => [wire(`${name}.naming`, 'ns.naming'), wire(`${name}.parent`, 'ma1.agent')])],
  };
}

export const hostOf = (name: string): string | undefined => components.find((c) => c.name === name)?.on;

export const failure: Failure = {
  reason: 'exit-code',
  message: 'connect SED sed2 la2: exit code 3',
  host: 'worker[2]',
  command: 'connect SED sed2 la2',
  exitCode: 3,
  output: 'resolving la2 ...\nomniORB: \u001b[31mTRANSIENT\u001b[0m (connection refused)\n',
};

/** 2026-01-05 08:00:00 UTC. */
export const startMs = Date.UTC(2026, 0, 5, 8);

const executions = new Map<string, number>();
const at = (seconds: number, happening: Happening): TimedHappening => ({ atMs: startMs + seconds * 1000, happening });
const action = (name: string, transition: string, attempt = 1) => {
  const key = `${name} ${transition}`;
  if (!executions.has(key)) executions.set(key, [...executions.keys()].filter((k) => k.startsWith(`${name} `)).length + 1);
  return { component: name, transition, execution: executions.get(key)!, attempt };
};
const run = (name: string, transition: string, from: number, to: number): TimedHappening[] => [
  at(from, { kind: 'started', action: action(name, transition) }), at(to, { kind: 'ended', action: action(name, transition) }),
];

/** Deployment of `diet`: la2 needs two tries to start, sed[2] cannot connect, sed[1] is still connecting. */
export const happenings: readonly TimedHappening[] = [
  at(0, { kind: 'programBegan', program: 'deploy' }),
  ...components.map(({ name }, index) => at(0, { kind: 'instructed', index, instruction: { kind: 'pushBehaviour', component: name, behaviour: 'deploy' } })),
  ...components.map(({ name }) => at(0, { kind: 'behaviourBegan', component: name, behaviour: 'deploy' })),
  at(0, { kind: 'left', component: 'ns', place: 'absent' }),
  ...run('ns', 'configure', 0, 1.2), ...run('ns', 'start', 1.2, 4.1),
  at(4.1, { kind: 'entered', component: 'ns', place: 'running' }),
  at(4.1, { kind: 'behaviourEnded', component: 'ns', behaviour: 'deploy', empty: false }),
  ...run('ma1', 'install', 0, 2), ...run('ma1', 'configure', 2, 3.1), ...run('ma1', 'fetch', 2, 2.6), ...run('ma1', 'start', 4.1, 6.3), ...run('ma1', 'connect', 6.3, 6.5),
  at(6.5, { kind: 'behaviourEnded', component: 'ma1', behaviour: 'deploy', empty: false }),
  ...run('la1', 'install', 0, 3.2), ...run('la1', 'configure', 3.2, 4.6), ...run('la1', 'fetch', 3.2, 4.9), ...run('la1', 'start', 4.9, 6), ...run('la1', 'connect', 6.5, 8.2),
  at(8.2, { kind: 'behaviourEnded', component: 'la1', behaviour: 'deploy', empty: false }),
  ...run('la2', 'install', 0, 2.4), ...run('la2', 'configure', 2.4, 3.3), ...run('la2', 'fetch', 2.4, 4.3),
  at(4.3, { kind: 'started', action: action('la2', 'start') }),
  at(5, { kind: 'retrying', action: action('la2', 'start'), failure: { ...failure, message: 'no answer from ns' }, delayMs: 1000 }),
  at(6, { kind: 'started', action: action('la2', 'start', 2) }), at(7.4, { kind: 'ended', action: action('la2', 'start', 2) }),
  ...run('la2', 'connect', 7.4, 8.9),
  at(8.9, { kind: 'behaviourEnded', component: 'la2', behaviour: 'deploy', empty: false }),
  ...run('sed[1]', 'install', 0, 2.9), ...run('sed[1]', 'configure', 2.9, 3.8), ...run('sed[1]', 'fetch', 2.9, 4.2), ...run('sed[1]', 'start', 4.2, 6.8),
  ...run('sed[2]', 'install', 0, 2.7), ...run('sed[2]', 'configure', 2.7, 3.9), ...run('sed[2]', 'fetch', 2.7, 4.4), ...run('sed[2]', 'start', 4.4, 7.1),
  at(8.2, { kind: 'started', action: action('sed[1]', 'connect') }),
  at(8.9, { kind: 'started', action: action('sed[2]', 'connect') }),
  at(11, { kind: 'failed', action: action('sed[2]', 'connect'), failure }),
  at(12, { kind: 'degraded', component: 'ma1', place: 'connected', reason: 'no answer in 2s', users: ['la1', 'la2'] }),
].sort((a, b) => a.atMs - b.atMs);

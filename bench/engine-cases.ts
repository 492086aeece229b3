import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine, type Clock } from '../src/assembly/engine.ts';
import { memoryJournal, type Journal } from '../src/assembly/journal.ts';
import type { ComponentSpec, Connection, Instruction } from '../src/assembly/model.ts';
import { performer } from '../src/assembly/perform.ts';
import type { Orchestrapi } from '../src/orchestrapi/host.ts';
import { createAssembly } from '../src/assembly/step.ts';
import { defineComponent } from '../src/components/define.ts';
import type { ComponentType } from '../src/components/model.ts';
import type { EngineLine } from './engine.ts';

export const cases = ['star', 'chain', 'par', 'reconf'] as const;
export type CaseName = (typeof cases)[number];

/** Milliseconds that each action takes; 0: it returns at once. */
let actionMs = 0;
const action = () => (actionMs > 0 ? new Promise<void>((resolve) => setTimeout(resolve, actionMs)) : undefined);

const provider = defineComponent({
  name: 'provider', places: ['off', 'installed', 'running'], initialPlace: 'off', behaviours: ['deploy', 'update'],
  transitions: {
    install: { from: 'off', to: 'installed', behaviour: 'deploy', action }, start: { from: 'installed', to: 'running', behaviour: 'deploy', action },
    update: { from: 'running', to: 'installed', behaviour: 'update', action },
  },
  ports: { service: { kind: 'provide', boundTo: ['running'] } },
});
const user = defineComponent({
  name: 'user', places: ['off', 'configured', 'running'], initialPlace: 'off', behaviours: ['deploy', 'suspend'],
  transitions: {
    configure: { from: 'off', to: 'configured', behaviour: 'deploy', action }, start: { from: 'configured', to: 'running', behaviour: 'deploy', action },
    suspend: { from: 'running', to: 'configured', behaviour: 'suspend', action },
  },
  ports: { service: { kind: 'use', boundTo: ['start', 'running'] } },
});
const link = defineComponent({
  name: 'link', places: ['off', 'started'], initialPlace: 'off', behaviours: ['deploy'],
  transitions: { start: { from: 'off', to: 'started', behaviour: 'deploy', action } },
  ports: { service: { kind: 'provide', boundTo: ['started'] }, before: { kind: 'use', boundTo: ['start'], optional: true } },
});
const five = defineComponent({
  name: 'five', places: ['off', 'ready'], initialPlace: 'off', behaviours: ['deploy'],
  transitions: {
    a: { from: 'off', to: 'ready', behaviour: 'deploy', action }, b: { from: 'off', to: 'ready', behaviour: 'deploy', action }, c: { from: 'off', to: 'ready', behaviour: 'deploy', action },
    d: { from: 'off', to: 'ready', behaviour: 'deploy', action }, e: { from: 'off', to: 'ready', behaviour: 'deploy', action },
  },
});
const types = new Map<string, ComponentType>([provider, user, link, five].map((t) => [t.name, t]));

interface Scene {
  readonly components: ComponentSpec[];
  readonly connections: Connection[];
  readonly program: Instruction[];
  /** Actions one after the other on the critical path. */
  readonly depth: number;
}

function sceneOf(name: CaseName, n: number): Scene {
  const spec = (component: string, type: string): ComponentSpec => ({ name: component, type, on: 'local', with: {} });
  const many = (type: string) => Array.from({ length: n }, (_, i) => spec(`${type}[${i + 1}]`, type));
  const connect = (a: string, use: string, b: string): Connection => ({ use: { component: a, port: use }, provide: { component: b, port: 'service' } });
  const push = (list: readonly ComponentSpec[], behaviour: string): Instruction[] => list.map((c) => ({ kind: 'pushBehaviour', component: c.name, behaviour }));
  const waitAll: Instruction = { kind: 'waitAll' };
  switch (name) {
    case 'star': case 'reconf': {
      const centre = spec('provider', 'provider'), users = many('user');
      const all = [centre, ...users];
      const reconfigure = [...push(users, 'suspend'), waitAll, ...push([centre], 'update'), ...push([centre], 'deploy'), waitAll, ...push(users, 'deploy'), waitAll];
      return {
        components: all, connections: users.map((u) => connect(u.name, 'service', 'provider')),
        program: [...push(all, 'deploy'), waitAll, ...(name === 'reconf' ? reconfigure : [])], depth: name === 'star' ? 3 : 7,
      };
    }
    case 'chain': {
      const links = many('link');
      return { components: links, connections: links.slice(1).map((l, i) => connect(l.name, 'before', links[i]!.name)), program: [...push(links, 'deploy'), waitAll], depth: n };
    }
    case 'par': {
      const all = many('five');
      return { components: all, connections: [], program: [...push(all, 'deploy'), waitAll], depth: 1 };
    }
  }
}

/** Plays one case on the real engine, creating and connecting included. `journal`: durable, on this disk; else in memory. */
export async function play(name: CaseName, n: number, eachMs: number, onDisk: boolean): Promise<EngineLine> {
  actionMs = eachMs;
  const scene = sceneOf(name, n);
  const folder = onDisk ? mkdtempSync(join(tmpdir(), 'tutti-bench-')) : undefined;
  const journal: Journal = folder ? await (await import('../src/orchestrapi/journal-file.ts')).openJournal(join(folder, 'journal.jsonl')) : lossy();
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const { state } = createAssembly({ types, components: scene.components, connections: scene.connections });
  const perform = performer({
    state, clock, failureOf: () => undefined, log: () => {}, warn: () => {},
    // No machine is touched: the actions do nothing, or wait for a timer.
    orchestrapi: () => ({}) as Orchestrapi,
  });
  const engine = new Engine({
    state, journal, clock, hasAction: () => true, perform,
  });
  const end = await engine.play(name, scene.program);
  const wallMs = performance.now() - begun;
  const used = process.cpuUsage(cpu);
  await journal.close();
  if (folder) rmSync(folder, { recursive: true });
  if (end !== 'done') throw new Error(`${name} ${n} ended: ${end}`);
  return {
    case: name, n, actionMs, wallMs: round(wallMs), cpuMs: round((used.user + used.system) / 1000), peakMb: round(process.resourceUsage().maxRSS / 1024),
    overheadMs: round(wallMs - scene.depth * actionMs),
  };
}

/** A journal that keeps nothing: what is measured is the engine. */
const lossy = (): Journal => ({ ...memoryJournal(), append: async () => {} });
const clock: Clock = { now: () => Date.now(), after: (ms, callback) => { const t = setTimeout(callback, ms); return () => clearTimeout(t); } };
const round = (x: number) => Math.round(x * 10) / 10;

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assembly, ComponentSpec, Connection, Instruction, Program } from '../src/assembly/model.ts';
import { defineComponent } from '../src/components/define.ts';
import type { Action, ComponentType } from '../src/components/model.ts';
import { sshFlavour } from '../src/orchestrapi/flavours/ssh.ts';
import { Session } from '../src/session/session.ts';

/** What is measured on given hosts. W1: a no-op on each. W2: ten in sequence on each. W3: 20 files of 4 kB and one of 50 MB to each, and W3again: the same once more. W4: two tiers, critical path 4 s. */
export const workloads = ['W1', 'W2', 'W3', 'W3again', 'W4'] as const;
export type Workload = (typeof workloads)[number];

/** One measurement; the controller is this process. */
export interface HostsLine {
  readonly workload: Workload;
  readonly n: number;
  readonly wallMs: number;
  readonly controllerCpuMs: number;
  readonly peakMb: number;
}

/** Seconds that W4's first host and the others sleep, one transition after the other. */
export const sleeps = { first: [1, 2, 1], other: [1, 1] } as const;
export const noOps = 10;

const noOp: Action = async ({ run }) => void (await run(['true']));
const sleep = (seconds: number): Action => async ({ run }) => void (await run(['sleep', String(seconds)]));

/** A type whose behaviour `go` plays the actions one after the other. */
function chain(name: string, actions: readonly Action[], ports: ComponentType['ports'] = {}): ComponentType {
  const places = actions.map((_, i) => `p${i}`).concat(`p${actions.length}`);
  const transitions = Object.fromEntries(actions.map((action, i) => [`t${i + 1}`, { from: places[i]!, to: places[i + 1]!, behaviour: 'go' as const, action }]));
  return defineComponent({ name, places, initialPlace: 'p0', behaviours: ['go'], transitions, ports });
}

function sceneOf(workload: Workload, hosts: readonly string[], files: readonly string[]): { types: ComponentType[]; components: ComponentSpec[]; connections: Connection[] } {
  const on = (type: string, which = hosts): ComponentSpec[] => which.map((host) => ({ name: `${type}-${host}`, type, on: host, with: {} }));
  switch (workload) {
    case 'W1': return { types: [chain('one', [noOp])], components: on('one'), connections: [] };
    case 'W2': return { types: [chain('ten', Array<Action>(noOps).fill(noOp))], components: on('ten'), connections: [] };
    case 'W3': case 'W3again': {
      const send: Action = async ({ queueTransfer, flushTransfers }) => {
        for (const [i, file] of files.entries()) queueTransfer(file, `file-${i}`);
        await flushTransfers();
      };
      return { types: [chain('files', [send])], components: on('files'), connections: [] };
    }
    case 'W4': {
      const first = chain('first', sleeps.first.map(sleep), { ready: { kind: 'provide', boundTo: [`p${sleeps.first.length}`] } });
      const other = chain('other', [...sleeps.other.map(sleep), noOp], { ready: { kind: 'use', boundTo: [`t${sleeps.other.length + 1}`] } });
      const [head, ...rest] = hosts;
      const others = on('other', rest);
      return { types: [first, other], components: [...on('first', [head!]), ...others], connections: others.map(({ name }) => ({ use: { component: name, port: 'ready' }, provide: { component: `first-${head}`, port: 'ready' } })) };
    }
  }
}

/** Writes W3's files: random, so that nothing on the way makes them smaller. */
export async function filesIn(folder: string): Promise<string[]> {
  const sizes = [...Array<number>(20).fill(4_096), 50 * 1024 * 1024];
  return Promise.all(sizes.map(async (size, i) => {
    const path = join(folder, `file-${i}`);
    await writeFile(path, randomBytes(size));
    // As files are that were not written this very moment: their times can be trusted.
    await utimes(path, new Date(Date.now() - 3_600_000), new Date(Date.now() - 3_600_000));
    return path;
  }));
}

/** Plays workloads with tutti itself: session, journal on this disk, engine, SSH hosts. Connections are made beforehand, as the peers' are. */
export async function playOnHosts(wanted: Workload, sshConfig: string | undefined, hosts: readonly string[]): Promise<HostsLine> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-bench-'));
  const machines = await sshFlavour(hosts, { workFolder: `/var/tmp/tutti-bench-${process.pid}`, inventory: new Map(hosts.map((name) => [name, { destination: name, ...(sshConfig ? { configFile: sshConfig } : {}) }])) });
  const sessions: Session[] = [];
  try {
    const files = wanted.startsWith('W3') ? await filesIn(folder) : [];
    const { types, components, connections } = sceneOf(wanted, hosts, files);
    const assembly: Assembly = { name: wanted, folder, hosts, types: new Map(types.map((t) => [t.name, t])), components, connections, programs: new Map(), where: new Map() };
    const push: Instruction[] = components.map(({ name }) => ({ kind: 'pushBehaviour', component: name, behaviour: 'go' }));
    const program: Program = { name: wanted, instructions: [...push, { kind: 'waitAll' }] };
    await Promise.all([...machines.values()].map((host) => host.run(['true'])));
    // What goes by rsync has a connection of its own.
    if (wanted.startsWith('W3')) await Promise.all([...machines.values()].map((host) => host.put([{ to: 'warm', text: 'x'.repeat(1_100_000) }])));
    const measured = async (round: string): Promise<HostsLine> => {
      const session = await Session.open({ assembly, stateFolder: join(folder, round), hosts: machines });
      sessions.push(session);
      const cpu = process.cpuUsage();
      const begun = performance.now();
      const end = await session.play(program);
      const wallMs = performance.now() - begun;
      const { user, system } = process.cpuUsage(cpu);
      if (end !== 'done') throw new Error(`${wanted} ended: ${end}`);
      return { workload: wanted, n: hosts.length, wallMs: Math.round(wallMs), controllerCpuMs: Math.round((user + system) / 1000), peakMb: Math.round(process.resourceUsage().maxRSS / 1024) };
    };
    if (wanted === 'W3again') await measured('before');
    return await measured('measured');
  } finally {
    await Promise.all([...machines.values()].map((host) => host.destroy()));
    await Promise.all(sessions.map((session) => session.close()));
    await Promise.all([...machines.values()].map((host) => host.close()));
    await rm(folder, { recursive: true, force: true });
  }
}

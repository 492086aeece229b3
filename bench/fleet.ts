import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openForDestruction } from '../src/session/destroy.ts';
import { stateFolderOf } from '../src/session/folder.ts';
import { loadAssembly } from '../src/session/load.ts';
import { Session } from '../src/session/session.ts';
import { up, whyNot } from '../test/testbed/testbed.ts';
import { oneProcess } from './one-process.ts';

const phases = ['deploy', 'reconfigure', 'destroy'] as const;
type Phase = (typeof phases)[number];

/** One phase; the controller is a process of its own, whose CPU time and peak memory these are. */
interface FleetLine {
  readonly phase: Phase;
  readonly hosts: number;
  readonly components: number;
  readonly wallMs: number;
  readonly controllerCpuMs: number;
  readonly peakMb: number;
}

/** `npm run bench -- fleet [--hosts 128] [--components 512] [--json]` (as root): many components on a test bed of many hosts, deployed, a quarter of it reconfigured, destroyed. */
export async function fleetBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { hosts: { type: 'string', default: '128' }, components: { type: 'string', default: '512' }, json: { type: 'boolean', default: false }, one: { type: 'string' }, file: { type: 'string' }, bed: { type: 'string' } } });
  const [hosts, components] = [Number(values.hosts), Number(values.components)];
  if (!(hosts > 0 && components >= 4 * hosts && components % hosts === 0)) throw new Error('--components must be a multiple of --hosts, at least four times as many');
  if (values.one) {
    console.log(JSON.stringify({ phase: values.one, hosts, components, ...(await play(values.one as Phase, values.file!, values.bed!)) }));
    return;
  }
  const missing = whyNot();
  if (missing !== undefined) throw new Error(`no test bed can be made here: ${missing}`);
  const folder = await mkdtemp(join(tmpdir(), 'tutti-fleet-'));
  const bed = await up(hosts);
  try {
    const file = join(folder, 'fleet.yaml');
    await writeFile(file, assembly(hosts, components / hosts - 1));
    if (!values.json) console.log('phase        hosts  components  wall      controller CPU  peak   (ms, MB)');
    for (const phase of phases) {
      const line = await oneProcess<FleetLine>(['fleet', '--one', phase, '--file', file, '--bed', bed.folder, '--hosts', values.hosts, '--components', values.components]);
      console.log(values.json ? JSON.stringify(line) : [phase.padEnd(12), String(hosts).padEnd(6), String(components).padEnd(11), String(line.wallMs).padEnd(9), String(line.controllerCpuMs).padEnd(15), line.peakMb].join(' '));
    }
  } finally {
    await bed.down();
    await rm(folder, { recursive: true, force: true });
  }
}

/** On each host an agent and its share of workers, which use the agent of the next host: 3 commands, 2 files and 2 daemons a pair. */
function assembly(hosts: number, workersEach: number): string {
  const quarter = Math.ceil(hosts / 4);
  const [workers, paused, agents] = [hosts * workersEach, [] as string[], Array.from({ length: quarter }, (_, i) => `"agent[${i + 1}]"`)];
  const connections: string[] = [];
  for (let i = 1; i <= workers; i++) {
    // Worker i is on host (i - 1) % hosts + 1.
    const agent = (i % hosts) + 1;
    connections.push(`  - "worker[${i}] -> agent[${agent}]"`);
    if (agent <= quarter) paused.push(`"worker[${i}]"`);
  }
  return `assembly: fleet
hosts: { node: { count: ${hosts} } }
types:
  agent:
    places: [absent, configured, running]
    transitions:
      configure: { from: absent, to: configured, behaviour: deploy, files: [{ to: agent.conf, text: "name = {{name}}\\n" }] }
      start: { from: configured, to: running, behaviour: deploy, script: "cat agent.conf; exec sleep 98765" }
      stop: { from: running, to: configured, behaviour: stop, kill: start }
    ports: { service: { provide: service, boundTo: running, data: { address: "{{host.address}}" } } }
  worker:
    places: [absent, installed, running]
    transitions:
      install: { from: absent, to: installed, behaviour: deploy, files: [{ to: worker.conf, text: "name = {{name}}\\n" }], run: "cat worker.conf" }
      start: { from: installed, to: running, behaviour: deploy, run: "echo {{read.agent.address}} >agent", script: "exec sleep 98765" }
      stop: { from: running, to: installed, behaviour: stop, kill: start, run: "rm agent" }
    ports: { agent: { use: service, boundTo: [start, running], data: [address] } }
components:
  agent: { type: agent, on: node, count: ${hosts} }
  worker: { type: worker, on: node, count: ${workers} }
connections:
${connections.join('\n')}
programs:
  deploy: [{ push: deploy }, { wait: all }]
  # A quarter of the agents is stopped, once their workers have, and all of them come back.
  reconfigure:
    - push: { stop: [${[...paused, ...agents].join(', ')}] }
    - push: { deploy: [${[...agents, ...paused].join(', ')}] }
    - wait: all
`;
}

async function play(phase: Phase, file: string, bed: string): Promise<Omit<FleetLine, 'phase' | 'hosts' | 'components'>> {
  const stateFolder = stateFolderOf(file);
  const { assembly: loaded } = await loadAssembly(file);
  const begun = performance.now();
  if (phase === 'destroy') await (await openForDestruction(stateFolder)).destroy();
  else {
    const session = await Session.open({ assembly: loaded!, stateFolder, ...(phase === 'deploy' ? { flavour: { flavour: 'testbed', hosts: bed } } : {}) });
    const end = await session.play(loaded!.programs.get(phase)!);
    await session.close();
    if (end !== 'done') throw new Error(`${phase} ended: ${end}`);
  }
  const { user, system } = process.cpuUsage();
  return { wallMs: Math.round(performance.now() - begun), controllerCpuMs: Math.round((user + system) / 1000), peakMb: Math.round(process.resourceUsage().maxRSS / 1024) };
}

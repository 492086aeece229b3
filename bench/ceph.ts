import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { up, whyNot, type TestBed } from '../test/testbed/testbed.ts';
import { tutti } from './tutti.ts';

const root = join(import.meta.dirname, '..');

/** What is pushed at once, and ends before the next is pushed. */
const together = (what: string): string => `    - push: { deploy: [${what}] }\n    - wait: [${what}]\n`;
/** A monitor alone is never in a quorum: it counts as done when its daemon runs. */
const monitorAlone = (i: number): string => `    - push: { deploy: ["mon[${i}]", "started[${i}]"] }\n    - wait: "started[${i}]"\n`;

/** The deployment, and the same components under barriers. */
const orders = {
  // Nobody orders anything but the ports.
  ports: '    - push: deploy\n    - wait: all\n',
  // One kind after the other, the hosts side by side.
  phases: ['cluster', 'mon', 'mgr', 'osd', 'objects, names, contents', 'mds', 'fs', 'mount'].map(together).join(''),
  // One host after the other within each kind.
  hosts: [together('cluster'), ...[1, 2, 3].map(monitorAlone), '    - wait: mon\n', ...['mgr', '"osd[1]"', '"osd[2]"', '"osd[3]"', 'objects', 'names', 'contents', 'mds', 'fs', 'mount'].map(together)].join(''),
} as const;

/** For `hosts`: a monitor that says when its daemon runs, in the quorum or not, and who waits for that. */
const alone = {
  'alone.mjs': `
import { catalogue, defineComponent } from 'tutti';
const monitor = catalogue.find(({ name }) => name === 'ceph/monitor');
const daemon = { interface: 'bench/daemon' };
export const aMonitor = { ...monitor, name: 'bench/monitor', groups: { ...monitor.groups, alive: ['running', 'member'] }, ports: { ...monitor.ports, daemon: { kind: 'provide', boundTo: ['alive'], ...daemon } } };
export const started = defineComponent({
  name: 'bench/started', places: ['no', 'yes'], initialPlace: 'no', behaviours: ['deploy'],
  transitions: { see: { from: 'no', to: 'yes', behaviour: 'deploy', durationMs: 0 } },
  ports: { daemon: { kind: 'use', boundTo: ['see'], ...daemon } },
});
`,
  assembly: (text: string): string => text
    .replace('\ncomponents:\n', '\nmodules: [./alone.mjs]\ncomponents:\n  started: { type: bench/started, count: 3 }\n')
    .replace('type: ceph/monitor, on: node', 'type: bench/monitor, on: node')
    .replace('\nconnections:\n', '\nconnections:\n  - started[*] -> mon[*]\n'),
};

type Order = keyof typeof orders;

interface CephLine {
  readonly order: Order;
  /** From the start of the command to its end. */
  readonly wallMs: number;
  /** What `simulate` makes of the durations that this run recorded. */
  readonly criticalPathMs: number;
  readonly health: string;
}

/** `npm run bench -- ceph [--runs n] [--json]`: a real Ceph cluster deployed in three orders on a test bed of five hosts, in turn; a line with the median run of each. */
export async function cephBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { runs: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } } });
  const missing = whyNot();
  if (missing !== undefined) throw new Error(`no test bed can be made here: ${missing}`);
  const lines: CephLine[] = [];
  const bed = await up(5);
  try {
    for (let i = 0; i < Number(values.runs); i++) {
      for (const order of Object.keys(orders) as Order[]) {
        const line = await deploy(bed, order);
        lines.push(line);
        console.error(`run ${i + 1}: ${order} ${line.wallMs} ms, critical path ${line.criticalPathMs} ms, ${line.health}`);
      }
    }
  } finally {
    await bed.down();
  }
  for (const order of Object.keys(orders) as Order[]) {
    const runs = lines.filter((line) => line.order === order).sort((a, b) => a.wallMs - b.wallMs);
    const line = runs[runs.length >> 1]!;
    console.log(values.json ? JSON.stringify(line) : `${order.padEnd(8)} ${String(line.wallMs).padStart(7)} ms, critical path ${line.criticalPathMs} ms, ${line.health}`);
  }
}

async function deploy(bed: TestBed, order: Order): Promise<CephLine> {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
  const file = join(folder, 'assembly.yaml');
  const text = `${readFileSync(join(root, 'assemblies/ceph/assembly.yaml'), 'utf8')}  bench:\n${orders[order]}`;
  if (order === 'hosts') writeFileSync(join(folder, 'alone.mjs'), alone['alone.mjs']);
  writeFileSync(file, order === 'hosts' ? alone.assembly(text) : text);
  try {
    const began = performance.now();
    await tutti(['run', file, 'bench', '--flavour', 'testbed', '--hosts', bed.folder]);
    const wallMs = Math.round(performance.now() - began);
    const simulated = JSON.parse((await tutti(['simulate', file, 'bench', '--json'])).trim().split('\n').at(-1)!) as { readonly makespanMs: number };
    const cluster = `/var/tmp/tutti-${readFileSync(join(folder, '.tutti/assembly/id'), 'utf8').trim()}.admin/cluster`;
    const health = (await bed.inside('h5', `timeout 60 ceph -c ${cluster}/ceph.conf -k ${cluster}/keys/client.admin.keyring health`)).trim();
    return { order, wallMs, criticalPathMs: Math.round(simulated.makespanMs), health };
  } finally {
    await tutti(['destroy', file]);
    rmSync(folder, { recursive: true, force: true });
  }
}

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { up, whyNot, type TestBed } from '../test/testbed/testbed.ts';
import { tutti } from './tutti.ts';

const root = join(import.meta.dirname, '..');

const pushes = ['cold', 'delta', 'none'] as const;
const methods = ['copy', 'pack', 'cache'] as const;

interface NixosLine {
  /** `cold`: to hosts that have nothing; `delta`: two packages of 190 changed; `none`: once more. */
  readonly push: (typeof pushes)[number];
  readonly method: (typeof methods)[number];
  readonly hosts: number;
  /** From the first push's start to the last one's end. */
  readonly wallMs: number;
  /** What the hosts received, all protocols included. */
  readonly bytes: number;
}

/** `npm run bench -- nixos [--runs n] [--json]`: a closure of 50 MB pushed by the real Nix to one and to three hosts of a test bed, by each method; a line with the median run of each. */
export async function nixosBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { runs: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } } });
  const missing = whyNot();
  if (missing !== undefined) throw new Error(`no test bed can be made here: ${missing}`);
  const lines: NixosLine[] = [];
  const bed = await up(3);
  const folder = mkdtempSync(join(tmpdir(), 'tutti-bench-'));
  try {
    mkdirSync(join(folder, 'conf'));
    writeFileSync(join(folder, 'conf/nix.conf'), 'build-users-group =\nsandbox = true\nsandbox-fallback = false\nsubstituters =\n');
    for (let i = 0; i < Number(values.runs); i++) {
      for (const hosts of [1, 3]) for (const method of methods) lines.push(...await measure(bed, folder, method, hosts));
    }
  } finally {
    await bed.down();
    rmSync(folder, { recursive: true, force: true });
  }
  if (!values.json) console.log('push   method  hosts  wall ms    bytes');
  for (const hosts of [1, 3]) for (const push of pushes) for (const method of methods) {
    const runs = lines.filter((line) => line.push === push && line.method === method && line.hosts === hosts).sort((a, b) => a.wallMs - b.wallMs);
    const line = runs[runs.length >> 1]!;
    console.log(values.json ? JSON.stringify(line) : `${push.padEnd(6)} ${method.padEnd(7)} ${String(hosts).padEnd(6)} ${String(line.wallMs).padEnd(10)} ${line.bytes}`);
  }
}

async function measure(bed: TestBed, folder: string, method: NixosLine['method'], hosts: number): Promise<NixosLine[]> {
  const used = bed.hosts.slice(0, hosts);
  const file = join(folder, 'assembly.yaml');
  cpSync(join(root, 'assemblies/nixos/system'), join(folder, 'system'), { recursive: true });
  writeFileSync(file, assembly(method, hosts, bed.address('h1').replace(/\d+$/, '254')));
  await Promise.all(used.map((host) => bed.inside(host, 'for pid in $(cat /run/services/*.pid 2>/dev/null); do kill "$pid" 2>/dev/null; done; chmod -R u+w /nix 2>/dev/null; rm -rf /nix/* /run/services')));
  const env = { ...process.env, NIX_CONF_DIR: join(folder, 'conf'), NIX_REMOTE: `local?root=${folder}/store`, HOME: folder };
  const play = (command: string, ...args: readonly string[]) => tutti([command, file, ...args], env);
  try {
    // Where the closure is built, and the cache filled, nothing is measured.
    await play('run', 'build', '--flavour', 'testbed', '--hosts', bed.folder);
    const lines: NixosLine[] = [];
    for (const push of pushes) {
      if (push === 'delta') {
        const settings = join(folder, 'system/configuration.nix');
        writeFileSync(settings, readFileSync(settings, 'utf8').replace('version = "1"', 'version = "2"').replace('changed = [ ]', 'changed = [ 150 170 ]'));
        await play('run', 'rebuild');
      }
      const before = await received(bed, used);
      const out = await play('run', push === 'cold' ? 'deploy' : 'fetch');
      const bytes = (await received(bed, used)) - before;
      lines.push({ push, method, hosts, wallMs: wallOf(out), bytes });
      if (push === 'delta') await play('run', 'update');
    }
    return lines;
  } finally {
    await play('destroy');
  }
}

function assembly(method: NixosLine['method'], hosts: number, address: string): string {
  const isCache = method === 'cache';
  const makers = isCache ? 'closure, cache' : 'closure';
  return `
assembly: bench
hosts: { node: { count: ${hosts} } }
components:
  closure: { type: nixos/closure, with: { source: system, file: system.nix, arguments: { role: web, packages: 190, kib: 260 } } }
  system: { type: nixos/system, on: node, count: ${hosts}, with: { method: ${method} } }
${isCache ? `  cache: { type: nixos/cache, with: { address: "${address}" } }\n` : ''}connections:
  - system[*] -> closure
${isCache ? '  - cache -> closure\n  - system[*].cache -> cache.cache\n' : ''}programs:
  build: [{ push: { deploy: [${makers}] } }, { wait: [${makers}] }]
  rebuild: [{ push: { update: closure } }, { wait: closure }${isCache ? ', { push: { update: cache } }, { wait: cache }' : ''}]
  deploy: [{ push: { deploy: "system[*]" } }, { wait: all }]
  fetch: [{ push: { fetch: "system[*]" } }, { wait: all }]
  update: [{ push: { update: "system[*]" } }, { wait: all }]
`;
}

/** What the hosts' interfaces have received. */
async function received(bed: TestBed, hosts: readonly string[]): Promise<number> {
  const all = await Promise.all(hosts.map((host) => bed.inside(host, 'cat /proc/net/dev')));
  return all.flatMap((text) => text.split('\n').slice(2)).filter((line) => line.includes(':') && !line.includes('lo:')).reduce((sum, line) => sum + Number(line.split(':')[1]!.trim().split(/\s+/)[0]), 0);
}

/** As a run's lines tell it: `+1.234s done system[1].push (…)`. */
function wallOf(out: string): number {
  const times = out.split('\n').flatMap((line) => {
    const match = /\+([\d.]+)s +(started|done) +\S+\.(push|fetch)\b/.exec(line);
    return match ? [Number(match[1]) * 1000] : [];
  });
  return Math.round(Math.max(...times) - Math.min(...times));
}

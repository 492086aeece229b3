import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';

const tutti = new URL('../bin/tutti.js', import.meta.url).pathname;
const execute = (...args: readonly string[]) => promisify(execFile)(process.execPath, [tutti, ...args], { maxBuffer: 1 << 28 });

/** One provider and its users: `count` writes them as a role of many, `listed` one by one with a connection each. No action touches a machine. */
function assemblyOf(components: number, form: 'count' | 'listed'): string {
  const users = Array.from({ length: components - 1 }, (_, i) => `u${i + 1}`);
  return [
    'assembly: bench',
    'hosts: { w: {} }',
    'types:',
    '  provider:',
    '    places: [off, installed, running]',
    '    transitions: { install: { from: off, to: installed, behaviour: deploy }, start: { from: installed, to: running, behaviour: deploy } }',
    '    ports: { service: { provide: service, boundTo: running } }',
    '  user:',
    '    places: [off, configured, running]',
    '    transitions: { configure: { from: off, to: configured, behaviour: deploy }, start: { from: configured, to: running, behaviour: deploy }, suspend: { from: running, to: configured, behaviour: suspend } }',
    '    ports: { service: { use: service, boundTo: [start, running] } }',
    'components:',
    '  p: { type: provider, on: w }',
    ...(form === 'count' ? [`  u: { type: user, on: w, count: ${users.length} }`] : users.map((user) => `  ${user}: { type: user, on: w }`)),
    'connections:',
    ...(form === 'count' ? ['  - u[*].service -> p.service'] : users.map((user) => `  - ${user}.service -> p.service`)),
    'programs:',
    '  deploy: [{ push: deploy }, { wait: all }]',
    `  again: [{ push: { suspend: [${form === 'count' ? 'u[*]' : users.join(', ')}] } }, { wait: all }, { push: deploy }, { wait: all }]`,
    '',
  ].join('\n');
}

/** What a person waits for at the prompt: whole commands, the start of Node included, on assemblies that were deployed. */
export async function commandsBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { json: { type: 'boolean', default: false }, n: { type: 'string', default: '1000,10000' }, runs: { type: 'string', default: '5' } } });
  const report = async (command: string, components: number, ...words: readonly string[]) => {
    const times: number[] = [];
    for (let i = 0; i < Number(values.runs); i++) {
      const begun = performance.now();
      await execute(...words);
      times.push(performance.now() - begun);
    }
    const wallMs = Math.round(times.sort((a, b) => a - b)[times.length >> 1]!);
    console.log(values.json ? JSON.stringify({ command, components, wallMs }) : `${command.padEnd(24)} ${String(components).padStart(6)} components ${String(wallMs).padStart(7)} ms`);
  };
  await report('--help', 0, '--help');
  const folder = await mkdtemp(join(tmpdir(), 'tutti-bench-'));
  try {
    for (const components of values.n.split(',').map(Number)) {
      const counted = join(folder, `counted-${components}.yaml`), listed = join(folder, `listed-${components}.yaml`);
      await writeFile(counted, assemblyOf(components, 'count'));
      await writeFile(listed, assemblyOf(components, 'listed'));
      await report('check', components, 'check', counted);
      await report('check (listed)', components, 'check', listed);
      await execute('run', counted, '--json');
      await report('status', components, 'status', counted);
      for (let i = 0; i < 4; i++) await execute('run', counted, 'again', '--json');
      await report('status (5 programs)', components, 'status', counted);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

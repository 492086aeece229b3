// The story of the DIET report on this machine: deploy, call, reconfigure while it runs, call, status, stop, destroy; then a look whether anything is left.
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { gantt, seconds, tree, type Bar, type Element } from './demo-pictures.ts';

const root = join(import.meta.dirname, '..');
// The story plays in a copy, on ports that are free, so that it disturbs no assembly that runs in this clone.
const folder = mkdtempSync(join(tmpdir(), 'tutti-demo-'));
const file = join(folder, 'assembly.yaml');
// Every process of the story carries this; what still does at the end was left behind.
const mark = `TUTTI_DEMO=${folder}`;
const env = { ...process.env, TUTTI_DEMO: folder };
const isBold = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;

let running: ChildProcess | undefined;
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    running?.kill('SIGTERM');
  });
}

process.exitCode = await main();

async function main(): Promise<number> {
  const startMs = performance.now();
  let failed = false;
  try {
    cpSync(join(root, 'assemblies/diet'), folder, { recursive: true, filter: (source) => !source.includes('.tutti') });
    writeFileSync(file, await onFreePorts(readFileSync(file, 'utf8')));
    await story();
  } catch (failure) {
    failed = true;
    console.error(`\n${(failure as Error).message}`);
  }
  try {
    heading('Destroy', 'whatever is left of it on its hosts, journal and logs');
    console.log(`  ${(await tutti('destroy')).replace(/;.*/s, '.')}`);
  } catch (failure) {
    failed = true;
    console.error((failure as Error).message);
  }
  rmSync(folder, { recursive: true, force: true });
  const left = leftBehind();
  console.log(left.length === 0 ? '  Looked in /proc: no process of the story lives. Its files are removed.' : `  LEFT BEHIND:\n${left.join('\n')}`);
  if (interrupted) return 130;
  if (failed || left.length > 0) return 1;
  heading(`That was the whole story, in ${seconds(performance.now() - startMs)}. Where to go next`);
  const next: readonly (readonly [string, string])[] = [
    ['less assemblies/diet/assembly.yaml', 'all that tutti was told'],
    ['npx tutti run assemblies/diet/assembly.yaml', 'deploy it yourself, and watch it live'],
    ['npx tutti run assemblies/diet/assembly.yaml bypass-la1', ''],
    ['npx tutti trace assemblies/diet/assembly.yaml -o gantt.svg', 'what ran when, as a picture'],
    ['npx tutti destroy assemblies/diet/assembly.yaml', 'end it'],
    ['npx tutti init my-first', 'a small assembly of your own'],
    ['README.md, docs/', 'how it works'],
  ];
  console.log(next.map(([what, why]) => `  ${what.padEnd(60)} ${why}`.trimEnd()).join('\n'));
  return 0;
}

async function story(): Promise<void> {
  heading('A DIET hierarchy on this machine', 'a naming service, a Master Agent, two Local Agents, two servers');
  console.log(hasTogether('omniNames', 'nameclt') ? "  Naming service: omniORB's omniNames, the real one." : "  Naming service: omniNames is not installed, so the double's own naming service is used instead.");
  console.log(hasTogether('dietAgent', 'connect', 'disconnect') ? '  DIET: the real programs.' : '  DIET: not installed, so its double plays: true processes on true ports, which compute nothing.');
  await tutti('check');

  heading('Deploy', 'everything is pushed to everybody at once; the ports alone order it');
  await play('deploy');
  const before = await picture();

  heading('Call', 'a client asks the Master Agent; both servers must answer');
  await call();

  heading('Bypass LA1 while it runs', 'LA2 and SeD1 move below MA1, LA1 is stopped');
  await play('bypass-la1');
  const after = await picture();
  const restarted = after.filter(({ name, pid }) => pid !== undefined && pid !== before.find((one) => one.name === name)?.pid);
  if (restarted.length > 0) throw new Error(`Restarted, and nobody asked for it: ${restarted.map(({ name }) => name).join(', ')}.`);
  console.log(`  ${after.filter(({ pid }) => pid !== undefined).length} processes are those of before: nobody was restarted.`);

  heading('Call again', 'both servers are there');
  await call();

  heading('Status');
  console.log(indented(await tutti('status')));

  heading('Stop', 'nobody is told in which order: those that are used go last');
  await play('stop');
}

/** Plays a program and draws what it did. */
async function play(program: string): Promise<void> {
  const lines = (await tutti('run', program, '--json')).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Said);
  const startMs = new Map<string, number>();
  const bars: Bar[] = [];
  for (const { kind, atMs, action } of lines) {
    const key = `${action?.component}.${action?.transition}.${action?.execution}`;
    if (kind === 'started') startMs.set(key, atMs);
    if (kind === 'ended') bars.push({ ...action!, startMs: startMs.get(key)!, endMs: atMs });
  }
  const at = (kind: string) => lines.find((line) => line.kind === kind)!.atMs;
  console.log(gantt(bars, at('programEnded') - at('programBegan')).join('\n'));
}

/** A line of `--json`. */
interface Said {
  readonly kind: string;
  readonly atMs: number;
  readonly action?: { readonly component: string; readonly transition: string; readonly execution: number };
}

async function call(): Promise<void> {
  await tutti('run', 'call', '--json');
  const found = readFileSync(join(folder, '.tutti/assembly/logs/client.call.log'), 'utf8').match(/Servers found: .*/g);
  console.log(`  ${found?.at(-1)}`);
}

/** Draws the hierarchy as it is now. */
async function picture(): Promise<readonly Element[]> {
  const status = JSON.parse(await tutti('status', '--json')) as {
    readonly members: readonly { readonly spec: { readonly name: string }; readonly state: { readonly places: readonly string[] } }[];
    readonly connections: readonly { readonly use: { readonly component: string; readonly port: string }; readonly provide: { readonly component: string } }[];
  };
  const elements = status.members.map(({ spec, state }) => {
    const parent = status.connections.find(({ use }) => use.component === spec.name && use.port === 'u_parent_service')?.provide.component;
    const pid = pidOf(spec.name);
    return { name: spec.name, place: state.places.join(' '), ...(parent === undefined ? {} : { parent }), ...(pid === undefined ? {} : { pid }) };
  });
  console.log(['', ...tree(elements)].join('\n'));
  return elements;
}

/** Runs `tutti COMMAND FILE ...` and gives what it says on standard output. @throws Error with what it said when it did not end well */
async function tutti(command: string, ...args: readonly string[]): Promise<string> {
  if (interrupted && command !== 'destroy') throw new Error('Interrupted.');
  const shown = args.filter((arg) => arg !== '--json');
  if (!(command === 'status' && args.includes('--json'))) console.log(`  $ tutti ${[command, 'assemblies/diet/assembly.yaml', ...shown].join(' ')}`);
  // In a group of its own: Ctrl-C is heard here, and passed on once.
  const child = spawn(process.execPath, [join(root, 'bin/tutti.js'), command, file, ...args], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  if (command === 'run') running = child;
  let out = '', err = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
  const patience = setInterval(() => console.log('  ... goes on'), 10_000);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(patience);
    running = undefined;
  });
  if (code === 0) return out.trimEnd();
  if (interrupted) throw new Error('Interrupted.');
  throw new Error(`"tutti ${command}" ended with exit code ${code}.\n${args.includes('--json') ? failuresIn(out) : out}${err}`);
}

/** The failures among lines of `--json`, as text. */
function failuresIn(out: string): string {
  const said = out.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Said & { readonly failure?: { readonly message: string; readonly output?: string } });
  return said.flatMap(({ kind, action, failure }) => (kind === 'failed' ? [`${action!.component}.${action!.transition}: ${failure!.message}\n${failure!.output ?? ''}\n`] : [])).join('');
}

/** What comes next, and in a few words what is to be seen. */
function heading(text: string, about?: string): void {
  console.log(`\n${isBold ? `\u001b[1m${text}\u001b[0m` : text}${about === undefined ? '' : ` - ${about}`}`);
}

function indented(text: string): string {
  return text.split('\n').map((line) => `  ${line}`.trimEnd()).join('\n');
}

/** The assembly's text, with another port for each one that is taken here. */
async function onFreePorts(text: string): Promise<string> {
  const pieces = await Promise.all(text.split(/(?<=port: )(?=\d)/).map(async (piece, i) => {
    const port = i === 0 ? undefined : /^\d+/.exec(piece)?.[0];
    return port === undefined || (await isFree(Number(port))) ? piece : piece.replace(port, String(await freePort()));
  }));
  return pieces.join('');
}

async function isFree(port: number): Promise<boolean> {
  return (await listening(port)) === port;
}

async function freePort(): Promise<number> {
  return (await listening(0))!;
}

/** Listens on a port for a moment, and says on which; undefined when it is taken. */
function listening(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(undefined)).listen(port, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

/** Whether one folder on PATH holds all these programs: only then does tutti take them. */
function hasTogether(...programs: readonly string[]): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((path) => path !== '' && programs.every((program) => {
    try {
      accessSync(join(path, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }));
}

/** The process of a component's daemon, while it lives. */
function pidOf(component: string): number | undefined {
  const hosts = join(folder, '.tutti/assembly/hosts');
  const [daemon] = readdirSync(hosts).map((host) => join(hosts, host, 'scripts/daemons', component)).filter((path) => existsSync(path));
  const pid = daemon === undefined ? undefined : Number(readFileSync(join(daemon, readdirSync(daemon)[0]!, 'pid'), 'utf8').split(' ')[0]);
  return pid !== undefined && isOfStory(pid) ? pid : undefined;
}

function isOfStory(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
  } catch {
    return false;
  }
}

function leftBehind(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && isOfStory(Number(name)))
    .map((pid) => `  ${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`);
}

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { JournalRecord } from '../../src/assembly/journal.ts';
import type { AssemblySnapshot } from '../../src/assembly/state.ts';
import { parseIdentity } from '../../src/orchestrapi/script.ts';
import { openForDestruction } from '../../src/session/destroy.ts';
import { doubleFolder, folderOnPath } from '../doubles/diet-stage.ts';

/*
 * The shipped DIET assembly in a folder of its own, conducted from outside: by the real `bin/tutti.js`, as an operator would.
 */

const root = join(import.meta.dirname, '../..');
export const bin = join(root, 'bin/tutti.js');
const shippedFile = join(root, 'assemblies/diet/assembly.yaml');
const quickPrograms = join(import.meta.dirname, 'quick-programs.sh');
const shipped = readFileSync(shippedFile, 'utf8');

/** Components of the shipped assembly that are processes, in its order. */
export const daemons = { ns: 'omniNames', ma1: 'dietAgent', la1: 'dietAgent', la2: 'dietAgent', sed1: 'scalars_server', sed2: 'scalars_server' } as const;
export type Component = keyof typeof daemons;
export const components = Object.keys(daemons) as Component[];

const hosts: Readonly<Record<Component, string>> = { ns: 'head', ma1: 'head', la1: 'worker.1', la2: 'worker.2', sed1: 'worker.3', sed2: 'worker.4' };

const namingPrograms = ['omniNames', 'nameclt', 'genior', 'catior'] as const;
const dietPrograms = ['dietAgent', 'scalars_server', 'scalars_client', 'connect', 'disconnect', 'remove'] as const;

/** omniORB's naming service where it is installed, else the double's own. */
export const omniOrb = folderOnPath(...namingPrograms);
/** Why what needs omniORB's naming service is left out here; undefined where it is installed. */
export const withoutOmniOrb = omniOrb ? undefined : `${namingPrograms.join(', ')} are not on PATH (Debian: omniorb-nameserver, omniorb)`;

/** How a command of `tutti` ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export class Playground {
  readonly folder: string;
  readonly file: string;
  readonly ports: Readonly<Record<Component, number>>;
  readonly env: NodeJS.ProcessEnv;
  readonly #mark: string;
  readonly #before: readonly string[];
  readonly #left: ChildProcess[] = [];

  private constructor(folder: string, ports: Readonly<Record<Component, number>>, path: string) {
    this.folder = folder;
    this.file = join(folder, 'diet.yaml');
    this.ports = ports;
    // Every process of the story carries this, so that what is left of it is found.
    this.#mark = `TUTTI_E2E=${folder}`;
    this.env = { ...process.env, PATH: path, TUTTI_E2E: folder, NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'), WITNESS: join(folder, 'witness'), SLOW: join(folder, 'slow'), REGISTRY: join(folder, 'registry') };
    this.#before = filesIn(folder);
  }

  /**
   * `path`: PATH of the controller and, with it, of the hosts. `change` is done to the text of the assembly. `slow`: of the programs that `witnesses` wraps,
   * those that take a second longer, each with its arguments.
   */
  static async open({ path = process.env['PATH'] ?? '', change = (text) => text, slow = [] }: { readonly path?: string; readonly change?: (text: string) => string; readonly slow?: readonly string[] } = {}): Promise<Playground> {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-e2e-'));
    const free = await freePorts(components.length);
    const ports = Object.fromEntries(components.map((name, i) => [name, free[i]!])) as Record<Component, number>;
    const text = components.reduce((all, name) => all.replace(new RegExp(`^(  ${name}: .*port: )\\d+`, 'm'), `$1${ports[name]}`), shipped).replaceAll('./double', doubleFolder);
    writeFileSync(join(folder, 'diet.yaml'), change(text));
    writeFileSync(join(folder, 'witness'), '');
    writeFileSync(join(folder, 'slow'), slow.map((line) => `${line}\n`).join(''));
    for (const name of ['names', 'parents']) mkdirSync(join(folder, 'registry', name), { recursive: true });
    return new Playground(folder, ports, path);
  }

  get stateFolder(): string {
    return join(this.folder, '.tutti/diet');
  }

  get journalFile(): string {
    return join(this.stateFolder, 'journal.jsonl');
  }

  /** The log of a transition, '' while there is none. */
  log(transition: string): string {
    const path = join(this.stateFolder, 'logs', `${transition}.log`);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** Kills a step's keeper and all that it runs, as when its host goes down. */
  killStep(host: string, step: string): void {
    const [keeper, leader] = ['lock', 'pid'].map((name) => parseIdentity(readFileSync(join(this.stateFolder, 'hosts', host, 'scripts/steps', step, name), 'utf8'))!.pid);
    process.kill(keeper!, 'SIGKILL');
    process.kill(-leader!, 'SIGKILL');
  }

  /** Runs `tutti COMMAND FILE ...` to its end. */
  async tutti(command: string, ...args: readonly string[]): Promise<Ending> {
    return this.node([bin, command, this.file, ...args]).ending;
  }

  /** A program of Node in the story's environment. `said` resolves when its output holds the text; it ends without it: rejects. */
  node(args: readonly string[]): { readonly pid: number; readonly ending: Promise<Ending>; said(text: string): Promise<void>; kill(signal: NodeJS.Signals): void } {
    const child = spawn(process.execPath, args, { env: this.env, cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    let listeners: (() => void)[] = [];
    const hear = () => listeners.forEach((listener) => listener());
    child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; hear(); });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; hear(); });
    const ending = new Promise<Ending>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, out, err }));
    });
    return {
      pid: child.pid!, ending,
      kill: (signal) => void child.kill(signal),
      said: (text) => new Promise((resolve, reject) => {
        const listener = () => { if (`${out}${err}`.includes(text)) resolve(); };
        listeners = [...listeners, listener];
        listener();
        void ending.then(() => reject(new Error(`ended without saying "${text}":\n${out}${err}`)));
      }),
    };
  }

  async status(): Promise<AssemblySnapshot> {
    return JSON.parse((await this.tutti('status', '--json')).out) as AssemblySnapshot;
  }

  /** The places of a component, joined by a blank. */
  async placesOf(component: string): Promise<string | undefined> {
    return (await this.status()).members.find(({ spec }) => spec.name === component)?.state.places.join(' ');
  }

  get journal(): readonly JournalRecord[] {
    if (!existsSync(this.journalFile)) return [];
    // Behind the last newline stands what was torn.
    return readFileSync(this.journalFile, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as JournalRecord);
  }

  /** The folder of a component on its host. */
  folderOf(component: Component): string {
    return join(this.stateFolder, 'hosts', hosts[component], component);
  }

  /** `pid start-time` of each component's daemon that lives, which no later process of the same pid shares. */
  get processes(): Readonly<Partial<Record<Component, string>>> {
    return Object.fromEntries(components.flatMap((name) => {
      try {
        const { pid, startTime } = parseIdentity(readFileSync(join(this.stateFolder, 'hosts', hosts[name], 'scripts/daemons', name, daemons[name], 'pid'), 'utf8'))!;
        return startTimeOf(pid) === startTime ? [[name, `${pid} ${startTime}`]] : [];
      } catch {
        return [];
      }
    }));
  }

  pidOf(component: Component): number {
    return Number(this.processes[component]!.split(' ')[0]);
  }

  /** Kills a component's daemon and waits until it is gone; its keeper writes the end down. */
  async kill(component: Component, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    process.kill(this.pidOf(component), signal);
    await until(`${component} is gone`, () => this.processes[component] === undefined);
  }

  /** One of the programs in a component's folder, in its environment. */
  async program(component: Component, name: string, ...args: readonly string[]): Promise<Ending> {
    const cwd = this.folderOf(component);
    const env = { ...this.env, OMNIORB_CONFIG: join(cwd, 'omniORB4.cfg'), OMNIORB_BIN: join(cwd, 'naming') };
    const child = spawn(join(cwd, name), args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal, out, err }));
    });
  }

  /** Starts a program by hand and leaves it: nobody but this story's end ends it. */
  leave([program, ...args]: readonly string[], env: Readonly<Record<string, string>> = {}): void {
    this.#left.push(spawn(program!, args, { cwd: this.folder, env: { ...this.env, ...env }, stdio: 'ignore', detached: true }));
  }

  /** Ends what was left, with SIGTERM, and waits for it. */
  async endLeft(): Promise<void> {
    await Promise.all(this.#left.splice(0).map((child) => new Promise((resolve) => child.once('exit', resolve).kill('SIGTERM'))));
  }

  /** A client of MA1 asks: what it says, and the servers that it finds, by their ports. */
  async call(): Promise<Ending & { readonly found: readonly number[] }> {
    writeFileSync(join(this.folderOf('ma1'), 'client.cfg'), 'MAName = MA1\n');
    const ending = await this.program('ma1', 'bin/scalars_client', 'client.cfg', 'IADD');
    return { ...ending, found: [...ending.out.matchAll(/^ {4}\S+:(\d+)$/gm)].map((match) => Number(match[1])).toSorted((a, b) => a - b) };
  }

  /** Ports in ascending order, as `call` finds them. */
  portsOf(...names: readonly Component[]): readonly number[] {
    return names.map((name) => this.ports[name]).toSorted((a, b) => a - b);
  }

  async isBound(name: string): Promise<boolean> {
    return (await this.program('ma1', 'naming/nameclt', 'resolve', name)).code === 0;
  }

  /** What the wrapped programs were called for, in the order of their starts, without the story's own folder in it. */
  get witnessed(): readonly string[] {
    return readFileSync(join(this.folder, 'witness'), 'utf8').split('\n').filter((line) => line !== '').map((line) => line.replaceAll(this.folder, '').trim());
  }

  /** Processes of the story that live. */
  get alive(): readonly string[] {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(this.#mark)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        return [];
      }
    });
  }

  /** Files in the story's folder that were not there at its beginning. */
  get leftFiles(): readonly string[] {
    return filesIn(this.folder).filter((name) => !this.#before.includes(name));
  }

  /** Ends all that still lives, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A journal that a test has broken cannot say what there is; the mark can.
    await openForDestruction(this.stateFolder).then((destruction) => destruction.destroy(), () => {});
    for (const line of this.alive) {
      try {
        process.kill(Number(line.split(' ')[0]), 'SIGKILL');
      } catch {
        // Gone by itself.
      }
    }
    await until('nothing of the story lives', () => this.alive.length === 0);
    rmSync(this.folder, { recursive: true });
  }
}

/** Asks until the answer is yes. @throws Error after 20 s */
export async function until(what: string, question: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await question());) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * A PATH whose first folder holds all programs of the story, each of which notes its calls in the file $WITNESS before it becomes the real one (or the
 * double). Tutti finds them as it would find any, so that the notes are nobody's but theirs. `mkdir` stands for the steps that come before a start.
 * With `quick` they are those of quick-programs.sh.
 */
export function witnesses(folder: string, { quick = false }: { readonly quick?: boolean } = {}): string {
  mkdirSync(folder);
  const naming = omniOrb ?? join(doubleFolder, 'naming');
  const diet = process.env['DIET_BIN'] ?? doubleFolder;
  for (const name of [...namingPrograms, ...dietPrograms, 'mkdir']) {
    const isQuick = quick && name !== 'mkdir';
    const program = name === 'mkdir' ? join(folderOnPath(name)!, name) : join((namingPrograms as readonly string[]).includes(name) ? naming : diet, name);
    const isNoted = !['nameclt', 'genior', 'catior'].includes(name);
    if (!isNoted) symlinkSync(isQuick ? quickPrograms : program, join(folder, name));
    else if (isQuick) writeFileSync(join(folder, name), `#!/bin/sh\necho "\${0##*/} $*" >>"$WITNESS"\n. ${quickPrograms}\n`, { mode: 0o755 });
    else writeFileSync(join(folder, name), `#!/bin/sh\necho "\${0##*/} $*" >>"$WITNESS"\ngrep -qxF "\${0##*/} $*" "$SLOW" && sleep 1\nexec ${program} "$@"\n`, { mode: 0o755 });
  }
  return [folder, process.env['PATH'] ?? ''].join(delimiter);
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true }).map(String);
}

function startTimeOf(pid: number): string | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return words[0] === 'Z' ? undefined : words[19];
  } catch {
    return undefined;
  }
}

const given = new Set<number>();

/** Loopback ports that are free now, below those that outgoing connections get. */
async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    found.push(port);
  }
  return found;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false)).listen(port, () => server.close(() => resolve(true)));
  });
}

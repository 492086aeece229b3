import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Folder of the double of DIET's programs; `naming/` below it is the double's own naming service. */
export const doubleFolder = join(import.meta.dirname, '../../assemblies/diet/double');

/** The folder on PATH that holds all of these programs, or undefined. */
export function folderOnPath(...programs: readonly string[]): string | undefined {
  return (process.env['PATH'] ?? '').split(delimiter).find((folder) => folder !== '' && programs.every((program) => isExecutable(join(folder, program))));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process in the foreground of nobody, with what it said so far. */
export interface Daemon {
  readonly port: number;
  /** Both output streams up to now. */
  said(): string;
  isAlive(): boolean;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Asks until the answer is yes. @throws Error after `timeoutMs` */
export async function eventually(what: string, question: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  for (const deadline = Date.now() + timeoutMs; !(await question()); ) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * One naming service and any number of DIET processes on this machine, in a folder of their own. Which programs play is told by two
 * folders: the same stage serves the double and the real ones.
 */
export class Stage {
  readonly namingPort: number;
  readonly folder: string;
  readonly #programs: string;
  readonly #naming: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(folder: string, namingPort: number, programs: string, naming: string) {
    this.folder = folder;
    this.namingPort = namingPort;
    this.#programs = programs;
    this.#naming = naming;
  }

  /** A stage whose naming service runs already, unless told otherwise. */
  static async open(options: { readonly programs: string; readonly naming: string; readonly withoutNaming?: boolean }): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'tutti-diet-'));
    const stage = new Stage(folder, await freePort(), options.programs, options.naming);
    await mkdir(join(folder, 'omninames'));
    await writeFile(join(folder, 'omniORB4.cfg'), `InitRef = NameService=corbaname::127.0.0.1:${stage.namingPort}\n`);
    if (!options.withoutNaming) await stage.startNaming();
    return stage;
  }

  /** Kills whatever is left and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'))));
    await rm(this.folder, { recursive: true });
  }

  /** Starts omniNames with the sheet's command and waits until it answers. */
  async startNaming(options: { readonly dataFolder?: string } = {}): Promise<Daemon> {
    const naming = this.omniNames(['-start', String(this.namingPort), '-always', '-datadir', options.dataFolder ?? join(this.folder, 'omninames')]);
    await this.#ready('the naming service', naming, async () => (await this.nameclt('list')).exitCode === 0);
    return naming;
  }

  omniNames(args: readonly string[]): Daemon {
    const command = [join(this.#naming, 'omniNames'), ...args, '-ORBendPointPublish', 'giop:tcp:127.0.0.1:'];
    return this.#spawn(command, this.namingPort, { OMNIORB_CONFIG: '/dev/null' });
  }

  async masterAgent(name: string): Promise<Daemon> {
    const agent = await this.launchAgent(name, { agentType: 'DIET_MASTER_AGENT' });
    await this.#ready(name, agent, async () => agent.said().includes(`Master Agent ${name} started.`) && (await this.isBound(`dietAgent/${name}`)));
    return agent;
  }

  /** A Local Agent, attached to nobody unless a parent is named. */
  async localAgent(name: string, parent = 'none'): Promise<Daemon> {
    const agent = await this.launchAgent(name, { agentType: 'DIET_LOCAL_AGENT', parentName: 'MA1' }, ['-p', parent]);
    await this.#ready(name, agent, async () => agent.said().includes(`Local Agent ${name} started.`) && (await this.isBound(`dietAgent/${name}`)));
    return agent;
  }

  /** A Server Daemon, attached to nobody unless a parent is named. */
  async serverDaemon(name: string, parent = 'none'): Promise<Daemon> {
    const server = await this.launchServer(name, { parentName: parent });
    await this.#ready(name, server, async () => server.said().includes('## Launch Dagda data manager DAGDA-SeD-') && (await this.isBound(`dietSeD/${name}`)));
    return server;
  }

  /** `dietAgent` with a configuration file of these keys (and name, host, port), without waiting for anything. */
  async launchAgent(name: string, keys: Readonly<Record<string, string | number>>, options: readonly string[] = []): Promise<Daemon> {
    const { file, port } = await this.#configuration(name, keys);
    return this.#spawn(['stdbuf', '-oL', join(this.#programs, 'dietAgent'), file, ...options], port);
  }

  async launchServer(name: string, keys: Readonly<Record<string, string | number>>): Promise<Daemon> {
    const { file, port } = await this.#configuration(name, keys);
    return this.#spawn(['stdbuf', '-oL', join(this.#programs, 'scalars_server'), file], port);
  }

  /** One of DIET's programs, to its end. */
  run(program: string, ...args: readonly string[]): Promise<Result> {
    return this.#toItsEnd(join(this.#programs, program), args);
  }

  nameclt(...args: readonly string[]): Promise<Result> {
    return this.#toItsEnd(join(this.#naming, 'nameclt'), args);
  }

  async isBound(name: string): Promise<boolean> {
    return (await this.nameclt('resolve', name)).exitCode === 0;
  }

  /** A call of the client of MA1. */
  async call(): Promise<Result> {
    await writeFile(join(this.folder, 'client.cfg'), 'MAName = MA1\n');
    return this.run('scalars_client', join(this.folder, 'client.cfg'), 'IADD');
  }

  /** The ports of the servers that a call finds, in ascending order; none for a call that finds no server. */
  async serversFound(): Promise<readonly number[]> {
    const { stdout } = await this.call();
    return [...stdout.matchAll(/^ {4}\S+:(\d+)$/gm)].map((match) => Number(match[1])).toSorted((a, b) => a - b);
  }

  async #configuration(name: string, keys: Readonly<Record<string, string | number>>): Promise<{ file: string; port: number }> {
    const port = Number(keys['dietPort'] ?? (await freePort()));
    const file = join(this.folder, `${name}.cfg`);
    const storage = join(this.folder, `dagda-${name}`);
    await mkdir(storage, { recursive: true });
    const all = { traceLevel: 5, name, dietHostname: '127.0.0.1', dietPort: port, storageDirectory: storage, ...keys };
    await writeFile(file, Object.entries(all).filter(([, value]) => value !== '').map(([key, value]) => `${key} = ${value}\n`).join(''));
    return { file, port };
  }

  get #environment(): NodeJS.ProcessEnv {
    return { ...process.env, OMNIORB_CONFIG: join(this.folder, 'omniORB4.cfg'), OMNIORB_BIN: this.#naming };
  }

  #toItsEnd(program: string, args: readonly string[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      execFile(program, args, { env: this.#environment, cwd: this.folder, timeout: 20_000 }, (error, stdout, stderr) => {
        if (error && typeof error.code !== 'number') reject(error);
        else resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr });
      });
    });
  }

  #spawn([program, ...args]: readonly string[], port: number, env: Readonly<Record<string, string>> = {}): Daemon {
    const child = spawn(program!, args, { env: { ...this.#environment, ...env }, cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.add(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => { said += piece; });
    let alive = true;
    const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => { alive = false; this.#children.delete(child); });
      // 'close' comes when the output is complete.
      child.once('close', (exitCode, signal) => resolve({ exitCode, signal }));
    });
    return { port, said: () => said, isAlive: () => alive, ended, end: (signal) => { child.kill(signal); return ended; } };
  }

  async #ready(what: string, daemon: Daemon, question: () => Promise<boolean>): Promise<void> {
    await eventually(`${what} is ready`, async () => {
      if (!daemon.isAlive()) throw new Error(`${what} ended: ${daemon.said()}`);
      return question();
    });
  }
}

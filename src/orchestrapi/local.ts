import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { chmod, copyFile, readFile, rm, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize } from 'node:path';
import { HostError, type Command, type CommandResult, type FileToPut, type Host, type HostErrorCode, type PutReport, type RunOptions, type Script, type ScriptStatus } from './host.ts';
import { codeOf, inWords } from './errno.ts';
import { ended, LocalScripts } from './local-scripts.ts';
import { placeFiles } from './place-files.ts';
import { shown } from './quote.ts';
import { runLocally } from './run-locally.ts';
import { isWithin } from './script.ts';

export interface LocalHostOptions {
  readonly name: string;
  /** Absolute, at least two levels below `/`; made on first use with mode 0700. */
  readonly workFolder: string;
  /** Default: `127.0.0.1`. */
  readonly address?: string;
  /** Added to this process's environment for every command. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A folder of this machine that plays a machine.
 * @throws RangeError for a work folder that `destroy` must not remove
 * @example const head = localHost({ name: 'head', workFolder: '/var/tmp/demo/head' }); await head.run(['uname', '-m'])
 */
export function localHost(options: LocalHostOptions): Host {
  return new LocalHost(options);
}

class LocalHost implements Host {
  readonly name: string;
  readonly address: string;
  readonly workFolder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #scripts: LocalScripts;

  constructor({ name, workFolder, address = '127.0.0.1', env = {} }: LocalHostOptions) {
    if (!isAbsolute(workFolder)) throw new RangeError(`the work folder "${workFolder}" must be an absolute path`);
    this.workFolder = normalize(workFolder).replace(/\/+$/, '');
    if (this.workFolder.split('/').length < 3) throw new RangeError(`"${workFolder}" cannot be a work folder: it would be removed with all that is in it`);
    this.name = name;
    this.address = address;
    this.#env = env;
    this.#scripts = new LocalScripts(this.workFolder);
  }

  async run(command: Command, options: RunOptions = {}): Promise<CommandResult> {
    const { signal, timeoutMs = 60_000 } = options;
    if (signal?.aborted) throw this.#error('INTERRUPTED', `"${shown(command)}" was not run: ${why(signal)}`);
    const cwd = this.#enter(options.cwd);
    const end = await this.#asHostError(`"${shown(command)}" cannot be run`, () => runLocally(command, { ...options, timeoutMs, cwd, env: this.#environment(options.env) }));
    switch (end.kind) {
      case 'ended': return end.result;
      case 'timedOut': throw this.#error('TIMEOUT', `"${shown(command)}" ran past its time limit of ${timeoutMs} ms; its process group was killed`);
      case 'aborted': throw this.#error('INTERRUPTED', `"${shown(command)}" was killed: ${why(signal)}`);
      default: return end satisfies never;
    }
  }

  async put(batch: readonly FileToPut[]): Promise<PutReport> {
    this.#makeWorkFolder();
    return placeFiles(batch, (to) => this.#inside(to));
  }

  async get(path: string): Promise<string> {
    return this.#asHostError(`"${path}" cannot be read`, () => readFile(this.#inside(path), 'utf8'));
  }

  async fetch(path: string, to: string): Promise<void> {
    await this.#asHostError(`"${path}" cannot be read`, async () => {
      const from = this.#inside(path);
      const { mode } = await stat(from);
      await copyFile(from, to);
      await chmod(to, mode & 0o7777);
    });
  }

  async start(script: Script): Promise<ScriptStatus> {
    this.#makeWorkFolder();
    const cwd = this.#inside(script.cwd);
    return this.#asHostError(`the script "${script.id}" cannot be started`, () => this.#scripts.start(script, { cwd, env: this.#environment() }));
  }

  async poll(id: string): Promise<ScriptStatus> {
    return this.#asHostError(`the script "${id}" cannot be looked at`, () => this.#scripts.poll(id));
  }

  async wait(id: string, signal?: AbortSignal): Promise<Exclude<ScriptStatus, { kind: 'alive' }>> {
    const end = ended(await this.#asHostError(`the script "${id}" cannot be waited for`, () => this.#scripts.wait(id, signal)));
    if (!end) throw this.#error('INTERRUPTED', `no longer waiting for the script "${id}": ${why(signal)}`);
    return end;
  }

  async kill(id: string, { signal = 'TERM', graceMs = 10_000 }: Parameters<Host['kill']>[1] = {}): Promise<ScriptStatus> {
    return this.#asHostError(`the script "${id}" cannot be ended`, () => this.#scripts.kill(id, `SIG${signal}`, graceMs));
  }

  async forget(...ids: readonly string[]): Promise<void> {
    let alive: string | undefined;
    for (const id of ids) {
      if ((await this.poll(id)).kind === 'alive') alive = id;
      else await this.#asHostError(`the script "${id}" cannot be forgotten`, () => this.#scripts.forget(id));
    }
    if (alive !== undefined) throw this.#error('BUSY', `the script "${alive}" is alive`);
  }

  async destroy(): Promise<void> {
    await this.#asHostError(`the work folder ${this.workFolder} cannot be removed`, async () => {
      await Promise.all((await this.#scripts.ids()).map((id) => this.#scripts.kill(id, 'SIGTERM', 5_000)));
      await rm(this.workFolder, { recursive: true, force: true });
    });
  }

  async close(): Promise<void> {}

  #inside(path = ''): string {
    return isAbsolute(path) ? normalize(path) : join(this.workFolder, path);
  }

  /** The folder a command runs in; one that is missing below the work folder is made. */
  #enter(path: string | undefined): string {
    this.#makeWorkFolder();
    const folder = this.#inside(path);
    if (existsSync(folder)) return folder;
    if (!isWithin(folder, this.workFolder)) throw this.#error('NOT_FOUND', `there is no folder "${folder}" to run in`);
    return this.#make(folder);
  }

  #environment(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#env, ...env };
  }

  #makeWorkFolder(): void {
    if (existsSync(this.workFolder)) return;
    this.#make(this.workFolder);
    chmodSync(this.workFolder, 0o700);
  }

  #make(folder: string): string {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      return folder;
    } catch (cause) {
      throw this.#error(codeOf(cause), `the folder ${folder} cannot be made: ${inWords(cause)}`, cause);
    }
  }

  async #asHostError<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      throw cause instanceof HostError ? cause : this.#error(codeOf(cause), `${what}: ${inWords(cause)}`, cause);
    }
  }

  #error(code: HostErrorCode, message: string, cause?: unknown): HostError {
    return new HostError(code, this.name, `${this.name}: ${message}`, cause);
  }
}

const why = (signal: AbortSignal | undefined): string => (signal?.reason instanceof Error ? signal.reason.message : 'interrupted');

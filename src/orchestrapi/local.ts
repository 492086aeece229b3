import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, watch } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostError, type Command, type CommandResult, type FileToPut, type Host, type PutReport, type RunOptions, type Script, type ScriptStatus } from './host.ts';
import { placeFiles } from './place-files.ts';
import { bootId, groupMembers, signalGroup, startTimeOf } from './process.ts';
import { argvOf, shown } from './quote.ts';
import { checkId, files, keptBytes, mark, parseExit, parsePid, recordOf, wrapper } from './script.ts';

export interface LocalHostOptions {
  readonly name: string;
  /** Absolute; made on first use with mode 0700. */
  readonly workFolder: string;
  /** Default: `127.0.0.1`. */
  readonly address?: string;
  /** Added to this process's environment for every command. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A folder of this machine that plays a machine. */
export function localHost(options: LocalHostOptions): Host {
  return new LocalHost(options);
}

class LocalHost implements Host {
  readonly name: string;
  readonly address: string;
  readonly workFolder: string;
  readonly #env: Readonly<Record<string, string>>;
  /** Scripts started by this very process: their end is an event of it. */
  readonly #started = new Map<string, Promise<void>>();

  constructor({ name, workFolder, address = '127.0.0.1', env = {} }: LocalHostOptions) {
    if (!isAbsolute(workFolder)) throw new RangeError(`the work folder "${workFolder}" must be an absolute path`);
    this.name = name;
    this.address = address;
    this.workFolder = workFolder;
    this.#env = env;
  }

  async run(command: Command, options: RunOptions = {}): Promise<CommandResult> {
    const { timeoutMs = 60_000, input, onOutput, signal } = options;
    if (signal?.aborted) throw this.#error('INTERRUPTED', `"${shown(command)}" was not run: ${reason(signal)}`);
    this.#makeWorkFolder();
    const [program, ...args] = argvOf(command);
    const child = spawn(program, args, { cwd: this.#inside(options.cwd), env: this.#environment(options.env), detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const out = tail(), err = tail();
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out.add(text); onOutput?.('out', text); });
    child.stderr.setEncoding('utf8').on('data', (text: string) => { err.add(text); onOutput?.('err', text); });
    // A program that reads no input closes the pipe: no failure of ours.
    child.stdin.on('error', () => {}).end(input ?? '');
    let killed: 'TIMEOUT' | 'INTERRUPTED' | undefined;
    const kill = (why: 'TIMEOUT' | 'INTERRUPTED') => {
      if (killed || child.pid === undefined) return;
      killed = why;
      signalGroup(child.pid, 'SIGTERM');
      const group = child.pid;
      setTimeout(() => signalGroup(group, 'SIGKILL'), 2_000).unref();
    };
    const timer = setTimeout(() => kill('TIMEOUT'), timeoutMs);
    const onAbort = () => kill('INTERRUPTED');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const exitCode = await new Promise<number>((resolve, reject) => {
        child.once('error', (cause: NodeJS.ErrnoException) => {
          if (cause.code === 'ENOENT' && existsSync(this.#inside(options.cwd))) resolve(127);
          else if (cause.code === 'EACCES') resolve(126);
          else reject(this.#error('REFUSED', `"${shown(command)}" cannot be run: ${cause.message}`, cause));
        });
        child.once('close', (code, by) => resolve(code ?? 128 + signalNumber(by)));
      });
      if (killed === 'TIMEOUT') throw this.#error('TIMEOUT', `"${shown(command)}" ran past its time limit of ${timeoutMs} ms; its process group was killed`);
      if (killed) throw this.#error('INTERRUPTED', `"${shown(command)}" was killed: ${reason(signal)}`);
      const stderr = exitCode === 127 && err.text === '' ? `${program}: not found\n` : err.text;
      return { exitCode, stdout: out.text, stderr };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async put(batch: readonly FileToPut[]): Promise<PutReport> {
    this.#makeWorkFolder();
    return placeFiles(batch, (to) => this.#inside(to));
  }

  async get(path: string): Promise<string> {
    try {
      return await readFile(this.#inside(path), 'utf8');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw this.#error(code === 'ENOENT' ? 'NOT_FOUND' : 'REFUSED', code === 'ENOENT' ? `there is no file "${path}"` : `"${path}" cannot be read: ${(cause as Error).message}`, cause);
    }
  }

  async start(script: Script): Promise<ScriptStatus> {
    const folder = this.#folder(script.id);
    const found = await this.poll(script.id);
    if (found.kind !== 'absent') return found;
    try {
      this.#makeWorkFolder();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if (script.input !== undefined) await writeFile(join(folder, files.input), script.input, { mode: 0o600 });
      await writeFile(join(folder, files.command), recordOf(script.command), { mode: 0o600 });
    } catch (cause) {
      throw this.#refused(`the script "${script.id}" cannot be written`, cause);
    }
    const limit = script.timeoutMs === undefined ? '' : String(Math.max(0.001, script.timeoutMs / 1000));
    const child = spawn('/bin/sh', ['-c', wrapper, 'tutti-script', folder, limit, this.#inside(script.cwd), ...argvOf(script.command)], {
      env: { ...this.#environment(script.env), [mark]: folder }, cwd: this.workFolder, detached: true, stdio: 'ignore',
    });
    const ended = Promise.withResolvers<void>();
    this.#started.set(script.id, ended.promise);
    child.once('exit', () => { this.#started.delete(script.id); ended.resolve(); });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => { this.#started.delete(script.id); ended.resolve(); reject(this.#error('REFUSED', `the script "${script.id}" cannot be started: ${cause.message}`, cause)); });
    });
    child.unref();
    return { kind: 'alive', pid: child.pid! };
  }

  async poll(id: string): Promise<ScriptStatus> {
    const folder = this.#folder(id);
    const leader = await this.#leader(folder);
    if (leader === 'absent') return this.#started.has(id) ? { kind: 'alive', pid: 0 } : { kind: 'absent' };
    const ended = await readEnd(folder);
    if (ended) return ended;
    if (leader !== 'unknown' && isAlive(leader)) return { kind: 'alive', pid: leader.pid };
    // It may have ended between the two looks.
    return (await readEnd(folder)) ?? { kind: 'vanished', ...(await outputOf(folder)) };
  }

  async wait(id: string, signal?: AbortSignal): Promise<Exclude<ScriptStatus, { kind: 'alive' }>> {
    const folder = this.#folder(id);
    for (;;) {
      if (signal?.aborted) throw this.#error('INTERRUPTED', `no longer waiting for the script "${id}": ${reason(signal)}`);
      const own = this.#started.get(id);
      if (own) await Promise.race([own, aborted(signal)]);
      const status = await this.poll(id);
      if (status.kind !== 'alive') return status;
      if (!own) await changed(folder, signal);
    }
  }

  async kill(id: string, { signal = 'TERM', graceMs = 10_000 }: { readonly signal?: 'TERM' | 'INT' | 'HUP' | 'KILL'; readonly graceMs?: number } = {}): Promise<ScriptStatus> {
    const folder = this.#folder(id);
    const leader = await this.#leader(folder);
    if (leader === 'absent' || leader === 'unknown' || leader.bootId !== bootId()) return this.poll(id);
    const members = () => groupMembers(leader.pid, folder);
    if (members().length > 0) {
      signalGroup(leader.pid, `SIG${signal}`);
      const deadline = performance.now() + graceMs;
      let pauseMs = 2;
      while (members().length > 0 && performance.now() < deadline) await sleep((pauseMs = Math.min(50, pauseMs * 2)));
      if (members().length > 0) {
        signalGroup(leader.pid, 'SIGKILL');
        while (members().length > 0) await sleep(5);
      }
    }
    await this.#started.get(id);
    return this.poll(id);
  }

  async forget(id: string): Promise<void> {
    const status = await this.poll(id);
    if (status.kind === 'alive') throw this.#error('BUSY', `the script "${id}" is alive`);
    await rm(this.#folder(id), { recursive: true, force: true });
  }

  async destroy(): Promise<void> {
    await Promise.all((await this.#scripts()).map((id) => this.kill(id, { graceMs: 5_000 })));
    await rm(this.workFolder, { recursive: true, force: true });
  }

  async close(): Promise<void> {}

  /** Every script of the work folder, by id. */
  async #scripts(): Promise<string[]> {
    const root = join(this.workFolder, 'scripts');
    if (!existsSync(root)) return [];
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((e) => e.isFile() && e.name === files.pid).map((e) => e.parentPath.slice(root.length + 1));
  }

  async #leader(folder: string): Promise<'absent' | 'unknown' | NonNullable<ReturnType<typeof parsePid>>> {
    try {
      return parsePid(await readFile(join(folder, files.pid), 'utf8')) ?? 'unknown';
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
      throw this.#refused('a script cannot be looked at', cause);
    }
  }

  #folder(id: string): string {
    return join(this.workFolder, 'scripts', checkId(id));
  }

  #inside(path = ''): string {
    return isAbsolute(path) ? path : join(this.workFolder, path);
  }

  #environment(env: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
    return { ...process.env, ...this.#env, ...env };
  }

  #makeWorkFolder(): void {
    if (existsSync(this.workFolder)) return;
    try {
      mkdirSync(this.workFolder, { recursive: true, mode: 0o700 });
      chmodSync(this.workFolder, 0o700);
    } catch (cause) {
      throw this.#refused(`the work folder ${this.workFolder} cannot be made`, cause);
    }
  }

  #refused(what: string, cause: unknown): HostError {
    const { code, message } = cause as NodeJS.ErrnoException;
    const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'NO_SPACE' : code === 'EROFS' ? 'READ_ONLY' : 'REFUSED';
    return this.#error(kind, `${what}: ${kind === 'NO_SPACE' ? 'no space is left on the device' : kind === 'READ_ONLY' ? 'the file system is read-only' : message}`, cause);
  }

  #error(code: HostError['code'], message: string, cause?: unknown): HostError {
    return new HostError(code, this.name, `${this.name}: ${message}`, cause);
  }
}

const reason = (signal: AbortSignal | undefined): string => (signal?.reason instanceof Error ? signal.reason.message : 'interrupted');

function isAlive({ pid, startTime, bootId: boot }: { pid: number; startTime: string; bootId: string }): boolean {
  return boot === bootId() && startTimeOf(pid) === startTime;
}

async function readEnd(folder: string): Promise<Extract<ScriptStatus, { kind: 'ended' }> | undefined> {
  let exitCode: number | undefined;
  try {
    exitCode = parseExit(await readFile(join(folder, files.exit), 'utf8'));
  } catch {
    return undefined;
  }
  if (exitCode === undefined) return undefined;
  return { kind: 'ended', exitCode, ...(await outputOf(folder)), timedOut: existsSync(join(folder, files.late)) };
}

async function outputOf(folder: string): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = await Promise.all([readTail(join(folder, files.out)), readTail(join(folder, files.err))]);
  return { stdout, stderr };
}

/** The last 1 MiB of a file; empty when it is not there. */
async function readTail(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - keptBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Keeps the last 1 MiB of what is added. */
function tail(): { add(text: string): void; readonly text: string } {
  let text = '';
  return {
    add(more) {
      text += more;
      if (text.length > 2 * keptBytes) text = text.slice(-keptBytes);
    },
    get text() {
      return text.length > keptBytes ? text.slice(-keptBytes) : text;
    },
  };
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
}

/** Resolves when something changes in a folder, and after a second in any case: a wrapper killed outright changes nothing. */
async function changed(folder: string, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(folder, () => resolve());
  watcher.on('error', () => resolve());
  const timer = setTimeout(resolve, 1_000);
  signal?.addEventListener('abort', () => resolve(), { once: true });
  // What changed between the look and the watch is not an event: look again at once if it has ended.
  if (await readEnd(folder)) resolve();
  await promise;
  clearTimeout(timer);
  watcher.close();
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : (constants.signals[signal] ?? 0);
}

import { isAbsolute, join, normalize } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { codeOf, errnoIn, inWords } from './errno.ts';
import { HostError, type Command, type CommandResult, type FileToPut, type Host, type HostErrorCode, type PutOptions, type PutReport, type RunOptions, type Script, type ScriptStatus, type Silence, type SshRoute } from './host.ts';
import { argvOf, quoteOnOneLine as quote, shown } from './quote.ts';
import { sshNetwork, type SshAlgorithms, type SshNetwork } from './ssh-connection.ts';
import { sshArguments, type SshTarget } from './ssh-config.ts';
import { SshFiles } from './ssh-files.ts';
import { ShellPool, type Lease, type LeaseKind } from './ssh-pool.ts';
import { SshScripts } from './ssh-scripts.ts';
import { ChannelLost } from './ssh-shell.ts';
import { tail } from './tail.ts';

export interface SshHostOptions extends SshTarget {
  readonly name: string;
  /** Absolute, at least two levels below `/`; made on first use with mode 0700. One that belongs to another user is refused. */
  readonly workFolder: string;
  /** What other hosts call it. Default: the destination. */
  readonly address?: string;
  /** Added to the environment of every command and script. */
  readonly env?: Readonly<Record<string, string>>;
  /** Shared by the hosts of an assembly: jump hosts and configuration are asked for once. Default: one of its own. */
  readonly network?: SshNetwork;
  readonly algorithms?: SshAlgorithms;
  /** Sessions on one connection. Default: 4; sshd's MaxSessions is 10, and it refuses from about 8 at once on. */
  readonly channelsPerConnection?: number;
  /** Default: 4. */
  readonly connections?: number;
  /** So long a host that was reached once is tried again when it is lost. Default: 30,000 ms. */
  readonly patienceMs?: number;
  /** Batches of more bytes than this go by rsync where both sides have it. Default: 1 MiB. */
  readonly rsyncAboveBytes?: number;
}

/** Between TERM and KILL for a command that is ended early. */
const graceMs = 2_000;
/** A command's input up to this size goes in its line, else the shell is used up by it. */
const lineInputBytes = 16 * 1024;
/** So long a call of ours may take beyond what it waits for itself. */
const callMs = 60_000;

/**
 * A machine that is reached by SSH: through `ssh -G`'s configuration, the user's agent and key files, and hosts whose keys are on record. Nothing happens
 * before the first call; a connection that is lost is made anew. What is idempotent (put, get, and all about scripts) is then done again; a `run` is not,
 * since nobody knows whether it was done.
 * @throws RangeError for a work folder that `destroy` must not remove
 * @example const host = sshHost({ name: 'head', destination: 'head.example.org', workFolder: '/var/tmp/demo' }); await host.run(['uname', '-m'])
 */
export function sshHost(options: SshHostOptions): Host {
  return new SshHost(options);
}

/** What the parts of an SSH host ask of it. */
export interface FarSide {
  readonly name: string;
  readonly workFolder: string;
  /** One call of functions of the far side, in a subshell without input; from the beginning again after a lost connection. */
  call(functions: string, options?: CallOptions): Promise<Called>;
  lease(kind: LeaseKind): Promise<Lease>;
  error(code: HostErrorCode, message: string, cause?: unknown): HostError;
  /** So long a lost connection is made anew. */
  readonly patienceMs: number;
  /** What a program of the host said, as an error. */
  said(what: string, text: string): HostError;
}

/** What a call gave back. */
export interface Called {
  readonly header: string;
  readonly exitCode: number;
  readonly out: Buffer;
  readonly err: Buffer;
}

export interface CallOptions {
  /** How long it may take by its nature, beside our own limit. */
  readonly takesMs?: number;
  readonly isUrgent?: boolean;
  /** Gets the output instead of what `call` gives back, from the beginning whenever it is told that it begins. */
  readonly onOut?: (bytes: Buffer) => void;
  readonly onBegin?: () => void;
}

class SshHost implements Host, FarSide {
  readonly name: string;
  readonly address: string;
  readonly workFolder: string;
  readonly ssh: SshRoute;
  readonly #env: Readonly<Record<string, string>>;
  readonly #pool: ShellPool;
  readonly patienceMs: number;
  readonly #scripts: SshScripts;
  readonly #files: SshFiles;

  constructor(options: SshHostOptions) {
    const { name, workFolder, address, env = {}, network = sshNetwork(), algorithms, patienceMs = 30_000 } = options;
    if (!isAbsolute(workFolder)) throw new RangeError(`the work folder "${workFolder}" must be an absolute path`);
    this.workFolder = normalize(workFolder).replace(/\/+$/, '');
    if (this.workFolder.split('/').length < 3) throw new RangeError(`"${workFolder}" cannot be a work folder: it would be removed with all that is in it`);
    this.name = name;
    this.ssh = { arguments: sshArguments(options), destination: options.destination };
    this.address = address ?? options.destination;
    this.#env = env;
    this.patienceMs = patienceMs;
    this.#pool = new ShellPool({
      host: name, workFolder: this.workFolder, patienceMs, channelsPerConnection: options.channelsPerConnection ?? 4, connections: options.connections ?? 4,
      connect: (how) => network.connect(name, options, algorithms, how),
    });
    this.#scripts = new SshScripts(this, env);
    this.#files = new SshFiles(this, options);
  }

  async run(command: Command, options: RunOptions = {}): Promise<CommandResult> {
    const { signal, timeoutMs = 60_000 } = options;
    if (signal?.aborted) throw this.error('INTERRUPTED', `"${shown(command)}" was not run: ${why(signal)}`);
    const { body, input } = this.#asRefusal(`"${shown(command)}" cannot be run`, () => this.#toRun(command, options));
    const kind = input === undefined ? 'reusable' : 'fresh';
    for (let lostAt: number | undefined; ;) {
      try {
        return await this.#runOn(await this.#pool.lease(kind), command, body, input, { ...options, timeoutMs });
      } catch (failed) {
        if (!(options.isQuestion && failed instanceof HostError && failed.cause instanceof ChannelLost)) throw failed;
        lostAt ??= performance.now();
        if (signal?.aborted || performance.now() - lostAt > this.patienceMs) throw failed;
      }
    }
  }

  async put(batch: readonly FileToPut[], { onProgress }: PutOptions = {}): Promise<PutReport> {
    return this.#files.put(batch, (to) => this.#inside(to), onProgress);
  }

  async get(path: string): Promise<string> {
    return this.#files.get(path, this.#inside(path));
  }

  async fetch(path: string, to: string): Promise<void> {
    await this.#files.fetch(path, this.#inside(path), to);
  }

  async start(script: Script): Promise<ScriptStatus> {
    const cwd = this.#inside(script.cwd);
    return this.#asError(`the script "${script.id}" cannot be started`, () => this.#scripts.start(script, cwd));
  }

  async poll(id: string): Promise<ScriptStatus> {
    return this.#asError(`the script "${id}" cannot be looked at`, () => this.#scripts.poll(id));
  }

  async wait(id: string, signal?: AbortSignal): Promise<Exclude<ScriptStatus, { kind: 'alive' }>> {
    const status = await this.#asError(`the script "${id}" cannot be waited for`, () => this.#scripts.wait(id, signal));
    if (status.kind === 'alive') throw this.error('INTERRUPTED', `no longer waiting for the script "${id}": ${why(signal)}`);
    return status;
  }

  async kill(id: string, { signal = 'TERM', graceMs: grace = 10_000 }: Parameters<Host['kill']>[1] = {}): Promise<ScriptStatus> {
    return this.#asError(`the script "${id}" cannot be ended`, () => this.#scripts.kill(id, signal, grace));
  }

  async forget(...ids: readonly string[]): Promise<void> {
    await this.#asError(`the script "${ids.join('", "')}" cannot be forgotten`, () => this.#scripts.forget(ids));
  }

  async destroy(): Promise<void> {
    const { header, out } = await this.call('tutti_destroy', { takesMs: 120_000 });
    if (header === 'blocked') throw this.said(`the work folder ${this.workFolder} cannot be removed`, out.toString());
  }

  onSilence(listener: (silence: Silence) => void): void {
    this.#pool.onSilence(listener);
  }

  async close(): Promise<void> {
    this.#scripts.close();
    this.#files.close();
    this.#pool.close();
  }

  async call(functions: string, { takesMs = 0, isUrgent = false, onOut, onBegin }: CallOptions = {}): Promise<Called> {
    let lostAt: number | undefined;
    const { life } = this.#pool;
    for (;;) {
      const lease = await this.#pool.lease(isUrgent ? 'urgent' : 'reusable', life);
      const { shell } = lease;
      const timer = setTimeout(() => shell.close(), callMs + takesMs);
      const [out, err]: [Buffer[], Buffer[]] = [[], []];
      let isDone = false;
      onBegin?.();
      try {
        const { header = '', exitCode } = await shell.exchange(`(${functions}) </dev/null`, { onOut: onOut ?? ((bytes) => void out.push(bytes)), onErr: (bytes) => void err.push(bytes) });
        isDone = true;
        return { header, exitCode, out: Buffer.concat(out), err: Buffer.concat(err) };
      } catch (lost) {
        if (!(lost instanceof ChannelLost)) throw lost;
        lostAt ??= performance.now();
        if (performance.now() - lostAt > this.patienceMs) throw this.error('UNREACHABLE', 'the connection is lost again and again', lost);
      } finally {
        clearTimeout(timer);
        lease.release(isDone ? 'reusable' : 'used');
      }
    }
  }

  lease(kind: LeaseKind): Promise<Lease> {
    return this.#pool.lease(kind);
  }

  error(code: HostErrorCode, message: string, cause?: unknown): HostError {
    return new HostError(code, this.name, `${this.name}: ${message}`, cause);
  }

  said(what: string, text: string): HostError {
    const errno = errnoIn(text);
    return this.error(codeOf(errno), `${what}: ${inWords(errno)}`);
  }

  /** The text that runs a command on the far side, and its input where that does not go in a line. */
  #toRun(command: Command, { env = {}, input, cwd }: RunOptions): { body: string; input: Buffer | undefined } {
    const exports = Object.entries({ ...this.#env, ...env }).map(([name, value]) => `export ${variable(name)}=${quote(value)}; `).join('');
    const lead = `tutti_enter ${quote(this.#inside(cwd))}; ${exports}tutti_exec ${argvOf(command).map(quote).join(' ')}`;
    if (input === undefined) return { body: `tutti_group=$(${lead} </dev/null)`, input: undefined };
    const bytes = Buffer.from(input);
    return bytes.length > lineInputBytes ? { body: `tutti_group=$(${lead})`, input: bytes } : { body: `tutti_group=$(printf %b ${quote(escaped(input))} | { ${lead}; })`, input: undefined };
  }

  async #runOn(lease: Lease, command: Command, body: string, input: Buffer | undefined, { signal, timeoutMs, onOutput }: RunOptions & { readonly timeoutMs: number }): Promise<CommandResult> {
    const { shell } = lease;
    let early: 'timedOut' | 'aborted' | undefined;
    let ending: Promise<void> | undefined;
    let isReusable = false;
    const [out, err] = [collector((text) => onOutput?.('out', text)), collector((text) => onOutput?.('err', text))];
    const stop = (how: 'timedOut' | 'aborted') => (): void => {
      early ??= how;
      ending ??= this.#endCommand(shell.pid).finally(() => shell.close());
      ending.catch(() => {});
    };
    const timer = setTimeout(stop('timedOut'), timeoutMs);
    const onAbort = stop('aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const answer = await shell.exchange(body, { onOut: out.add, onErr: err.add }, input && ((to) => to.end(input))).catch((lost: unknown) => {
        if (early && lost instanceof ChannelLost) return undefined;
        throw lost;
      });
      await ending;
      if (early === 'timedOut') throw this.error('TIMEOUT', `"${shown(command)}" ran past its time limit of ${timeoutMs} ms; its process group was killed`);
      if (early === 'aborted') throw this.error('INTERRUPTED', `"${shown(command)}" was killed: ${why(signal)}`);
      const { header, exitCode, hasLeft } = answer!;
      isReusable = input === undefined && !hasLeft;
      if (header === 'absent') throw this.error('NOT_FOUND', `"${shown(command)}" was not run: there is no folder to run in`);
      if (header === 'blocked') throw this.said(`"${shown(command)}" was not run: its folder cannot be made`, out.text());
      return { exitCode, stdout: out.text(), stderr: err.text() };
    } catch (failed) {
      if (failed instanceof ChannelLost) throw this.error('UNREACHABLE', `the connection was lost while "${shown(command)}" ran: whether it was done is unknown`, failed);
      throw failed;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      lease.release(isReusable ? 'reusable' : 'used');
    }
  }

  /** Ends the process group of what runs on another shell. */
  async #endCommand(shellPid: number): Promise<void> {
    await this.call(`tutti_stop ${shellPid} ${graceMs / 50}`, { takesMs: graceMs + 5_000, isUrgent: true });
  }

  #inside(path = ''): string {
    return isAbsolute(path) ? normalize(path) : join(this.workFolder, path);
  }

  #asRefusal<T>(what: string, act: () => T): T {
    try {
      return act();
    } catch (cause) {
      throw this.error('REFUSED', `${what}: ${(cause as Error).message}`, cause);
    }
  }

  async #asError<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      throw cause instanceof HostError ? cause : this.error('REFUSED', `${what}: ${(cause as Error).message}`, cause);
    }
  }
}

function variable(name: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new RangeError(`"${name}" cannot be the name of an environment variable`);
  return name;
}

/** For `printf %b`, which gives back any byte, a NUL too. */
export function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0000');
}

function collector(onText: (text: string) => void): { add(bytes: Buffer): void; text(): string } {
  const kept = tail();
  const decoder = new StringDecoder('utf8');
  return {
    add(bytes) {
      kept.add(bytes);
      onText(decoder.write(bytes));
    },
    text: kept.text,
  };
}

const why = (signal: AbortSignal | undefined): string => (signal?.reason instanceof Error ? signal.reason.message : 'interrupted');

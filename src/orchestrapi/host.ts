/** A program and its arguments (never a shell's), or a text for `/bin/sh` on the host. */
export type Command = readonly [program: string, ...args: string[]] | string;

export interface RunOptions {
  /** After this time the whole process group on the host is killed. Default: 60,000 ms. */
  readonly timeoutMs?: number;
  /** Added to the environment of the command. */
  readonly env?: Readonly<Record<string, string>>;
  /** Given on standard input; without it standard input is empty. */
  readonly input?: string;
  /** Absolute or relative to the work folder, and by default that one. A folder that is missing below the work folder is made. */
  readonly cwd?: string;
  /** Aborting kills the process group. */
  readonly signal?: AbortSignal;
  /** It changes nothing: when its connection is lost it is run again. Default: false. */
  readonly isQuestion?: boolean;
  /** Called with each piece of output as it comes. */
  readonly onOutput?: (stream: 'out' | 'err', text: string) => void;
}

/** What a command gave back. `stdout` and `stderr` hold at most the last 1 MiB each. `exitCode` is 128 + n after signal n. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A file to place on a host: from a file or folder of the controller, or from text. `to` is absolute or relative to the work folder. */
export type FileToPut =
  | { readonly to: string; readonly from: string; readonly mode?: number }
  | { readonly to: string; readonly text: string; readonly mode?: number };

export interface PutOptions {
  /** Told now and then how much of what has to be sent is. */
  readonly onProgress?: (progress: PutProgress) => void;
}

export interface PutProgress {
  readonly sentBytes: number;
  readonly totalBytes: number;
}

/** What became of each file of a batch. */
export interface PutReport {
  readonly sent: number;
  readonly unchanged: number;
  readonly sentBytes: number;
  readonly failed: readonly { readonly to: string; readonly reason: string }[];
}

/** A command that outlives its connection and its controller. `id` is unique on the host: starting an id twice starts it once. */
export interface Script {
  /** Letters, digits, `.`, `_`, `-` and `/`; becomes a folder below `scripts/` in the work folder. */
  readonly id: string;
  readonly command: Command;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** As `RunOptions.cwd`. */
  readonly cwd?: string;
  /** After this time the script's process group is killed, by the host itself. Default: none. */
  readonly timeoutMs?: number;
}

/**
 * What is known of a script: never started here; alive; ended with its exit code and output (the last 1 MiB of each); or vanished:
 * it was started, is not alive and left no exit code (killed with its wrapper, or the host was rebooted).
 */
export type ScriptStatus =
  | { readonly kind: 'absent' }
  | { readonly kind: 'alive'; readonly pid: number }
  | { readonly kind: 'ended'; readonly exitCode: number; readonly stdout: string; readonly stderr: string; readonly timedOut: boolean }
  | { readonly kind: 'vanished'; readonly stdout: string; readonly stderr: string };

/**
 * A machine, or a folder of this one that plays a machine. Every implementation passes test/orchestrapi/host-suite.ts unchanged.
 * All methods reject with HostError when the host cannot be reached or refuses.
 */
export interface Host {
  readonly name: string;
  /** What other hosts call it. */
  readonly address: string;
  /** Absolute path on the host, made on first use, mode 0700. */
  readonly workFolder: string;
  /** How programs of the controller reach it by OpenSSH; undefined for a folder of this machine. */
  readonly ssh?: SshRoute;
  /** Runs a command to its end. A non-zero exit code is a result, not an error. @throws HostError TIMEOUT | INTERRUPTED | UNREACHABLE */
  run(command: Command, options?: RunOptions): Promise<CommandResult>;
  /** Places files in one batch; what is there already with the same bytes and mode is not sent. A file that fails names itself and harms no other. */
  put(files: readonly FileToPut[], options?: PutOptions): Promise<PutReport>;
  /** The content of one file. @throws HostError NOT_FOUND */
  get(path: string): Promise<string>;
  /** Copies one file of the host to a path of this machine, with its mode. @throws HostError NOT_FOUND, REFUSED for what is no file */
  fetch(path: string, to: string): Promise<void>;
  /** Starts a detached script, or finds the one that has this id already. */
  start(script: Script): Promise<ScriptStatus>;
  poll(id: string): Promise<ScriptStatus>;
  /** Resolves when the script is no longer alive. */
  wait(id: string, signal?: AbortSignal): Promise<Exclude<ScriptStatus, { kind: 'alive' }>>;
  /** Ends the script's whole process group: `signal` (TERM), then KILL after `graceMs` (10,000). Gone already is success. */
  kill(id: string, options?: { readonly signal?: 'TERM' | 'INT' | 'HUP' | 'KILL'; readonly graceMs?: number }): Promise<ScriptStatus>;
  /** Forgets scripts: their folders are removed, and those of all ids below. @throws HostError BUSY when one is alive; the others are forgotten all the same */
  forget(...ids: readonly string[]): Promise<void>;
  /** Ends every script that is still alive and removes the work folder. */
  destroy(): Promise<void>;
  /** Closes connections; scripts go on. */
  close(): Promise<void>;
  /** Tells when it does not answer somebody, and when that is over. A folder of this machine always answers. */
  onSilence?(listener: (silence: Silence) => void): void;
}

/** A host does not answer, though somebody waits for it. `over`: it answers again, or nobody waits for it any more. */
export interface Silence {
  /** When it was heard last, in milliseconds since 1970. */
  readonly sinceMs: number;
  readonly over?: 'answers' | 'given-up';
}

/** What is given to the program `ssh`: `ssh ARGUMENTS DESTINATION`. */
export interface SshRoute {
  readonly arguments: readonly string[];
  readonly destination: string;
}

export type HostErrorCode = 'TIMEOUT' | 'INTERRUPTED' | 'UNREACHABLE' | 'NOT_FOUND' | 'BUSY' | 'REFUSED' | 'NO_SPACE' | 'READ_ONLY';

/** What a machine is, as it says itself. */
export interface HostFacts {
  /** What other hosts call it: the host's `address`. */
  readonly address: string;
  /** What it calls itself. */
  readonly hostname: string;
  /** Processors that are online. */
  readonly cores: number;
  readonly memoryBytes: number;
  /** Whole block devices, by name: no partitions, loop devices or RAM disks. */
  readonly disks: readonly Disk[];
}

export interface Disk {
  /** As below `/dev`: `sda`, `nvme0n1`. */
  readonly name: string;
  readonly bytes: number;
  readonly isRotational: boolean;
  /** Where it or one of its partitions is mounted. */
  readonly mounts: readonly string[];
}

/** A host that could not do what was asked: which, what and why, in one sentence. */
export class HostError extends Error {
  readonly code: HostErrorCode;
  readonly host: string;
  constructor(code: HostErrorCode, host: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HostError';
    this.code = code;
    this.host = host;
  }
}

/**
 * The narrow thing through which one action of one component touches machines: the eight methods of the DIET report (§4.2) in our
 * naming. Paths are relative to `path`, the component's own folder on its host. Commands are *durable steps*: each one has an id made of
 * the action's id and its position, so that an action that is played again after a crash of the controller finds what it did already
 * instead of doing it twice.
 */
export interface Orchestrapi {
  readonly path: string;
  readonly hostname: string;
  readonly address: string;
  /** How programs of the controller (`on: 'local'`) reach this host by OpenSSH; undefined where it is a folder of the controller. */
  readonly ssh?: SshRoute;
  /** Runs a command to its end, once. @throws CommandError on a non-zero exit, unless `allowFailure` */
  run(command: Command, options?: StepOptions): Promise<CommandResult>;
  /** Starts a daemon: a script that goes on when the action has ended. Known by `name` within the component. */
  startScript(name: string, command: Command, options?: { readonly env?: Readonly<Record<string, string>>; readonly cwd?: string }): Promise<void>;
  pollScript(name: string): Promise<ScriptStatus>;
  /** Ends a daemon and its process group; gone already is success. */
  killScript(name: string, options?: { readonly signal?: 'TERM' | 'INT' | 'HUP' | 'KILL'; readonly graceMs?: number }): Promise<ScriptStatus>;
  /** Waits until `probe` says true, each `everyMs` (50); a daemon named in `alive` that ends meanwhile is a failure at once. @throws NotReadyError */
  waitUntil(what: string, probe: () => Promise<boolean>, options?: { readonly timeoutMs?: number; readonly everyMs?: number; readonly alive?: string }): Promise<void>;
  /** Runs a question: a command without effect, not kept as a durable step, whose exit code is an answer. */
  ask(command: Command, options?: StepOptions): Promise<CommandResult>;
  /** Queues a file for the next batch. */
  writeFile(path: string, text: string, options?: { readonly mode?: number }): void;
  /** The source is a file or folder of the controller, or a file of a host, which goes by way of the controller. */
  queueTransfer(source: TransferSource, destination: string): void;
  /** Sends what is queued, together with what others queued for the same host. */
  flushTransfers(): Promise<void>;
  /** Queue and flush in one. */
  transfer(source: TransferSource, destination: string): Promise<void>;
  readFile(path: string): Promise<string>;
  /** What the machine is: cores, memory, disks. Asked once a host. @param on another host of the assembly instead of the component's own */
  facts(on?: string): Promise<HostFacts>;
}

/** Relative to the assembly's folder; on a host, to the component's folder there. */
export type TransferSource = string | { readonly on: string; readonly path: string };

export interface StepOptions {
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Absolute or relative to the component's folder (on the host where it runs), and by default that one. */
  readonly cwd?: string;
  /** A non-zero exit code is returned instead of thrown. */
  readonly allowFailure?: boolean;
  /** Run on this host of the assembly instead of the component's own. */
  readonly on?: string;
  /** May be run again when its fate is unknown. Default: what the transition says. */
  readonly idempotent?: boolean;
}

/** A command that ended with a non-zero exit code. */
export class CommandError extends Error {
  readonly host: string;
  readonly command: string;
  readonly exitCode: number;
  /** Its last lines, standard error after standard output. */
  readonly output: string;
  constructor(host: string, command: string, result: CommandResult) {
    super(`"${command}" ended with exit code ${result.exitCode}`);
    this.name = 'CommandError';
    this.host = host;
    this.command = command;
    this.exitCode = result.exitCode;
    this.output = lastLines([result.stdout, result.stderr].filter((text) => text !== '').join('\n'));
  }
}

/** What `waitUntil` waited for did not come true: its time was over, or the daemon it was about had ended. */
export class NotReadyError extends Error {
  readonly host: string;
  readonly output: string;
  constructor(host: string, message: string, output = '') {
    super(message);
    this.name = 'NotReadyError';
    this.host = host;
    this.output = lastLines(output);
  }
}

/** A step whose host no longer answers: it may go on there. */
export class LostStepError extends HostError {
  readonly command: string;
  constructor(host: string, command: string, message: string, cause: unknown) {
    super('UNREACHABLE', host, message, cause);
    this.name = 'LostStepError';
    this.command = command;
  }
}

/** A step began, and nothing tells whether it was done (D2). */
export class UnknownFateError extends Error {
  readonly host: string;
  readonly command: string;
  constructor(host: string, command: string, why: string) {
    super(`"${command}" began, and ${why}: whether it was done is unknown`);
    this.name = 'UnknownFateError';
    this.host = host;
    this.command = command;
  }
}

/** The last lines of an output, 20 at most. */
function lastLines(text: string, most = 20): string {
  return text.trimEnd().split('\n').slice(-most).join('\n');
}

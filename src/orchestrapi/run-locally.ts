import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command, CommandResult, RunOptions } from './host.ts';
import { endGroup } from './process.ts';
import { argvOf } from './quote.ts';
import { tail } from './tail.ts';

/** Between TERM and KILL for a command that is ended early. */
const graceMs = 2_000;
/** What a command leaves behind in the background may hold its output open: so long it is listened to after the end. */
const lingerMs = 200;

export type RunEnd = { readonly kind: 'ended'; readonly result: CommandResult } | { readonly kind: 'timedOut' } | { readonly kind: 'aborted' };

export interface RunLocallyOptions extends Omit<RunOptions, 'env'> {
  readonly timeoutMs: number;
  readonly cwd: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs a command of this machine to its end, in a process group of its own, which is ended when the time is over or the signal aborted.
 * A program that is not there is exit code 127, one that cannot be executed 126, as in a shell. @throws errors of node:child_process
 */
export async function runLocally(command: Command, options: RunLocallyOptions): Promise<RunEnd> {
  const { timeoutMs, input, signal, onOutput, cwd, env } = options;
  const [program, ...args] = argvOf(command);
  const child = spawn(program, args, { cwd, env, detached: true, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  const out = listen(child.stdout!, (text) => onOutput?.('out', text));
  const err = listen(child.stderr!, (text) => onOutput?.('err', text));
  // A program that does not read its input to the end closes the pipe: no failure of ours.
  child.stdin?.on('error', () => {}).end(input);

  const early = Promise.withResolvers<'timedOut' | 'aborted'>();
  const timer = setTimeout(() => early.resolve('timedOut'), timeoutMs);
  const onAbort = () => early.resolve('aborted');
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const exit = exitOf(child);
    const first = await Promise.race([exit, early.promise]);
    if (first === 'timedOut' || first === 'aborted') {
      if (child.pid !== undefined) await endGroup(child.pid, 'SIGTERM', graceMs);
      await exit;
      return { kind: first };
    }
    if (first.kind === 'unspawned') {
      const exitCode = first.cause.code === 'ENOENT' ? 127 : first.cause.code === 'EACCES' ? 126 : undefined;
      if (exitCode === undefined) throw first.cause;
      return { kind: 'ended', result: { exitCode, stdout: '', stderr: `${program}: ${exitCode === 127 ? 'not found' : 'permission denied'}\n` } };
    }
    await Promise.race([Promise.all([out.closed, err.closed]), sleep(lingerMs)]);
    return { kind: 'ended', result: { exitCode: first.exitCode, stdout: out.text(), stderr: err.text() } };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    child.stdout!.destroy();
    child.stderr!.destroy();
  }
}

type Exit = { readonly kind: 'exited'; readonly exitCode: number } | { readonly kind: 'unspawned'; readonly cause: NodeJS.ErrnoException };

function exitOf(child: ReturnType<typeof spawn>): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', (cause) => resolve({ kind: 'unspawned', cause }));
    child.once('exit', (code, signal) => resolve({ kind: 'exited', exitCode: code ?? 128 + constants.signals[signal!] }));
  });
}

function listen(stream: NodeJS.ReadableStream, onText: (text: string) => void): { text(): string; readonly closed: Promise<void> } {
  const kept = tail();
  // A piece may end in the middle of a character.
  const decoder = new StringDecoder('utf8');
  stream.on('data', (bytes: Buffer) => {
    kept.add(bytes);
    onText(decoder.write(bytes));
  });
  return { text: kept.text, closed: new Promise((resolve) => stream.once('close', () => resolve())) };
}

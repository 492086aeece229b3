import { HostError, type Command, type CommandResult, type FileToPut, type Host, type HostErrorCode, type Script, type ScriptStatus } from './host.ts';
import { shown } from './quote.ts';
import { commandText, scriptFiles, scriptFolder } from './script.ts';

/** What was asked of a recording host, in order, as plain data. */
export type Recorded =
  | { readonly kind: 'run'; readonly command: Command; readonly env?: Readonly<Record<string, string>>; readonly cwd?: string; readonly input?: string }
  /** `sentBytes`: of the texts that the host did not have so already. */
  | { readonly kind: 'put'; readonly files: readonly FileToPut[]; readonly sentBytes: number }
  | { readonly kind: 'get'; readonly path: string }
  | { readonly kind: 'fetch'; readonly path: string }
  | ({ readonly kind: 'start' } & Script)
  | { readonly kind: 'kill'; readonly id: string; readonly signal: string }
  | { readonly kind: 'forget'; readonly id: string }
  | { readonly kind: 'destroy' };

/** What a command is answered: by a text found in it as a person reads it, a pattern or a function; the first that fits. */
interface Answer {
  readonly to: string | RegExp | ((command: Command) => boolean);
  /** Default: 0. */
  readonly exitCode?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  /** A script with this command goes on until it is killed. Default: as `RecordingHostOptions`. */
  readonly staysAlive?: boolean;
  /** Instead: the command fails so. */
  readonly error?: HostErrorCode;
  /** Only so many times; then the next answer that fits. Default: always. */
  readonly times?: number;
}

export interface RecordingHostOptions {
  readonly name: string;
  readonly answers?: readonly Answer[];
  /** What `get` finds beside what was put as text: absolute path -> content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Default: `/work/<name>`; nothing is made there. */
  readonly workFolder?: string;
}

/**
 * A host that notes what it is asked and does nothing: for `--dry-run`, and for tests that are tables. Commands without an answer succeed in silence.
 * A script with a time limit (a step) has ended when it is looked at; one without (a daemon) lives until it is killed.
 * @example const host = recordingHost({ name: 'head', answers: [{ to: 'uname', stdout: 'x86_64\n' }] }); await host.run(['uname', '-m']); host.log // [{ kind: 'run', command: ['uname', '-m'] }]
 */
export function recordingHost({ name, answers = [], files = {}, workFolder = `/work/${name}` }: RecordingHostOptions): Host & { readonly log: readonly Recorded[] } {
  const log: Recorded[] = [];
  const left = answers.map((answer) => ({ answer, times: answer.times ?? Infinity }));
  const scripts = new Map<string, ScriptStatus>();
  const enders = new Map<string, PromiseWithResolvers<void>>();
  const texts = new Map(Object.entries(files));
  let pids = 0;

  const at = (path: string): string => (path.startsWith('/') ? path : `${workFolder}/${path}`);
  const failure = (code: HostErrorCode, message: string): HostError => new HostError(code, name, `${name}: ${message}`);
  const answerTo = (command: Command): Answer | undefined => {
    const found = left.find(({ answer, times }) => times > 0 && fits(answer.to, command));
    if (found) found.times--;
    if (found?.answer.error) throw failure(found.answer.error, `"${shown(command)}" was answered ${found.answer.error}`);
    return found?.answer;
  };
  const end = (id: string, result: CommandResult): ScriptStatus => {
    const status: ScriptStatus = { kind: 'ended', ...result, timedOut: false };
    scripts.set(id, status);
    enders.get(id)?.resolve();
    return status;
  };
  const statusOf = (id: string): ScriptStatus => scripts.get(id) ?? { kind: 'absent' };
  /** Who started a script, and with what, is read from there. */
  const commandFileOf = (id: string): string => `${scriptFolder(workFolder, id)}/${scriptFiles.command}`;
  const kill = (id: string, signal: keyof typeof signalNumbers): ScriptStatus => (statusOf(id).kind === 'alive' ? end(id, { exitCode: 128 + signalNumbers[signal], stdout: '', stderr: '' }) : statusOf(id));

  return {
    name, address: name, workFolder, log,
    async run(command, { env, cwd, input } = {}) {
      log.push({ kind: 'run', command, ...(env ? { env } : {}), ...(cwd === undefined ? {} : { cwd }), ...(input === undefined ? {} : { input }) });
      return resultOf(answerTo(command));
    },
    async put(batch) {
      const changed = batch.filter((file) => !('text' in file) || texts.get(at(file.to)) !== file.text);
      const sentBytes = changed.reduce((sum, file) => sum + ('text' in file ? Buffer.byteLength(file.text) : 0), 0);
      log.push({ kind: 'put', files: batch, sentBytes });
      for (const file of changed) if ('text' in file) texts.set(at(file.to), file.text);
      return { sent: changed.length, unchanged: batch.length - changed.length, sentBytes, failed: [] };
    },
    async get(path) {
      log.push({ kind: 'get', path });
      const text = texts.get(at(path));
      if (text === undefined) throw failure('NOT_FOUND', `there is no file "${path}"`);
      return text;
    },
    async fetch(path) {
      log.push({ kind: 'fetch', path });
    },
    async start(script) {
      if (statusOf(script.id).kind !== 'absent') return statusOf(script.id);
      log.push({ kind: 'start', ...script });
      texts.set(commandFileOf(script.id), commandText(script, { folder: scriptFolder(workFolder, script.id), workFolder, cwd: script.cwd ?? workFolder }));
      const answer = answerTo(script.command);
      if (!(answer?.staysAlive ?? (script.timeoutMs === undefined && answer?.exitCode === undefined))) return end(script.id, resultOf(answer));
      const status: ScriptStatus = { kind: 'alive', pid: ++pids };
      scripts.set(script.id, status);
      enders.set(script.id, Promise.withResolvers());
      return status;
    },
    poll: async (id) => statusOf(id),
    async wait(id, signal) {
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      signal?.addEventListener('abort', () => resolve(), { once: true });
      if (!signal?.aborted && statusOf(id).kind === 'alive') await Promise.race([enders.get(id)!.promise, aborted]);
      const status = statusOf(id);
      if (status.kind === 'alive') throw failure('INTERRUPTED', `no longer waiting for the script "${id}"`);
      return status;
    },
    async kill(id, { signal = 'TERM' } = {}) {
      log.push({ kind: 'kill', id, signal });
      return kill(id, signal);
    },
    async forget(...ids) {
      for (const id of ids) {
        if (statusOf(id).kind === 'alive') throw failure('BUSY', `the script "${id}" is alive`);
        log.push({ kind: 'forget', id });
        for (const one of scripts.keys()) {
          if (one !== id && !one.startsWith(`${id}/`)) continue;
          scripts.delete(one);
          texts.delete(commandFileOf(one));
        }
      }
    },
    async destroy() {
      log.push({ kind: 'destroy' });
      for (const id of scripts.keys()) kill(id, 'TERM');
      scripts.clear();
      texts.clear();
    },
    async close() {},
  };
}

const signalNumbers = { HUP: 1, INT: 2, KILL: 9, TERM: 15 } as const;

function fits(to: Answer['to'], command: Command): boolean {
  if (typeof to === 'function') return to(command);
  return typeof to === 'string' ? shown(command).includes(to) : to.test(shown(command));
}

function resultOf(answer: Answer | undefined): CommandResult {
  return { exitCode: answer?.exitCode ?? 0, stdout: answer?.stdout ?? '', stderr: answer?.stderr ?? '' };
}

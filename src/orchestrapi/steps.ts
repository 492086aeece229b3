import { answerOf } from './abort.ts';
import { CommandError, HostError, LostStepError, UnknownFateError, type Command, type CommandResult, type Host, type ScriptStatus, type StepOptions } from './host.ts';
import { shown } from './quote.ts';
import { recordIn, recordOf, scriptFiles, scriptFolder } from './script.ts';

/** Between TERM and KILL for a step whose action is ended early. */
const graceMs = 2_000;

export interface StepsOptions {
  readonly host: Host;
  readonly action: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  readonly found?: boolean;
  readonly onOutput: (text: string) => void;
  readonly stopIfAborted: () => void;
}

export type Step = (on: Host, command: Command, options: Omit<StepOptions, 'on'>) => Promise<CommandResult>;

/**
 * The durable steps of one action: the k-th command is the script `steps/<action>/<k>` of its host. An action that is played again, after a crash of the
 * controller or because its host was lost, gives each command its old place: what has ended is not run again and what goes on is waited for.
 */
export function steps({ host: home, action, signal, idempotent, found = true, onOutput, stopIfAborted, ...defaults }: StepsOptions): Step {
  let count = 0;
  /** An action is played in its order: behind the first command that left no trace, no other did. */
  let isReplay = found;

  return async (on, command, { allowFailure = false, timeoutMs = defaults.timeoutMs, cwd, env, input, ...own }) => {
    const id = `steps/${action}/${count++}`;
    const script = { id, command, timeoutMs, ...(cwd === undefined ? {} : { cwd }), ...(env ? { env } : {}), ...(input === undefined ? {} : { input }) };
    const isIdempotent = own.idempotent ?? idempotent;
    let begun = 'no' as 'no' | 'perhaps' | 'yes';
    const play = async (): Promise<Ended> => {
      if (begun === 'no' && answered.has(on)) begun = 'perhaps';
      const status = await on.start(script);
      answered.add(on);
      begun = 'yes';
      if (status.kind !== 'alive') return status;
      try {
        return await on.wait(id, signal);
      } catch (failure) {
        // A host that is lost keeps the step; one whose action is over does not.
        if (signal.aborted && !isLost(failure)) await on.kill(id, { graceMs });
        throw failure;
      }
    };
    const playOnce = async (): Promise<Ended> => {
      if (isReplay) {
        begun = 'perhaps';
        isReplay = (await on.poll(id)).kind !== 'absent';
        begun = isReplay ? 'yes' : 'no';
        if (isReplay) await sameAsBefore(on, id, command, isIdempotent);
        stopIfAborted();
      }
      remember(home, action, on);
      const status = await play();
      if (status.kind !== 'vanished' || !isIdempotent) return status;
      await on.forget(id);
      return play();
    };
    stopIfAborted();
    const status = await answerOf(playOnce(), on, signal).catch((failure: unknown) => {
      throw isLost(failure) && begun !== 'no' ? lost(on, command, begun, failure, signal) : failure;
    });
    if (status.kind === 'vanished') throw new UnknownFateError(on.name, shown(command), 'it was killed together with its keeper, or its host went down');
    if (status.kind === 'absent') throw new UnknownFateError(on.name, shown(command), 'its record was removed');
    if (status.stdout) onOutput(status.stdout);
    if (status.stderr) onOutput(status.stderr);
    if (status.timedOut) throw new HostError('TIMEOUT', on.name, `${on.name}: "${shown(command)}" ran past its time limit of ${timeoutMs} ms; its process group was killed`);
    if (status.exitCode !== 0 && !allowFailure) throw new CommandError(on.name, shown(command), status);
    return { exitCode: status.exitCode, stdout: status.stdout, stderr: status.stderr };
  };
}

type Ended = Exclude<ScriptStatus, { kind: 'alive' }>;

/** Hosts that have answered this process: nothing began where nobody was reached. */
const answered = new WeakSet<Host>();

function isLost(failure: unknown): failure is HostError {
  return failure instanceof HostError && failure.code === 'UNREACHABLE';
}

/** What is known of a step whose host does not answer any more. */
function lost(on: Host, command: Command, begun: 'perhaps' | 'yes', failure: HostError, signal: AbortSignal): LostStepError {
  const { message } = failure;
  const words = shown(command);
  if (signal.aborted) return new LostStepError(on.name, words, `${message}: whether "${words}" runs on there is unknown`, failure);
  const what = begun === 'yes' ? `"${words}" began there and may still run` : `whether "${words}" began there is unknown`;
  return new LostStepError(on.name, words, `${what}; the next try (tutti retry) looks for it first. ${message}`, failure);
}

/** What may be done again may also be done otherwise, since it looks at what there is; what it did before is ended and forgotten. */
async function sameAsBefore(on: Host, id: string, command: Command, idempotent: boolean): Promise<void> {
  let before: string;
  try {
    before = recordIn(await on.get(`${scriptFolder(on.workFolder, id)}/${scriptFiles.command}`));
  } catch (failure) {
    if (failure instanceof HostError && failure.code === 'NOT_FOUND') return;
    throw failure;
  }
  if (before !== recordOf(command)) {
    if (idempotent) {
      await on.kill(id, { graceMs });
      return on.forget(id);
    }
    throw new UnknownFateError(on.name, shown(command), `its place was that of ${before} before; the action does not do the same twice`);
  }
}

/** Which hosts have steps of which action, tries of one execution together: what is to be forgotten, as far as this process knows. */
const used = new WeakMap<Host, Map<string, Map<string, Set<Host>>>>();

function executionOf(action: string): string {
  return action.replace(/\.\d+$/, '');
}

function remember(home: Host, action: string, on: Host): void {
  const executions = entry(used, home, () => new Map<string, Map<string, Set<Host>>>());
  entry(entry(executions, executionOf(action), () => new Map<string, Set<Host>>()), action, () => new Set<Host>()).add(on);
}

function entry<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

/** So long steps that are to be forgotten wait for company: removing them one by one costs a host as much as running them. */
const cleaningMs = 1_000;

/** Forgets the steps of actions whose outcome is in the journal, those of earlier tries too, on every host where they had some. What cannot be removed only takes room, until the host is destroyed. */
export class StepCleaner {
  #ids = new Map<Host, string[]>();
  #timer: NodeJS.Timeout | undefined;
  #going: Promise<unknown> = Promise.resolve();

  /** `earlier`: actions that this one was tried again for, by controllers that are gone. */
  clean(home: Host, action: string, earlier: readonly string[] = []): void {
    const tries = used.get(home)?.get(executionOf(action));
    if (!tries) return;
    used.get(home)?.delete(executionOf(action));
    const due = [...tries, ...earlier.map((name) => [name, [home]] as const)];
    for (const [name, hosts] of due) for (const on of hosts) entry(this.#ids, on, () => []).push(`steps/${name}`);
    this.#timer ??= setTimeout(() => void this.flush(), cleaningMs);
  }

  /** Forgets now what is to be forgotten. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const due = [...this.#ids];
    this.#ids = new Map();
    // What a host that is cut off keeps is tried again with the next.
    this.#going = Promise.all([this.#going, ...due.map(([on, ids]) => on.forget(...ids).catch(() => void entry(this.#ids, on, () => []).push(...ids)))]);
    await this.#going;
  }
}

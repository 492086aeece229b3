import { CommandError, HostError, UnknownFateError, type Command, type CommandResult, type Host, type ScriptStatus, type StepOptions } from './host.ts';
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
 * The durable steps of one action: the k-th command is the script `steps/<action>/<k>` of its host. An action that is played again after a crash of the
 * controller gives each command its old place, so what has ended is not run again and what goes on is waited for.
 */
export function steps({ host: home, action, signal, idempotent, found = true, onOutput, stopIfAborted, ...defaults }: StepsOptions): Step {
  let count = 0;
  /** An action is played in its order: behind the first command that left no trace, no other did. */
  let isReplay = found;

  return async (on, command, { allowFailure = false, timeoutMs = defaults.timeoutMs, cwd, env, input, ...own }) => {
    const id = `steps/${action}/${count++}`;
    const script = { id, command, timeoutMs, ...(cwd === undefined ? {} : { cwd }), ...(env ? { env } : {}), ...(input === undefined ? {} : { input }) };
    stopIfAborted();
    if (isReplay) {
      isReplay = (await on.poll(id)).kind !== 'absent';
      if (isReplay) await sameAsBefore(on, id, command, own.idempotent ?? idempotent);
      stopIfAborted();
    }
    remember(home, action, on);
    let status = await play(on, script, signal);
    if (status.kind === 'vanished' && (own.idempotent ?? idempotent)) {
      await on.forget(id);
      status = await play(on, script, signal);
    }
    if (status.kind === 'vanished') throw new UnknownFateError(on.name, shown(command), 'it was killed together with its keeper, or its host went down');
    if (status.kind === 'absent') throw new UnknownFateError(on.name, shown(command), 'its record was removed');
    if (status.stdout) onOutput(status.stdout);
    if (status.stderr) onOutput(status.stderr);
    if (status.timedOut) throw new HostError('TIMEOUT', on.name, `${on.name}: "${shown(command)}" ran past its time limit of ${timeoutMs} ms; its process group was killed`);
    if (status.exitCode !== 0 && !allowFailure) throw new CommandError(on.name, shown(command), status);
    return { exitCode: status.exitCode, stdout: status.stdout, stderr: status.stderr };
  };
}

async function play(on: Host, script: Parameters<Host['start']>[0], signal: AbortSignal): Promise<Exclude<ScriptStatus, { kind: 'alive' }>> {
  const status = await on.start(script);
  if (status.kind !== 'alive') return status;
  try {
    return await on.wait(script.id, signal);
  } catch (failure) {
    // A host that is lost keeps the step; one whose action is over does not.
    if (signal.aborted) await on.kill(script.id, { graceMs });
    throw failure;
  }
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
    throw new UnknownFateError(on.name, shown(command), `before the controller ended its place was that of ${before}; the action does not do the same twice`);
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

  clean(home: Host, action: string): void {
    const tries = used.get(home)?.get(executionOf(action));
    if (!tries) return;
    used.get(home)?.delete(executionOf(action));
    for (const [name, hosts] of tries) for (const on of hosts) entry(this.#ids, on, () => []).push(`steps/${name}`);
    this.#timer ??= setTimeout(() => void this.flush(), cleaningMs);
  }

  /** Forgets now what is to be forgotten. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const due = [...this.#ids];
    this.#ids = new Map();
    this.#going = Promise.allSettled([this.#going, ...due.map(([on, ids]) => on.forget(...ids))]);
    await this.#going;
  }
}

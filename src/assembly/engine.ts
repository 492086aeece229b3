import { type TimedHappening, type Journal, type JournalRecord } from './journal.ts';
import type { ActionRef, Event, Instruction, Outcome, ProgramOutcome } from './model.ts';
import { dataFor, type AssemblyState } from './state.ts';
import { refuse, step, type Step } from './step.ts';
import type { Value } from '../components/model.ts';

/** Runs one action to its end and says how it ended, at once when it has; never rejects. `found`: it had begun before the controller died. */
export type Perform = (action: ActionRef, data: Readonly<Record<string, Value | undefined>>, options: { readonly interruption: Interruption; readonly found: boolean }) => Outcome | Promise<Outcome>;

/** How one action is ended early: by the operator or by its time limit. The first reason counts. The signal is made when it is asked for: most actions never do. */
export class Interruption {
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  interrupt(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}

/** An action that is to run now, with the values of its data-use ports. */
interface Due {
  readonly action: ActionRef;
  readonly data: Readonly<Record<string, Value | undefined>>;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after `ms`; the result takes it back. */
  after(ms: number, callback: () => void): () => void;
}

export interface EngineOptions {
  readonly state: AssemblyState;
  readonly journal: Journal;
  readonly perform: Perform;
  /** Whether a transition has an action; those without end as soon as they start and leave no `began` record. */
  readonly hasAction: (action: ActionRef) => boolean;
  readonly clock: Clock;
  readonly onHappenings?: (happenings: readonly TimedHappening[]) => void;
  /** Actions in flight when the journal was opened: begun ones are found again, the others started. */
  readonly begun?: ReadonlySet<string>;
}

/** An action's name in journal and sets. @example actionKey({ component: 'la1', transition: 'start', execution: 2, attempt: 1 }) // 'la1/start.2.1' */
export function actionKey({ component, transition, execution, attempt }: ActionRef): string {
  return `${component}/${transition}.${execution}.${attempt}`;
}

/** How the last program ended, or that the operator interrupted. */
export type EngineEnd = ProgramOutcome | 'interrupted';

/**
 * The shell around `step`: carries its effects out, journals every event before its effect (D1), and feeds the outcomes back. What ends while the
 * journal is being synced is taken as one event: nothing is polled, and a thousand ends cost one sync.
 */
export class Engine {
  readonly state: AssemblyState;
  readonly #options: EngineOptions;
  readonly #running = new Map<string, Interruption>();
  readonly #timers = new Set<() => void>();
  #outcomes: { action: ActionRef; outcome: Outcome }[] = [];
  #retriesDue: ActionRef[] = [];
  #pumping: Promise<void> | undefined;
  #draining = false;
  #broken: unknown;
  #waiters: PromiseWithResolvers<EngineEnd>[] = [];
  #movers: PromiseWithResolvers<void>[] = [];

  constructor(options: EngineOptions) {
    this.#options = options;
    this.state = options.state;
  }

  /** Plays a (checked) program to its end. @throws what the journal threw */
  async play(name: string, instructions: readonly Instruction[]): Promise<EngineEnd> {
    await this.send({ kind: 'program', name, instructions });
    return this.ended();
  }

  /** One event of the operator or of a program; resolves when it is durable and applied. @throws RangeError when the state refuses it */
  async send(event: Event): Promise<Step> {
    const why = refuse(this.state, event);
    if (why !== undefined) throw new RangeError(why);
    while (this.#pumping) await this.#pumping;
    return this.#apply(event);
  }

  /** Takes up what was in flight when the journal was written: what began is found again, what did not is started, retries count anew. */
  async resume(): Promise<void> {
    const starts: Due[] = [];
    for (const effect of inFlight(this.state)) {
      if (effect.kind === 'start') starts.push(effect);
      else this.#retryLater(effect.action, effect.delayMs);
    }
    const { clock, begun, onHappenings } = this.#options;
    const atMs = clock.now();
    const late = starts.filter(({ action }) => !begun?.has(actionKey(action)));
    if (late.length > 0) onHappenings?.(late.map(({ action }) => ({ atMs, happening: { kind: 'started', action } })));
    await this.#begin(starts, atMs);
  }

  /** How the program ends; at once when it has. */
  ended(): Promise<EngineEnd> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    // Without a program there is nothing to wait for but what runs.
    const outcome = this.state.program ? this.state.program.outcome : 'done';
    if (outcome !== undefined && this.#running.size === 0) return Promise.resolve(outcome);
    if (this.#draining && this.#running.size === 0 && !this.#pumping) return Promise.resolve('interrupted');
    const waiter = Promise.withResolvers<EngineEnd>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** Resolves after the next event was applied. */
  moved(): Promise<void> {
    const mover = Promise.withResolvers<void>();
    this.#movers.push(mover);
    return mover.promise;
  }

  /** First call: starts nothing more and lets what runs end. Second call: kills what runs. */
  interrupt(): void {
    if (this.#draining) for (const interruption of this.#running.values()) interruption.interrupt(interrupted);
    this.#draining = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    if (this.#running.size === 0 && !this.#pumping) this.#tellEnd();
  }

  get running(): readonly string[] {
    return [...this.#running.keys()];
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  #offer(action: ActionRef, outcome: Outcome): void {
    this.#outcomes.push({ action, outcome });
    this.#pump();
  }

  /** Applies what has come in, as one event, until nothing has. */
  #pump(): void {
    if (this.#pumping || this.#broken !== undefined) return;
    this.#pumping = (async () => {
      // What ends in this turn of the event loop is one instant.
      await new Promise<void>((resolve) => setImmediate(resolve));
      while (this.#outcomes.length > 0 || this.#retriesDue.length > 0) {
        const [outcomes, retriesDue] = [this.#outcomes, this.#retriesDue];
        [this.#outcomes, this.#retriesDue] = [[], []];
        await this.#apply({ kind: 'ended', outcomes, ...(retriesDue.length > 0 ? { retriesDue } : {}) });
      }
    })().catch((error: unknown) => this.#break(error)).finally(() => {
      this.#pumping = undefined;
      if (this.#outcomes.length > 0 || this.#retriesDue.length > 0) this.#pump();
      else if (this.#draining && this.#running.size === 0) this.#tellEnd();
    });
  }

  async #apply(event: Event): Promise<Step> {
    const { journal, clock, onHappenings } = this.#options;
    const atMs = clock.now();
    const durable = journal.append({ kind: 'event', atMs, event });
    const result = step(this.state, event);
    const starts: Due[] = [];
    for (const effect of result.effects) {
      if (effect.kind === 'start') starts.push(effect);
      else this.#retryLater(effect.action, effect.delayMs);
    }
    // What begins only when it is resumed is told then.
    const told = this.#draining ? result.happenings.filter(({ kind }) => kind !== 'started') : result.happenings;
    const begun = this.#begin(starts, atMs);
    await Promise.all([durable, begun]);
    if (told.length > 0) onHappenings?.(told.map((happening) => ({ atMs, happening })));
    const movers = this.#movers;
    this.#movers = [];
    for (const mover of movers) mover.resolve();
    if (result.happenings.at(-1)?.kind === 'programEnded') this.#tellEnd();
    return result;
  }

  async #begin(starts: readonly Due[], atMs = this.#options.clock.now()): Promise<void> {
    const { journal, perform, hasAction, begun } = this.#options;
    if (this.#draining) return;
    const active: { due: Due; key: string; found: boolean; interruption: Interruption }[] = [];
    const fresh: ActionRef[] = [];
    for (const due of starts) {
      const { action } = due;
      if (!hasAction(action)) {
        this.#offer(action, { kind: 'done', writes: {} });
        continue;
      }
      const key = actionKey(action), found = begun?.has(key) ?? false, interruption = new Interruption();
      this.#running.set(key, interruption);
      active.push({ due, key, found, interruption });
      if (!found) fresh.push(action);
    }
    if (fresh.length > 0) await journal.append({ kind: 'began', atMs, actions: fresh });
    for (const { due, key, found, interruption } of active) {
      const ending = perform(due.action, due.data, { interruption, found });
      if (ending instanceof Promise) void ending.then((outcome) => this.#ended(key, due.action, outcome));
      else this.#ended(key, due.action, ending);
    }
  }

  #ended(key: string, action: ActionRef, outcome: Outcome): void {
    this.#running.delete(key);
    this.#offer(action, outcome);
  }

  #retryLater(action: ActionRef, delayMs: number): void {
    if (this.#draining) return;
    const cancel = this.#options.clock.after(delayMs, () => {
      this.#timers.delete(cancel);
      this.#retriesDue.push(action);
      this.#pump();
    });
    this.#timers.add(cancel);
  }

  #tellEnd(): void {
    const outcome = this.state.program?.outcome ?? (this.#draining ? 'interrupted' : undefined);
    if (outcome === undefined) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const w of waiters) w.resolve(outcome);
  }

  /** The journal cannot be written: nothing more is started or acted on, and whoever waits is told. */
  #break(error: unknown): void {
    this.#broken = error;
    this.#draining = true;
    for (const cancel of this.#timers) cancel();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const w of waiters) w.reject(error);
  }
}

/** The reason an aborted signal carries when the operator killed what ran. */
export const interrupted = new Error('interrupted by the operator');

/** What the effects of a restored state are: a start for each token that runs, the delay for each that is retrying. */
export function inFlight(state: AssemblyState): Step['effects'] {
  const effects: Step['effects'] = [];
  for (const member of state.members.values()) {
    for (const { transition, status, execution, attempt } of member.state.moving) {
      const action: ActionRef = { component: member.spec.name, transition, execution, attempt };
      if (status === 'running') effects.push({ kind: 'start', action, data: dataFor(member, transition) });
      if (status === 'retrying') effects.push({ kind: 'retryLater', action, delayMs: member.net.type.transitions[transition]!.retry?.delayMs ?? 1000 });
    }
  }
  return effects;
}

/** The state that a journal's records lead to, and which of the actions in flight had begun. */
export function fold(records: readonly JournalRecord[], create: (first: Extract<JournalRecord, { kind: 'assembly' }>) => AssemblyState, observe?: (happenings: readonly TimedHappening[]) => void): { state: AssemblyState; begun: ReadonlySet<string> } {
  const first = records[0];
  if (first?.kind !== 'assembly') throw new RangeError('the first record of a journal names its assembly');
  const state = create(first);
  const begun = new Set<string>();
  for (const record of records.slice(1)) {
    if (record.kind === 'began') for (const action of record.actions) begun.add(actionKey(action));
    else if (record.kind === 'event') {
      if (record.event.kind === 'ended') for (const { action } of record.event.outcomes) begun.delete(actionKey(action));
      const { happenings } = step(state, record.event);
      observe?.(happenings.map((happening) => ({ atMs: record.atMs, happening })));
    }
  }
  return { state, begun };
}

import type { Value } from '../components/model.ts';
import { VirtualClock } from './clock.ts';
import { inFlight } from './engine.ts';
import type { TimedHappening } from './journal.ts';
import type { ActionRef, Happening, Outcome, Program, ProgramOutcome } from './model.ts';
import { restore, snapshot, type AssemblyState } from './state.ts';
import { step, type Step } from './step.ts';
import { waitsOf, type Wait } from './waits.ts';

/** How long a try takes on the virtual clock, and how it ends. */
export interface Prediction {
  readonly durationMs: number;
  readonly outcome: Outcome;
}

/** How a program ends on the virtual clock. */
export interface Ending {
  readonly outcome: ProgramOutcome;
  /** From the program's first instruction to its end. */
  readonly makespanMs: number;
  /** What everybody waits for at the end, when the outcome is not `done`. */
  readonly waits: readonly Wait[];
}

export interface Simulation extends Ending {
  /** Times are milliseconds since the program's start. */
  readonly happenings: readonly TimedHappening[];
  /** The starts that determine the makespan, first to last. */
  readonly criticalPath: readonly CriticalStep[];
}

export interface CriticalStep {
  readonly component: string;
  readonly transition: string;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Plays a program on the virtual clock through the same `step` as a real run. The state is advanced; nothing outside it is touched.
 * @param predict what a try takes; by default the type's `durationMs` (1,000), every data-provide port of a type written by whoever enters it
 */
export function simulate(state: AssemblyState, program: Program, predict: Predict = declared): Simulation {
  const happenings: TimedHappening[] = [];
  const causes = new CriticalPath();
  const ending = playOut(state, program, predict, (atMs, happening) => {
    happenings.push({ atMs, happening });
    causes.see(atMs, happening);
  });
  return { ...ending, happenings, criticalPath: causes.path() };
}

/** As `simulate`, for whoever asks only how it ends: of 10,000 components nothing is kept that happened on the way, unless `see` does. */
export function playOut(state: AssemblyState, program: Program, predict: Predict = declared, see?: See): Ending {
  const clock = new VirtualClock();
  playOn(clock, state, step(state, { kind: 'program', name: program.name, instructions: program.instructions }), predict, see);
  const outcome = state.program!.outcome!;
  return { outcome, makespanMs: clock.nowMs, waits: outcome === 'done' ? [] : waitsOf(state) };
}

type Predict = (action: ActionRef, state: AssemblyState) => Prediction;
type See = (atMs: number, happening: Happening) => void;

/** From what `first` started until nothing is due any more. */
function playOn(clock: VirtualClock, state: AssemblyState, first: Pick<Step, 'effects' | 'happenings'>, predict: Predict, see?: See): void {
  const take = (s: Pick<Step, 'effects' | 'happenings'>) => {
    if (see) for (const happening of s.happenings) see(clock.nowMs, happening);
    for (const effect of s.effects) {
      if (effect.kind === 'retryLater') clock.schedule(effect.delayMs, effect.action);
      else {
        const { durationMs, outcome } = predict(effect.action, state);
        clock.schedule(durationMs, effect.action, outcome);
      }
    }
  };
  take(first);
  // A program that has ended leaves nothing running, but for a behaviour that nothing waits for.
  while (!clock.isEmpty) take(step(state, clock.advance()));
}

/** What is ahead of a program that is being played. */
export interface Ahead {
  /** Transitions that are still to end. */
  readonly transitions: number;
  /** How many of them are one after the other on the critical path. */
  readonly inARow: number;
  /** How long that path takes; undefined when a duration on the way is neither known nor declared. */
  readonly remainingMs?: number;
}

/**
 * Plays what is left of a program on the virtual clock, on a copy of its state; undefined when there is none, or when its instructions are not all known yet.
 * @param knownMs how long a try still takes from now, `hasBegun` or not, if somebody knows that better than the type
 */
export function lookAhead(state: AssemblyState, knownMs: (action: ActionRef, hasBegun: boolean) => number | undefined = () => undefined): Ahead | undefined {
  if (!state.program || state.program.outcome !== undefined || state.program.open) return undefined;
  const copy = restore(snapshot(state), state.types);
  const causes = new CriticalPath();
  const effects = inFlight(copy);
  const begun = new Set(effects.map(({ action }) => action));
  let transitions = 0, isGuessed = false;
  const clock = new VirtualClock();
  playOn(clock, copy, { effects, happenings: effects.map(({ action }) => ({ kind: 'started', action: { ...action, attempt: 1 } })) }, (action, now) => {
    const prediction = declared(action, now);
    const known = knownMs(action, begun.has(action)) ?? now.member(action.component).net.type.transitions[action.transition]!.durationMs;
    isGuessed ||= known === undefined;
    return known === undefined ? prediction : { ...prediction, durationMs: known };
  }, (atMs, happening) => {
    if (happening.kind === 'ended') transitions++;
    causes.see(atMs, happening);
  });
  return { transitions, inARow: causes.path().length, ...(isGuessed ? {} : { remainingMs: clock.nowMs }) };
}

/** The default prediction: the declared duration, a good end, and a placeholder for each value that somebody may read. */
export function declared(action: ActionRef, state: AssemblyState): Prediction & { readonly outcome: { readonly kind: 'done' } } {
  const { net } = state.member(action.component);
  const t = net.transitions.get(action.transition)!;
  const writes: Record<string, Value> = {};
  for (const port of net.dataProvidePorts) if (port.covers.has(t.to.name)) writes[port.name] = `<${action.component}.${port.name}>`;
  return { durationMs: net.type.transitions[action.transition]!.durationMs ?? 1000, outcome: { kind: 'done', writes } };
}

/**
 * Which starts determine the end: a start is caused by the latest end before it at the same instant, of its own component if that has one.
 * The chain from the last end back to the program's start is a critical path.
 */
class CriticalPath {
  readonly #open = new Map<string, CriticalStep & { readonly cause: Link | undefined }>();
  #atMs = -1;
  /** The ends of this instant: the last of each component, and the last of all. */
  #endsNow = new Map<string, Link>();
  #lastNow: Link | undefined;
  #last: Link | undefined;

  see(atMs: number, happening: TimedHappening['happening']): void {
    if (atMs !== this.#atMs) {
      this.#atMs = atMs;
      this.#endsNow.clear();
      this.#lastNow = undefined;
    }
    if (happening.kind === 'started') {
      const { component, transition } = happening.action;
      const key = `${component}\0${transition}`;
      if (happening.action.attempt > 1) return;
      this.#open.set(key, { component, transition, startMs: atMs, endMs: atMs, cause: this.#endsNow.get(component) ?? this.#lastNow });
    } else if (happening.kind === 'ended' || happening.kind === 'failed') {
      const { component, transition } = happening.action;
      const begun = this.#open.get(`${component}\0${transition}`);
      if (!begun) return;
      const link: Link = { ...begun, endMs: atMs };
      this.#open.delete(`${component}\0${transition}`);
      this.#endsNow.set(component, link);
      this.#lastNow = link;
      if (!this.#last || link.endMs >= this.#last.endMs) this.#last = link;
    }
  }

  path(): CriticalStep[] {
    const steps: CriticalStep[] = [];
    for (let link = this.#last; link; link = link.cause) steps.push({ component: link.component, transition: link.transition, startMs: link.startMs, endMs: link.endMs });
    return steps.reverse();
  }
}

interface Link extends CriticalStep {
  readonly cause: Link | undefined;
}

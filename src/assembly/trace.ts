import type { TimedHappening } from './journal.ts';
import type { ActionRef, Failure, ProgramOutcome } from './model.ts';

/**
 * Where one execution of a transition stands: `running`; `retrying` (a try failed, the next one is due by itself); `failed` (the token stays,
 * F1); and how it was settled: `done`, `skipped` or `aborted` by the operator (F3).
 */
export type TraceOutcome = 'running' | 'retrying' | 'failed' | 'done' | 'skipped' | 'aborted';

/** One execution of one transition, with all its tries. Instants are those of the happenings it was folded from, in milliseconds. */
export interface TraceRow {
  readonly component: string;
  readonly transition: string;
  /** The behaviour the component was under; none when the trace begins in the middle of one. */
  readonly behaviour?: string;
  readonly execution: number;
  /** Tries begun so far, 1 when the first one was enough. */
  readonly attempts: number;
  /** When the first try began. */
  readonly startMs: number;
  /** When the last try ended; none while one is running or due. */
  readonly endMs?: number;
  readonly outcome: TraceOutcome;
  /** Why the last failed try failed, also when a later one was enough. */
  readonly failure?: Failure;
}

/** A behaviour of a component from its first to its last instant. `empty`: there was nothing to do (R7). No `endMs`: not over. */
export interface BehaviourSpan {
  readonly component: string;
  readonly behaviour: string;
  readonly startMs: number;
  readonly endMs?: number;
  readonly empty: boolean;
}

/** A program from its first instruction to its end (I8). */
export interface ProgramSpan {
  readonly program: string;
  readonly startMs: number;
  readonly endMs?: number;
  readonly outcome?: ProgramOutcome;
}

/** What happened, as intervals. */
export interface Trace {
  /** In the order in which they started. */
  readonly rows: readonly TraceRow[];
  readonly behaviours: readonly BehaviourSpan[];
  readonly programs: readonly ProgramSpan[];
  /** First and last instant of rows, behaviours and programs; what is not over counts until the last happening. Both 0 for an empty trace. */
  readonly startMs: number;
  readonly endMs: number;
  /** `endMs - startMs`. */
  readonly makespanMs: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Folds happenings, in order, into intervals. Pure; time and memory are linear in their number.
 *
 * @example
 * const { rows, makespanMs } = traceOf(sinceLastProgram(happenings));
 */
export function traceOf(happenings: Iterable<TimedHappening>): Trace {
  const rows: Mutable<TraceRow>[] = [];
  const behaviours: Mutable<BehaviourSpan>[] = [];
  const programs: Mutable<ProgramSpan>[] = [];
  /** Rows not settled yet: component -> transition -> row. A transition holds one token at most, so one row. */
  const unsettled = new Map<string, Map<string, Mutable<TraceRow>>>();
  const behaviourOf = new Map<string, Mutable<BehaviourSpan>>();
  let lastMs = 0;

  const rowOf = (action: ActionRef): Mutable<TraceRow> | undefined => {
    const row = unsettled.get(action.component)?.get(action.transition);
    return row?.execution === action.execution ? row : undefined;
  };
  const settle = (row: Mutable<TraceRow>, outcome: TraceOutcome, atMs: number): void => {
    row.outcome = outcome;
    row.endMs ??= atMs;
    unsettled.get(row.component)?.delete(row.transition);
  };
  const endBehaviour = (component: string, atMs: number, empty: boolean): void => {
    const span = behaviourOf.get(component);
    if (!span) return;
    span.endMs = atMs;
    span.empty = empty;
    behaviourOf.delete(component);
  };

  for (const { atMs, happening } of happenings) {
    lastMs = Math.max(lastMs, atMs);
    switch (happening.kind) {
      case 'started': {
        const { component, transition, execution, attempt } = happening.action;
        const known = rowOf(happening.action);
        if (known) {
          known.outcome = 'running';
          known.attempts = attempt;
          delete known.endMs;
          break;
        }
        const behaviour = behaviourOf.get(component)?.behaviour;
        const row: Mutable<TraceRow> = {
          component, transition, execution, attempts: attempt, startMs: atMs, outcome: 'running', ...(behaviour === undefined ? {} : { behaviour }),
        };
        rows.push(row);
        const ofComponent = unsettled.get(component) ?? new Map<string, Mutable<TraceRow>>();
        unsettled.set(component, ofComponent.set(transition, row));
        break;
      }
      case 'ended': {
        const row = rowOf(happening.action);
        if (row) settle(row, 'done', atMs);
        break;
      }
      case 'retrying': {
        const row = rowOf(happening.action);
        if (row) Object.assign(row, { outcome: 'retrying', failure: happening.failure });
        break;
      }
      case 'failed': {
        // Not settled: the operator may still retry, skip or abort it (F3).
        const row = rowOf(happening.action);
        if (row) Object.assign(row, { outcome: 'failed', failure: happening.failure, endMs: atMs });
        break;
      }
      case 'skipped': {
        const row = unsettled.get(happening.component)?.get(happening.transition);
        if (row) settle(row, 'skipped', atMs);
        break;
      }
      case 'aborted': {
        for (const row of unsettled.get(happening.component)?.values() ?? []) settle(row, 'aborted', atMs);
        endBehaviour(happening.component, atMs, false);
        break;
      }
      case 'behaviourBegan': {
        const span = { component: happening.component, behaviour: happening.behaviour, startMs: atMs, empty: false };
        behaviours.push(span);
        behaviourOf.set(happening.component, span);
        break;
      }
      case 'behaviourEnded':
        endBehaviour(happening.component, atMs, happening.empty);
        break;
      case 'programBegan':
        programs.push({ program: happening.program, startMs: atMs });
        break;
      case 'programEnded': {
        const program = programs.at(-1);
        if (program && program.endMs === undefined) Object.assign(program, { endMs: atMs, outcome: happening.outcome });
        break;
      }
      case 'added':
      case 'deleted':
        // Executions are counted anew for a component that comes back under the same name.
        unsettled.delete(happening.component);
        behaviourOf.delete(happening.component);
        break;
      case 'instructed':
      case 'entered':
      case 'left':
      case 'degraded':
      case 'healthy':
        break;
      default:
        happening satisfies never;
    }
  }

  let startMs = Infinity;
  let endMs = -Infinity;
  for (const span of [...rows, ...behaviours, ...programs]) {
    startMs = Math.min(startMs, span.startMs);
    endMs = Math.max(endMs, span.endMs ?? lastMs);
  }
  if (startMs > endMs) [startMs, endMs] = [0, 0];
  return { rows, behaviours, programs, startMs, endMs, makespanMs: endMs - startMs };
}

/** What belongs to the last program: everything from its `programBegan` on; everything, when no program began. */
export function sinceLastProgram(happenings: readonly TimedHappening[]): readonly TimedHappening[] {
  const from = happenings.findLastIndex(({ happening }) => happening.kind === 'programBegan');
  return from <= 0 ? happenings : happenings.slice(from);
}

import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Failure, ProgramOutcome } from '../assembly/model.ts';
import type { Wait } from '../assembly/waits.ts';
import type { AssemblyState } from '../assembly/state.ts';
import type { Outlook } from './forecast.ts';
import type { Sending } from './sending.ts';
import type { SilentHost } from './silent-host.ts';
import { oneLine } from './text.ts';

/** An action at work, or to be tried again at `againMs`. */
export interface Running {
  readonly action: ActionRef;
  readonly sinceMs: number;
  readonly host?: string;
  readonly againMs?: number;
}

/** A transition whose failure waits for the operator. */
export interface Failed {
  readonly action: ActionRef;
  readonly failure: Failure;
  readonly log?: string;
}

/** What the live view shows at one instant. Data; `frame` makes lines of it. */
export interface LiveModel {
  readonly assembly: string;
  /** Where the hosts are. */
  readonly where?: string;
  readonly program?: string;
  readonly outcome?: ProgramOutcome;
  readonly startMs: number;
  readonly nowMs: number;
  /** Transitions that ended, and how many the program is expected to take, when that is known. */
  readonly done: number;
  readonly total?: number;
  /** How many of those to come are one after the other, at least. */
  readonly inARow?: number;
  /** Of the critical path, as predicted, when that is known. */
  readonly remainingMs?: number;
  /** Oldest first. */
  readonly running: readonly Running[];
  /** Large batches of files under way, by host. */
  readonly sending: readonly Sending[];
  readonly silent: readonly SilentHost[];
  readonly waits: readonly Wait[];
  /** Last ones last. */
  readonly failed: readonly Failed[];
  /** Last ones last. */
  readonly warnings: readonly string[];
}

export interface LiveOptions {
  readonly assembly: string;
  readonly startMs: number;
  readonly hostOf?: (component: string) => string | undefined;
  readonly logOf?: (component: string, transition: string) => string | undefined;
}

/** Follows happenings and keeps what the live view needs: memory in proportion to what is at work or failed now, not to what happened. */
export class LiveState {
  readonly #options: LiveOptions;
  readonly #running = new Map<string, Running>();
  readonly #failed = new Map<string, Failed>();
  readonly #sending = new Map<string, Sending>();
  readonly #silent = new Map<string, SilentHost>();
  readonly #warnings: string[] = [];
  #where: string | undefined;
  #program: string | undefined;
  #outcome: ProgramOutcome | undefined;
  #done = 0;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** Shows where the hosts are. */
  plays(where: string): void {
    this.#where = where;
  }

  /** Takes over what an earlier controller left: the program that is not over, what runs (since when is not known: since now) and what failed. */
  continues(state: AssemblyState, atMs: number): void {
    if (state.program && state.program.outcome !== 'done') this.#program = state.program.name;
    for (const { spec, state: { moving }, failures } of state.members.values()) {
      for (const { transition, status, execution, attempt } of moving) {
        const action: ActionRef = { component: spec.name, transition, execution, attempt };
        const failure = failures.get(transition);
        if (status === 'running' || status === 'retrying') this.apply({ atMs, happening: { kind: 'started', action } });
        else if (status === 'failed' && failure) this.apply({ atMs, happening: { kind: 'failed', action, failure } });
      }
    }
  }

  /** Actions at work, oldest first; a retry keeps the place of its first try. */
  get running(): readonly Running[] {
    return [...this.#running.values()];
  }

  apply({ atMs, happening: h }: TimedHappening): void {
    switch (h.kind) {
      case 'programBegan':
        this.#program = h.program;
        this.#outcome = undefined;
        this.#done = 0;
        break;
      case 'programEnded':
        this.#outcome = h.outcome;
        break;
      case 'started': {
        const key = keyOf(h.action);
        const host = this.#options.hostOf?.(h.action.component);
        this.#failed.delete(key);
        this.#running.set(key, { action: h.action, sinceMs: this.#running.get(key)?.sinceMs ?? atMs, ...(host === undefined ? {} : { host }) });
        break;
      }
      case 'ended':
        this.#done++;
        this.#running.delete(keyOf(h.action));
        break;
      case 'retrying': {
        const running = this.#running.get(keyOf(h.action));
        if (running) this.#running.set(keyOf(h.action), { ...running, againMs: atMs + h.delayMs });
        this.warn(`${h.action.component}.${h.action.transition} is tried again: ${h.failure.message}`);
        break;
      }
      case 'failed': {
        const key = keyOf(h.action);
        const log = this.#options.logOf?.(h.action.component, h.action.transition);
        this.#running.delete(key);
        this.#failed.set(key, { action: h.action, failure: h.failure, ...(log === undefined ? {} : { log }) });
        break;
      }
      case 'skipped':
        this.#done++;
        this.#settle(h.component, h.transition);
        break;
      case 'aborted':
      case 'deleted':
        this.#settle(h.component);
        break;
      case 'degraded':
        this.warn(`${h.component} is degraded in ${h.place}: ${h.reason}`);
        break;
      case 'healthy':
        this.warn(`${h.component} is well again in ${h.place}`);
        break;
      case 'instructed':
      case 'behaviourBegan':
      case 'behaviourEnded':
      case 'entered':
      case 'left':
      case 'added':
        break;
      default:
        h satisfies never;
    }
  }

  /** Shows how far a batch is, until it is there. */
  sends(progress: Sending): void {
    if (progress.isOver) this.#sending.delete(progress.host);
    else this.#sending.set(progress.host, progress);
  }

  /** Shows a host that does not answer, until that is over. */
  silence(silence: SilentHost): void {
    if (silence.over) this.#silent.delete(silence.host);
    else this.#silent.set(silence.host, silence);
  }

  /** Shows a line among the last warnings. */
  warn(text: string): void {
    this.#warnings.push(oneLine(text));
    if (this.#warnings.length > 100) this.#warnings.shift();
  }

  /** What there is to show now; what only the caller knows is handed in. */
  model({ ahead, ...now }: { readonly nowMs: number; readonly waits: readonly Wait[] } & Outlook): LiveModel {
    return {
      ...now,
      ...(ahead === undefined ? {} : { total: this.#done + ahead }),
      assembly: this.#options.assembly,
      startMs: this.#options.startMs,
      done: this.#done,
      running: this.running,
      sending: [...this.#sending.values()],
      silent: [...this.#silent.values()],
      failed: [...this.#failed.values()],
      warnings: [...this.#warnings],
      ...(this.#where === undefined ? {} : { where: this.#where }),
      ...(this.#program === undefined ? {} : { program: this.#program }),
      ...(this.#outcome === undefined ? {} : { outcome: this.#outcome }),
    };
  }

  #settle(component: string, transition?: string): void {
    for (const kept of [this.#failed, this.#running]) {
      for (const [key, { action }] of kept) if (action.component === component && (transition === undefined || action.transition === transition)) kept.delete(key);
    }
  }
}

/** Without the execution: a transition has one token, so an operator's retry takes the place of what failed. */
function keyOf({ component, transition }: ActionRef): string {
  return JSON.stringify([component, transition]);
}

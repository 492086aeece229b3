import type { Clock } from '../assembly/engine.ts';
import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef } from '../assembly/model.ts';
import { lookAhead, type Ahead } from '../assembly/simulate.ts';
import type { AssemblyState } from '../assembly/state.ts';

/** How far a program is from its end, as the live view shows it. */
export interface Outlook {
  /** Transitions that the program is expected to take still. */
  readonly ahead?: number;
  /** Of them one after the other, at least. */
  readonly inARow?: number;
  /** Of the critical path, when every duration on the way is known. */
  readonly remainingMs?: number;
}

const leastMs = 1_000;
/** Looking ahead takes a twentieth of the time at most, however large the assembly. */
const idleTimes = 20;

/** Looks ahead of a program now and then, with the durations that were seen so far. */
export class Forecast {
  readonly #clock: Clock;
  readonly #state: () => AssemblyState | undefined;
  readonly #sinceMs = new Map<string, number>();
  /** The last duration of a type's transition. */
  readonly #tookMs = new Map<string, number>();
  #found: Ahead | undefined;
  #foundAtMs = -Infinity;
  #dueMs = -Infinity;
  #isStale = true;
  /** Transitions that ended since it was looked ahead. */
  #ended = 0;

  constructor({ clock, state }: { readonly clock: Clock; readonly state: () => AssemblyState | undefined }) {
    this.#clock = clock;
    this.#state = state;
  }

  apply({ atMs, happening }: TimedHappening): void {
    switch (happening.kind) {
      case 'started': this.#sinceMs.set(keyOf(happening.action), atMs); break;
      case 'ended': {
        const key = keyOf(happening.action), since = this.#sinceMs.get(key), type = this.#typeOf(happening.action);
        if (since !== undefined && type !== undefined) this.#tookMs.set(type, atMs - since);
        this.#sinceMs.delete(key);
        this.#ended++;
        break;
      }
      case 'programBegan': case 'programEnded': this.#dueMs = -Infinity; break;
      case 'failed': this.#sinceMs.delete(keyOf(happening.action)); break;
      default:
    }
    this.#isStale = true;
  }

  /** What is ahead at `nowMs`. */
  at(nowMs: number): Outlook {
    if (this.#isStale && nowMs >= this.#dueMs) this.#look(nowMs);
    if (!this.#found) return {};
    const { transitions, inARow, remainingMs } = this.#found;
    return { ahead: Math.max(0, transitions - this.#ended), inARow, ...(remainingMs === undefined ? {} : { remainingMs: Math.max(0, this.#foundAtMs + remainingMs - nowMs) }) };
  }

  #look(nowMs: number): void {
    const begunMs = this.#clock.now();
    const state = this.#state();
    this.#found = state && lookAhead(state, (action, hasBegun) => {
      const type = this.#typeOf(action);
      const took = (type === undefined ? undefined : this.#tookMs.get(type)) ?? state.members.get(action.component)?.net.type.transitions[action.transition]?.durationMs;
      const since = hasBegun ? this.#sinceMs.get(keyOf(action)) : undefined;
      return took === undefined || since === undefined ? took : Math.max(0, since + took - nowMs);
    });
    this.#ended = 0;
    this.#isStale = false;
    this.#foundAtMs = nowMs;
    this.#dueMs = nowMs + Math.max(leastMs, idleTimes * (this.#clock.now() - begunMs));
  }

  #typeOf({ component, transition }: ActionRef): string | undefined {
    const type = this.#state()?.members.get(component)?.spec.type;
    return type === undefined ? undefined : JSON.stringify([type, transition]);
  }
}

const keyOf = ({ component, transition }: ActionRef): string => JSON.stringify([component, transition]);

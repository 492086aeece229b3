import type { Clock } from '../assembly/engine.ts';
import type { ActionRef } from '../assembly/model.ts';
import type { Wait } from '../assembly/waits.ts';
import { listSome, oneLine } from './text.ts';
import { duration } from './time.ts';
import { sentence } from './waits.ts';

/** What goes on while nothing is said. */
export interface Quiet {
  /** Actions that run, oldest first. */
  readonly running: readonly { readonly action: ActionRef; readonly sinceMs: number; readonly host?: string }[];
  readonly waits: readonly Wait[];
}

/**
 * What to say after a silence: which actions run since when and, when none does, who waits for whom. One line; undefined when nothing goes on at
 * all, or when `quietMs` (10,000) are not over since `lastMs`, the instant of the last word.
 */
export function breakSilence(nowMs: number, lastMs: number, { running, waits }: Quiet, quietMs = 10_000): string | undefined {
  if (nowMs - lastMs < quietMs) return undefined;
  if (running.length > 0) {
    const actions = running.slice(0, 3).map(({ action, sinceMs, host }) => `${action.component}.${action.transition}${host === undefined ? '' : ` on ${host}`} (${duration(nowMs - sinceMs)})`);
    const rest = running.length - actions.length;
    return oneLine(`waiting for ${rest > 0 ? `${actions.join(', ')} and ${rest} more` : listSome(actions)}`);
  }
  const first = waits[0];
  return first && `${sentence(first)}${waits.length > 1 ? `; ${waits.length - 1} more wait` : ''}`;
}

/**
 * Sees to it that nothing is silent for long: `heard()` at each line written; after `quietMs` without one, `say` gets the line that tells whom all
 * wait for. `stop()` ends it.
 */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #quietMs: number;
  readonly #quiet: () => Quiet;
  readonly #say: (line: string) => void;
  #lastMs: number;
  #cancel: () => void;

  constructor({ clock, quiet, say, quietMs = 10_000 }: { readonly clock: Clock; readonly quiet: () => Quiet; readonly say: (line: string) => void; readonly quietMs?: number }) {
    this.#clock = clock;
    this.#quiet = quiet;
    this.#say = say;
    this.#quietMs = quietMs;
    this.#lastMs = clock.now();
    this.#cancel = clock.after(quietMs, () => this.#due());
  }

  /** Something was written: the silence begins anew. */
  heard(): void {
    this.#lastMs = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
  }

  /** One timer at a time, not one a line: it looks when the silence could be over at the earliest. */
  #due(): void {
    const nowMs = this.#clock.now();
    const line = breakSilence(nowMs, this.#lastMs, this.#quiet(), this.#quietMs);
    if (line !== undefined) this.#say(line);
    if (line !== undefined || nowMs - this.#lastMs >= this.#quietMs) this.#lastMs = nowMs;
    this.#cancel = this.#clock.after(this.#lastMs + this.#quietMs - nowMs, () => this.#due());
  }
}

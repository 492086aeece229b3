import type { Clock } from '../assembly/engine.ts';
import { frame } from './frame.ts';
import type { LiveModel } from './live-model.ts';

/** What the live view needs of a terminal: `process.stdout` is one. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  readonly writableNeedDrain?: boolean;
  write(text: string): boolean;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface LiveViewOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** What to show now; asked once a drawing. */
  readonly model: () => LiveModel;
  /** Default false; the caller knows NO_COLOR. */
  readonly color?: boolean;
}

const leastMs = 100;
const tickMs = 1_000;
/** Drawing takes a fifth of the time at most: what is drawn is what goes on, and it needs the processor too. */
const idleTimes = 4;

/** The alternate screen (the shell's one comes back untouched), no cursor, and no wrapping where a terminal measures wider than we do. */
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J';
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l';
/** Terminals that know it show what is between at once. */
const sync = ['\u001b[?2026h', '\u001b[?2026l'] as const;

/**
 * Shows the model on one screen while something goes on: draws after `changed()`, at most ten times a second (fewer when drawing itself takes long), and once a second for the times in
 * it; writes only the lines that differ. A terminal that is slower than that is left alone until it has caught up. `stop()` gives the
 * screen back and leaves the last frame on it; it may be called twice, and from an exit handler.
 *
 * @example
 * const view = new LiveView({ terminal: process.stdout, clock, color, model: () => state.model({ nowMs: clock.now(), waits: waitsOf(assembly) }) });
 * view.start();
 * engine.onHappenings((some) => { some.forEach((one) => state.apply(one)); view.changed(); });
 */
export class LiveView {
  readonly #options: LiveViewOptions;
  readonly #resized = (): void => this.redraw();
  /** Lines on the screen; undefined when it must be drawn afresh. */
  #shown: readonly string[] | undefined;
  #lastMs = -Infinity;
  #tookMs = 0;
  #cancel: (() => void) | undefined;
  #dueMs = Infinity;
  #on = false;

  constructor(options: LiveViewOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#on) return;
    this.#on = true;
    this.#options.terminal.write(enter);
    this.#options.terminal.on('resize', this.#resized);
    this.#draw();
  }

  /** There is something new to show. */
  changed(): void {
    if (this.#on) this.#drawAt(this.#lastMs + this.#tookMs + Math.max(leastMs - this.#tookMs, idleTimes * this.#tookMs));
  }

  /** Something else has written on the screen (a terminal shows the `^C` that was typed): it is drawn afresh. */
  redraw(): void {
    this.#shown = undefined;
    this.changed();
  }

  stop(): void {
    if (!this.#on) return;
    this.#on = false;
    this.#cancel?.();
    const { terminal } = this.#options;
    terminal.off('resize', this.#resized);
    // The last frame stays in the scroll-back, as long as a screen at most.
    terminal.write(`${leave}${this.#frame().map((line) => `${line}\n`).join('')}`);
  }

  #frame(): string[] {
    const { terminal, model, color = false } = this.#options;
    // Terminals that do not tell (0 or undefined) are as small as the first ones were.
    return frame(model(), terminal.columns || 80, terminal.rows || 24, { color });
  }

  #drawAt(atMs: number): void {
    if (atMs >= this.#dueMs) return;
    this.#cancel?.();
    this.#dueMs = atMs;
    this.#cancel = this.#options.clock.after(Math.max(0, atMs - this.#options.clock.now()), () => this.#draw());
  }

  #draw(): void {
    const { terminal, clock } = this.#options;
    this.#lastMs = clock.now();
    this.#dueMs = Infinity;
    if (!terminal.writableNeedDrain) {
      const lines = this.#frame();
      const text = difference(this.#shown, lines);
      if (text !== '') terminal.write(sync[0] + text + sync[1]);
      this.#shown = lines;
      this.#tookMs = clock.now() - this.#lastMs;
    }
    this.#drawAt(this.#lastMs + tickMs);
  }
}

/** What turns the screen `before` into `after`; each line is cleared before it is written, since clearing behind a full one would take its last column. */
function difference(before: readonly string[] | undefined, after: readonly string[]): string {
  let text = before ? '' : '\u001b[2J';
  after.forEach((line, i) => {
    if (line !== (before?.[i] ?? '')) text += `\u001b[${i + 1};1H\u001b[2K${line}`;
  });
  if (before && before.length > after.length) text += `\u001b[${after.length + 1};1H\u001b[J`;
  return text;
}

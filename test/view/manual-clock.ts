import type { Clock } from '../../src/assembly/engine.ts';

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #due = new Map<number, { readonly atMs: number; readonly callback: () => void }>();
  #next = 0;

  get pending(): number {
    return this.#due.size;
  }

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, callback: () => void): () => void {
    const id = this.#next++;
    this.#due.set(id, { atMs: this.#nowMs + ms, callback });
    return () => void this.#due.delete(id);
  }

  /** Lets everything happen that is due until then, in order. */
  advanceTo(nowMs: number): void {
    for (;;) {
      const first = [...this.#due].filter(([, { atMs }]) => atMs <= nowMs).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (!first) break;
      this.#due.delete(first[0]);
      this.#nowMs = Math.max(this.#nowMs, first[1].atMs);
      first[1].callback();
    }
    this.#nowMs = nowMs;
  }

  advance(ms: number): void {
    this.advanceTo(this.#nowMs + ms);
  }
}

import type { ActionRef, Event, Outcome } from './model.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly action: ActionRef;
  /** undefined: a retry is due. */
  readonly outcome: Outcome | undefined;
}

/** What ends when, on the virtual clock: a heap by instant, first in first out within one. */
export class VirtualClock {
  nowMs = 0;
  readonly #heap: Due[] = [];
  #order = 0;

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  schedule(delayMs: number, action: ActionRef, outcome?: Outcome): void {
    const due: Due = { atMs: this.nowMs + delayMs, order: this.#order++, action, outcome };
    const heap = this.#heap;
    let i = heap.push(due) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && isBefore(due, heap[parent]!); parent = (i - 1) >> 1) {
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = due;
  }

  /** Advances to the next instant at which something is due, and gives all of that instant (R4) as one event. */
  advance(): Event {
    this.nowMs = this.#heap[0]!.atMs;
    const outcomes: { action: ActionRef; outcome: Outcome }[] = [];
    const retriesDue: ActionRef[] = [];
    while (this.#heap[0]?.atMs === this.nowMs) {
      const { action, outcome } = this.#pop();
      if (outcome) outcomes.push({ action, outcome });
      else retriesDue.push(action);
    }
    return { kind: 'ended', outcomes, retriesDue };
  }

  #pop(): Due {
    const heap = this.#heap;
    const first = heap[0]!, last = heap.pop()!;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
        if (!isBefore(heap[child]!, last)) break;
        heap[i] = heap[child]!;
        i = child;
      }
      heap[i] = last;
    }
    return first;
  }
}

const isBefore = (a: Due, b: Due) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

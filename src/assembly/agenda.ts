import type { Member } from './state.ts';

/**
 * The components that a rule may apply to, so that a step costs what it moves and not what there is. A component waits at stage 1
 * (try R1), 2 (R2) or 3 (R3); the lowest stage is served first, and within it the component declared first.
 */
export class Agenda {
  readonly #stages: [Member[], Member[], Member[]] = [[], [], []];

  /** Something about the component changed: try all rules again. */
  add(member: Member): void {
    this.#enter(member, 1);
  }

  /** The component has no move at its stage: on to the next one, or out (true) after the last. */
  advance(member: Member): boolean {
    if (member.stage === 3) {
      member.stage = 0;
      return true;
    }
    this.#enter(member, (member.stage + 1) as 2 | 3);
    return false;
  }

  /** The next component to try and keep at its stage. */
  next(): Member | undefined {
    for (const [i, heap] of this.#stages.entries()) {
      while (heap.length > 0) {
        // An entry left behind by a component that has moved to another stage is dropped here.
        if (heap[0]!.stage === i + 1 && !heap[0]!.deleted) return heap[0];
        pop(heap);
      }
    }
    return undefined;
  }

  #enter(member: Member, stage: 1 | 2 | 3): void {
    if (member.stage === stage) return;
    member.stage = stage;
    push(this.#stages[stage - 1]!, member);
  }
}

function push(heap: Member[], member: Member): void {
  let i = heap.push(member) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent]!.index <= member.index) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = member;
}

function pop(heap: Member[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]!.index < heap[child]!.index) child++;
    if (heap[child]!.index >= last.index) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
}

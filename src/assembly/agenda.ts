import { isIdle } from '../components/net.ts';
import type { Member } from './state.ts';

/**
 * The components that a rule may apply to, so that an event costs what it moves and not what there is. A component waits at stage 1
 * (try R1), 2 (R2) or 3 (R3, and whether its behaviour is over); the lowest stage is served first, and within it the component declared first.
 * Stages that its tokens rule out at a glance are left out.
 */
export class Agenda {
  readonly #stages: readonly [Member[], Member[], Member[]] = [[], [], []];

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
    this.#enter(member, member.stage === 1 ? 2 : 3);
    return false;
  }

  /** The next component to try and keep at its stage. */
  next(): Member | undefined {
    for (let stage = 1; stage <= 3; stage++) {
      const heap = this.#stages[stage - 1]!;
      while (heap.length > 0) {
        // An entry left behind by a component that has moved to another stage is dropped here.
        if (heap[0]!.stage === stage && !heap[0]!.deleted) return heap[0];
        pop(heap);
      }
    }
    return undefined;
  }

  /** Puts the component at the first stage from `from` on that its tokens allow. */
  #enter(member: Member, from: 1 | 2 | 3): void {
    const stage = stageOf(member, from);
    if (member.stage === stage) return;
    member.stage = stage;
    if (stage !== 0) push(this.#stages[stage - 1]!, member);
  }
}

function stageOf({ state }: Member, from: 1 | 2 | 3): 0 | 1 | 2 | 3 {
  if (!state.entered) return from === 1 ? 1 : 0;
  let isReady = false;
  for (let i = 0; i < state.moving.length; i++) {
    const { status } = state.moving[i]!;
    if (status === 'ended' && from === 1) return 1;
    if (status === 'ready') isReady = true;
  }
  if (from <= 2 && state.behaviour !== null && state.places.length > 0) return 2;
  return isReady || (state.moving.length === 0 && !isIdle(state)) ? 3 : 0;
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

import { Interruption, type Clock } from './engine.ts';
import type { Event } from './model.ts';
import type { Probing } from './perform.ts';
import type { AssemblyState } from './state.ts';

/** A held place whose type declares a probe. */
export interface Probed {
  readonly component: string;
  readonly place: string;
}

/** What there is to ask now. */
function placesToProbe(state: AssemblyState): Probed[] {
  return [...state.members.values()].flatMap(({ spec, net, state: { places } }) =>
    places.filter((place) => net.type.probes[place] !== undefined).map((place) => ({ component: spec.name, place })));
}

export interface ProbesOptions {
  readonly state: AssemblyState;
  readonly clock: Clock;
  readonly probe: Probing;
  /** Gets an event for each place that became degraded or healthy. */
  readonly tell: (event: Extract<Event, { kind: 'probed' }>) => Promise<unknown>;
  /** From the end of a round to the next. */
  readonly everyMs: number;
}

/** How many probes are asked at once. */
const atOnce = 8;

/** Asks the probes of all held places once, and gives each answer as it comes. */
export async function probeAll(state: AssemblyState, probe: Probing, answered: (place: Probed, reason: string | undefined) => Promise<void> | void, interruption = new Interruption()): Promise<void> {
  const queue = placesToProbe(state);
  const ask = async (): Promise<void> => {
    for (let next = queue.shift(); next && !interruption.reason; next = queue.shift()) {
      const { component, place } = next;
      // An answer about a place that was left meanwhile says nothing.
      const held = (): boolean => state.members.get(component)?.state.places.includes(place) ?? false;
      if (!held()) continue;
      const reason = await probe(component, place, interruption);
      if (held() && !interruption.reason) await answered(next, reason);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, ask));
}

/** Asks the probes round after round (F5) until it is stopped. Nothing moves by itself: what changed is told as an event. */
export class Probes {
  readonly #options: ProbesOptions;
  readonly #interruption = new Interruption();
  #cancel: () => void = () => {};
  #round: Promise<void> | undefined;

  constructor(options: ProbesOptions) {
    this.#options = options;
    this.#later();
  }

  /** Asks no more, and takes back what was asked. */
  async stop(): Promise<void> {
    this.#interruption.interrupt(new Error('the probes were stopped'));
    this.#cancel();
    await this.#round;
  }

  #later(): void {
    if (!this.#interruption.reason) this.#cancel = this.#options.clock.after(this.#options.everyMs, () => void (this.#round = this.#play()));
  }

  async #play(): Promise<void> {
    const { state, probe, tell } = this.#options;
    const answered = async ({ component, place }: Probed, reason: string | undefined): Promise<void> => {
      const wasDegraded = state.members.get(component)!.degraded.has(place);
      if (wasDegraded !== (reason !== undefined)) await tell({ kind: 'probed', component, place, ok: reason === undefined, ...(reason === undefined ? {} : { reason }) });
    };
    try {
      await probeAll(state, probe, answered, this.#interruption);
      this.#later();
    } catch {
      // Only `tell` rejects: the journal is broken, and the engine says so to whoever waits for the program. Nothing more is asked.
    }
  }
}

import { assign, setup, type AnyMachineSnapshot, type AnyStateMachine } from 'xstate';
import type { ComponentEvent, Marking, Offers } from './actor.ts';
import type { ComponentType, Port, Value } from './model.ts';

/**
 * A component type as a general statechart, for the stately inspector: a parallel region for each place (is it held?), each transition (where is
 * its token?), each provide port (does it serve?) and one for the behaviour. Its guards are the rules, written once more: it shares no code
 * with `net.ts`, so that each is tested against the other. For running components use `fromComponent`, which is fifty times as fast.
 */

/** What regions cannot say. `tokens` repeats where the tokens are, since a guard sees the context and not the other regions. */
export interface ChartContext extends Offers {
  readonly entered: boolean;
  readonly tokens: Marking;
  readonly behaviour: string | null;
  readonly queue: readonly string[];
  readonly left: readonly string[];
  readonly written: Readonly<Record<string, Value>>;
  readonly published: Readonly<Record<string, Value>>;
}

/**
 * The statechart of a type. It takes the events of `fromComponent`; its input says what is offered from the start. Actions are not run: a region is
 * in `running` until `done` or `failed` comes.
 *
 * @example
 * const actor = createActor(statechartOf(lampType), { inspect }).start();
 * actor.send({ type: 'pushBehaviour', behaviour: 'deploy' });
 * markingOfChart(actor.getSnapshot()); // { light: 'running' }
 */
export function statechartOf(type: ComponentType): AnyStateMachine {
  const rules = new Rules(type);
  const machine = setup({
    types: {} as { context: ChartContext; events: ComponentEvent; input: Partial<Offers> | undefined },
    guards: {
      mayEnter: ({ context }, { place }: { place: string }) => rules.entry(context, place) !== undefined,
      isTakenIn: ({ context }, { transition }: { transition: string }) => rules.entry(context, type.transitions[transition]!.to)?.includes(transition) ?? false,
      mayLeave: ({ context }, { place }: { place: string }) => rules.leaver(context)?.place === place,
      isGivenToken: ({ context }, { transition }: { transition: string }) => rules.leaver(context)?.by.includes(transition) ?? false,
      mayStart: ({ context }, { transition }: { transition: string }) => rules.isQuietBeforeR3(context) && rules.mayStart(context, transition),
      mayBegin: ({ context }, { behaviour }: { behaviour: string }) => context.entered && context.queue[0] === behaviour,
      isOver: ({ context }) => rules.isOver(context),
      offers: ({ context }, { port, as }: { port: string; as: string }) => rules.offer(context, port) === as,
      isAbout: ({ event }, { transition }: { transition: string }) => 'transition' in event && event.transition === transition,
      mayAbort: ({ context }) => rules.mayAbort(context),
      getsTokenBack: ({ context }, { place }: { place: string }) => rules.mayAbort(context) && Object.keys(context.tokens).some((t) => type.transitions[t]?.from === place),
    },
    actions: {
      put: assign(({ context }, { element, as }: { element: string; as: Marking[string] }) => ({ tokens: { ...context.tokens, [element]: as } })),
      take: assign(({ context }, { element }: { element: string }) => ({ tokens: without(context.tokens, element) })),
      remember: assign(({ context }, { place }: { place: string }) => ({ left: [...context.left, place] })),
      publish: assign(({ context }, { place }: { place: string }) => ({ entered: true, ...rules.publish(context, place) })),
      write: assign(({ context, event }) => ({ written: { ...context.written, ...('writes' in event ? event.writes : {}) } })),
      queue: assign(({ context, event }) => (event.type === 'pushBehaviour' ? { queue: [...context.queue, event.behaviour] } : {})),
      begin: assign(({ context }) => ({ behaviour: context.queue[0] ?? null, queue: context.queue.slice(1), left: [] })),
      end: assign(() => ({ behaviour: null, left: [] })),
      clear: assign(() => ({ behaviour: null, queue: [], left: [] })),
      look: assign(({ context, event }) => (event.type !== 'surroundings' ? {} : {
        served: { ...context.served, ...event.served }, values: { ...context.values, ...event.values }, held: { ...context.held, ...event.held },
      })),
    },
  });
  const regions: Record<string, object> = { behaviour: behaviourRegion(rules.behaviours) };
  for (const place of type.places) regions[`place ${place}`] = placeRegion(place);
  for (const transition of Object.keys(type.transitions)) regions[`transition ${transition}`] = transitionRegion(transition);
  for (const [port, { kind }] of Object.entries(type.ports)) if (kind === 'provide') regions[`port ${port}`] = portRegion(port);
  return machine.createMachine({
    id: type.name, type: 'parallel', states: regions,
    context: ({ input }: { input: Partial<Offers> | undefined }) => ({
      entered: false, tokens: {}, behaviour: null, queue: [], left: [], written: {}, published: {}, served: {}, values: {}, held: {}, ...input,
    }),
    on: { surroundings: { actions: 'look' } },
  } as never) as unknown as AnyStateMachine;
}

/** Where the tokens are in a snapshot of the statechart. */
export function markingOfChart(snapshot: AnyMachineSnapshot): Marking {
  const marking: Record<string, Marking[string]> = {};
  for (const [region, state] of Object.entries(snapshot.value as Record<string, string>)) {
    const [, kind, element] = /^(\w+) ?(.*)$/.exec(region)!;
    if ((kind === 'place' && state === 'held') || (kind === 'transition' && state !== 'idle')) marking[element!] = state as Marking[string];
  }
  return marking;
}

function placeRegion(place: string): object {
  return {
    initial: 'empty',
    states: {
      empty: {
        always: { target: 'held', guard: { type: 'mayEnter', params: { place } }, actions: { type: 'publish', params: { place } } },
        on: { abort: { target: 'held', guard: { type: 'getsTokenBack', params: { place } } } },
      },
      held: {
        entry: { type: 'put', params: { element: place, as: 'held' } },
        exit: { type: 'take', params: { element: place } },
        always: { target: 'empty', guard: { type: 'mayLeave', params: { place } }, actions: { type: 'remember', params: { place } } },
      },
    },
  };
}

function transitionRegion(transition: string): object {
  const holds = (as: string) => ({ entry: { type: 'put', params: { element: transition, as } }, exit: { type: 'take', params: { element: transition } } });
  const told = (target: string, actions: string[] = []) => ({ target, guard: { type: 'isAbout', params: { transition } }, actions });
  const abort = { target: 'idle', guard: 'mayAbort' };
  return {
    initial: 'idle',
    states: {
      idle: { always: { target: 'ready', guard: { type: 'isGivenToken', params: { transition } } } },
      ready: { ...holds('ready'), always: { target: 'running', guard: { type: 'mayStart', params: { transition } } }, on: { abort } },
      running: { ...holds('running'), on: { done: told('ended', ['write']), failed: told('failed') } },
      failed: { ...holds('failed'), on: { retry: told('running'), skip: told('ended', ['write']), abort } },
      ended: { ...holds('ended'), always: { target: 'idle', guard: { type: 'isTakenIn', params: { transition } } }, on: { abort } },
    },
  };
}

function behaviourRegion(behaviours: readonly string[]): object {
  const abort = { target: 'none', guard: 'mayAbort', actions: 'clear' };
  const going = behaviours.map((behaviour) => [`behaviour ${behaviour}`, { always: { target: 'none', guard: 'isOver', actions: 'end' }, on: { abort } }]);
  return {
    initial: 'none',
    on: { pushBehaviour: { actions: 'queue' } },
    states: {
      none: {
        always: behaviours.map((behaviour) => ({ target: `behaviour ${behaviour}`, guard: { type: 'mayBegin', params: { behaviour } }, actions: 'begin' })),
        on: { abort },
      },
      ...Object.fromEntries(going),
    },
  };
}

function portRegion(port: string): object {
  const offers = ['inactive', 'active', 'withdrawing'];
  const to = (as: string) => ({ target: as, guard: { type: 'offers', params: { port, as } } });
  return { initial: 'inactive', states: Object.fromEntries(offers.map((from) => [from, { always: offers.filter((o) => o !== from).map(to) }])) };
}

/** The rules as questions about a context. */
class Rules {
  readonly #type: ComponentType;
  readonly behaviours: readonly string[];

  constructor(type: ComponentType) {
    this.#type = type;
    this.behaviours = [...new Set([...type.behaviours, ...Object.values(type.transitions).map((t) => t.behaviour)])];
  }

  /** R1: the tokens that become one on the place, if it may be entered: a whole dock set, none for the initial place. */
  entry(context: ChartContext, place: string): readonly string[] | undefined {
    if (!context.entered) return place === this.#type.initialPlace && this.#hasPortsToEnter(context, place, []) ? [] : undefined;
    if (context.tokens[place] === 'held') return undefined;
    const complete = this.#dockSets(context.behaviour, place).find((docks) => docks.every((t) => context.tokens[t] === 'ended'));
    return complete && this.#hasPortsToEnter(context, place, complete) ? complete : undefined;
  }

  /** R2: the first place that may be left, once no place may be entered, and the transitions that get a token. */
  leaver(context: ChartContext): { readonly place: string; readonly by: readonly string[] } | undefined {
    if (this.#type.places.some((place) => this.entry(context, place))) return undefined;
    for (const place of this.#type.places) {
      const by = this.#wayOut(context, place);
      if (by.length > 0 && !this.#lostPorts(context, place).some((port) => context.held[port])) return { place, by };
    }
    return undefined;
  }

  isQuietBeforeR3(context: ChartContext): boolean {
    return !this.#type.places.some((place) => this.entry(context, place)) && !this.leaver(context);
  }

  /** R3, for a transition that is ready. */
  mayStart(context: ChartContext, transition: string): boolean {
    const { from } = this.#type.transitions[transition]!;
    return this.#ports('use').every(([name, port]) => !port.boundTo.includes(transition) || this.#touches(port, from) || this.#isServed(context, name))
      && this.#ports('data-use').every(([name, port]) => !port.boundTo.includes(transition) || this.#isThere(context, name));
  }

  /** R5. */
  isOver(context: ChartContext): boolean {
    return context.behaviour !== null
      && Object.values(context.tokens).every((token) => token === 'held')
      && Object.keys(context.tokens).every((place) => this.#wayOut(context, place).length === 0 && !this.#waitsToChoose(context, place));
  }

  /** F3: nothing runs, and there is something to abort. */
  mayAbort({ entered, behaviour, queue, tokens }: ChartContext): boolean {
    return !Object.values(tokens).includes('running') && (!entered || behaviour !== null || queue.length > 0);
  }

  /** What was written for the place's data-provide ports becomes what is read. */
  publish({ written, published }: ChartContext, place: string): Pick<ChartContext, 'written' | 'published'> {
    const now = this.#ports('data-provide').filter(([name, port]) => name in written && this.#touches(port, place)).map(([name]) => name);
    const isNow = ([name]: [string, Value]) => now.includes(name);
    const entries = Object.entries(written);
    return { written: Object.fromEntries(entries.filter((e) => !isNow(e))), published: { ...published, ...Object.fromEntries(entries.filter(isNow)) } };
  }

  offer(context: ChartContext, port: string): 'inactive' | 'active' | 'withdrawing' {
    if (!this.#isActive(context.tokens, port)) return 'inactive';
    const isLost = this.#type.places.some((place) => this.#wayOut(context, place).length > 0 && this.#lostPorts(context, place).includes(port));
    return isLost ? 'withdrawing' : 'active';
  }

  #isActive(tokens: Marking, port: string): boolean {
    return this.#type.ports[port]!.boundTo.some((element) => tokens[element] === 'held' || this.#groupHolds(tokens, element));
  }

  #lostPorts(context: ChartContext, place: string): string[] {
    const after = { ...without(context.tokens, place), ...Object.fromEntries(this.#wayOut(context, place).map((t) => [t, 'ready'] as const)) };
    return this.#ports('provide').map(([name]) => name).filter((name) => this.#isActive(context.tokens, name) && !this.#isActive(after, name));
  }

  /** The transitions by which a place wants to be left now. */
  #wayOut(context: ChartContext, place: string): readonly string[] {
    const out = this.#isToBeLeft(context, place) ? this.#leaving(context.behaviour, place) : [];
    const chooser = this.#type.switches[place];
    if (!chooser || out.length === 0) return out;
    if (!this.#isThere(context, chooser.port)) return [];
    const value = context[this.#isOwn(chooser.port) ? 'published' : 'values'][chooser.port];
    const chosen = chooser.cases.find((c) => 'otherwise' in c || ('below' in c ? typeof value === 'number' && value < c.below : JSON.stringify(c.equals) === JSON.stringify(value)));
    const taken = chosen === undefined ? [] : 'otherwise' in chosen ? chosen.otherwise : chosen.take;
    return out.filter((t) => taken.includes(t));
  }

  #waitsToChoose(context: ChartContext, place: string): boolean {
    const chooser = this.#type.switches[place];
    return chooser !== undefined && this.#isToBeLeft(context, place) && this.#leaving(context.behaviour, place).length > 0 && !this.#isThere(context, chooser.port);
  }

  /** R6. */
  #isToBeLeft(context: ChartContext, place: string): boolean {
    return context.tokens[place] === 'held' && !context.left.includes(place);
  }

  #hasPortsToEnter(context: ChartContext, place: string, docks: readonly string[]): boolean {
    return this.#ports('use').every(([name, port]) => {
      const isNew = port.boundTo.includes(place) || port.boundTo.some((g) => this.#type.groups[g]?.includes(place) && !this.#groupHolds(context.tokens, g));
      return !isNew || port.boundTo.some((element) => docks.includes(element)) || this.#isServed(context, name);
    });
  }

  #isServed(context: ChartContext, port: string): boolean {
    return context.served[port] ?? this.#type.ports[port]!.optional ?? false;
  }

  #isThere(context: ChartContext, port: string): boolean {
    return port in context[this.#isOwn(port) ? 'published' : 'values'] || (this.#type.ports[port]!.optional ?? false);
  }

  #isOwn(port: string): boolean {
    return this.#type.ports[port]!.kind === 'data-provide';
  }

  #groupHolds(tokens: Marking, group: string): boolean {
    const members = this.#type.groups[group];
    if (!members) return false;
    return Object.keys(tokens).some((element) => {
      const transition = this.#type.transitions[element];
      return transition ? members.includes(transition.from) && members.includes(transition.to) : members.includes(element);
    });
  }

  #leaving(behaviour: string | null, place: string): string[] {
    return Object.entries(this.#type.transitions).filter(([, t]) => t.from === place && t.behaviour === behaviour).map(([name]) => name);
  }

  #dockSets(behaviour: string | null, place: string): string[][] {
    const docks = Object.entries(this.#type.transitions).filter(([, t]) => t.to === place && t.behaviour === behaviour);
    return [...Map.groupBy(docks, ([, t]) => t.dockSet ?? '').values()].map((set) => set.map(([name]) => name));
  }

  #ports(kind: Port['kind']): [string, Port][] {
    return Object.entries(this.#type.ports).filter(([, port]) => port.kind === kind);
  }

  /** The port is bound to the place or to a group of it. */
  #touches(port: Port, place: string): boolean {
    return port.boundTo.some((element) => element === place || this.#type.groups[element]?.includes(place));
  }
}

const without = <T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> => Object.fromEntries(Object.entries(record).filter(([k]) => k !== key));

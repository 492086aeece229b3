import type { ActorLogic, Snapshot } from 'xstate';
import type { ComponentType, Value } from './model.ts';
import {
  aborted, applyMove, ended, failed, initialState, isFinished, isIdle, netOf, nextBehaviour, nextMove, pushed, restarted, tokenIn, withdrawing,
  type ComponentState, type MovingToken, type Net, type Rule, type Surroundings,
} from './net.ts';

/** Place -> `held`, transition -> where its token is. What holds no token is not named (places and transitions share one name space). */
export type Marking = Readonly<Record<string, 'held' | MovingToken['status']>>;

/** What the world outside offers a component, port by port. JSON as it is. */
export interface Offers {
  /** Use port -> whether it is served. Not named: only if it is optional. */
  readonly served: Readonly<Record<string, boolean>>;
  /** Data-use port -> the value that can be read. Not named: not available. */
  readonly values: Readonly<Record<string, Value>>;
  /** Provide port -> whether a user holds it. Not named: nobody does. */
  readonly held: Readonly<Record<string, boolean>>;
}

/** What a component is told. Events that do not fit where it stands (`done` of what does not run) change nothing. */
export type ComponentEvent =
  | { readonly type: 'pushBehaviour'; readonly behaviour: string }
  /** Ports whose offer changed, all in one instant. */
  | ({ readonly type: 'surroundings' } & Partial<Offers>)
  /** The action of a running transition ended well. */
  | { readonly type: 'done'; readonly transition: string; readonly writes?: Readonly<Record<string, Value>> }
  /** The action failed; its tries are used up. */
  | { readonly type: 'failed'; readonly transition: string }
  | { readonly type: 'retry'; readonly transition: string }
  | { readonly type: 'skip'; readonly transition: string; readonly writes?: Readonly<Record<string, Value>> }
  | { readonly type: 'abort' };

/** A start that is due: run the action of `transition`, then send `done` or `failed`. */
export interface Start {
  readonly transition: string;
  readonly execution: number;
}

export interface ComponentContext {
  readonly component: ComponentState;
  readonly offers: Offers;
  /** What the last event started. The actor runs nothing by itself; a restored one has no start due, its running transitions are in `value`. */
  readonly starts: readonly Start[];
  /** Provide ports that serve nobody new because their place wants to be left (R2). */
  readonly withdrawing: readonly string[];
  readonly idle: boolean;
}

export interface ComponentSnapshot extends Extract<Snapshot<undefined>, { status: 'active' }> {
  readonly value: Marking;
  readonly context: ComponentContext;
}

export type ComponentLogic = ActorLogic<ComponentSnapshot, ComponentEvent, Partial<Offers> | undefined>;

/**
 * A component as xstate actor logic: `createActor(fromComponent(type))`. Its transition function is the rules R1, R2, R3, R5 of `net.ts`, applied until
 * none does. The snapshot is plain data: it persists as JSON, and restoring it runs nothing again.
 * The input says what is offered from the start (default: nothing).
 *
 * @example
 * const lamp = createActor(fromComponent(lampType)).start();
 * lamp.send({ type: 'pushBehaviour', behaviour: 'deploy' });
 * lamp.getSnapshot().context.starts; // [{ transition: 'light', execution: 1 }]
 * lamp.send({ type: 'done', transition: 'light' });
 * lamp.getSnapshot().value; // { on: 'held' }
 */
export function fromComponent(type: ComponentType): ComponentLogic {
  const net = netOf(type);
  return {
    config: type,
    getInitialSnapshot: (_, input) => snapshotOf(net, settle(net, initialState(), input ?? {}), input ?? {}, 0),
    transition: (snapshot, event) => {
      const { component, offers: before } = snapshot.context;
      const offers = event.type === 'surroundings' ? offered(before, event) : before;
      const told = event.type === 'surroundings' ? component : take(net, component, event);
      return told === component && offers === before ? snapshot : snapshotOf(net, settle(net, told, offers), offers, component.executions);
    },
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (persisted) => {
      const snapshot = persisted as ComponentSnapshot;
      return { ...snapshot, context: { ...snapshot.context, starts: [] } };
    },
  };
}

const nothingOffered: Offers = { served: {}, values: {}, held: {} };

function offered(before: Offers, change: Partial<Offers>): Offers {
  return { served: { ...before.served, ...change.served }, values: { ...before.values, ...change.values }, held: { ...before.held, ...change.held } };
}

/** The component after the event and before the rules; the same object when the event does not fit. */
function take(net: Net, state: ComponentState, event: Exclude<ComponentEvent, { type: 'surroundings' }>): ComponentState {
  const has = (transition: string, status: MovingToken['status']) => tokenIn(state, transition)?.status === status;
  switch (event.type) {
    case 'pushBehaviour': return pushed(state, event.behaviour);
    case 'done': return has(event.transition, 'running') ? ended(state, event.transition, event.writes ?? {}) : state;
    case 'failed': return has(event.transition, 'running') ? failed(state, event.transition) : state;
    case 'retry': return has(event.transition, 'failed') ? restarted(state, event.transition) : state;
    case 'skip': return has(event.transition, 'failed') ? ended(state, event.transition, event.writes ?? {}) : state;
    case 'abort': return state.moving.some((m) => m.status === 'running') || isIdle(state) ? state : state.entered ? aborted(net, state) : initialState();
    default:
      event satisfies never;
      // xstate's own events (`xstate.stop`) come by here too.
      return state;
  }
}

const rules: readonly Rule[] = ['R1', 'R2', 'R3'];

/** R1, R2, R3 until none applies, then R5, and again. */
function settle(net: Net, from: ComponentState, offers: Partial<Offers>): ComponentState {
  const around = surroundings(net, offers);
  let state = from;
  for (;;) {
    const move = firstOf(rules, (rule) => nextMove(net, state, around, rule));
    if (move) state = applyMove(net, state, move);
    else if (mayBegin(net, state, around)) state = nextBehaviour(state);
    else return state;
  }
}

function firstOf<A, B>(items: readonly A[], find: (item: A) => B | undefined): B | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** R5: the behaviour is over, or none is going on and one is queued. */
function mayBegin(net: Net, state: ComponentState, around: Surroundings): boolean {
  return state.behaviour === null ? state.entered && state.queue.length > 0 : isFinished(net, state, around);
}

function surroundings(net: Net, { served = {}, values = {}, held = {} }: Partial<Offers>): Surroundings {
  return {
    isServed: (port) => served[port] ?? net.ports.get(port)!.optional,
    isAvailable: (port) => port in values || net.ports.get(port)!.optional,
    read: (port) => values[port],
    isHeld: (ports) => ports.some((port) => held[port] ?? false),
  };
}

/** @param executions how many starts the component had seen before the event */
function snapshotOf(net: Net, component: ComponentState, offers: Partial<Offers>, executions: number): ComponentSnapshot {
  return {
    status: 'active', output: undefined, error: undefined,
    value: markingOf(component),
    context: {
      component, offers: offered(nothingOffered, offers),
      starts: component.moving.flatMap(({ transition, status, execution }) => (status === 'running' && execution > executions ? [{ transition, execution }] : [])),
      withdrawing: [...withdrawing(net, component, surroundings(net, offers)).keys()],
      idle: isIdle(component),
    },
  };
}

/** The tokens of a component by the elements that hold them. */
export function markingOf({ places, moving }: ComponentState): Marking {
  return Object.fromEntries([...places.map((p) => [p, 'held'] as const), ...moving.map((m) => [m.transition, m.status] as const)]);
}

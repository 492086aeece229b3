import type { ComponentType, PortKind, Switch, Value } from './model.ts';

/**
 * The token rules R1 to R5 on one component: plain data in, plain data out. What lies outside (whether a port is served, who holds
 * a provide port) is asked of `Surroundings`, so that an assembly, an actor alone and a test apply the same rules.
 */

/** A token that is in a transition. `retrying`: it failed, and a try is due later; in all else as `running`. */
export interface MovingToken {
  readonly transition: string;
  readonly status: 'ready' | 'running' | 'retrying' | 'failed' | 'ended';
  /** Counts the starts of the component's transitions; 0 before the start. */
  readonly execution: number;
  readonly attempt: number;
  /** After an operator's `retry`: the execution that failed first. */
  readonly since?: number;
  /** The try whose work on its host this one goes on with: what became of that work is unknown. Later tries that could not find out go on with the same. */
  readonly takesUp?: { readonly execution: number; readonly attempt: number };
}

/** Where a component stands: its marking, its behaviours and its data. JSON as it is. */
export interface ComponentState {
  /** I1: the initial place was entered. */
  readonly entered: boolean;
  /** The places that hold a token, in the order they were entered. */
  readonly places: readonly string[];
  readonly moving: readonly MovingToken[];
  readonly behaviour: string | null;
  readonly queue: readonly string[];
  /** R6: the places left already under this behaviour. */
  readonly left: readonly string[];
  readonly executions: number;
  /** Data-provide port -> value written and not published yet. */
  readonly written: Readonly<Record<string, Value>>;
  /** Data-provide port -> value that users read. */
  readonly published: Readonly<Record<string, Value>>;
}

/** What the rules ask about the world around a component. Ports are its own. */
export interface Surroundings {
  isServed(usePort: string): boolean;
  isAvailable(dataUsePort: string): boolean;
  read(dataUsePort: string): Value | undefined;
  /** Whether a user would lose one of these provide ports if all of them stopped being active. */
  isHeld(providePorts: readonly string[]): boolean;
}

/** A rule that applies. */
export type Move =
  | { readonly rule: 'R1'; readonly place: string; readonly docks: readonly NetTransition[] }
  | { readonly rule: 'R2'; readonly place: string; readonly transitions: readonly NetTransition[] }
  | { readonly rule: 'R3'; readonly transition: NetTransition };

export type Rule = Move['rule'];

/** What keeps a rule from applying: the ports it is blocked at (a use port not served, a provide port held, data not there). */
export type Block =
  | { readonly rule: 'R1'; readonly place: string; readonly ports: readonly string[]; readonly occupied: boolean; readonly missing: readonly string[] }
  | { readonly rule: 'R2'; readonly place: string; readonly ports: readonly string[] }
  | { readonly rule: 'R3'; readonly transition: string; readonly ports: readonly string[] }
  | { readonly rule: 'R5'; readonly place: string; readonly ports: readonly string[] };

export interface NetTransition {
  readonly name: string;
  /** Order of declaration. */
  readonly index: number;
  readonly from: NetPlace;
  readonly to: NetPlace;
  readonly behaviour: string;
  readonly usePorts: readonly NetPort[];
  readonly dataUsePorts: readonly NetPort[];
  /** Both of its ends are in these. */
  readonly groups: ReadonlySet<string>;
  /** The dock set that its input dock belongs to: itself and those it waits for. */
  readonly docks: readonly NetTransition[];
}

export interface NetPlace {
  readonly name: string;
  /** Order of declaration. */
  readonly index: number;
  readonly groups: readonly string[];
  /** Behaviour -> transitions that leave the place. */
  readonly leaving: ReadonlyMap<string, readonly NetTransition[]>;
  readonly switch: Switch | undefined;
  /** The switch reads a data-provide port of the component itself. */
  readonly choosesByOwn: boolean;
  /** Use ports bound to the place itself. */
  readonly usePorts: readonly NetPort[];
  /** Use ports bound to a group of the place. */
  readonly groupUsePorts: readonly { readonly group: string; readonly port: NetPort }[];
  readonly providePorts: readonly NetPort[];
  readonly dataProvidePorts: readonly NetPort[];
}

export interface NetPort {
  readonly name: string;
  readonly kind: PortKind;
  readonly optional: boolean;
  /** undefined: one is enough, and every connected provider is held. */
  readonly atLeast: number | 'all' | undefined;
  readonly groups: readonly string[];
  readonly transitions: ReadonlySet<string>;
  /** The bound places. */
  readonly places: ReadonlySet<string>;
  /** The bound places and those of the bound groups. */
  readonly covers: ReadonlySet<string>;
}

/** A component type with everything that the rules look up laid out. */
export interface Net {
  readonly type: ComponentType;
  readonly places: ReadonlyMap<string, NetPlace>;
  readonly transitions: ReadonlyMap<string, NetTransition>;
  readonly ports: ReadonlyMap<string, NetPort>;
  readonly usePorts: readonly NetPort[];
  readonly providePorts: readonly NetPort[];
  readonly dataProvidePorts: readonly NetPort[];
  readonly dataUsePorts: readonly NetPort[];
}

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] extends ReadonlyMap<infer A, readonly (infer B)[]> ? Map<A, B[]> : T[K] };

const nets = new WeakMap<ComponentType, Net>();

/** Lays out a (valid) component type for the rules; the same type gives the same net. */
export function netOf(type: ComponentType): Net {
  let net = nets.get(type);
  if (!net) nets.set(type, (net = compile(type)));
  return net;
}

function compile(type: ComponentType): Net {
  const groups = Object.entries(type.groups);
  const groupsOf = (place: string) => groups.filter(([, members]) => members.includes(place)).map(([name]) => name);
  const ports = new Map<string, NetPort>();
  for (const [name, port] of Object.entries(type.ports)) {
    const bound = (names: Iterable<string>) => [...names].filter((n) => port.boundTo.includes(n));
    const boundGroups = bound(Object.keys(type.groups));
    const places = bound(type.places);
    ports.set(name, {
      name, kind: port.kind, optional: port.optional ?? false, atLeast: port.atLeast, groups: boundGroups,
      transitions: new Set(bound(Object.keys(type.transitions))), places: new Set(places),
      covers: new Set([...places, ...boundGroups.flatMap((g) => type.groups[g]!)]),
    });
  }
  const all = [...ports.values()];
  const of = (kind: PortKind) => all.filter((p) => p.kind === kind);
  const places = new Map<string, Writable<NetPlace>>();
  for (const name of type.places) {
    places.set(name, {
      name, index: places.size, groups: groupsOf(name), leaving: new Map(), switch: type.switches[name],
      choosesByOwn: type.ports[type.switches[name]?.port ?? '']?.kind === 'data-provide',
      usePorts: of('use').filter((p) => p.places.has(name)),
      groupUsePorts: of('use').flatMap((port) => port.groups.filter((g) => type.groups[g]!.includes(name)).map((group) => ({ group, port }))),
      providePorts: of('provide').filter((p) => p.covers.has(name)),
      dataProvidePorts: of('data-provide').filter((p) => p.covers.has(name)),
    });
  }
  const transitions = new Map<string, NetTransition>();
  const sets = new Map<string, NetTransition[]>();
  for (const [name, t] of Object.entries(type.transitions)) {
    const from = places.get(t.from)!, to = places.get(t.to)!;
    const key = JSON.stringify([t.to, t.behaviour, t.dockSet ?? '']);
    let docks = sets.get(key);
    if (!docks) sets.set(key, (docks = []));
    const transition: NetTransition = {
      name, index: transitions.size, from, to, behaviour: t.behaviour, docks,
      usePorts: of('use').filter((p) => p.transitions.has(name)), dataUsePorts: of('data-use').filter((p) => p.transitions.has(name)),
      groups: new Set(from.groups.filter((g) => to.groups.includes(g))),
    };
    docks.push(transition);
    transitions.set(name, transition);
    if (!from.leaving.has(t.behaviour)) from.leaving.set(t.behaviour, []);
    from.leaving.get(t.behaviour)!.push(transition);
  }
  return { type, places, transitions, ports, usePorts: of('use'), providePorts: of('provide'), dataUsePorts: of('data-use'), dataProvidePorts: of('data-provide') };
}

const nothing: readonly never[] = [];
const none: ReadonlyMap<string, string> = new Map();
const noData: Readonly<Record<string, Value>> = {};

/** A component just added: no token yet; its initial place is entered by R1. */
export function initialState(): ComponentState {
  return fresh;
}

const fresh: ComponentState = { entered: false, places: nothing, moving: nothing, behaviour: null, queue: nothing, left: nothing, executions: 0, written: noData, published: noData };

// ---- what a marking means ------------------------------------------------------------------

/** A group holds a token when one of its places does or one of its transitions is not idle. */
export function groupHolds(net: Net, state: ComponentState, group: string): boolean {
  const { places, moving } = state;
  for (let i = 0; i < places.length; i++) if (net.places.get(places[i]!)!.groups.includes(group)) return true;
  for (let i = 0; i < moving.length; i++) if (net.transitions.get(moving[i]!.transition)!.groups.has(group)) return true;
  return false;
}

/** Whether a provide port is active. */
export function isActive(net: Net, state: ComponentState, port: NetPort): boolean {
  return coversOne(port, state.places) || holdsGroup(net, state, port);
}

function coversOne(port: NetPort, places: readonly string[]): boolean {
  for (let i = 0; i < places.length; i++) if (port.covers.has(places[i]!)) return true;
  return false;
}

function holdsGroup(net: Net, state: ComponentState, { groups }: NetPort): boolean {
  for (let i = 0; i < groups.length; i++) if (groupHolds(net, state, groups[i]!)) return true;
  return false;
}

/** Whether a use port is in use (§2): by a place, a group, a transition that runs or failed, or a token carried over. */
export function isInUse(net: Net, state: ComponentState, port: NetPort): boolean {
  if (coversOne(port, state.places)) return true;
  for (let i = 0; i < state.moving.length; i++) {
    const m = state.moving[i]!;
    if (!port.transitions.has(m.transition)) continue;
    switch (m.status) {
      case 'ready': if (port.covers.has(net.transitions.get(m.transition)!.from.name)) return true; break;
      case 'ended': if (port.covers.has(net.transitions.get(m.transition)!.to.name)) return true; break;
      default: return true;
    }
  }
  return holdsGroup(net, state, port);
}

/** Whether a data-use port is in use: one of its transitions runs or failed. */
export function isRead(state: ComponentState, port: NetPort): boolean {
  return state.moving.some((m) => m.status !== 'ready' && m.status !== 'ended' && port.transitions.has(m.transition));
}

/** I6: nothing is going on and nothing is queued. */
export function isIdle(state: ComponentState): boolean {
  return state.entered && state.behaviour === null && state.queue.length === 0;
}

/** Transitions that a switch gives tokens to for a value: the first case whose condition holds. */
export function choose(cases: Switch['cases'], value: Value | undefined): readonly string[] {
  for (const c of cases) {
    if ('otherwise' in c) return c.otherwise;
    if ('below' in c ? typeof value === 'number' && value < c.below : sameValue(c.equals, value)) return c.take;
  }
  return nothing;
}

function sameValue(a: Value, b: Value | undefined): boolean {
  return a === b || (typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

/** R2: the transitions by which a held place wants to be left now; none when it does not, `'undecided'` for a switch without its data. */
function exits(place: NetPlace, state: ComponentState, around: Surroundings): readonly NetTransition[] | 'undecided' {
  if (state.behaviour === null || state.left.includes(place.name)) return nothing;
  const out = place.leaving.get(state.behaviour);
  if (!out) return nothing;
  if (!place.switch) return out;
  const { port, cases } = place.switch;
  if (place.choosesByOwn ? !Object.hasOwn(state.published, port) : !around.isAvailable(port)) return 'undecided';
  const chosen = choose(cases, place.choosesByOwn ? state.published[port] : around.read(port));
  return out.filter((t) => chosen.includes(t.name));
}

/** The provide ports that leaving `place` by `transitions` would deactivate. */
function losses(net: Net, state: ComponentState, place: NetPlace, transitions: readonly NetTransition[]): string[] {
  if (place.providePorts.length === 0) return [];
  const after = left(state, place, transitions);
  return place.providePorts.filter((p) => !isActive(net, after, p)).map((p) => p.name);
}

/** R2: the provide ports that are withdrawing, each with the place that wants to be left and whose leaving would deactivate it. */
export function withdrawing(net: Net, state: ComponentState, around: Surroundings): ReadonlyMap<string, string> {
  if (state.behaviour === null) return none;
  let found: Map<string, string> | undefined;
  for (const name of state.places) {
    const place = net.places.get(name)!;
    if (place.providePorts.length === 0) continue;
    const out = exits(place, state, around);
    if (out === 'undecided' || out.length === 0) continue;
    for (const port of losses(net, state, place, out)) (found ??= new Map()).set(port, name);
  }
  return found ?? none;
}

// ---- the rules ------------------------------------------------------------------------------

/** The first move that `rule` allows, by order of declaration. */
export function nextMove(net: Net, state: ComponentState, around: Surroundings, rule: Rule): Move | undefined {
  switch (rule) {
    case 'R1': return nextEntry(net, state, around);
    case 'R2': return nextExit(net, state, around);
    case 'R3': return nextStart(net, state, around);
  }
}

function nextEntry(net: Net, state: ComponentState, around: Surroundings): Move | undefined {
  if (!state.entered) {
    const place = net.places.get(net.type.initialPlace)!;
    return missingToEnter(net, state, around, place, nothing).length === 0 ? { rule: 'R1', place: place.name, docks: nothing } : undefined;
  }
  const complete = completeDocks(net, state);
  for (let i = 0; i < complete.length; i++) {
    const { place, docks } = complete[i]!;
    if (!state.places.includes(place.name) && missingToEnter(net, state, around, place, docks).length === 0) return { rule: 'R1', place: place.name, docks };
  }
  return undefined;
}

interface Entry {
  readonly place: NetPlace;
  readonly docks: readonly NetTransition[];
}

/** Places with a dock set all of whose docks hold a token, by order of declaration; of several such sets of a place the first declared is the one that enters. */
function completeDocks(net: Net, { moving }: ComponentState): readonly Entry[] {
  let complete: Entry[] | undefined;
  const isEnded = (t: NetTransition) => moving.some((m) => m.transition === t.name && m.status === 'ended');
  for (let i = 0; i < moving.length; i++) {
    if (moving[i]!.status !== 'ended') continue;
    const { docks, to: place } = net.transitions.get(moving[i]!.transition)!;
    if (complete?.some((entry) => entry.docks === docks) || !docks.every(isEnded)) continue;
    (complete ??= []).push({ place, docks });
  }
  if (complete === undefined) return nothing;
  if (complete.length === 1) return complete;
  complete.sort((a, b) => a.place.index - b.place.index || a.docks[0]!.index - b.docks[0]!.index);
  return complete.filter(({ place }, i) => complete[i - 1]?.place !== place);
}

/** R1: the use ports that entering `place` would need and that are neither served nor carried over. */
function missingToEnter(net: Net, state: ComponentState, around: Surroundings, place: NetPlace, docks: readonly NetTransition[]): readonly string[] {
  if (place.usePorts.length === 0 && place.groupUsePorts.length === 0) return nothing;
  const missing: string[] = [];
  const ask = (port: NetPort) => {
    const carried = docks.some((t) => port.transitions.has(t.name));
    if (!carried && !around.isServed(port.name) && !missing.includes(port.name)) missing.push(port.name);
  };
  for (let i = 0; i < place.usePorts.length; i++) ask(place.usePorts[i]!);
  for (let i = 0; i < place.groupUsePorts.length; i++) if (!groupHolds(net, state, place.groupUsePorts[i]!.group)) ask(place.groupUsePorts[i]!.port);
  return missing;
}

function nextExit(net: Net, state: ComponentState, around: Surroundings): Move | undefined {
  if (state.behaviour === null) return undefined;
  for (const name of inOrder(net.type.places, state.places)) {
    const place = net.places.get(name)!;
    const out = exits(place, state, around);
    if (out === 'undecided' || out.length === 0) continue;
    const lost = losses(net, state, place, out);
    if (lost.length === 0 || !around.isHeld(lost)) return { rule: 'R2', place: name, transitions: out };
  }
  return undefined;
}

function nextStart(net: Net, state: ComponentState, around: Surroundings): Move | undefined {
  let first: NetTransition | undefined;
  for (let i = 0; i < state.moving.length; i++) {
    if (state.moving[i]!.status !== 'ready') continue;
    const transition = net.transitions.get(state.moving[i]!.transition)!;
    if ((!first || transition.index < first.index) && missingToStart(transition, around).length === 0) first = transition;
  }
  return first && { rule: 'R3', transition: first };
}

/** R3: the ports that a ready transition still waits for. */
function missingToStart(t: NetTransition, around: Surroundings): readonly string[] {
  if (t.usePorts.length === 0 && t.dataUsePorts.length === 0) return nothing;
  const missing: string[] = [];
  for (const port of t.usePorts) if (!port.covers.has(t.from.name) && !around.isServed(port.name)) missing.push(port.name);
  for (const port of t.dataUsePorts) if (!around.isAvailable(port.name)) missing.push(port.name);
  return missing;
}

const inOrder = (declared: readonly string[], held: readonly string[]): readonly string[] =>
  held.length < 2 ? held : declared.filter((p) => held.includes(p));

/** R5: the behaviour has no token in a transition and no place still to be left. */
export function isFinished(net: Net, state: ComponentState, around: Surroundings): boolean {
  if (!state.entered || state.behaviour === null || state.moving.length > 0) return false;
  return state.places.every((p) => {
    const out = exits(net.places.get(p)!, state, around);
    return out !== 'undecided' && out.length === 0;
  });
}

/** Everything that keeps the component from moving, in the order of the rules. */
export function blocks(net: Net, state: ComponentState, around: Surroundings): Block[] {
  const found: Block[] = [];
  if (!state.entered) {
    const place = net.places.get(net.type.initialPlace)!;
    found.push({ rule: 'R1', place: place.name, ports: missingToEnter(net, state, around, place, nothing), occupied: false, missing: [] });
    return found;
  }
  const complete = completeDocks(net, state);
  for (const { place, docks } of complete) {
    const ports = missingToEnter(net, state, around, place, docks);
    found.push({ rule: 'R1', place: place.name, ports, occupied: state.places.includes(place.name), missing: [] });
  }
  for (const m of state.moving) {
    const t = net.transitions.get(m.transition)!;
    if (m.status === 'ready') found.push({ rule: 'R3', transition: t.name, ports: missingToStart(t, around) });
    if (m.status === 'ended' && !complete.some((c) => c.docks.includes(t))) {
      const missing = t.docks.filter((d) => !state.moving.some((o) => o.transition === d.name && o.status === 'ended')).map((d) => d.name);
      if (!found.some((b) => b.rule === 'R1' && b.place === t.to.name)) found.push({ rule: 'R1', place: t.to.name, ports: [], occupied: false, missing });
    }
  }
  for (const name of state.places) {
    const place = net.places.get(name)!;
    const out = exits(place, state, around);
    if (out === 'undecided') found.push({ rule: 'R5', place: name, ports: [place.switch!.port] });
    else if (out.length > 0) found.push({ rule: 'R2', place: name, ports: heldOf(losses(net, state, place, out), around) });
  }
  return found;
}

/** The ports of a leave that keep it back: those held alone or, when a user would miss only all of them together, all. */
function heldOf(ports: readonly string[], around: Surroundings): readonly string[] {
  const alone = ports.filter((p) => around.isHeld([p]));
  return alone.length > 0 || !around.isHeld(ports) ? alone : ports;
}

// ---- moving tokens --------------------------------------------------------------------------

/** The state after a move. */
export function applyMove(net: Net, state: ComponentState, move: Move): ComponentState {
  switch (move.rule) {
    case 'R1': return entered(net, state, net.places.get(move.place)!, move.docks);
    case 'R2': return left(state, net.places.get(move.place)!, move.transitions);
    case 'R3': {
      const execution = state.executions + 1;
      return { ...state, executions: execution, moving: withToken(state, move.transition.name, { status: 'running', execution, attempt: 1 }) };
    }
  }
}

function entered(net: Net, state: ComponentState, place: NetPlace, docks: readonly NetTransition[]): ComponentState {
  const moving = docks.length === 0 ? state.moving : state.moving.filter((m) => !docks.some((t) => t.name === m.transition));
  let { written, published } = state;
  for (const port of place.dataProvidePorts) {
    if (!(port.name in written)) continue;
    const { [port.name]: value, ...rest } = written;
    [written, published] = [rest, { ...published, [port.name]: value! }];
  }
  return { ...state, entered: true, moving, places: [...state.places, place.name], written, published };
}

function left(state: ComponentState, place: NetPlace, transitions: readonly NetTransition[]): ComponentState {
  return {
    ...state,
    places: state.places.filter((p) => p !== place.name),
    moving: [...state.moving, ...transitions.map((t): MovingToken => ({ transition: t.name, status: 'ready', execution: 0, attempt: 0 }))],
    left: [...state.left, place.name],
  };
}

function withToken(state: ComponentState, transition: string, change: Partial<MovingToken>): readonly MovingToken[] {
  return state.moving.map((m) => (m.transition === transition ? { ...m, ...change } : m));
}

/** The token in a transition, if any. */
export function tokenIn(state: ComponentState, transition: string): MovingToken | undefined {
  return state.moving.find((m) => m.transition === transition);
}

/** R4 (and F3 `skip`): the transition is ended and its data written. */
export function ended(state: ComponentState, transition: string, writes: Readonly<Record<string, Value>>): ComponentState {
  const written = Object.keys(writes).length === 0 ? state.written : { ...state.written, ...writes };
  return { ...state, moving: withToken(state, transition, { status: 'ended' }), written };
}

/** F1: the transition is failed; its token and its ports stay. `isUnsettled`: what it did may go on, and the next try takes it up. */
export function failed(state: ComponentState, transition: string, isUnsettled = false): ComponentState {
  return withFailedTry(state, transition, 'failed', isUnsettled);
}

/** F1: a try failed and the next one is due after its delay. `isUnsettled`: as for `failed`. */
export function retrying(state: ComponentState, transition: string, isUnsettled = false): ComponentState {
  return withFailedTry(state, transition, 'retrying', isUnsettled);
}

function withFailedTry(state: ComponentState, transition: string, status: 'failed' | 'retrying', isUnsettled: boolean): ComponentState {
  const moving = state.moving.map((m): MovingToken => {
    if (m.transition !== transition) return m;
    const { takesUp = { execution: m.execution, attempt: m.attempt }, ...token } = m;
    return { ...token, status, ...(isUnsettled ? { takesUp } : {}) };
  });
  return { ...state, moving };
}

/** The next try of a transition that is retrying. */
export function tried(state: ComponentState, transition: string): ComponentState {
  return { ...state, moving: withToken(state, transition, { status: 'running', attempt: tokenIn(state, transition)!.attempt + 1 }) };
}

/** F3 `retry`: the failed transition runs again, as a new execution. */
export function restarted(state: ComponentState, transition: string): ComponentState {
  const execution = state.executions + 1;
  const before = tokenIn(state, transition)!;
  return { ...state, executions: execution, moving: withToken(state, transition, { status: 'running', execution, attempt: 1, since: before.since ?? before.execution }) };
}

/** F3 `abort`: every token in a transition goes back to the place it came from; behaviour and queue are cleared. */
export function aborted(net: Net, state: ComponentState): ComponentState {
  const back = state.moving.map((m) => net.transitions.get(m.transition)!.from.name);
  return { ...state, places: [...new Set([...state.places, ...back])], moving: nothing, behaviour: null, queue: nothing, left: nothing };
}

/** I5: queued; R5 begins it. */
export function pushed(state: ComponentState, behaviour: string): ComponentState {
  return { ...state, queue: [...state.queue, behaviour] };
}

/** R5: the behaviour is over; the next one of the queue begins, if any. */
export function nextBehaviour(state: ComponentState): ComponentState {
  const [behaviour = null, ...queue] = state.queue;
  return { ...state, behaviour, queue, left: nothing };
}

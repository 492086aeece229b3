import { initialState, isActive, isIdle, isInUse, isRead, netOf, tokenIn, withdrawing, type ComponentState, type Net, type NetPort, type Surroundings } from '../components/net.ts';
import type { ComponentType, Value } from '../components/model.ts';
import { Agenda } from './agenda.ts';
import type { ComponentSpec, Connection, Failure, Instruction, PortRef, ProgramOutcome } from './model.ts';

/** A component in an assembly: its plain state, and the ends of its connections with their counts. It answers what the rules ask of its surroundings. */
export class Member implements Surroundings {
  /** Order of declaration. */
  readonly index: number;
  readonly spec: ComponentSpec;
  readonly net: Net;
  state: ComponentState = initialState();
  /** Where it stands in the agenda; 0 when it is not in it. */
  stage: 0 | 1 | 2 | 3 = 0;
  deleted = false;
  /** Held place -> why its probe fails (F5). */
  degraded: ReadonlyMap<string, string> = noEntries;
  /** Failed transition -> why (F1). */
  failures: ReadonlyMap<string, Failure> = noEntries;
  readonly uses: readonly UseEnd[];
  readonly provides: readonly ProvideEnd[];
  readonly dataUses: readonly DataUseEnd[];
  readonly dataProvides: readonly DataProvideEnd[];

  constructor(index: number, spec: ComponentSpec, net: Net) {
    this.index = index;
    this.spec = spec;
    this.net = net;
    const { usePorts, providePorts, dataUsePorts, dataProvidePorts } = net;
    this.uses = usePorts.length === 0 ? noEnds : usePorts.map((port) => ({ member: this, port, providers: [], active: 0, withdrawing: 0, inUse: false }));
    this.provides = providePorts.length === 0 ? noEnds : providePorts.map((port) => ({ member: this, port, users: new Set(), active: false, withdrawing: undefined, holders: 0, sharers: new Set() }));
    this.dataUses = dataUsePorts.length === 0 ? noEnds : dataUsePorts.map((port) => ({ member: this, port, sources: [] }));
    this.dataProvides = dataProvidePorts.length === 0 ? noEnds : dataProvidePorts.map((port) => ({ member: this, port, readers: new Set() }));
  }

  isServed(port: string): boolean {
    return isServed(endOf(this.uses, port)!);
  }

  isHeld(ports: readonly string[]): boolean {
    return isHeld(this.provides, ports);
  }

  isAvailable(port: string): boolean {
    return isAvailable(endOf(this.dataUses, port)!);
  }

  read(port: string): Value | undefined {
    return valueOf(endOf(this.dataUses, port)!);
  }
}

/** Most components never fail: they share one empty map. */
const noEntries: ReadonlyMap<string, never> = new Map<string, never>();
const noEnds: readonly never[] = [];

/** The end of a port, by its name: a component has a few, so that looking through them is cheaper than a map in memory and time. */
export function endOf<End extends { readonly port: NetPort }>(all: readonly End[], port: string): End | undefined {
  for (let i = 0; i < all.length; i++) if (all[i]!.port.name === port) return all[i];
  return undefined;
}

export interface UseEnd {
  readonly member: Member;
  readonly port: NetPort;
  readonly providers: ProvideEnd[];
  /** How many of the providers are active. */
  active: number;
  /** How many are withdrawing. */
  withdrawing: number;
  inUse: boolean;
}

export interface ProvideEnd {
  readonly member: Member;
  readonly port: NetPort;
  readonly users: Set<UseEnd>;
  active: boolean;
  /** The place that wants to be left and whose leaving would deactivate the port. */
  withdrawing: string | undefined;
  /** Users in use that hold it whatever else they have. */
  holders: number;
  /** Users in use that let it go when enough others stay (`atLeast`). */
  readonly sharers: Set<UseEnd>;
}

export interface DataUseEnd {
  readonly member: Member;
  readonly port: NetPort;
  readonly sources: DataProvideEnd[];
}

export interface DataProvideEnd {
  readonly member: Member;
  readonly port: NetPort;
  readonly readers: Set<DataUseEnd>;
}

/** The program being played. */
export interface ProgramState {
  readonly name: string;
  readonly instructions: Instruction[];
  /** Index of the instruction to execute next. */
  next: number;
  /** More instructions may come. */
  open: boolean;
  /** The operator dropped it: it ends, as cancelled, when nothing runs any more. */
  cancelled?: boolean;
  /** Set when it is over or when nothing can move any more. */
  outcome: ProgramOutcome | undefined;
}

/**
 * The state of a whole assembly. `step` advances it in place: copying 10,000 components at each event would make a chain quadratic.
 * `snapshot` gives plain data, `restore` takes it back.
 */
export class AssemblyState {
  readonly types: ReadonlyMap<string, ComponentType>;
  readonly members = new Map<string, Member>();
  readonly agenda = new Agenda();
  program: ProgramState | undefined;
  /** Components whose behaviour may be over (R5). */
  finishing: Member[] = [];
  /** Tokens in transitions that run or are retrying. */
  inFlight = 0;
  failed = 0;
  idle = 0;
  /** Deleted component -> its executions, so that one added again under its name never repeats the name of an action (D2). */
  readonly deletedExecutions = new Map<string, number>();
  #nextIndex = 0;

  constructor(types: ReadonlyMap<string, ComponentType>) {
    this.types = types;
  }

  /** @throws RangeError when there is no such component (the caller has checked: I7) */
  member(name: string): Member {
    const member = this.members.get(name);
    if (!member) throw new RangeError(`no component "${name}"`);
    return member;
  }

  add(spec: ComponentSpec, state = this.#stateOfNew(spec.name)): Member {
    const type = this.types.get(spec.type);
    if (!type) throw new RangeError(`no type "${spec.type}"`);
    const member = new Member(this.#nextIndex++, spec, netOf(type));
    this.members.set(spec.name, member);
    if (state === member.state) this.agenda.add(member);
    else this.set(member, state);
    return member;
  }

  #stateOfNew(name: string): ComponentState {
    const executions = this.deletedExecutions.get(name);
    return executions === undefined ? initialState() : { ...initialState(), executions };
  }

  delete(name: string): void {
    const member = this.member(name);
    member.deleted = true;
    this.deletedExecutions.set(name, member.state.executions);
    if (isIdle(member.state)) this.idle--;
    this.members.delete(name);
  }

  /** Puts a component in a state, and tells its neighbours what became of its ports. */
  set(member: Member, state: ComponentState): void {
    const before = member.state;
    member.state = state;
    // Loops by index here, in `net.ts` and in `agenda.ts`: a large assembly is deployed once, by code that was never hot, where an iterator costs more than its body.
    const idle = isIdle(state), { moving } = state;
    if (isIdle(before) !== idle) this.idle += idle ? 1 : -1;
    if (before.moving !== moving) {
      for (let i = 0; i < before.moving.length; i++) this.#count(before.moving[i]!.status, -1);
      for (let i = 0; i < moving.length; i++) this.#count(moving[i]!.status, 1);
      if (member.failures.size > 0) member.failures = only(member.failures, (transition) => tokenIn(state, transition)?.status === 'failed');
    }
    if (before.places !== state.places && member.degraded.size > 0) member.degraded = only(member.degraded, (place) => state.places.includes(place));
    if (before.moving !== moving || before.places !== state.places) for (let i = 0; i < member.uses.length; i++) this.#refreshUse(member.uses[i]!);
    this.#refreshProvides(member);
    if (before.published !== state.published) {
      for (const end of member.dataProvides) if (before.published[end.port.name] !== state.published[end.port.name]) this.#tellReaders(end);
    }
    this.agenda.add(member);
  }

  connect({ use, provide }: Connection): void {
    const user = this.member(use.component), provider = this.member(provide.component);
    const useEnd = endOf(user.uses, use.port);
    if (useEnd) {
      const provideEnd = endOf(provider.provides, provide.port)!;
      useEnd.providers.push(provideEnd);
      provideEnd.users.add(useEnd);
      if (provideEnd.active) useEnd.active++;
      if (provideEnd.withdrawing !== undefined) useEnd.withdrawing++;
      if (useEnd.inUse) hold(useEnd, provideEnd);
      if (provideEnd.active) this.#tellLeavers(useEnd);
    } else {
      const dataUseEnd = endOf(user.dataUses, use.port)!, dataProvideEnd = endOf(provider.dataProvides, provide.port)!;
      dataUseEnd.sources.push(dataProvideEnd);
      dataProvideEnd.readers.add(dataUseEnd);
      this.#refreshProvides(user);
    }
    this.agenda.add(user);
  }

  disconnect({ use, provide }: Connection): void {
    const user = this.member(use.component), provider = this.member(provide.component);
    const useEnd = endOf(user.uses, use.port);
    if (useEnd) {
      const provideEnd = endOf(provider.provides, provide.port)!;
      useEnd.providers.splice(useEnd.providers.indexOf(provideEnd), 1);
      provideEnd.users.delete(useEnd);
      if (provideEnd.active) useEnd.active--;
      if (provideEnd.withdrawing !== undefined) useEnd.withdrawing--;
      if (useEnd.inUse) release(useEnd, provideEnd);
    } else {
      const dataUseEnd = endOf(user.dataUses, use.port)!, dataProvideEnd = endOf(provider.dataProvides, provide.port)!;
      dataUseEnd.sources.splice(dataUseEnd.sources.indexOf(dataProvideEnd), 1);
      dataProvideEnd.readers.delete(dataUseEnd);
      this.#refreshProvides(user);
    }
    this.agenda.add(user);
    this.agenda.add(provider);
  }

  /** I3: whether the connection may be removed now. */
  mayDisconnect({ use, provide }: Connection): boolean {
    const user = this.member(use.component);
    const end = endOf(user.uses, use.port);
    if (!end) return !isRead(user.state, endOf(user.dataUses, use.port)!.port);
    if (!end.inUse) return true;
    const { atLeast } = end.port;
    if (atLeast === undefined) return false;
    const gone = endOf(this.member(provide.component).provides, provide.port)!;
    const others = end.active - (gone.active ? 1 : 0);
    return others >= Math.max(1, atLeast === 'all' ? end.providers.length - 1 : atLeast);
  }

  isConnected({ use, provide }: Connection): boolean {
    const user = this.members.get(use.component);
    const is = (ends: readonly { member: Member; port: NetPort }[] | undefined) =>
      ends?.some((e) => e.member.spec.name === provide.component && e.port.name === provide.port) ?? false;
    return is(user && endOf(user.uses, use.port)?.providers) || is(user && endOf(user.dataUses, use.port)?.sources);
  }

  /** All connections, in the order of the users' declaration. */
  *connections(): Generator<Connection> {
    const ref = (end: { member: Member; port: NetPort }): PortRef => ({ component: end.member.spec.name, port: end.port.name });
    for (const member of this.members.values()) {
      for (const use of member.uses) for (const provide of use.providers) yield { use: ref(use), provide: ref(provide) };
      for (const use of member.dataUses) for (const provide of use.sources) yield { use: ref(use), provide: ref(provide) };
    }
  }

  #count(status: string, by: 1 | -1): void {
    if (status === 'running' || status === 'retrying') this.inFlight += by;
    else if (status === 'failed') this.failed += by;
  }

  #refreshUse(end: UseEnd): void {
    const inUse = isInUse(end.member.net, end.member.state, end.port);
    if (inUse === end.inUse) return;
    end.inUse = inUse;
    for (const provider of end.providers) {
      if (inUse) hold(end, provider);
      else {
        release(end, provider);
        if (provider.withdrawing !== undefined) this.agenda.add(provider.member);
      }
    }
  }

  /** Which provide ports are active, and which are withdrawing: R2 depends on the state, and for a switch on its data. */
  #refreshProvides(member: Member): void {
    if (member.provides.length === 0) return;
    const leaving = withdrawing(member.net, member.state, member);
    for (const end of member.provides) {
      const active = isActive(member.net, member.state, end.port);
      const place = leaving.get(end.port.name);
      const withdraws = place !== undefined, withdrew = end.withdrawing !== undefined;
      end.withdrawing = place;
      if (active === end.active && withdraws === withdrew) continue;
      const more = (active ? 1 : 0) - (end.active ? 1 : 0), moreWithdrawing = (withdraws ? 1 : 0) - (withdrew ? 1 : 0);
      end.active = active;
      for (const user of end.users) {
        user.active += more;
        user.withdrawing += moreWithdrawing;
        if (more > 0 || moreWithdrawing < 0) this.agenda.add(user.member);
        if (more > 0) this.#tellLeavers(user);
      }
    }
  }

  /** A user in use has one active provider more: with `atLeast` it may let another one go. */
  #tellLeavers(user: UseEnd): void {
    if (!user.inUse || user.port.atLeast === undefined || user.withdrawing === 0) return;
    for (const other of user.providers) if (other.withdrawing !== undefined) this.agenda.add(other.member);
  }

  #tellReaders(end: DataProvideEnd): void {
    for (const reader of end.readers) {
      this.#refreshProvides(reader.member);
      this.agenda.add(reader.member);
    }
  }
}

function only<V>(entries: ReadonlyMap<string, V>, keep: (key: string) => boolean): ReadonlyMap<string, V> {
  return new Map([...entries].filter(([key]) => keep(key)));
}

function hold(user: UseEnd, provider: ProvideEnd): void {
  if (user.port.atLeast === undefined) provider.holders++;
  else provider.sharers.add(user);
}

function release(user: UseEnd, provider: ProvideEnd): void {
  if (user.port.atLeast === undefined) provider.holders--;
  else provider.sharers.delete(user);
}

function needed(end: UseEnd | DataUseEnd): number {
  const { atLeast } = end.port;
  const connections = 'providers' in end ? end.providers.length : end.sources.length;
  return atLeast === 'all' ? connections : (atLeast ?? 1);
}

/** §2: enough connected provide ports are active and, unless it is in use already, it would hold none that is withdrawing. */
export function isServed(end: UseEnd): boolean {
  if (end.providers.length === 0) return end.port.optional;
  if (end.active < needed(end)) return false;
  if (end.inUse || end.withdrawing === 0) return true;
  if (end.port.atLeast === undefined) return false;
  return end.providers.every((p) => p.withdrawing === undefined || !holds(end, (o) => o.member === p.member && o.withdrawing === p.withdrawing));
}

/** R2, `atLeast`: the user would have too few active providers left without those that `goes` names. */
function holds(end: UseEnd, goes: (provider: ProvideEnd) => boolean): boolean {
  let staying = end.active;
  for (const p of end.providers) if (p.active && goes(p)) staying--;
  return staying < needed(end);
}

function isHeld(provides: readonly ProvideEnd[], ports: readonly string[]): boolean {
  const going = ports.map((p) => endOf(provides, p)!);
  return going.some((end) => end.holders > 0 || [...end.sharers].some((user) => holds(user, (p) => going.includes(p))));
}

/** The users that keep a provide port of a component from being withdrawn (together with `ports` of the same leave). */
export function holdersOf(member: Member, ports: readonly string[]): UseEnd[] {
  const going = ports.map((p) => endOf(member.provides, p)!);
  return going.flatMap((end) => [...end.users].filter((user) => user.inUse && (user.port.atLeast === undefined || holds(user, (p) => going.includes(p)))));
}

function isAvailable(end: DataUseEnd): boolean {
  if (end.sources.length === 0) return end.port.optional;
  let available = 0;
  for (const s of end.sources) if (s.port.name in s.member.state.published) available++;
  return available >= needed(end);
}

function valueOf(end: DataUseEnd): Value | undefined {
  const values = end.sources.flatMap((s) => (s.port.name in s.member.state.published ? [s.member.state.published[s.port.name]!] : []));
  return end.port.atLeast === 'all' ? values : values[0];
}

const noData: Readonly<Record<string, Value | undefined>> = {};

/** The values that a transition's data-use ports have now. */
export function dataFor(member: Member, transition: string): Readonly<Record<string, Value | undefined>> {
  const { dataUsePorts } = member.net.transitions.get(transition)!;
  return dataUsePorts.length === 0 ? noData : Object.fromEntries(dataUsePorts.map((p) => [p.name, valueOf(endOf(member.dataUses, p.name)!)]));
}

/** What a program finds, for checking it (I7): the components by type, and their connections. */
export function situationOf(state: AssemblyState) {
  return {
    components: new Map([...state.members.values()].map((m) => [m.spec.name, m.spec.type])),
    connections: [...state.connections()],
  };
}

// ---- plain data -------------------------------------------------------------------------------

/** An assembly's state as JSON. */
export interface AssemblySnapshot {
  readonly members: readonly { readonly spec: ComponentSpec; readonly state: ComponentState; readonly degraded: Readonly<Record<string, string>>; readonly failures: Readonly<Record<string, Failure>> }[];
  readonly connections: readonly Connection[];
  readonly deletedExecutions?: Readonly<Record<string, number>>;
  readonly program?: ProgramState;
}

export function snapshot(state: AssemblyState): AssemblySnapshot {
  return {
    members: [...state.members.values()].map((m) => ({ spec: m.spec, state: m.state, degraded: Object.fromEntries(m.degraded), failures: Object.fromEntries(m.failures) })),
    connections: [...state.connections()],
    ...(state.deletedExecutions.size > 0 ? { deletedExecutions: Object.fromEntries(state.deletedExecutions) } : {}),
    ...(state.program ? { program: { ...state.program, instructions: [...state.program.instructions] } } : {}),
  };
}

/** The state that `snapshot` saved. Nothing is run by restoring it. */
export function restore(saved: AssemblySnapshot, types: ReadonlyMap<string, ComponentType>): AssemblyState {
  const state = new AssemblyState(types);
  for (const { spec, state: component, degraded, failures } of saved.members) {
    const member = state.add(spec, component);
    member.degraded = new Map(Object.entries(degraded));
    member.failures = new Map(Object.entries(failures));
  }
  for (const c of saved.connections) state.connect(c);
  for (const [name, executions] of Object.entries(saved.deletedExecutions ?? {})) state.deletedExecutions.set(name, executions);
  state.program = saved.program && { ...saved.program, instructions: [...saved.program.instructions] };
  return state;
}

import type { Assembly, Connection, Event, Happening, Instruction } from '../../src/assembly/model.ts';
import type { AssemblyState } from '../../src/assembly/state.ts';
import type { Step } from '../../src/assembly/step.ts';
import type { ComponentType, Port, Value } from '../../src/components/model.ts';

/**
 * A slow second reading of the semantics, word by word: it believes nothing but what happened, keeps plain markings, and recomputes
 * after every single happening what is active, in use, held, withdrawing and served. It shares nothing with `net.ts` and `state.ts`.
 */

type Status = 'ready' | 'running' | 'retrying' | 'failed' | 'ended';

interface Component {
  readonly name: string;
  readonly type: ComponentType;
  entered: boolean;
  /** Element -> the weight of its token: see `Oracle.weigh`. */
  places: Map<string, number>;
  moving: Map<string, { status: Status; weight: number }>;
  behaviour: string | null;
  queue: string[];
  left: Set<string>;
  written: Record<string, Value>;
  published: Record<string, Value>;
}

/** What a rule of the semantics forbids, and happened; or asks for, and did not. */
class Violation extends Error {}

const forbid = (wrong: boolean, rule: string, what: () => string) => {
  if (wrong) throw new Violation(`${rule}: ${what()}`);
};

export class Oracle {
  readonly #types: ReadonlyMap<string, ComponentType>;
  /** The components that are there from the start, and their types. */
  readonly #declared: ReadonlyMap<string, string>;
  readonly #components = new Map<string, Component>();
  #connections: Connection[] = [];
  #program: { instructions: readonly Instruction[]; next: number; over: boolean } | undefined;
  #writes = new Map<string, Readonly<Record<string, Value>>>();
  #last: Happening | undefined;
  /** Nothing has moved yet in this round of the instant: instructions come first. */
  #isFresh = false;
  /** An idle component that was pushed a behaviour: it begins in the instruction's own instant, before any rule. */
  #begins: string | undefined;

  constructor({ types, components }: Pick<Assembly, 'types' | 'components'>) {
    this.#types = types;
    this.#declared = new Map(components.map((c) => [c.name, c.type]));
  }

  /** Follows one step. @throws Violation */
  follow({ happenings }: Step, event: Event | undefined): void {
    this.#last = undefined;
    this.#isFresh = true;
    if (event?.kind === 'program') this.#program = { instructions: event.instructions, next: 0, over: false };
    else if (this.#program && (event?.kind === 'retry' || event?.kind === 'skip' || event?.kind === 'abort')) this.#program.over = false;
    this.#writes.clear();
    if (event?.kind === 'ended') for (const { action, outcome } of event.outcomes) if (outcome.kind === 'done') this.#writes.set(`${action.component}.${action.transition}`, outcome.writes);
    for (const h of happenings) {
      const before = this.#activePorts();
      this.#see(h, event);
      this.#nothingLost(before, h);
      this.#last = h;
    }
    this.#nothingForgotten();
  }

  /** What the assembly's creation did without saying so. */
  connected(connections: readonly Connection[]): void {
    this.#connections.push(...connections);
  }

  #see(h: Happening, event: Event | undefined): void {
    const begins = this.#begins;
    this.#begins = undefined;
    forbid(begins !== undefined && (h.kind !== 'behaviourBegan' || h.component !== begins), 'I5', () => `${begins} is idle and does not begin at once`);
    switch (h.kind) {
      case 'programBegan': return;
      case 'programEnded': return this.#ended(h.outcome);
      case 'instructed': return this.#instruct(h.instruction);
      case 'added': return this.#add(h.component, event);
      case 'deleted': this.#components.delete(h.component); return;
      case 'degraded': case 'healthy': return;
      case 'behaviourBegan': {
        const c = this.#get(h.component);
        forbid(!c.entered || c.behaviour !== null, 'R5', () => `${c.name} begins ${h.behaviour} during ${c.behaviour}`);
        forbid(c.queue.shift() !== h.behaviour, 'I5', () => `${c.name} begins ${h.behaviour} out of turn`);
        c.behaviour = h.behaviour;
        c.left.clear();
        return;
      }
      case 'behaviourEnded': {
        const c = this.#get(h.component);
        // Several behaviours may end in one sweep of R5: only the first must find nothing else to do.
        if (!this.#last?.kind.startsWith('behaviour') && !h.empty) this.#isNext(undefined);
        forbid(c.behaviour !== h.behaviour || !this.#isOver(c), 'R5', () => `${c.name} ends ${h.behaviour} before its time`);
        c.behaviour = null;
        this.#isFresh = true;
        return;
      }
      case 'entered': return this.#enter(this.#get(h.component), h.place);
      case 'left': return this.#leave(this.#get(h.component), h.place);
      case 'started': return this.#start(this.#get(h.action.component), h.action.transition);
      case 'ended': {
        const c = this.#get(h.action.component), token = this.#token(c, h.action.transition, 'running');
        token.status = 'ended';
        Object.assign(c.written, this.#writes.get(`${c.name}.${h.action.transition}`));
        return;
      }
      case 'retrying': this.#token(this.#get(h.action.component), h.action.transition, 'running').status = 'retrying'; return;
      case 'failed': this.#token(this.#get(h.action.component), h.action.transition, 'running').status = 'failed'; return;
      case 'skipped': this.#token(this.#get(h.component), h.transition, 'failed').status = 'ended'; return;
      case 'aborted': {
        const c = this.#get(h.component);
        for (const [t, { weight }] of c.moving) {
          const { from } = c.type.transitions[t]!;
          c.places.set(from, (c.places.get(from) ?? 0) + weight);
        }
        c.moving.clear();
        c.behaviour = null;
        c.queue = [];
        c.left.clear();
        return;
      }
      default: h satisfies never;
    }
  }

  // ---- rules ----------------------------------------------------------------------------------

  #enter(c: Component, place: string): void {
    const docks = c.entered ? this.#completeDocks(c, place) : place === c.type.initialPlace ? [] : undefined;
    forbid(docks === undefined, 'R1', () => `${c.name}.${place} is entered without a complete dock set`);
    forbid(!this.#mayEnter(c, place, docks!), 'R1', () => `${c.name}.${place} is entered on a port that is not served, or holds a token already`);
    this.#isNext(`R1 ${c.name}.${place}`);
    let weight = c.entered ? 0 : 1;
    for (const t of docks!) {
      weight += c.moving.get(t)!.weight;
      c.moving.delete(t);
    }
    c.entered = true;
    c.places.set(place, weight);
    for (const [name, port] of portsOf(c, 'data-provide')) {
      if (!isBound(c, port, place) || !(name in c.written)) continue;
      c.published = { ...c.published, [name]: c.written[name]! };
      delete c.written[name];
    }
  }

  #leave(c: Component, place: string): void {
    const exits = this.#exits(c, place);
    forbid(exits.length === 0, 'R2', () => `${c.name}.${place} is left though it does not want to be`);
    forbid(this.#isHeld(c, this.#losses(c, place, exits)), 'R2', () => `${c.name}.${place} is left though its ports are held`);
    this.#isNext(`R2 ${c.name}.${place}`);
    const weight = c.places.get(place)! / exits.length;
    c.places.delete(place);
    c.left.add(place);
    for (const t of exits) c.moving.set(t, { status: 'ready', weight });
  }

  #start(c: Component, transition: string): void {
    const token = c.moving.get(transition);
    if (token?.status === 'ready') {
      forbid(!this.#mayStart(c, transition), 'R3', () => `${c.name}.${transition} starts on a port that is not served`);
      this.#isNext(`R3 ${c.name}.${transition}`);
    } else forbid(token?.status !== 'retrying' && token?.status !== 'failed', 'R3', () => `${c.name}.${transition} starts without a token`);
    token!.status = 'running';
  }

  #instruct(instruction: Instruction): void {
    const program = this.#program!;
    forbid(instruction !== program.instructions[program.next], 'I', () => `instruction ${program.next} is not the next one`);
    forbid(!this.#mayInstruct(instruction), 'I', () => `${instruction.kind} did not wait`);
    program.next++;
    switch (instruction.kind) {
      case 'connect': this.#connections.push(instruction.connection); break;
      case 'disconnect': this.#connections = this.#connections.filter((k) => !same(k, instruction.connection)); break;
      case 'pushBehaviour': {
        const c = this.#get(instruction.component);
        if (isIdle(c)) this.#begins = c.name;
        c.queue.push(instruction.behaviour);
        break;
      }
      default: break;
    }
  }

  #add(name: string, event: Event | undefined): void {
    const instruction = this.#program?.instructions[this.#program.next - 1];
    const type = event === undefined ? this.#declared.get(name) : instruction?.kind === 'add' ? instruction.component.type : undefined;
    forbid(type === undefined || this.#components.has(name), 'I1', () => `${name} is added out of turn`);
    this.#components.set(name, { name, type: this.#types.get(type!)!, entered: false, places: new Map(), moving: new Map(), behaviour: null, queue: [], left: new Set(), written: {}, published: {} });
  }

  #mayInstruct(instruction: Instruction): boolean {
    switch (instruction.kind) {
      case 'wait': case 'delete': return isIdle(this.#get(instruction.component));
      case 'waitAll': return [...this.#components.values()].every(isIdle);
      case 'disconnect': {
        const { use, provide } = instruction.connection;
        const c = this.#get(use.component), port = c.type.ports[use.port]!;
        if (port.kind === 'data-use') return ![...c.moving].some(([t, m]) => port.boundTo.includes(t) && isGoingOn(m.status));
        if (!this.#isInUse(c, use.port)) return true;
        if (port.atLeast === undefined) return false;
        const others = this.#providersOf(c, use.port).filter((p) => p.c.name !== provide.component || p.port !== provide.port);
        const enough = port.atLeast === 'all' ? others.length : port.atLeast;
        return others.filter((p) => this.#isActive(p.c, p.port)).length >= Math.max(1, enough);
      }
      default: return true;
    }
  }

  #mayEnter(c: Component, place: string, docks: readonly string[]): boolean {
    if (c.places.has(place)) return false;
    return portsOf(c, 'use').every(([name, port]) => {
      const asks = port.boundTo.includes(place) || port.boundTo.some((g) => c.type.groups[g]?.includes(place) && !groupHolds(c, g));
      return !asks || docks.some((t) => port.boundTo.includes(t)) || this.#isServed(c, name);
    });
  }

  #mayStart(c: Component, transition: string): boolean {
    const { from } = c.type.transitions[transition]!;
    return portsOf(c, 'use').every(([name, port]) => !port.boundTo.includes(transition) || isBound(c, port, from) || this.#isServed(c, name))
      && portsOf(c, 'data-use').every(([name, port]) => !port.boundTo.includes(transition) || this.#isAvailable(c, name));
  }

  #completeDocks(c: Component, place: string): string[] | undefined {
    const sets = new Map<string, string[]>();
    for (const [name, t] of Object.entries(c.type.transitions)) {
      if (t.to === place && t.behaviour === c.behaviour) sets.set(t.dockSet ?? '', [...(sets.get(t.dockSet ?? '') ?? []), name]);
    }
    return [...sets.values()].find((set) => set.every((t) => c.moving.get(t)?.status === 'ended'));
  }

  /** The transitions by which a place wants to be left: none when it does not. */
  #exits(c: Component, place: string): string[] {
    if (!c.places.has(place) || c.left.has(place)) return [];
    const out = outOf(c, place), chooser = c.type.switches[place];
    if (!chooser || out.length === 0) return out;
    if (!this.#isAvailable(c, chooser.port)) return [];
    const value = this.#valuesOf(c, chooser.port)[0];
    for (const k of chooser.cases) {
      if ('otherwise' in k) return out.filter((t) => k.otherwise.includes(t));
      if ('below' in k ? typeof value === 'number' && value < k.below : value === k.equals) return out.filter((t) => k.take.includes(t));
    }
    return [];
  }

  #isOver(c: Component): boolean {
    if (c.behaviour === null || c.moving.size > 0) return false;
    return [...c.places.keys()].every((place) => {
      const chooser = c.type.switches[place];
      const waits = chooser && !c.left.has(place) && outOf(c, place).length > 0 && !this.#isAvailable(c, chooser.port);
      return !waits && this.#exits(c, place).length === 0;
    });
  }

  // ---- ports ----------------------------------------------------------------------------------

  #isActive(c: Component, port: string): boolean {
    return c.type.ports[port]!.boundTo.some((e) => c.places.has(e) || groupHolds(c, e));
  }

  #isInUse(c: Component, name: string): boolean {
    const port = c.type.ports[name]!;
    const carried = ([t, { status }]: [string, { status: Status }]) => {
      const { from, to } = c.type.transitions[t]!;
      return port.boundTo.includes(t) && ((status === 'ready' && isBound(c, port, from)) || (status === 'ended' && isBound(c, port, to)));
    };
    return port.boundTo.some((e) => c.places.has(e) || groupHolds(c, e) || isGoingOn(c.moving.get(e)?.status)) || [...c.moving].some(carried);
  }

  #providersOf(c: Component, port: string): { c: Component; port: string }[] {
    return this.#connections.filter((k) => k.use.component === c.name && k.use.port === port).map(({ provide }) => ({ c: this.#get(provide.component), port: provide.port }));
  }

  #isServed(c: Component, name: string): boolean {
    const port = c.type.ports[name]!, providers = this.#providersOf(c, name);
    if (providers.length === 0) return port.optional ?? false;
    const active = providers.filter((p) => this.#isActive(p.c, p.port)).length;
    if (active < (port.atLeast === 'all' ? providers.length : (port.atLeast ?? 1))) return false;
    return this.#isInUse(c, name) || !providers.some((p) => this.#leaves(p.c, p.port).some((going) => this.#wouldHold(c, name, p.c, going)));
  }

  /** The leaves that would deactivate a provide port, each with all the ports that it would deactivate: it is withdrawing when there is one. */
  #leaves(c: Component, port: string): string[][] {
    return [...c.places.keys()].map((place) => this.#losses(c, place, this.#exits(c, place))).filter((lost) => lost.includes(port));
  }

  /** Whether a user, being in use, holds the ports of `provider` that would go together. */
  #wouldHold(user: Component, name: string, provider: Component, going: readonly string[]): boolean {
    const port = user.type.ports[name]!, providers = this.#providersOf(user, name);
    const isGoing = (p: { c: Component; port: string }) => p.c === provider && going.includes(p.port);
    if (!providers.some(isGoing)) return false;
    if (port.atLeast === undefined) return true;
    const staying = providers.filter((p) => !isGoing(p) && this.#isActive(p.c, p.port)).length;
    return staying < (port.atLeast === 'all' ? providers.length : port.atLeast);
  }

  #isHeld(provider: Component, going: readonly string[]): boolean {
    if (going.length === 0) return false;
    for (const c of this.#components.values()) for (const [name] of portsOf(c, 'use')) if (this.#isInUse(c, name) && this.#wouldHold(c, name, provider, going)) return true;
    return false;
  }

  /** The provide ports that leaving a place would deactivate. */
  #losses(c: Component, place: string, exits: readonly string[]): string[] {
    if (exits.length === 0) return [];
    const after: Component = { ...c, places: new Map(c.places), moving: new Map(c.moving) };
    after.places.delete(place);
    for (const t of exits) after.moving.set(t, { status: 'ready', weight: 0 });
    return portsOf(c, 'provide').map(([name]) => name).filter((name) => this.#isActive(c, name) && !this.#isActive(after, name));
  }

  #valuesOf(c: Component, port: string): Value[] {
    return this.#providersOf(c, port).filter((p) => p.port in p.c.published).map((p) => p.c.published[p.port]!);
  }

  #isAvailable(c: Component, name: string): boolean {
    const port = c.type.ports[name]!, connections = this.#providersOf(c, name).length;
    if (connections === 0) return port.optional ?? false;
    return this.#valuesOf(c, name).length >= (port.atLeast === 'all' ? connections : 1);
  }

  // ---- what must never be ---------------------------------------------------------------------

  #activePorts(): { c: Component; port: string }[] {
    return [...this.#components.values()].flatMap((c) => portsOf(c, 'provide').filter(([name]) => this.#isActive(c, name)).map(([port]) => ({ c, port })));
  }

  /** No provide port that is held stops being active. */
  #nothingLost(before: readonly { c: Component; port: string }[], h: Happening): void {
    for (const { c, port } of before) {
      if (!this.#components.has(c.name) || this.#isActive(c, port)) continue;
      forbid(h.kind !== 'left', 'R8', () => `${c.name}.${port} stops being active by ${h.kind}`);
      forbid(this.#isHeld(c, [port]), 'safety', () => `${c.name}.${port} stops being active though it is held`);
    }
  }

  /** The order within an instant, ties by declaration: what happens is the first move that is possible. */
  #isNext(move: string | undefined): void {
    const next = this.#program?.over === false ? this.#program.instructions[this.#program.next] : undefined;
    forbid(this.#isFresh && next !== undefined && this.#mayInstruct(next), 'order', () => `${move ?? 'no rule'} though ${next?.kind} is possible`);
    this.#isFresh = false;
    const first = this.#firstMove();
    forbid(first !== move, 'order', () => `${move ?? 'no rule'} though ${first} is possible`);
  }

  /** R1 of anybody comes before R2 of anybody, and that before R3. */
  #firstMove(): string | undefined {
    const all = [...this.#components.values()];
    for (const c of all) {
      if (!c.entered) {
        if (this.#mayEnter(c, c.type.initialPlace, [])) return `R1 ${c.name}.${c.type.initialPlace}`;
        continue;
      }
      for (const place of c.type.places) {
        const docks = this.#completeDocks(c, place);
        if (docks && this.#mayEnter(c, place, docks)) return `R1 ${c.name}.${place}`;
      }
    }
    for (const c of all) for (const place of c.type.places) {
      const exits = this.#exits(c, place);
      if (exits.length > 0 && !this.#isHeld(c, this.#losses(c, place, exits))) return `R2 ${c.name}.${place}`;
    }
    for (const c of all) for (const t of Object.keys(c.type.transitions)) {
      if (c.moving.get(t)?.status === 'ready' && this.#mayStart(c, t)) return `R3 ${c.name}.${t}`;
    }
    return undefined;
  }

  /** When the engine waits, nothing was left to do. */
  #nothingForgotten(): void {
    this.#isNext(undefined);
    for (const c of this.#components.values()) {
      forbid(this.#isOver(c), 'R5', () => `${c.name} is not told that ${c.behaviour} is over`);
      forbid(c.entered && c.behaviour === null && c.queue.length > 0, 'R5', () => `${c.name} does not begin ${c.queue[0]}`);
    }
    const program = this.#program;
    const next = program?.instructions[program.next];
    forbid(program !== undefined && !program.over && next !== undefined && this.#mayInstruct(next), 'I', () => `${next?.kind} waits for nothing`);
    forbid(program !== undefined && !program.over && !this.#isSomethingDue(), 'F4', () => 'nothing moves and nobody is told');
  }

  #isSomethingDue(): boolean {
    return [...this.#components.values()].some((c) => [...c.moving.values()].some((m) => m.status === 'running' || m.status === 'retrying'));
  }

  #ended(outcome: string): void {
    const program = this.#program!;
    program.over = true;
    const isDone = program.next === program.instructions.length && [...this.#components.values()].every(isIdle);
    const isFailed = [...this.#components.values()].some((c) => [...c.moving.values()].some((m) => m.status === 'failed'));
    const expected = isDone ? 'done' : isFailed ? 'failed' : 'deadlock';
    forbid(outcome !== expected || (!isDone && this.#isSomethingDue()), 'I8', () => `the program ended as ${outcome}, not as ${expected}`);
  }

  // ---- the marking ----------------------------------------------------------------------------

  /**
   * Conservation. The tokens of a component are a cut of its net when they are what the token game leaves of the one token it began with:
   * leaving a place takes its token and gives one to each transition taken, entering a place takes one complete dock set and gives one.
   * Said in numbers: let leaving share a token's weight among the transitions and entering add up; then the weights are always 1 together.
   */
  weigh(state: AssemblyState): void {
    forbid(state.members.size !== this.#components.size, 'conservation', () => 'components are lost or made up');
    for (const [name, { state: actual }] of state.members) {
      const c = this.#get(name);
      let sum = 0;
      const take = (weight: number | undefined, element: string) => {
        forbid(weight === undefined, 'conservation', () => `${name}.${element} holds a token from nowhere`);
        sum += weight!;
      };
      for (const p of actual.places) take(c.places.get(p), p);
      for (const m of actual.moving) take(c.moving.get(m.transition)?.weight, m.transition);
      const isOne = Math.abs(sum - (c.entered ? 1 : 0)) < 1e-9;
      forbid(!isOne, 'conservation', () => `the tokens of ${name} weigh ${sum}`);
    }
  }

  /** Compares everything that the oracle knows with the engine's own account. */
  compare(state: AssemblyState): void {
    for (const [name, { state: actual }] of state.members) {
      const c = this.#get(name);
      const mine = { places: [...c.places.keys()].sort(), moving: [...c.moving].map(([t, m]) => `${t} ${m.status}`).sort(), behaviour: c.behaviour, queue: c.queue, published: sorted(c.published) };
      const theirs = { places: [...actual.places].sort(), moving: actual.moving.map((m) => `${m.transition} ${m.status}`).sort(), behaviour: actual.behaviour, queue: actual.queue, published: sorted(actual.published) };
      const [a, b] = [JSON.stringify(mine), JSON.stringify(theirs)];
      forbid(a !== b, 'state', () => `${name} is ${b}, but what happened leads to ${a}`);
    }
  }

  #get(name: string): Component {
    const c = this.#components.get(name);
    if (!c) throw new Violation(`there is no component ${name}`);
    return c;
  }

  #token(c: Component, transition: string, status: Status): { status: Status; weight: number } {
    const token = c.moving.get(transition);
    forbid(token?.status !== status, 'R4', () => `${c.name}.${transition} is ${token?.status ?? 'idle'}, not ${status}`);
    return token!;
  }
}

const isIdle = (c: Component) => c.entered && c.behaviour === null && c.queue.length === 0;
const isGoingOn = (status: Status | undefined) => status === 'running' || status === 'retrying' || status === 'failed';
const same = (a: Connection, b: Connection) => a.use.component === b.use.component && a.use.port === b.use.port && a.provide.component === b.provide.component && a.provide.port === b.provide.port;
const sorted = (values: Readonly<Record<string, Value>>) => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));

function groupHolds(c: Component, group: string): boolean {
  const members = c.type.groups[group];
  if (!members) return false;
  return members.some((p) => c.places.has(p)) || [...c.moving.keys()].some((t) => members.includes(c.type.transitions[t]!.from) && members.includes(c.type.transitions[t]!.to));
}

function outOf(c: Component, place: string): string[] {
  return Object.entries(c.type.transitions).filter(([, t]) => t.from === place && t.behaviour === c.behaviour).map(([name]) => name);
}

function portsOf(c: Component, kind: Port['kind']): [string, Port][] {
  return Object.entries(c.type.ports).filter(([, p]) => p.kind === kind);
}

/** The place itself or a group of it is bound to the port. */
function isBound(c: Component, port: Port, place: string): boolean {
  return port.boundTo.includes(place) || port.boundTo.some((g) => c.type.groups[g]?.includes(place) ?? false);
}

import fc from 'fast-check';
import type { ComponentSpec, Connection, Failure, Instruction, Outcome } from '../../src/assembly/model.ts';
import { describe as textOf } from '../../src/assembly/waits.ts';
import type { ComponentType, Port, SwitchCase, Transition, Value } from '../../src/components/model.ts';
import { Tape } from './tape.ts';

/** A random assembly, its programs, and how its actions go. */
export interface Scenario {
  readonly types: ReadonlyMap<string, ComponentType>;
  readonly components: readonly ComponentSpec[];
  readonly connections: readonly Connection[];
  readonly programs: readonly (readonly Instruction[])[];
  /** Decides durations, failures and what the operator does; another number is another interleaving. */
  readonly luck: number;
  readonly failures: boolean;
}

const elements = (type: Skeleton) => [...type.places, ...Object.keys(type.transitions), ...Object.keys(type.groups)];

type Skeleton = Pick<ComponentType, 'places' | 'behaviours' | 'transitions' | 'groups'>;

/** Any valid type: forks, joins with dock sets, cycles, groups, switches, several behaviours, ports of all kinds. Most of them get stuck somewhere. */
export function anyType(tape: Tape, name: string): ComponentType {
  return withPorts(tape, name, anySkeleton(tape));
}

function anySkeleton(tape: Tape): Skeleton {
  const places = range(tape.between(2, 5), 'p');
  const behaviours = range(tape.between(1, 3), 'b');
  const transitions: Record<string, Transition> = {};
  const add = (from: string, to: string, behaviour: string) => {
    transitions[`t${Object.keys(transitions).length}`] = { from, to, behaviour, ...(tape.chance(15) ? { dockSet: 'x' } : {}), ...(tape.chance(10) ? { retry: { times: tape.between(1, 2), delayMs: tape.draw(3) * 500 } } : {}) };
  };
  // The first behaviour goes somewhere from the initial place; what more there is, is chance.
  for (const [i, behaviour] of behaviours.entries()) {
    let from = tape.one(places.slice(0, i + 1));
    for (let n = tape.between(1, 4); n > 0; n--) {
      const to = tape.chance(5) ? from : tape.one(places.filter((p) => p !== from));
      add(from, to, behaviour);
      if (tape.chance(70)) from = tape.chance(70) ? to : tape.one(places);
    }
  }
  return { places, behaviours, transitions, groups: anyGroups(tape, places) };
}

/** One that comes to its end: from place to place, with forks and joins that close, and a second behaviour that goes round at the end. */
function wholeSkeleton(tape: Tape): Skeleton {
  const places = range(tape.between(2, 6), 'p');
  const transitions: Record<string, Transition> = {};
  const add = (from: number, to: number, behaviour = 'b0') => {
    transitions[`t${Object.keys(transitions).length}`] = { from: places[from]!, to: places[to]!, behaviour };
  };
  for (let i = 0; i < places.length - 1;) {
    if (i + 3 < places.length && tape.chance(50)) {
      for (const [from, to] of [[i, i + 1], [i, i + 2], [i + 1, i + 3], [i + 2, i + 3]] as const) add(from, to);
      i += 3;
    } else {
      for (let n = tape.between(1, 2); n > 0; n--) add(i, i + 1);
      i++;
    }
  }
  add(places.length - 1, places.length - 1, 'b1');
  return { places, behaviours: ['b0', 'b1'], transitions, groups: anyGroups(tape, places) };
}

function anyGroups(tape: Tape, places: readonly string[]): Record<string, string[]> {
  return Object.fromEntries(range(tape.draw(3), 'g').map((g) => [g, nonEmpty(tape, places, 50)]));
}

function withPorts(tape: Tape, name: string, skeleton: Skeleton): ComponentType {
  const { places, behaviours, transitions, groups } = skeleton;
  const ports: Record<string, Port> = {};
  const switches: Record<string, { port: string; cases: SwitchCase[] }> = {};
  const bind = (port: string, kind: Port['kind'], to: readonly string[], more: Partial<Port> = {}) => {
    if (to.length > 0) ports[port] = { kind, boundTo: to, ...more };
  };
  for (const u of range(tape.draw(3), 'u')) {
    const atLeast = tape.one<Port['atLeast']>([undefined, undefined, 1, 2, 'all']);
    bind(u, 'use', nonEmpty(tape, elements(skeleton), 12), { ...(atLeast === undefined ? {} : { atLeast }), ...(tape.chance(25) ? { optional: true } : {}) });
  }
  for (const s of range(tape.draw(3), 's')) bind(s, 'provide', nonEmpty(tape, [...places, ...Object.keys(groups)], 45));
  for (const o of range(tape.draw(2), 'o')) bind(o, 'data-provide', nonEmpty(tape, [...places, ...Object.keys(groups)], 40));
  for (const i of range(tape.draw(2), 'i')) bind(i, 'data-use', nonEmpty(tape, Object.keys(transitions), 25), tape.chance(25) ? { optional: true } : tape.chance(20) ? { atLeast: 'all' } : {});
  if (tape.chance(35)) {
    const place = tape.one(places);
    const out = Object.entries(transitions).filter(([, t]) => t.from === place).map(([t]) => t);
    if (out.length > 0) {
      bind('w', 'data-use', [place], tape.chance(30) ? { optional: true } : {});
      switches[place] = { port: 'w', cases: [{ below: 2, take: tape.some(out, 60) }, { equals: 2, take: tape.some(out, 60) }, ...(tape.chance(60) ? [{ otherwise: tape.some(out, 60) }] : [])] };
    }
  }
  return { name, places, initialPlace: 'p0', behaviours, groups, transitions, switches, ports, probes: {}, parameters: {} };
}

/** Any valid assembly of 2 to 7 components, and up to 3 programs over it. */
export function anyScenario(tape: Tape): Scenario {
  const types = new Map(range(tape.between(1, 4), 'T').map((name) => [name, anyType(tape, name)]));
  const names = [...types.keys()];
  const components = range(tape.between(2, 7), 'c').map((name) => spec(name, tape.one(names)));
  const world = new World(types);
  for (const c of components) world.add(c);
  for (const c of world.possible()) if (tape.chance(50)) world.connect(c);
  const connections = [...world.connections];
  const programs = Array.from({ length: tape.between(1, 3) }, (_, i) => program(tape, world, names, i === 0));
  return shown({ types, components, connections, programs, luck: tape.draw(10_000), failures: tape.chance(40) });
}

/**
 * A type whose provide ports, once active, stay so, and whose places are entered in one way: nothing in it depends on who is first. Each provide
 * port is bound to a group that no transition leaves; joins have one dock set a behaviour; data comes from `source` alone, which knows one value.
 */
function calmType(tape: Tape, type: ComponentType, options: { readonly switches: boolean }): ComponentType {
  const transitions = Object.fromEntries(Object.entries(type.transitions).map(([t, { from, to, behaviour }]) => [t, { from, to, behaviour }]));
  const groups: Record<string, readonly string[]> = { ...type.groups };
  const ports: Record<string, Port> = {};
  for (const [port, p] of Object.entries(type.ports)) {
    if (p.kind === 'data-provide' || (port === 'w' && !options.switches)) continue;
    if (p.kind === 'provide') groups[`stays-${port}`] = reachable(tape.one(type.places), Object.values(transitions));
    ports[port] = p.kind === 'provide' ? { ...p, boundTo: [`stays-${port}`] } : p;
  }
  return { ...type, transitions, groups, ports, switches: options.switches ? type.switches : {} };
}

function reachable(from: string, transitions: readonly { readonly from: string; readonly to: string }[]): string[] {
  const found = [from];
  for (const place of found) for (const t of transitions) if (t.from === place && !found.includes(t.to)) found.push(t.to);
  return found;
}

/** Knows one value after its only transition, and serves then. */
const source: ComponentType = {
  name: 'source', places: ['off', 'known'], initialPlace: 'off', behaviours: ['b0'], groups: {}, switches: {}, probes: {}, parameters: {},
  transitions: { find: { from: 'off', to: 'known', behaviour: 'b0' } }, ports: { o: { kind: 'data-provide', boundTo: ['known'] }, s: { kind: 'provide', boundTo: ['known'] } },
};

/** An assembly without races: one program pushes behaviours to everybody and waits for nothing on the way. Most of them get stuck somewhere. */
export function calmScenario(tape: Tape): Scenario {
  const types = range(tape.between(1, 3), 'T').map((name) => calmType(tape, anyType(tape, name), { switches: true }));
  return pushAll(tape, types, 80);
}

/** One of which most come to their end: every branch is joined, users are declared after their providers, and no switch chooses by what nobody foresees. */
export function wholeScenario(tape: Tape): Scenario {
  const types = range(tape.between(1, 3), 'T').map((name) => calmType(tape, withPorts(tape, name, wholeSkeleton(tape)), { switches: false }));
  return pushAll(tape, types, 95);
}

function pushAll(tape: Tape, drawnTypes: readonly ComponentType[], connected: number): Scenario {
  const types = new Map([source, ...drawnTypes].map((type) => [type.name, type]));
  const components = [spec('source', 'source'), ...range(tape.between(2, 6), 'c').map((name) => spec(name, tape.one(drawnTypes).name))];
  const world = new World(types);
  for (const c of components) world.add(c);
  const order = (name: string) => components.findIndex((c) => c.name === name);
  for (const c of world.possible()) if (tape.chance(order(c.provide.component) < order(c.use.component) ? connected : 2)) world.connect(c);
  const pushes = components.flatMap((c) => ['b0', ...tape.some([tape.one(types.get(c.type)!.behaviours)], 60)].map((behaviour): Instruction => ({ kind: 'pushBehaviour', component: c.name, behaviour })));
  return shown({ types, components, connections: world.connections, programs: [[...pushes, { kind: 'waitAll' }]], luck: tape.draw(10_000), failures: false });
}

/** Components and connections as the instructions so far leave them: what is drawn from it is valid (I7). */
class World {
  readonly types: ReadonlyMap<string, ComponentType>;
  readonly components = new Map<string, ComponentSpec>();
  connections: Connection[] = [];

  constructor(types: ReadonlyMap<string, ComponentType>) {
    this.types = types;
  }

  add(component: ComponentSpec): void {
    this.components.set(component.name, component);
  }

  connect(connection: Connection): void {
    this.connections.push(connection);
  }

  ports(kind: Port['kind']): { component: string; port: string }[] {
    return [...this.components.values()].flatMap((c) => Object.entries(this.types.get(c.type)!.ports).filter(([, p]) => p.kind === kind).map(([port]) => ({ component: c.name, port })));
  }

  /** Connections that are not there. */
  possible(): Connection[] {
    const pairs = (use: Port['kind'], provide: Port['kind']) => this.ports(use).flatMap((u) => this.ports(provide).filter((p) => p.component !== u.component).map((p) => ({ use: u, provide: p })));
    const has = new Set(this.connections.map(keyOf));
    return [...pairs('use', 'provide'), ...pairs('data-use', 'data-provide')].filter((c) => !has.has(keyOf(c)));
  }
}

const keyOf = ({ use, provide }: Connection) => `${use.component}.${use.port}-${provide.component}.${provide.port}`;

function program(tape: Tape, world: World, types: readonly string[], isFirst: boolean): Instruction[] {
  const instructions: Instruction[] = [];
  // What is never deployed never meets a user: most assemblies begin by pushing something to everybody.
  if (isFirst && tape.chance(80)) for (const c of world.components.values()) instructions.push({ kind: 'pushBehaviour', component: c.name, behaviour: 'b0' });
  for (let n = tape.between(2, 12); n > 0; n--) {
    const present = [...world.components.values()];
    const component = tape.one(present);
    switch (tape.one(['push', 'push', 'push', 'push', 'push', 'push', 'push', 'waitAll', 'wait', 'connect', 'disconnect', 'replace', 'add', 'delete'] as const)) {
      case 'push': instructions.push({ kind: 'pushBehaviour', component: component.name, behaviour: tape.one(world.types.get(component.type)!.behaviours) }); break;
      case 'waitAll': instructions.push({ kind: 'waitAll' }); break;
      case 'wait': instructions.push({ kind: 'wait', component: component.name }); break;
      case 'connect': connectOne(); break;
      case 'disconnect': if (world.connections.length > 0) disconnect(tape.one(world.connections)); break;
      case 'replace': connectOne(); if (world.connections.length > 0) disconnect(tape.one(world.connections)); break;
      case 'add': {
        if (present.length >= 7) break;
        const free = range(8, 'c').find((name) => !world.components.has(name))!;
        const added = spec(free, tape.one(types));
        world.add(added);
        instructions.push({ kind: 'add', component: added });
        if (tape.chance(60)) connectOne();
        break;
      }
      case 'delete': {
        if (present.length <= 2) break;
        for (const c of world.connections.filter((c) => c.use.component === component.name || c.provide.component === component.name)) disconnect(c);
        world.components.delete(component.name);
        instructions.push({ kind: 'delete', component: component.name });
        break;
      }
    }
  }
  return instructions;

  function connectOne(): void {
    const possible = world.possible();
    if (possible.length === 0) return;
    const connection = tape.one(possible);
    world.connect(connection);
    instructions.push({ kind: 'connect', connection });
  }

  function disconnect(connection: Connection): void {
    world.connections = world.connections.filter((c) => keyOf(c) !== keyOf(connection));
    instructions.push({ kind: 'disconnect', connection });
  }
}

// ---- how actions go ---------------------------------------------------------------------------

/** A number from 0 to `below - 1` that belongs to the words. */
export function lot(luck: number, words: string, below: number): number {
  let hash = 2166136261 ^ luck;
  for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words.charCodeAt(i), 16777619);
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) % below;
}

const failure: Failure = { reason: 'error', message: 'as the dice fell' };

/** What a try takes and gives: 0 to 4 seconds, often 0; a value for each data-provide port that depends on component and port alone. */
export function fate(scenario: Scenario, type: ComponentType, action: { component: string; transition: string; execution: number; attempt: number }): { durationMs: number; outcome: Outcome } {
  const key = `${action.component}/${action.transition}.${action.execution}.${action.attempt}`;
  const durationMs = [0, 0, 1000, 1000, 2000, 3000, 4000][lot(scenario.luck, key, 7)]!;
  if (scenario.failures && lot(scenario.luck, `${key}!`, 6) === 0) return { durationMs, outcome: { kind: 'failed', failure } };
  const writes: Record<string, Value> = {};
  for (const [port, { kind }] of Object.entries(type.ports)) if (kind === 'data-provide' && (type === source || lot(0, `${action.transition}>${port}`, 3) > 0)) writes[port] = lot(0, `${action.component}.${port}`, 4);
  return { durationMs, outcome: { kind: 'done', writes } };
}

// ---- small things -----------------------------------------------------------------------------

const spec = (name: string, type: string): ComponentSpec => ({ name, type, on: 'local', with: {} });
const range = (n: number, prefix: string): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

function nonEmpty<T>(tape: Tape, of: readonly T[], percent: number): T[] {
  const some = tape.some(of, percent);
  return some.length > 0 ? some : [tape.one(of)];
}

/** The scenario with a text that fast-check prints: what is needed to write the case down by hand. */
function shown(scenario: Scenario): Scenario {
  const text = () => [
    ...[...scenario.types.values()].map((t) => `${t.name}: ${JSON.stringify({ transitions: t.transitions, groups: t.groups, switches: t.switches, ports: t.ports })}`),
    `components: ${scenario.components.map((c) => `${c.name}: ${c.type}`).join(', ')}`,
    `connections: ${scenario.connections.map((c) => `${c.use.component}.${c.use.port} -> ${c.provide.component}.${c.provide.port}`).join(', ')}`,
    ...scenario.programs.map((p) => `program: ${p.map(textOf).join('; ')}`),
    `luck ${scenario.luck}${scenario.failures ? ', with failures' : ''}`,
  ].join('\n');
  return shownAs(scenario, text);
}

export function shownAs<T extends object>(value: T, text: () => string): T {
  return Object.defineProperty(value, fc.toStringMethod, { value: text });
}

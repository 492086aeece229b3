import { VirtualClock } from '../../src/assembly/clock.ts';
import type { ActionRef, ComponentSpec, Connection, Event, Happening, Instruction, Outcome, PortRef } from '../../src/assembly/model.ts';
import { restore, snapshot, type AssemblyState } from '../../src/assembly/state.ts';
import { createAssembly, refuse, step, type Step } from '../../src/assembly/step.ts';
import { describe as textOf, waitsOf } from '../../src/assembly/waits.ts';
import type { ComponentType, Port, Switch, SwitchCase, Transition, Value } from '../../src/components/model.ts';

/**
 * The language of the scenario texts: an assembly, then blocks of commands, each answered by what happened.
 *
 *   type p: off run                        places, the initial one first
 *     up: off -> run by deploy 1           a transition, its behaviour, its seconds; then `set=x`, `writes v=3`, `retry=2`
 *     s: provide run                       a port and what it is bound to; then `atLeast=2`, `atLeast=all`, `optional`
 *     g: group off run
 *     off: switch v below 5 a, otherwise b
 *   p1: p                                  a component
 *   u.s -> p1.s                            a connection
 *
 * Commands: `add p2: p`, `delete p2`, `u.s -> p2.s`, `disconnect u.s -> p2.s`, `push p1 deploy`, `wait p1`, `wait` (for all): lines that follow each
 * other are one program, played to its end. `fails p1.up 2` makes the next tries fail. `retry p1.up`, `skip p1.up`, `abort p1` are the
 * operator's. `probe p1 run fails` (or `well`) is a probe's word. `restart` saves, throws away and restores the state.
 */

export interface Cast {
  readonly types: ReadonlyMap<string, ComponentType>;
  readonly components: readonly ComponentSpec[];
  readonly connections: readonly Connection[];
}

type Draft = { -readonly [K in keyof ComponentType]: ComponentType[K] } & {
  places: string[]; transitions: Record<string, Transition>; groups: Record<string, string[]>; ports: Record<string, Port>; switches: Record<string, Switch>; behaviours: string[];
};

/** What a transition gives when it ends, kept beside its type. */
const writesOf = new WeakMap<Transition, Record<string, Value>>();

export function readAssembly(text: string): Cast {
  const types = new Map<string, Draft>(), components: ComponentSpec[] = [], connections: Connection[] = [];
  let type: Draft | undefined;
  for (const line of linesOf(text)) {
    const heading = /^type (\w+): (.*)$/.exec(line);
    if (heading) {
      const [first = '', ...others] = heading[2]!.split(' ');
      type = { name: heading[1]!, places: [first, ...others], initialPlace: first, behaviours: [], groups: {}, transitions: {}, switches: {}, ports: {}, probes: {}, parameters: {} };
      types.set(type.name, type);
    } else if (line.startsWith('  ') && type) readElement(type, line.trim());
    else if (line.includes('->')) connections.push(readConnection(line));
    else components.push(readComponent(line));
  }
  return { types, components, connections };
}

/** One type alone. */
export function readType(text: string): ComponentType {
  return readAssembly(text).types.values().next().value!;
}

function readElement(type: Draft, line: string): void {
  const [name, rest] = split(line, ': ');
  const transition = /^(\w+) -> (\w+) by (\w+) ([\d.]+)(.*)$/.exec(rest);
  if (transition) {
    const [, from = '', to = '', behaviour = '', seconds, more = ''] = transition;
    const set = /set=(\w+)/.exec(more)?.[1], retry = /retry=(\d+)/.exec(more)?.[1];
    if (!type.behaviours.includes(behaviour)) type.behaviours.push(behaviour);
    type.transitions[name] = { from, to, behaviour, durationMs: Number(seconds) * 1000, ...(set ? { dockSet: set } : {}), ...(retry ? { retry: { times: Number(retry), delayMs: 1000 } } : {}) };
    writesOf.set(type.transitions[name], Object.fromEntries([...more.matchAll(/writes (\w+)=(\w+)/g)].map(([, port, value]) => [port!, readValue(value!)])));
    return;
  }
  const [kind = '', ...words] = rest.split(' ');
  if (kind === 'group') type.groups[name] = words;
  else if (kind === 'switch') type.switches[name] = { port: words[0]!, cases: words.slice(1).join(' ').split(', ').map(readCase) };
  else {
    const atLeast = words.find((w) => w.startsWith('atLeast='))?.slice('atLeast='.length);
    type.ports[name] = {
      kind: kind as Port['kind'], boundTo: words.filter((w) => w !== 'optional' && !w.includes('=')),
      ...(words.includes('optional') ? { optional: true } : {}), ...(atLeast ? { atLeast: atLeast === 'all' ? 'all' : Number(atLeast) } : {}),
    };
  }
}

function readCase(text: string): SwitchCase {
  const [word, ...rest] = text.split(' ');
  if (word === 'otherwise') return { otherwise: rest };
  return word === 'below' ? { below: Number(rest[0]), take: rest.slice(1) } : { equals: readValue(rest[0]!), take: rest.slice(1) };
}

const readValue = (text: string): Value => (/^\d+$/.test(text) ? Number(text) : text);
const split = (text: string, at: string): [string, string] => [text.slice(0, text.indexOf(at)), text.slice(text.indexOf(at) + at.length)];
const linesOf = (text: string) => text.split('\n').filter((l) => l.trim() !== '' && !l.startsWith('#'));

function readComponent(text: string): ComponentSpec {
  const [name, type] = split(text, ': ');
  return { name, type, on: 'local', with: {} };
}

function readConnection(text: string): Connection {
  const ref = (s: string): PortRef => ({ component: s.split('.')[0]!.trim(), port: s.split('.')[1]!.trim() });
  const [use, provide] = split(text, '->');
  return { use: ref(use), provide: ref(provide) };
}

function readInstruction(line: string): Instruction | undefined {
  const [verb, ...words] = line.split(' ');
  const rest = words.join(' ');
  switch (verb) {
    case 'add': return { kind: 'add', component: readComponent(rest) };
    case 'delete': return { kind: 'delete', component: rest };
    case 'disconnect': return { kind: 'disconnect', connection: readConnection(rest) };
    case 'push': return { kind: 'pushBehaviour', component: words[0]!, behaviour: words[1]! };
    case 'wait': return rest === '' ? { kind: 'waitAll' } : { kind: 'wait', component: rest };
    default: return line.includes('->') ? { kind: 'connect', connection: readConnection(line) } : undefined;
  }
}

/** An assembly being played. */
export class Stage {
  readonly #cast: Cast;
  readonly #failing = new Map<string, number>();
  #state: AssemblyState;
  #clock = new VirtualClock();
  #startMs = 0;
  #trace: string[] = [];
  /** What creating the assembly did. */
  readonly opening: string;

  constructor(assembly: string) {
    this.#cast = readAssembly(assembly);
    const first = createAssembly(this.#cast);
    this.#state = first.state;
    this.#take(first);
    this.opening = this.#said();
  }

  get state(): AssemblyState {
    return this.#state;
  }

  /** Executes a block of commands, and says what happened: a line a happening, seconds since the program's start first. */
  tell(block: string): string {
    let program: Instruction[] = [];
    const play = () => {
      if (program.length === 0) return;
      this.#startMs = this.#clock.nowMs;
      this.#send({ kind: 'program', name: 'program', instructions: program });
      program = [];
    };
    for (const line of linesOf(block)) {
      const instruction = readInstruction(line);
      if (instruction) program.push(instruction);
      else {
        play();
        this.#operate(line);
      }
    }
    play();
    return this.#said();
  }

  #operate(line: string): void {
    const [verb, first = '', second = '', third = ''] = line.split(' ');
    const [component = '', transition = ''] = first.split('.');
    switch (verb) {
      case 'fails': this.#failing.set(first, Number(second)); return;
      case 'retry': case 'skip': this.#send({ kind: verb, component, transition }); return;
      case 'abort': this.#send({ kind: 'abort', component }); return;
      case 'probe': this.#send(third === 'well' ? { kind: 'probed', component, place: second, ok: true } : { kind: 'probed', component, place: second, ok: false, reason: third }); return;
      case 'restart': this.#state = restore(JSON.parse(JSON.stringify(snapshot(this.#state))) as ReturnType<typeof snapshot>, this.#cast.types); return;
      default: throw new SyntaxError(`what is "${line}"?`);
    }
  }

  #send(event: Event): void {
    const why = refuse(this.#state, event);
    if (why !== undefined) {
      this.#trace.push(`refused: ${why}`);
      return;
    }
    this.#take(step(this.#state, event));
    while (!this.#clock.isEmpty) this.#take(step(this.#state, this.#clock.advance()));
  }

  #take({ effects, happenings }: Step): void {
    const at = (this.#clock.nowMs - this.#startMs) / 1000;
    const dataOf = (action: ActionRef) => effects.flatMap((e) => (e.kind === 'start' && e.action === action ? Object.entries(e.data) : [])).map(([port, value]) => ` ${port}=${JSON.stringify(value)}`).join('');
    for (const h of happenings) for (const line of said(h, dataOf)) this.#trace.push(`${at} ${line}`);
    if (happenings.some((h) => h.kind === 'programEnded' && h.outcome !== 'done')) {
      for (const { component, what, rule, port, for: of } of waitsOf(this.#state)) {
        const whom = of.map((f) => [f.component, f.port].filter(Boolean).join('.')).join(', ');
        this.#trace.push(`  ${component || 'program'} waits: ${rule === 'instruction' ? what : `${rule} ${what}`}${port ? ` at ${port}` : ''}, for ${whom}`);
      }
    }
    for (const effect of effects) {
      if (effect.kind === 'retryLater') this.#clock.schedule(effect.delayMs, effect.action);
      else this.#clock.schedule(this.#transition(effect.action).durationMs!, effect.action, this.#outcome(effect.action));
    }
  }

  #transition({ component, transition }: ActionRef): Transition {
    return this.#state.member(component).net.type.transitions[transition]!;
  }

  #outcome(action: ActionRef): Outcome {
    const key = `${action.component}.${action.transition}`, left = this.#failing.get(key) ?? 0;
    if (left === 0) return { kind: 'done', writes: writesOf.get(this.#transition(action))! };
    this.#failing.set(key, left - 1);
    return { kind: 'failed', failure: { reason: 'exit-code', message: 'exit code 1', exitCode: 1 } };
  }

  #said(): string {
    const text = this.#trace.join('\n');
    this.#trace = [];
    return text;
  }
}

function said(h: Happening, dataOf: (action: ActionRef) => string): string[] {
  switch (h.kind) {
    case 'programBegan': return [];
    case 'programEnded': return [h.outcome];
    case 'instructed': return [`> ${textOf(h.instruction)}`];
    case 'behaviourBegan': return [`${h.component} begins ${h.behaviour}`];
    case 'behaviourEnded': return [`${h.component} ends ${h.behaviour}${h.empty ? ', nothing to do' : ''}`];
    case 'entered': return [`${h.component} enters ${h.place}`];
    case 'left': return [`${h.component} leaves ${h.place}`];
    case 'started': return [`${h.action.component} starts ${h.action.transition}${h.action.attempt > 1 ? `, try ${h.action.attempt}` : ''}${dataOf(h.action)}`];
    case 'ended': return [`${h.action.component} has done ${h.action.transition}`];
    case 'retrying': return [`${h.action.component} fails ${h.action.transition}, tries again after ${h.delayMs / 1000} s`];
    case 'failed': return [`${h.action.component} fails ${h.action.transition}: ${h.failure.message}`];
    case 'skipped': return [`${h.component} skips ${h.transition}`];
    case 'aborted': return [`${h.component} aborts, back in ${h.places.join(' ')}`];
    case 'added': case 'deleted': return [`${h.component} is ${h.kind}`];
    case 'degraded': return [`${h.component} is degraded in ${h.place}: ${h.reason} (users: ${h.users.join(', ')})`];
    case 'healthy': return [`${h.component} is healthy in ${h.place}`];
    default: return h satisfies never;
  }
}

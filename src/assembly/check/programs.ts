import { didYouMean, error, exitCodes, TuttiError, type Diagnostic, type Where } from '../../diagnostic.ts';
import type { Assembly, Connection, Instruction, Program } from '../model.ts';
import { connectionKey } from '../parse/connections.ts';
import { several } from '../parse/names.ts';
import { note, type NamedCheck } from './named.ts';
import { connectionProblems } from './wiring.ts';

/** What a program finds: the components that there are, by type, and their connections. */
export interface Situation {
  readonly components: ReadonlyMap<string, string>;
  readonly connections: Iterable<Connection>;
}

const instructionsAtMost = 1_000_000;

/**
 * The program with the programs that it calls played in their place.
 *
 * @throws TuttiError UNKNOWN_PROGRAM, RECURSIVE_CALL, TOO_MANY_INSTRUCTIONS
 */
export function expandCalls(assembly: Pick<Assembly, 'programs'>, program: Program): Program {
  const problems = callProblems(assembly, program);
  if (problems.length > 0) throw new TuttiError(problems, exitCodes.invalid);
  if (!program.instructions.some(({ kind }) => kind === 'call')) return program;
  return { ...program, instructions: [...expanded(assembly, program)] };
}

function* expanded(assembly: Pick<Assembly, 'programs'>, program: Program): Generator<Instruction> {
  for (const instruction of program.instructions) {
    if (instruction.kind === 'call') yield* expanded(assembly, assembly.programs.get(instruction.program)!);
    else yield instruction;
  }
}

/** What is wrong with the calls of a program, however deep. */
function callProblems(assembly: Pick<Assembly, 'programs'>, program: Program): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const lengths = new Map<string, number>();
  const calling: string[] = [];
  const lengthOf = (one: Program): number => {
    const known = lengths.get(one.name);
    if (known !== undefined) return known;
    calling.push(one.name);
    let length = 0;
    for (const { kind, ...rest } of one.instructions as readonly (Instruction & { readonly program?: string })[]) {
      length += 1;
      if (kind !== 'call') continue;
      const name = rest.program!;
      const called = assembly.programs.get(name);
      if (!called) problems.push(error('UNKNOWN_PROGRAM', 'Unknown program', `No program is named "${name}".${didYouMean(name, assembly.programs.keys())}`, rest.where));
      else if (calling.includes(name)) problems.push(error('RECURSIVE_CALL', 'A program that calls itself', `"${one.name}" calls "${name}", which would never end: ${[...calling.slice(calling.indexOf(name)), name].join(' -> ')}.`, rest.where));
      else length += lengthOf(called);
    }
    calling.pop();
    lengths.set(one.name, length);
    return length;
  };
  if (lengthOf(program) > instructionsAtMost && problems.length === 0) {
    problems.push(error('TOO_MANY_INSTRUCTIONS', 'Too many instructions', `With its calls "${program.name}" has more than ${instructionsAtMost.toLocaleString('en')} instructions. Calls of calls multiply: call less often.`, program.where));
  }
  return problems;
}

/**
 * I7: what is wrong with a program that begins in this situation. Nothing of a program with an error is run. The instructions are followed one by one: a
 * component that one of them adds is there for the next.
 *
 * @example checkProgram(assembly, { components: new Map([['la1', 'diet/local-agent']]), connections: [] }, program)
 */
export function checkProgram(assembly: Pick<Assembly, 'types' | 'programs' | 'hosts'>, situation: Situation, program: Program): Diagnostic[] {
  const calls = callProblems(assembly, program);
  if (calls.length > 0) return calls;
  return followProgram(assembly, situation, program).diagnostics;
}

/**
 * The instructions of a program that fits a situation (I7), with those of the programs that it calls in their place. A program of a checked file is right in
 * some situation: of what does not fit this one the first thing is told, and how many more there are, since they mostly follow from it.
 * @param before what was played of the program already
 * @throws TuttiError
 */
export function instructionsFor(assembly: Pick<Assembly, 'types' | 'programs' | 'hosts'>, situation: Situation, program: Program, before: readonly Instruction[] = []): readonly Instruction[] {
  const { instructions } = expandCalls(assembly, program);
  const [first, ...more] = checkProgram(assembly, situation, { ...program, instructions: [...before, ...instructions] }).filter(({ severity }) => severity === 'error');
  if (first === undefined) return instructions;
  if (more.length === 0) throw new TuttiError(first);
  throw new TuttiError({ ...first, detail: `${first.detail} There ${more.length === 1 ? 'is 1 more thing' : `are ${more.length} more things`} in "${program.name}" that ${more.length === 1 ? 'does' : 'do'} not fit what is there: it was run before, or needs another program first.` });
}

/** Follows a program: what is wrong with it, and the situation after it. */
function followProgram(assembly: Pick<Assembly, 'types' | 'programs' | 'hosts'>, situation: Situation, program: Program): { diagnostics: Diagnostic[]; after: () => Situation } {
  const diagnostics: Diagnostic[] = [];
  const components = new Map(situation.components);
  const deleted = new Set<string>();
  const hosts = new Set(assembly.hosts);
  // Most programs connect nothing: the index of connections is made when it is asked for.
  let index: Map<string, Connection> | undefined;
  const connections = (): Map<string, Connection> => (index ??= new Map([...situation.connections].map((connection) => [connectionKey(connection), connection])));
  let touching: Map<string, Set<string>> | undefined;
  const connectionsOf = (component: string): Set<string> => {
    if (!touching) {
      touching = new Map();
      for (const [key, connection] of connections()) touch(touching, key, connection);
    }
    return touching.get(component) ?? new Set();
  };
  let hints = 0;
  const when = ` at this point of "${program.name}"`;
  const isThere = (component: string, where: Where | undefined): boolean => {
    if (components.has(component)) return true;
    const hint = deleted.has(component) ? ' It was deleted before.' : ++hints > 50 ? '' : didYouMean(component, components.size > 5000 ? [] : components.keys());
    diagnostics.push(error('UNKNOWN_COMPONENT', 'Unknown component', `No component is named "${component}"${when}.${hint}`, where));
    return false;
  };

  for (const instruction of expanded(assembly, program)) {
    const { where } = instruction;
    switch (instruction.kind) {
      case 'add': {
        const { name, type, on } = instruction.component;
        if (!assembly.types.has(type)) diagnostics.push(error('UNKNOWN_TYPE', 'Unknown component type', `"${name}" is a "${type}", which is no component type.${didYouMean(type, assembly.types.keys())}`, where));
        if (on !== 'local' && !hosts.has(on)) diagnostics.push(error('UNKNOWN_HOST', 'Unknown host', `"${name}" is to be on "${on}", which is no host.${didYouMean(on, hosts)}`, where));
        if (components.has(name)) diagnostics.push(error('ALREADY_THERE', 'Two components of one name', `"${name}" is there already${when}. Delete it before, or choose another name.`, where));
        else components.set(name, type);
        break;
      }
      case 'delete': {
        const name = instruction.component;
        if (!isThere(name, where)) break;
        const left = connectionsOf(name);
        if (left.size > 0) diagnostics.push(error('STILL_CONNECTED', 'Deleting what is connected', `"${name}" is connected still${when}: ${several([...left].map((key) => key.replace('->', ' -> ')))}. Disconnect first.`, where));
        components.delete(name);
        deleted.add(name);
        break;
      }
      case 'connect':
      case 'disconnect': {
        const { connection, kind } = instruction;
        const problems = connectionProblems(assembly.types, components, connection, where, when);
        if (problems.length > 0) {
          diagnostics.push(...problems);
          break;
        }
        const key = connectionKey(connection);
        const text = key.replace('->', ' -> ');
        const isConnected = connections().has(key);
        if (kind === 'connect') {
          if (isConnected) diagnostics.push(error('ALREADY_CONNECTED', 'Connected already', `"${text}" is there already${when}. Remove this instruction, or disconnect before.`, where));
          connections().set(key, connection);
          if (touching) touch(touching, key, connection);
        } else {
          if (!isConnected) diagnostics.push(error('NOT_CONNECTED', 'Disconnecting what is not connected', `"${text}" is not there${when}. Remove this instruction, or connect before.`, where));
          connections().delete(key);
          for (const { component } of [connection.use, connection.provide]) touching?.get(component)?.delete(key);
        }
        break;
      }
      case 'pushBehaviour': {
        if (!isThere(instruction.component, where)) break;
        const type = assembly.types.get(components.get(instruction.component)!);
        if (type && !type.behaviours.includes(instruction.behaviour)) {
          diagnostics.push(error('UNKNOWN_BEHAVIOUR', 'Unknown behaviour', `"${instruction.component}" (${type.name}) has no behaviour "${instruction.behaviour}".${didYouMean(instruction.behaviour, type.behaviours) || ` Behaviours: ${several(type.behaviours)}.`}`, where));
        }
        break;
      }
      case 'wait':
        isThere(instruction.component, where);
        break;
      case 'waitAll':
      case 'call':
        break;
      default:
        instruction satisfies never;
    }
  }
  return { diagnostics, after: () => ({ components, connections: [...(index?.values() ?? situation.connections)] }) };
}

function touch(touching: Map<string, Set<string>>, key: string, { use, provide }: Connection): void {
  for (const { component } of [use, provide]) {
    const keys = touching.get(component);
    if (keys) keys.add(key);
    else touching.set(component, new Set([key]));
  }
}

const situationsAtMost = 24;

export const programChecks: readonly NamedCheck[] = [
  {
    name: 'programs',
    about: 'I7: each program is right from the situation of the file, or from one that other programs lead to',
    run: (assembly) => {
      const diagnostics: Diagnostic[] = [];
      const begin: Situation = { components: new Map(assembly.components.map(({ name, type }) => [name, type])), connections: assembly.connections };
      const wrong = new Map<string, Diagnostic[]>();
      for (const program of assembly.programs.values()) {
        const problems = checkProgram(assembly, begin, program);
        if (problems.length > 0) wrong.set(program.name, problems);
      }
      if (wrong.size === 0) return [];
      const after = followers(assembly, begin, wrong);
      for (const [name, problems] of wrong) {
        const before = after.get(name);
        if (before === undefined) diagnostics.push(...problems);
        else diagnostics.push(note('NEEDS_A_PROGRAM', 'A program that follows another', `"${name}" cannot be the first one: it can run after ${before.map((one) => `"${one}"`).join(', then ')}.`, assembly.where.get(`program:${name}`)));
      }
      return diagnostics;
    },
  },
];

/** For the programs that are wrong at the beginning: the shortest sequence of others after which they are right, if there is one. */
function followers(assembly: Assembly, begin: Situation, wrong: ReadonlyMap<string, readonly Diagnostic[]>): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const changing = [...assembly.programs.values()].filter(({ instructions }) => instructions.some(({ kind }) => kind === 'add' || kind === 'delete' || kind === 'connect' || kind === 'disconnect' || kind === 'call'));
  const waiting: { situation: Situation; path: readonly string[] }[] = [{ situation: begin, path: [] }];
  let seen = 0;
  for (let here = waiting.shift(); here && seen < situationsAtMost && found.size < wrong.size; here = waiting.shift()) {
    seen += 1;
    for (const name of wrong.keys()) {
      if (found.has(name) || here.path.length === 0) continue;
      if (checkProgram(assembly, here.situation, assembly.programs.get(name)!).length === 0) found.set(name, here.path);
    }
    for (const program of changing) {
      if (here.path.includes(program.name) || callProblems(assembly, program).length > 0) continue;
      const { diagnostics, after } = followProgram(assembly, here.situation, program);
      if (diagnostics.length === 0) waiting.push({ situation: after(), path: [...here.path, program.name] });
    }
  }
  return found;
}

import type { ComponentType } from '../../components/model.ts';
import { didYouMean, type Where } from '../../diagnostic.ts';
import type { ComponentSpec, Instruction, Program } from '../model.ts';
import type { ComponentEntry, ConnectionEntry, InstructionEntry } from '../schema.ts';
import { readComponent, select, type Names } from './components.ts';
import { readConnection } from './connections.ts';
import type { Hosts } from './hosts.ts';
import { several } from './names.ts';
import { report, type Reading, type Types } from './reading.ts';
import type { Path } from './source.ts';

/** What the programs of a file are read against. */
export interface Stage {
  readonly hosts: Hosts;
  readonly types: Types;
  readonly names: Names;
  /** The components that there are before the first instruction: those of the file, or those that are deployed now. */
  readonly present: readonly string[];
  /** The components of each `add`, by program and position. */
  readonly added: Map<string, readonly ComponentSpec[]>;
}

const kinds = ['push', 'wait', 'connect', 'disconnect', 'add', 'delete', 'call'] as const;

/** Reads the components that programs add: they are known to every connection and program of the file. */
export function readAdditions(reading: Reading, hosts: Hosts, types: Types, names: Names): Map<string, readonly ComponentSpec[]> {
  const added = new Map<string, readonly ComponentSpec[]>();
  for (const [program, entries] of Object.entries(reading.file.programs ?? {})) {
    if (reading.broken.has(`programs/${program}`)) continue;
    for (const [i, entry] of (entries ?? []).entries()) {
      if (reading.broken.has(`programs/${program}/${i}`) || typeof entry === 'string' || entry.add === undefined) continue;
      const path: Path = ['programs', program, i, 'add'];
      const components: Readonly<Record<string, ComponentEntry>> = Array.isArray(entry.add) ? { [entry.add[0]!]: entry.add[1]! } : entry.add;
      added.set(`${program}/${i}`, Object.entries(components).flatMap(([name, body]) => readComponent(reading, hosts, types, names, name, body, Array.isArray(entry.add) ? path : [...path, name], false)));
    }
  }
  return added;
}

/**
 * Every program as instructions for single components and ports. Reports unknown names and BAD_INSTRUCTION; whether an instruction fits the situation in
 * which it runs (I7) is the work of `checkProgram`.
 */
export function readPrograms(reading: Reading, stage: Stage): Map<string, Program> {
  const programs = new Map<string, Program>();
  for (const [name, entries] of Object.entries(reading.file.programs ?? {})) {
    reading.where.add(`program:${name}`, ['programs', name]);
    const where = reading.where.get(`program:${name}`);
    const instructions: Instruction[] = [];
    if (!reading.broken.has(`programs/${name}`)) {
      const present = new Set(stage.present);
      for (const [i, entry] of (entries ?? []).entries()) {
        if (reading.broken.has(`programs/${name}/${i}`)) continue;
        // One by one: a push to thousands would not fit into the arguments of one call.
        for (const instruction of readInstruction(reading, stage, name, i, entry, present)) instructions.push(instruction);
      }
    }
    programs.set(name, { name, instructions, ...(where ? { where } : {}) });
  }
  return programs;
}

function readInstruction(reading: Reading, stage: Stage, program: string, index: number, entry: InstructionEntry, present: Set<string>): Instruction[] {
  const path: Path = ['programs', program, index];
  const at = reading.source.at(path);
  const where: { where?: Where } = at ? { where: at } : {};
  if (entry === 'waitAll') return [{ kind: 'waitAll', ...where }];
  if (typeof entry === 'string') return [];
  const said = kinds.filter((kind) => entry[kind] !== undefined);
  if (said.length !== 1) {
    report(reading, 'BAD_INSTRUCTION', 'Not one instruction', said.length === 0 ? 'Nothing is said here. Write push, wait, connect, disconnect, add, delete, call or waitAll.' : `${several(said)} are instructions of their own: they are played in order, so each one begins a line with "- ".`, path);
    return [];
  }
  const names = (targets: string | readonly string[], at: Path): readonly string[] =>
    typeof targets === 'string' ? (select(reading, stage.names, targets, at) ?? []) : targets.flatMap((target, i) => select(reading, stage.names, target, [...at, i]) ?? []);
  const kind = said[0]!;
  const here: Path = [...path, kind];
  switch (kind) {
    case 'push':
      return readPush(reading, stage, entry.push!, here, present, names).map((push) => ({ kind: 'pushBehaviour', ...push, ...where }));
    case 'wait':
      if (entry.wait === 'all') return [{ kind: 'waitAll', ...where }];
      return names(entry.wait!, here).map((component) => ({ kind: 'wait', component, ...where }));
    case 'connect':
    case 'disconnect':
      return connectionEntries(entry[kind]!).flatMap(({ entry: one, path: rest }) => readConnection(reading, stage.names, one, [...here, ...rest]).map((connection): Instruction => ({ kind, connection, ...where })));
    case 'add': {
      const added = stage.added.get(`${program}/${index}`) ?? [];
      for (const { name, type } of added) {
        present.add(name);
        stage.names.components.set(name, stage.types.get(type) ?? null);
      }
      return added.map((component) => ({ kind: 'add', component, ...where }));
    }
    case 'delete': {
      const deleted = names(entry.delete!, here);
      for (const component of deleted) present.delete(component);
      return deleted.map((component) => ({ kind: 'delete', component, ...where }));
    }
    case 'call': {
      const called = entry.call!;
      const known = Object.keys(reading.file.programs ?? {});
      if (!known.includes(called)) report(reading, 'UNKNOWN_PROGRAM', 'Unknown program', `No program is named "${called}".${didYouMean(called, known) || ` Programs: ${several(known)}.`}`, here);
      else applyCall(reading, stage, called, present, new Set());
      return known.includes(called) ? [{ kind: 'call', program: called, ...where }] : [];
    }
    default:
      return kind satisfies never;
  }
}

/** What a called program adds and deletes, for the `push` to all that follows. A call of itself is told by `checkProgram`. */
function applyCall(reading: Reading, stage: Stage, program: string, present: Set<string>, calling: Set<string>): void {
  if (calling.has(program)) return;
  calling.add(program);
  for (const [i, entry] of (reading.file.programs?.[program] ?? []).entries()) {
    if (reading.broken.has(`programs/${program}/${i}`) || typeof entry === 'string') continue;
    for (const { name } of stage.added.get(`${program}/${i}`) ?? []) present.add(name);
    for (const name of typeof entry.delete === 'string' ? [entry.delete] : (entry.delete ?? [])) present.delete(name);
    if (entry.call !== undefined) applyCall(reading, stage, entry.call, present, calling);
  }
}

/** A connection or a list of them; `[a.p, b.q]` without arrows is one pair. */
function connectionEntries(entry: string | readonly ConnectionEntry[]): { entry: ConnectionEntry; path: Path }[] {
  if (typeof entry === 'string') return [{ entry, path: [] }];
  const isPair = entry.length === 2 && entry.every((side) => typeof side === 'string' && !side.includes('->'));
  if (isPair) return [{ entry: entry as readonly string[] as string[], path: [] }];
  return entry.map((one, i) => ({ entry: one, path: [i] }));
}

type Push = { readonly component: string; readonly behaviour: string };

/**
 * `deploy`: to all components that have it, in the order of their declaration. `{deploy: [a, b]}`: to these. `[a, deploy]`: the form of the conformance
 * cases. Reports UNKNOWN_BEHAVIOUR.
 */
function readPush(reading: Reading, stage: Stage, entry: NonNullable<Exclude<InstructionEntry, string>['push']>, path: Path, present: ReadonlySet<string>, names: (targets: string | readonly string[], at: Path) => readonly string[]): Push[] {
  if (typeof entry === 'string') return toAll(reading, stage, entry, path, present);
  if (Array.isArray(entry)) return pushTo(reading, stage, entry[1]!, names(entry[0]!, [...path, 0]), [...path, 1]);
  return Object.entries(entry as Record<string, string | string[]>).flatMap(([behaviour, targets]) => (targets === 'all' ? toAll(reading, stage, behaviour, [...path, behaviour], present) : pushTo(reading, stage, behaviour, names(targets, [...path, behaviour]), [...path, behaviour])));
}

function toAll(reading: Reading, stage: Stage, behaviour: string, path: Path, present: ReadonlySet<string>): Push[] {
  const pushes: Push[] = [];
  for (const component of present) if (stage.names.components.get(component)?.behaviours.includes(behaviour)) pushes.push({ component, behaviour });
  if (pushes.length > 0) return pushes;
  const types = [...new Set([...present].map((name) => stage.names.components.get(name)))];
  // Somebody of a type that cannot be read may have it.
  if (types.includes(null)) return [];
  const known = [...new Set(types.flatMap((type) => type?.behaviours ?? []))];
  const hint = present.size === 0 ? ' The assembly has no components here.' : didYouMean(behaviour, known) || ` Behaviours: ${several(known)}.`;
  report(reading, 'UNKNOWN_BEHAVIOUR', 'Unknown behaviour', `No component has a behaviour "${behaviour}".${hint}`, path);
  return pushes;
}

function pushTo(reading: Reading, stage: Stage, behaviour: string, components: readonly string[], path: Path): Push[] {
  const without = new Map<ComponentType, string[]>();
  const pushes: Push[] = [];
  for (const component of components) {
    const type = stage.names.components.get(component);
    if (!type) continue;
    if (type.behaviours.includes(behaviour)) pushes.push({ component, behaviour });
    else without.set(type, [...(without.get(type) ?? []), component]);
  }
  for (const [type, them] of without) {
    const hint = type.behaviours.length === 0 ? ' It has no behaviours.' : didYouMean(behaviour, type.behaviours) || ` Behaviours: ${several(type.behaviours)}.`;
    const where = reading.source.keyAt(path);
    reading.diagnostics.push({ code: 'UNKNOWN_BEHAVIOUR', severity: 'error', summary: 'Unknown behaviour', detail: `${several(them)} (${type.name}) ${them.length === 1 ? 'has' : 'have'} no behaviour "${behaviour}".${hint}`, ...(where ? { where } : {}) });
  }
  return pushes;
}

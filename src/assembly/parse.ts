import type { ComponentType, Value } from '../components/model.ts';
import { error, warning, type Diagnostic } from '../diagnostic.ts';
import { check, checkTypes, type NamedCheck } from './check.ts';
import type { Assembly, ComponentSpec, Connection, Program } from './model.ts';
import { assemblyFile, conformanceFile, type AssemblyFile } from './schema.ts';
import { readAdditions, readPrograms } from './parse/programs.ts';
import { readComponents, type Names } from './parse/components.ts';
import { readConnections } from './parse/connections.ts';
import { readHosts } from './parse/hosts.ts';
import { WhereMap, type Fails, type Reading } from './parse/reading.ts';
import { shapeProblems } from './parse/shape.ts';
import { readSource, valueSource, type Source } from './parse/source.ts';
import { readTypes, type Sidelines } from './parse/types.ts';
import { wireUnique } from './parse/wire.ts';

export { parseTypes } from './parse/types.ts';
export type { Fails } from './parse/reading.ts';

export interface ParseOptions {
  /** The types that there are beside those of the file: the catalogue's, and those of the modules that `modulesOf` tells. */
  readonly types: ReadonlyMap<string, ComponentType>;
  /** The folder of the file, to which its relative paths are relative. */
  readonly folder: string;
  /** The components that are deployed now, by type: what `push: deploy` means by *all*. Default: those of the file. */
  readonly present?: ReadonlyMap<string, string>;
  /** Take the transitions of the conformance cases (`fails`, delays in seconds). */
  readonly conformance?: boolean;
}

export interface Parsed {
  /** None when there is an error among the diagnostics. */
  readonly assembly?: Assembly;
  /** Every problem of the file, in the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
  /** For the conformance cases: what transitions do on purpose, by `type.transition`. */
  readonly fails: ReadonlyMap<string, Fails>;
  readonly writes: ReadonlyMap<string, Readonly<Record<string, Value>>>;
}

/**
 * Reads an assembly file: every name resolved, every pattern written out. When something is wrong, every problem of the file at once, those of its own
 * component types included. What a right file *means* (use ports nobody serves, programs that cannot run) is the work of `check`.
 *
 * @example
 * const { assembly, diagnostics } = parseAssembly(text, 'assembly.yaml', { types: catalogue, folder: '/srv/diet' });
 */
export function parseAssembly(text: string, file: string, options: ParseOptions): Parsed {
  return finish(read(readSource(text, file), options));
}

/** As `parseAssembly`, for a value that is not a text (a conformance case, a test): its diagnostics have no lines. */
export function parseAssemblyValue(value: unknown, options: ParseOptions, file = ''): Parsed {
  return finish(read(valueSource(value, file), options));
}

/** `parseAssembly`, and `check` when everything could be read: all that is said of a file, in the order of its text. */
export function parseAndCheck(text: string, file: string, options: ParseOptions, more: readonly NamedCheck[] = []): Parsed {
  const draft = read(readSource(text, file), options);
  return finish(hasErrors(draft.diagnostics) ? draft : { ...draft, diagnostics: [...draft.diagnostics, ...check(draft.draft, more)] });
}

/** The modules that a file names under `modules:`, whose exports are component types. Cheap: the rest of the file is not read. */
export function modulesOf(text: string): readonly string[] {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => /^\s*(?:['"]?modules['"]?\s*:|\{)/.test(line));
  if (from < 0) return [];
  let to = from + 1;
  // A block goes on as long as lines are indented, items of a list, comments or empty.
  if (!lines[from]!.startsWith('{')) while (to < lines.length && /^(\s|-|#|\]|$)/.test(lines[to]!)) to++;
  else to = lines.length;
  const { value } = readSource(lines.slice(from, to).join('\n'), '');
  const modules = typeof value === 'object' && value !== null && Object.hasOwn(value, 'modules') ? (value as { modules: unknown }).modules : undefined;
  return Array.isArray(modules) ? modules.filter((module) => typeof module === 'string') : [];
}

interface Draft extends Sidelines {
  /** As much of the assembly as could be read. */
  readonly draft: Assembly;
  readonly diagnostics: readonly Diagnostic[];
}

const hasErrors = (diagnostics: readonly Diagnostic[]): boolean => diagnostics.some(({ severity }) => severity === 'error');

function finish({ draft, diagnostics, fails, writes }: Draft): Parsed {
  const sorted = diagnostics.map((diagnostic, i) => ({ diagnostic, i, line: diagnostic.where?.line ?? Infinity, column: diagnostic.where?.column ?? 0 }));
  sorted.sort((a, b) => (a.line === b.line ? a.column - b.column || a.i - b.i : a.line - b.line));
  return { ...(hasErrors(diagnostics) ? {} : { assembly: draft }), diagnostics: sorted.map(({ diagnostic }) => diagnostic), fails, writes };
}

function read(source: Source, options: ParseOptions): Draft {
  const sidelines: Sidelines = { fails: new Map(), writes: new Map() };
  const nothing = { ...sidelines, draft: emptyAssembly(options.folder) };
  if (source.value === undefined) return { ...nothing, diagnostics: source.diagnostics };
  if (source.value === null) return { ...nothing, diagnostics: [...source.diagnostics, error('EMPTY_FILE', 'Nothing in the file', 'An assembly has components, and programs that change them. "tutti init" writes one to begin with.', { file: source.file })] };
  const result = (options.conformance ? conformanceFile : assemblyFile).safeParse(source.value);
  const shape = result.success ? { diagnostics: [], broken: new Set<string>(), usable: source.value } : shapeProblems(source, result.error.issues);
  const diagnostics = [...source.diagnostics, ...shape.diagnostics];
  if (shape.broken.has('')) return { ...nothing, diagnostics };
  // What is broken as a whole is left out; the rest is as the schema says.
  const file = Object.fromEntries(Object.entries(shape.usable as object).filter(([key]) => !shape.broken.has(key))) as AssemblyFile;
  const reading: Reading = { source, file, broken: shape.broken, diagnostics, where: new WhereMap(source), hints: new Map() };
  const draft = resolve(reading, options, sidelines);
  if (hasErrors(diagnostics)) {
    // What is missing would make most checks complain about nothing; types stand by themselves.
    const ownTypes = [...draft.types.values()].filter(({ name }) => draft.where.has(`type:${name}`));
    diagnostics.push(...checkTypes(ownTypes, draft.where).filter(({ severity }) => severity === 'error'));
  }
  return { ...sidelines, diagnostics, draft };
}

/** From what the file says to what it means. Each step reports its problems and leaves out what it cannot use. */
function resolve(reading: Reading, options: ParseOptions, sidelines: Sidelines): Assembly {
  const { file, source } = reading;
  const hosts = readHosts(reading);
  const ownTypes = readTypes(reading, options.folder, options.conformance ? undefined : hosts, sidelines);
  for (const name of ownTypes.keys()) {
    if (options.types.has(name)) reading.diagnostics.push(warning('SHADOWED_TYPE', 'Two types of one name', `"${name}" is a type of the catalogue or of a module, too; the one of this file is taken. Rename it to have both.`, source.keyAt(['types', name])));
  }
  const types = new Map<string, ComponentType | null>([...options.types, ...ownTypes]);
  const names: Names = { components: new Map(), counted: new Map() };
  const components = readComponents(reading, hosts, types, names);
  const declared = new Map(names.components);
  const added = readAdditions(reading, hosts, types, names);
  // An `add` of a name that is declared too does not change what the declaration says.
  for (const [name, type] of declared) names.components.set(name, type);
  for (const [name, type] of options.present ?? []) if (!names.components.has(name)) names.components.set(name, types.get(type) ?? null);
  const connections = readConnections(reading, names);
  if (file.wire === 'unique') for (const connection of wireUnique(components, types, connections)) connections.push(connection);
  const programs = readPrograms(reading, { hosts, types, names, present: options.present ? [...options.present.keys()] : [...declared.keys()], added });
  return {
    name: file.assembly ?? (options.folder.split('/').filter(Boolean).at(-1) || 'assembly'),
    folder: options.folder,
    types: new Map([...types].filter((entry): entry is [string, ComponentType] => entry[1] !== null)),
    hosts: withLocal(hosts.all, components, [...added.values()].flat()),
    components,
    connections,
    programs,
    where: reading.where,
  };
}

/** `local` is a host as soon as a component is on it. */
function withLocal(hosts: readonly string[], ...components: readonly (readonly ComponentSpec[])[]): readonly string[] {
  const isLocal = hosts.length === 0 || components.some((list) => list.some(({ on }) => on === 'local'));
  return isLocal && !hosts.includes('local') ? [...hosts, 'local'] : hosts;
}

function emptyAssembly(folder: string): Assembly {
  return { name: '', folder, types: new Map(), hosts: [], components: [] as ComponentSpec[], connections: [] as Connection[], programs: new Map<string, Program>(), where: new Map() };
}

import type { ComponentType, Parameter, Port, Probe, Retry, Switch, SwitchCase, Transition, Value } from '../../components/model.ts';
import { didYouMean, error } from '../../diagnostic.ts';
import { conformanceFile, type CommandEntry, type PortEntry, type TransitionEntry, type TypeEntry } from '../schema.ts';
import { shellTemplate } from '../shell-template.ts';
import { factNames, readTemplate, templateNames, type Template } from '../template.ts';
import { yamlAction, yamlProbe, type CommandTemplate, type FileTemplate, type ValueTemplate } from '../yaml-action.ts';
import { readDuration } from './duration.ts';
import { hostsOf, type Hosts } from './hosts.ts';
import { several } from './names.ts';
import { report, WhereMap, type Fails, type Reading } from './reading.ts';
import { shapeProblems } from './shape.ts';
import { valueSource, type Path, type Source } from './source.ts';

const list = <T>(one: T | readonly T[] | undefined): readonly T[] => (one === undefined ? [] : Array.isArray(one) ? (one as readonly T[]) : [one as T]);

/** What the transitions of a conformance case say beside the type, by `type.transition`. */
export interface Sidelines {
  readonly fails: Map<string, Fails>;
  readonly writes: Map<string, Readonly<Record<string, Value>>>;
}

/** The transition grammar of the conformance cases, where it differs. */
interface ConformanceExtras {
  readonly fails?: Fails;
  readonly retry?: { readonly times: number; readonly delaySeconds?: number };
}

/** Every type of `types:`; those whose shape is wrong are null. */
export function readTypes(reading: Reading, folder: string, hosts: Hosts | undefined, sidelines: Sidelines): Map<string, ComponentType | null> {
  const types = new Map<string, ComponentType | null>();
  for (const [name, entry] of Object.entries(reading.file.types ?? {})) {
    reading.where.add(`type:${name}`, ['types', name]);
    types.set(name, reading.broken.has(`types/${name}`) ? null : readType(reading, name, entry, folder, hosts, sidelines));
  }
  return types;
}

/**
 * Reads the `types:` of a conformance case: plain values, without positions. `fails` and `writes` come beside the types, by `type.transition`.
 *
 * @example
 * const { types, fails, writes, diagnostics } = parseTypes({ lamp: { places: ['off', 'on'], transitions: { light: { from: 'off', to: 'on', behaviour: 'deploy', fails: true } } } });
 */
export function parseTypes(value: unknown, file = ''): { types: Map<string, ComponentType>; diagnostics: Reading['diagnostics'] } & Sidelines {
  const source: Source = valueSource({ types: value }, file);
  const result = conformanceFile.safeParse(source.value);
  const problems = result.success ? { diagnostics: [], broken: new Set<string>(), usable: source.value } : shapeProblems(source, result.error.issues);
  const reading: Reading = { source, file: problems.usable as { types: Record<string, TypeEntry> }, broken: problems.broken, diagnostics: [...problems.diagnostics], where: new WhereMap(source), hints: new Map() };
  const sidelines: Sidelines = { fails: new Map(), writes: new Map() };
  const types = reading.broken.has('types') || reading.broken.has('') ? new Map<string, ComponentType>() : readTypes(reading, '', undefined, sidelines);
  return { types: new Map([...types].filter((entry): entry is [string, ComponentType] => entry[1] !== null)), diagnostics: reading.diagnostics, ...sidelines };
}

function readType(reading: Reading, name: string, entry: TypeEntry, folder: string, hosts: Hosts | undefined, sidelines: Sidelines): ComponentType {
  const path: Path = ['types', name];
  const { places } = entry;
  const ports: Record<string, Port> = {};
  const values: CompanionValue[] = [];
  for (const [port, body] of Object.entries(entry.ports ?? {})) readPort(reading, entry, name, port, body, [...path, 'ports', port], ports, values);
  const parameters = Object.fromEntries(Object.entries(entry.parameters ?? {}).map(([key, body]) => [key, readParameter(body as Value)]));
  const transitions: Record<string, Transition> = {};
  for (const [transition, body] of Object.entries(entry.transitions ?? {})) {
    reading.where.add(`transition:${name}.${transition}`, [...path, 'transitions', transition]);
    for (const end of ['from', 'to']) reading.where.add(`${end}:${name}.${transition}`, [...path, 'transitions', transition, end], false);
    const scope: Scope = { reading, type: entry, ports, parameters, transition };
    const extras = body as ConformanceExtras;
    if (extras.fails !== undefined) sidelines.fails.set(`${name}.${transition}`, extras.fails);
    if (body.writes) sidelines.writes.set(`${name}.${transition}`, body.writes);
    transitions[transition] = readTransition(scope, transition, body, [...path, 'transitions', transition], folder, hosts, values);
  }
  reading.where.add(`initial:${name}`, [...path, entry.initial === undefined ? 'places' : 'initial'], false);
  for (const [i, place] of places.entries()) reading.where.add(`place:${name}.${place}`, [...path, 'places', i], false);
  for (const group of Object.keys(entry.groups ?? {})) reading.where.add(`group:${name}.${group}`, [...path, 'groups', group]);
  const switches: Record<string, Switch> = {};
  for (const [place, body] of Object.entries(entry.switches ?? {})) {
    reading.where.add(`switch:${name}.${place}`, [...path, 'switches', place]);
    switches[place] = { port: body.port, cases: body.cases.map(readCase) };
  }
  const probes: Record<string, Probe> = {};
  for (const [place, command] of Object.entries(entry.probes ?? {})) {
    const probePath: Path = [...path, 'probes', place];
    if (!places.includes(place)) reading.diagnostics.push(error('UNKNOWN_PLACE', 'Unknown place', `"${name}" has no place "${place}" to probe.${didYouMean(place, places)}`, reading.source.keyAt(probePath)));
    const read = readCommand({ reading, type: entry, ports, parameters }, command, probePath);
    if (read) probes[place] = yamlProbe(read);
  }
  return {
    name,
    ...(entry.about === undefined ? {} : { about: entry.about }),
    places,
    initialPlace: entry.initial ?? places[0]!,
    groups: entry.groups ?? {},
    behaviours: [...new Set(Object.values(transitions).map(({ behaviour }) => behaviour))],
    transitions,
    switches,
    ports,
    probes,
    parameters,
  };
}

function readCase(entry: NonNullable<TypeEntry['switches']>[string]['cases'][number]): SwitchCase {
  if ('otherwise' in entry) return { otherwise: list(entry.otherwise) };
  return 'below' in entry ? { below: entry.below, take: list(entry.take) } : { equals: entry.equals, take: list(entry.take) };
}

const kindOf = { string: 'string', number: 'number', boolean: 'boolean' } as const;

function readParameter(body: Value): Parameter {
  if (typeof body === 'object' && body !== null) return body as unknown as Parameter;
  return { type: kindOf[typeof body as keyof typeof kindOf], default: body };
}

/** A value that goes along with a service: each transition that enters one of `places` writes it to `port`. */
interface CompanionValue {
  readonly port: string;
  readonly places: ReadonlySet<string>;
  readonly text: string;
  readonly path: Path;
}

const kinds = ['use', 'provide', 'data-use', 'data-provide'] as const;

/**
 * One port, in the short form (`use: sql`) or the long one (`kind: use`), and the ports of the data that go along: `http: {provide: http, data: {url}}` also
 * declares `http.url`, of the interface `http.url`, bound to the same places; `db: {use: http, data: [url]}` declares `db.url`, bound to the same transitions.
 */
function readPort(reading: Reading, type: TypeEntry, typeName: string, name: string, body: PortEntry, path: Path, ports: Record<string, Port>, values: CompanionValue[]): void {
  reading.where.add(`port:${typeName}.${name}`, path);
  const said = kinds.filter((kind) => body[kind] !== undefined);
  if (said.length + (body.kind === undefined ? 0 : 1) !== 1) {
    report(reading, 'PORT_FORM', 'Not a port', `"${name}" says ${said.length === 0 && body.kind === undefined ? 'nothing' : 'more than one thing'} of what it is. Write one of use, provide, data-use, data-provide with an interface, or kind.`, path);
    return;
  }
  const kind = body.kind ?? said[0]!;
  const boundTo = list(body.boundTo);
  const offered = body.interface ?? (said[0] && body[said[0]]);
  ports[name] = {
    kind,
    boundTo,
    ...(offered === undefined ? {} : { interface: offered }),
    ...(body.optional === undefined ? {} : { optional: body.optional }),
    ...(body.atLeast === undefined ? {} : { atLeast: body.atLeast }),
  };
  if (body.data === undefined) return;
  const isList = Array.isArray(body.data);
  if (kind !== (isList ? 'use' : 'provide')) {
    report(reading, 'PORT_FORM', 'Not a port', `"data" is a mapping from names to texts for a provide port, a list of names for a use port; "${name}" is a ${kind} port.`, [...path, 'data']);
    return;
  }
  const keys = isList ? (body.data as string[]) : Object.keys(body.data);
  // A data-use port is bound to transitions alone.
  const bound = isList ? boundTo.filter((element) => Object.hasOwn(type.transitions ?? {}, element)) : boundTo;
  if (bound.length === 0) {
    report(reading, 'PORT_FORM', 'Not a port', `No transition of "${name}" could read its data: it is bound to places and groups alone. Bind it to the transition that reads, too.`, [...path, 'data']);
    return;
  }
  for (const key of keys) {
    const companion = `${name}.${key}`;
    reading.where.add(`port:${typeName}.${companion}`, [...path, 'data', ...(isList ? [] : [key])]);
    ports[companion] = { kind: isList ? 'data-use' : 'data-provide', boundTo: bound, interface: `${offered ?? name}.${key}`, ...(body.optional === undefined ? {} : { optional: body.optional }) };
    if (isList) continue;
    const places = new Set(boundTo.flatMap((element) => type.groups?.[element] ?? [element]));
    values.push({ port: companion, places, text: (body.data as Record<string, string>)[key]!, path: [...path, 'data', key] });
  }
}

/** What the names of a template may be, where it stands. */
interface Scope {
  readonly reading: Reading;
  readonly type: TypeEntry;
  readonly ports: Readonly<Record<string, Port>>;
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** None in a probe: it reads no data. */
  readonly transition?: string;
  /** In `writes`: what `run` printed. */
  readonly output?: boolean;
  /** In the text of a file and in `input`: a secret may stand here. */
  readonly secrets?: boolean;
}

function readTransition(scope: Scope, name: string, body: TransitionEntry, path: Path, folder: string, hosts: Hosts | undefined, values: readonly CompanionValue[]): Transition {
  const { reading } = scope;
  const files = body.files?.map((file, i) => readFile(scope, hosts, file, [...path, 'files', i]));
  const command = (key: 'run' | 'script' | 'ready'): CommandTemplate | undefined => (body[key] === undefined ? undefined : readCommand(scope, body[key], [...path, key]));
  const [run, script, ready] = [command('run'), command('script'), command('ready')];
  const input = body.input === undefined ? undefined : readText({ ...scope, secrets: true }, body.input, [...path, 'input']);
  if (input && !run) report(reading, 'NOTHING_TO_READ', 'Nobody reads it', `"input" is for "run", and "${name}" has none.`, [...path, 'input']);
  const kill = list(body.kill);
  for (const started of kill) checkKill(scope, started, [...path, 'kill']);
  const writes: Record<string, ValueTemplate> = {};
  for (const { port, places, text, path: valuePath } of values) if (places.has(body.to)) writes[port] = { kind: 'text', text: readText({ ...scope, output: true }, text, valuePath) };
  for (const [port, value] of Object.entries(body.writes ?? {})) {
    const found = Object.hasOwn(scope.ports, port) ? scope.ports[port] : undefined;
    if (found?.kind !== 'data-provide') {
      const known = Object.keys(scope.ports).filter((other) => scope.ports[other]!.kind === 'data-provide');
      reading.diagnostics.push(error('UNKNOWN_PORT', 'Unknown port', `"${name}" writes to "${port}", which is no data-provide port.${didYouMean(port, known) || (known.length === 0 ? '' : ` There are ${several(known)}.`)}`, reading.source.keyAt([...path, 'writes', port])));
    }
    writes[port] = typeof value === 'string' ? { kind: 'text', text: readText({ ...scope, output: true }, value, [...path, 'writes', port]) } : { kind: 'value', value };
  }
  const on = body.on !== undefined && hosts ? hostsOf(reading, hosts, body.on, [...path, 'on'])?.[0] : body.on;
  if (body.on !== undefined && !run && !ready) report(reading, 'NOTHING_ON_HOST', 'Nothing to do there', `"on" moves "run" and "ready" to another host, and "${name}" has neither. Files and daemons belong to the host of the component.`, [...path, 'on']);
  const timeoutMs = body.timeout === undefined ? undefined : readDuration(body.timeout);
  const action = yamlAction(name, { ...optional({ files, run, input, script, ready, on, timeoutMs }), kill, writes }, folder);
  return {
    from: body.from,
    to: body.to,
    behaviour: body.behaviour,
    ...optional({ dockSet: body.dockSet, action, durationMs: body.seconds === undefined ? undefined : Math.round(body.seconds * 1e6) / 1e3, timeoutMs, retry: readRetry(body.retry), idempotent: body.idempotent }),
  };
}

/** The members that have a value. */
function optional<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function readRetry(entry: TransitionEntry['retry'] | ConformanceExtras['retry']): Retry | undefined {
  if (entry === undefined) return undefined;
  if (typeof entry === 'number') return { times: entry };
  const { times } = entry;
  const delayMs = 'delaySeconds' in entry && entry.delaySeconds !== undefined ? entry.delaySeconds * 1000 : 'delay' in entry && entry.delay !== undefined ? readDuration(entry.delay) : undefined;
  return { times, ...optional({ delayMs, factor: 'factor' in entry ? entry.factor : undefined }) };
}

function checkKill({ reading, type }: Scope, started: string, path: Path): void {
  const transitions = type.transitions ?? {};
  if (Object.hasOwn(transitions, started) && transitions[started]!.script !== undefined) return;
  const daemons = Object.keys(transitions).filter((name) => transitions[name]!.script !== undefined);
  const why = Object.hasOwn(transitions, started) ? `"${started}" starts no daemon: it has no "script".` : `No transition is named "${started}".`;
  report(reading, 'UNKNOWN_DAEMON', 'No daemon of that name', `${why}${didYouMean(started, daemons) || (daemons.length === 0 ? ' No transition of this type has a "script".' : ` Those with a "script": ${several(daemons)}.`)}`, path, started);
}

function readFile(scope: Scope, hosts: Hosts | undefined, file: NonNullable<TransitionEntry['files']>[number], path: Path): FileTemplate {
  const to = readText(scope, file.to, [...path, 'to']);
  const mode = file.mode === undefined ? {} : { mode: file.mode };
  if ('text' in file) return { to, text: readText({ ...scope, secrets: true }, file.text, [...path, 'text']), ...mode };
  if (file.mode !== undefined) report(scope.reading, 'FILE_MODE', 'Mode of a copied file', 'A file that is copied keeps its mode; "mode" goes with "text" only. Change the mode of the file itself.', [...path, 'mode']);
  const on = file.on !== undefined && hosts ? hostsOf(scope.reading, hosts, file.on, [...path, 'on'])?.[0] : file.on;
  return { to, from: readText(scope, file.from, [...path, 'from']), ...optional({ on }), ...mode };
}

/** Reports UNKNOWN_TEMPLATE and UNSAFE_TEMPLATE; undefined when the command cannot be used. */
function readCommand(scope: Scope, entry: CommandEntry, path: Path): CommandTemplate | undefined {
  if (typeof entry !== 'string') return { kind: 'arguments', arguments: entry.map((argument, i) => readText(scope, argument, [...path, i])) };
  const shell = shellTemplate(readText(scope, entry, path));
  if ('text' in shell) return { kind: 'shell', shell };
  report(scope.reading, 'UNSAFE_TEMPLATE', 'A value cannot stand here', `{{${shell.name}}}: ${shell.why}`, path, findName(entry, shell.name));
  return undefined;
}

/** A text with its names checked against the scope. Reports UNKNOWN_TEMPLATE and SECRET_EXPOSED. */
function readText(scope: Scope, text: string, path: Path): Template {
  const template = readTemplate(text);
  for (const name of new Set(templateNames(template))) {
    const why = problemOf(scope, name);
    if (why !== undefined) report(scope.reading, 'UNKNOWN_TEMPLATE', 'Unknown template', `${why}`, path, findName(text, name));
    else if (!scope.secrets && name.startsWith('with.') && scope.parameters[name.slice('with.'.length)]!.type === 'secret') {
      report(scope.reading, 'SECRET_EXPOSED', 'A secret cannot stand here', `{{${name}}}: others would see it here. Place it with "files: [{ to, text }]", or give it to "run" as "input".`, path, findName(text, name));
    }
  }
  return template;
}

const findName = (text: string, name: string): string => [...text.matchAll(/\{\{\s*([^{}\n]*?)\s*\}\}/g)].find((match) => match[1] === name)?.[0] ?? text;

/** Why a name means nothing here. */
function problemOf(scope: Scope, name: string): string | undefined {
  const { transition, ports, parameters, output } = scope;
  const fixed = ['host.address', 'host.name', ...factNames, 'name', 'path', ...(output ? ['output'] : [])];
  if (fixed.includes(name)) return undefined;
  const readable = transition === undefined ? [] : Object.keys(ports).filter((port) => ports[port]!.kind === 'data-use' && ports[port]!.boundTo.includes(transition));
  const known = [...fixed, ...Object.keys(parameters).map((parameter) => `with.${parameter}`), ...readable.map((port) => `read.${port}`)];
  if (known.includes(name)) return undefined;
  if (name === 'output') return '{{output}} is what "run" printed: it is known in "writes" and "data" only.';
  if (name.startsWith('read.') && transition === undefined) return `{{${name}}}: a probe reads no data.`;
  const port = name.startsWith('read.') ? name.slice('read.'.length) : undefined;
  if (port !== undefined && Object.hasOwn(ports, port)) {
    return ports[port]!.kind === 'data-use' ? `{{${name}}}: the port "${port}" is not bound to "${transition}", so its data may not be there yet. Add "${transition}" to its boundTo.` : `{{${name}}}: "${port}" is a ${ports[port]!.kind} port; only data-use ports are read.`;
  }
  if (name.startsWith('with.')) {
    const near = didYouMean(name, known);
    return `{{${name}}} is no parameter of this type.${near || ` Declare it: parameters: { ${name.slice('with.'.length)}: … }.`}`;
  }
  return `{{${name}}} is not known here.${didYouMean(name, known) || ` Known: ${known.join(', ')}.`} If it is not for tutti, write \\{{ for {{.`;
}

import type { ComponentType, Parameter, Value } from '../../components/model.ts';
import { didYouMean, error } from '../../diagnostic.ts';
import type { ComponentSpec } from '../model.ts';
import type { ComponentEntry } from '../schema.ts';
import { hostsOf, type Hosts } from './hosts.ts';
import { readReference, several } from './names.ts';
import { hint, report, type Reading, type Types } from './reading.ts';
import type { Path } from './source.ts';

/** Every component that the file declares or that one of its programs adds: what a name may mean. */
export interface Names {
  /** Component -> its type; null when the component is known but its type cannot be used. */
  readonly components: Map<string, ComponentType | null>;
  /** `sed` -> `sed[1]`, `sed[2]` for those that were declared with `count`. */
  readonly counted: Map<string, readonly string[]>;
  /** `la` -> `la1`, `la2`: what `la[*]` means when nothing is named `la[1]`. Made when first asked for. */
  numbered?: Map<string, string[]>;
}

export function readComponents(reading: Reading, hosts: Hosts, types: Types, names: Names): ComponentSpec[] {
  return Object.entries(reading.file.components ?? {}).flatMap(([name, body]) => {
    const path: Path = ['components', name];
    return readComponent(reading, hosts, types, names, name, body, path, reading.broken.has(`components/${name}`));
  });
}

/**
 * The components that one entry stands for: one, or `count` of them, dealt out over the hosts of `on`. Reports UNKNOWN_TYPE, UNKNOWN_HOST and the
 * problems of `with`. What is wrong is still known by name.
 */
export function readComponent(reading: Reading, hosts: Hosts, types: Types, names: Names, name: string, entry: ComponentEntry, path: Path, isBroken: boolean): ComponentSpec[] {
  const body = typeof entry === 'string' ? { type: entry } : entry;
  const usable = !isBroken && typeof body === 'object' && body !== null;
  const count = usable && typeof body.count === 'number' ? body.count : undefined;
  const all = count === undefined ? [name] : Array.from({ length: count }, (_, i) => `${name}[${i + 1}]`);
  if (count !== undefined) names.counted.set(name, all);
  for (const one of all) {
    reading.where.add(`component:${one}`, path);
    names.components.set(one, null);
  }
  if (!usable) return [];
  const type = types.get(body.type);
  if (type === undefined) report(reading, 'UNKNOWN_TYPE', 'Unknown component type', `No component type is named "${body.type}".${hint(reading, body.type, () => types.keys()) || ' "tutti types" lists those of the catalogue; others come from "modules" or "types".'}`, typeof entry === 'string' ? path : [...path, 'type']);
  const on = hostsOf(reading, hosts, body.on ?? 'local', [...path, 'on']);
  if (type) checkParameters(reading, type, body.with ?? {}, path);
  if (!type || !on) return [];
  for (const one of all) names.components.set(one, type);
  return all.map((one, i) => ({ name: one, type: type.name, on: on[i % on.length]!, with: body.with ?? {} }));
}

/** UNKNOWN_PARAMETER, MISSING_PARAMETER and WRONG_PARAMETER of one `with:`. */
function checkParameters(reading: Reading, type: ComponentType, given: Readonly<Record<string, Value>>, path: Path): void {
  const known = Object.keys(type.parameters);
  for (const [name, value] of Object.entries(given)) {
    const parameter = Object.hasOwn(type.parameters, name) ? type.parameters[name] : undefined;
    if (!parameter) {
      const others = known.length === 0 ? ` "${type.name}" has no parameters.` : didYouMean(name, known) || ` Parameters: ${several(known)}.`;
      reading.diagnostics.push({ code: 'UNKNOWN_PARAMETER', severity: 'error', summary: 'Unknown parameter', detail: `"${type.name}" takes no "${name}".${others}`, ...whereOf(reading.source.keyAt([...path, 'with', name])) });
    } else if (parameter.type === 'secret' && !isSecretSource(value)) {
      // The place without its line, which may hold the secret.
      const { text: _, length: __, ...place } = reading.source.at([...path, 'with', name]) ?? { file: reading.source.file };
      reading.diagnostics.push(error('WRONG_PARAMETER', 'Not the kind of value', `"${name}" of "${type.name}" is a secret, which is not written here. Say where it comes from: ${name}: { file: path }, { env: VARIABLE } or { command: "…" }.`, place));
    } else if (!fits(parameter, value)) {
      report(reading, 'WRONG_PARAMETER', 'Not the kind of value', `"${name}" of "${type.name}" is a ${parameter.type}.`, [...path, 'with', name]);
    }
  }
  const missing = known.filter((name) => type.parameters[name]!.default === undefined && !Object.hasOwn(given, name));
  if (missing.length > 0) report(reading, 'MISSING_PARAMETER', 'Missing parameter', `"${type.name}" needs ${several(missing)}: with: { ${missing.map((name) => `${name}: …`).join(', ')} }.`, path);
}

const whereOf = <W>(where: W | undefined): { where?: W } => (where === undefined ? {} : { where });

function fits(parameter: Parameter, value: Value): boolean {
  switch (parameter.type) {
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === parameter.type;
    case 'list':
      return Array.isArray(value);
    case 'map':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'secret':
      return isSecretSource(value);
    default:
      return parameter.type satisfies never;
  }
}

/** `{ file }`, `{ env }` or `{ command }`, a text or a list of texts, and nothing else. */
function isSecretSource(value: Value): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const [entry, ...more] = Object.entries(value);
  if (entry === undefined || more.length > 0) return false;
  const [key, said] = entry;
  const isText = (text: Value): boolean => typeof text === 'string' && text !== '';
  return key === 'command' ? isText(said) || (Array.isArray(said) && said.length > 0 && said.every(isText)) : (key === 'file' || key === 'env') && isText(said);
}

/**
 * The components that a name means, in order: `la1`; `sed[2]`; `sed[*]` or a bare `sed` for all that `count` made; `la[*]` for `la1`, `la2`, … as well. Reports
 * UNKNOWN_COMPONENT, and answers undefined.
 */
export function select(reading: Reading, names: Names, text: string, path: Path, fragment = text): readonly string[] | undefined {
  const reference = readReference(text);
  if (reference) {
    const name = reference.index === undefined ? reference.base : `${reference.base}[${reference.index}]`;
    if (names.components.has(name)) return [name];
    if (reference.index === undefined || reference.index === '*') {
      const counted = names.counted.get(reference.base);
      if (counted) return counted;
    }
    if (reference.index === '*') {
      const numbered = numberedOf(names).get(reference.base);
      if (numbered) return numbered;
    }
  }
  const counted = reference && names.counted.get(reference.base);
  const way = counted ? ` There are ${counted.length} of "${reference.base}".` : hint(reading, text, () => candidatesFor(names, text));
  report(reading, 'UNKNOWN_COMPONENT', 'Unknown component', `No component is named "${text}".${way}`, path, fragment);
  return undefined;
}

/** Names of about the same length: a big assembly has too many to compare with all. */
function* candidatesFor(names: Names, text: string): Iterable<string> {
  let compared = 0;
  for (const name of [names.counted.keys(), names.components.keys()].flatMap((keys) => [...keys])) {
    if (Math.abs(name.length - text.length) > 2) continue;
    if (++compared > 2000) return;
    yield name;
  }
}

function numberedOf(names: Names): Map<string, string[]> {
  if (names.numbered) return names.numbered;
  const found = new Map<string, [number, string][]>();
  for (const name of names.components.keys()) {
    const match = /^(.*?[A-Za-z_-])([0-9]{1,9})$/.exec(name);
    if (!match) continue;
    const list = found.get(match[1]!) ?? [];
    list.push([Number(match[2]), name]);
    found.set(match[1]!, list);
  }
  names.numbered = new Map([...found].map(([base, list]) => [base, list.sort((a, b) => a[0] - b[0]).map(([, name]) => name)]));
  return names.numbered;
}

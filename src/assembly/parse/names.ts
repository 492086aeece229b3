/**
 * The names of an assembly file and the little notations made of them: `la[2]` (the second of several), `sed[*]` (all of them),
 * `la1.parent` (a port), `la1 -> ma1` (a connection).
 */

/** Letters, digits, `_` and `-`. */
export const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
/** Names of component types may have folders: `diet/naming-service`. */
export const typePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;
/** What every JavaScript object has already: no name of ours, so that no table ever answers for a name that nobody gave. */
const reserved = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Whether `name` may name a host, component, place, transition, group, behaviour, port or program. */
export function isName(name: string): boolean {
  return namePattern.test(name) && !reserved.has(name);
}

/** `la[2]` is one of several: its base and its number. `la[*]` is all of them. */
export interface Reference {
  readonly base: string;
  readonly index?: number | '*';
}

/** Reads `la1`, `la[2]`, `la[*]`; undefined for anything else. */
export function readReference(text: string): Reference | undefined {
  const match = /^([A-Za-z0-9_][A-Za-z0-9_-]*)(?:\[(\*|[0-9]{1,9})\])?$/.exec(text.trim());
  if (!match) return undefined;
  const [, base, index] = match;
  return index === undefined ? { base: base! } : { base: base!, index: index === '*' ? '*' : Number(index) };
}

/** One side of a connection: a component (or a pattern of them) and, if said, the port. */
export interface End {
  readonly text: string;
  readonly component: string;
  readonly port?: string;
}

/** Reads `la1`, `la1.parent`, `sed[*].db.url` (what follows the first dot is the port). */
export function readEnd(text: string): End | undefined {
  const trimmed = text.trim();
  const dot = trimmed.indexOf('.');
  const component = dot < 0 ? trimmed : trimmed.slice(0, dot);
  if (!readReference(component)) return undefined;
  if (dot < 0) return { text: trimmed, component };
  const port = trimmed.slice(dot + 1);
  return port.split('.').every((part) => namePattern.test(part)) ? { text: trimmed, component, port } : undefined;
}

/** Reads `a -> b`: the two sides as texts; undefined without exactly one arrow. */
export function readArrow(text: string): readonly [string, string] | undefined {
  const parts = text.split('->');
  return parts.length === 2 ? [parts[0]!.trim(), parts[1]!.trim()] : undefined;
}

/** Several names for a sentence: `"a", "b" and 3 more`. */
export function several(names: Iterable<string>, atMost = 6): string {
  const all = [...names];
  const shown = all.slice(0, atMost).map((name) => `"${name}"`);
  const rest = all.length - shown.length;
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`;
  return shown.length > 1 ? `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}` : (shown[0] ?? 'none');
}

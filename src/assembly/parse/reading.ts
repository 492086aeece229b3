import type { ComponentType } from '../../components/model.ts';
import { didYouMean, error, type Diagnostic, type Where } from '../../diagnostic.ts';
import type { AssemblyFile } from '../schema.ts';
import type { Path, Source } from './source.ts';

/** How often a conformance case wants a transition to fail. */
export type Fails = true | { readonly times: number };

/** A file while it is read: what it says, what of it is usable, and what is wrong with it so far. */
export interface Reading {
  readonly source: Source;
  readonly file: AssemblyFile;
  /** Parts whose shape is wrong: `components/la1`, `programs/deploy/3`. They are known by name, and nothing more is said of them. */
  readonly broken: ReadonlySet<string>;
  readonly diagnostics: Diagnostic[];
  /** Where things are declared, looked up when asked for. */
  readonly where: WhereMap;
  /** What `hint` answered, by name. */
  readonly hints: Map<string, string>;
}

export function report(reading: Reading, code: string, summary: string, detail: string, path: Path, fragment?: string): void {
  reading.diagnostics.push(error(code, summary, detail, reading.source.at(path, fragment)));
}

/** "Did you mean" compares with every candidate: a file with thousands of wrong names gets hints for the first of them. */
const hintsAtMost = 200;

/** ` Did you mean "x"?` or the empty string; asked twice, it answers at once. */
export function hint(reading: Reading, name: string, candidates: () => Iterable<string>): string {
  const known = reading.hints.get(name);
  if (known !== undefined) return known;
  if (reading.hints.size >= hintsAtMost) return '';
  const found = didYouMean(name, candidates());
  reading.hints.set(name, found);
  return found;
}

/** Every component type by name; null for one that is known but cannot be used. */
export type Types = ReadonlyMap<string, ComponentType | null>;

/** A map from names to places in the text that looks a place up only when somebody asks for it. */
export class WhereMap implements ReadonlyMap<string, Where> {
  readonly #source: Source;
  readonly #paths = new Map<string, { path: Path; key: boolean }>();

  constructor(source: Source) {
    this.#source = source;
  }

  /** `key`: the key at the end of the path is meant, not its value. */
  add(name: string, path: Path, key = true): void {
    if (!this.#paths.has(name)) this.#paths.set(name, { path, key });
  }
  get(name: string): Where | undefined {
    const found = this.#paths.get(name);
    if (!found) return undefined;
    return found.key ? this.#source.keyAt(found.path) : this.#source.at(found.path);
  }
  has(name: string): boolean {
    return this.#paths.has(name);
  }
  get size(): number {
    return this.#paths.size;
  }
  keys(): MapIterator<string> {
    return this.#paths.keys();
  }
  *entries(): MapIterator<[string, Where]> {
    for (const name of this.#paths.keys()) yield [name, this.get(name) ?? { file: this.#source.file }];
  }
  *values(): MapIterator<Where> {
    for (const [, where] of this.entries()) yield where;
  }
  [Symbol.iterator](): MapIterator<[string, Where]> {
    return this.entries();
  }
  forEach(callback: (value: Where, key: string, map: ReadonlyMap<string, Where>) => void): void {
    for (const [name, where] of this.entries()) callback(where, name, this);
  }
}

import { Alias, isAlias, isMap, isPair, isScalar, isSeq, parseDocument, Scalar, type Document, type Node, type Pair, type YAMLMap } from 'yaml';
import { error, type Diagnostic, type Where } from '../../diagnostic.ts';

export type Path = readonly (string | number)[];

/** A text that was read: its value, and where in the text each part of it stands. */
export interface Source {
  readonly file: string;
  /** undefined when the text cannot be read at all. */
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  /** Where the value at `path` stands (or the key, for a value of several lines); narrowed to `fragment` if the text has it there. */
  at(path: Path, fragment?: string): Where | undefined;
  /** Where the key at the end of `path` stands. */
  keyAt(path: Path): Where | undefined;
}

/** A value that does not come from a text: its diagnostics point at a file at most. */
export function valueSource(value: unknown, file = ''): Source {
  const where = file === '' ? undefined : { file };
  return { file, value, diagnostics: [], at: () => where, keyAt: () => where };
}

/** Values that aliases may add to those that are written out. A file that wants more is an attack or a mistake. */
const aliasedValuesAtMost = 300_000;

/**
 * Reads YAML 1.2 (core schema): `off`, `on`, `yes` are texts. One addition: in `[la1, sed[2]]` and `{on: worker[1]}` the brackets of a
 * reference need no quotes, though YAML would have it so.
 *
 * Reports YAML_SYNTAX, DUPLICATE_KEY, BAD_KEY, ALIASES, all of a text at once; never throws.
 */
export function readSource(text: string, file: string): Source {
  const masked = maskReferences(text);
  const place = placer(text, file);
  let document: Document.Parsed;
  try {
    document = parseDocument(masked.text, { uniqueKeys: false, prettyErrors: false, version: '1.2', schema: 'core', logLevel: 'error' });
  } catch (problem) {
    // The parser recurses: a text of thousands of brackets ends its stack.
    const why = problem instanceof RangeError ? 'It is nested too deeply.' : String(problem);
    return { ...valueSource(undefined, file), diagnostics: [error('YAML_SYNTAX', 'Not YAML', why, { file })] };
  }
  // Each bracket that is not closed is told once for every bracket around it.
  const told = new Set<string>();
  const diagnostics = [...document.errors, ...document.warnings].flatMap((problem) => {
    const why = explain(problem.code, masked.restore(problem.message));
    const key = `${problem.pos[0]} ${why}`;
    if (told.has(key)) return [];
    told.add(key);
    return [error('YAML_SYNTAX', 'Not YAML', why, place(Math.min(problem.pos[0], Math.max(0, text.length - 1)), problem.pos[1]))];
  });
  if (document.errors.length > 0) return { ...valueSource(undefined, file), diagnostics };
  const reader = new Reader(masked.restore, place, diagnostics);
  let value: unknown;
  try {
    value = document.contents === null ? null : reader.read(document.contents);
  } catch (problem) {
    if (!(problem instanceof TooMuch) && !(problem instanceof RangeError)) throw problem;
    const why = problem instanceof TooMuch ? problem.message : 'It is nested too deeply.';
    return { ...valueSource(undefined, file), diagnostics: [...diagnostics, error('ALIASES', 'Aliases out of hand', why, problem instanceof TooMuch ? problem.where : { file })] };
  }
  if (reader.isIncomplete) return { ...valueSource(undefined, file), diagnostics };
  return new Text(file, value, diagnostics, document.contents, reader.targets, masked.restore, place, text);
}

/** From offsets in a text to places; its lines are counted when the first place is asked for. */
function placer(text: string, file: string): (from: number, to: number) => Where {
  let starts: number[] | undefined;
  return (from, to) => {
    if (!starts) {
      starts = [0];
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', end + 1)) starts.push(end + 1);
    }
    let line = 0;
    for (let above = starts.length; above - line > 1;) {
      const middle = (line + above) >> 1;
      if (starts[middle]! <= from) line = middle;
      else above = middle;
    }
    const start = starts[line]!;
    const whole = text.slice(start, (starts[line + 1] ?? text.length + 1) - 1).replace(/\r$/, '');
    return { file, line: line + 1, column: from - start + 1, length: Math.max(1, Math.min(to - from, start + whole.length - from)), text: whole };
  };
}

/** What `explain` adds to the words of the YAML parser. */
const hints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'YAML indents with spaces only.',
  BAD_INDENT: 'Lines of one list or mapping begin in the same column.',
  MISSING_CHAR: 'Texts with , [ ] { } or : in a [list] or {mapping} need quotes.',
  MULTILINE_IMPLICIT_KEY: 'Is a ":" missing at the end of the line, or a quote not closed?',
  BLOCK_AS_IMPLICIT_KEY: 'Is a line indented too far, or a text with ": " in it without quotes?',
  UNEXPECTED_TOKEN: 'A text that begins with one of { } [ ] , & * # ? | > @ ` or % needs quotes.',
  TAG_RESOLVE_FAILED: 'An assembly file has no tags: a text that begins with ! needs quotes.',
};

function explain(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'A second document begins here. One file is one assembly.';
  const hint = message.includes('and end with a') ? 'Is a bracket not closed?' : hints[code];
  return hint ? `${message.replace(/\.?$/, '.')} ${hint}` : message.replace(/\.?$/, '.');
}

/**
 * YAML takes the brackets of `[a, sed[1]]` for another list. No valid YAML has a `[` right after a letter in a flow collection, so those of
 * references are swapped for two characters that the text does not hold, which keeps every position, and swapped back in what was read.
 */
function maskReferences(text: string): { text: string; restore: (read: string) => string } {
  const reference = /(?<=[A-Za-z0-9_-])\[(\*|[0-9]{1,9})\]/g;
  if (!reference.test(text)) return { text, restore: (read) => read };
  let code = 0xe000;
  while (text.includes(String.fromCharCode(code)) || text.includes(String.fromCharCode(code + 1))) code += 2;
  const open = String.fromCharCode(code);
  const close = String.fromCharCode(code + 1);
  return {
    text: text.replace(reference, `${open}$1${close}`),
    restore: (read) => (read.includes(open) ? read.replaceAll(open, '[').replaceAll(close, ']') : read),
  };
}

class TooMuch extends Error {
  readonly where: Where | undefined;
  constructor(message: string, where: Where | undefined) {
    super(message);
    this.where = where;
  }
}

interface Anchored {
  readonly node: Node;
  value?: unknown;
  /** How many values it stands for; undefined while it is being read. */
  size?: number;
}

/** Nodes to plain values, in one walk: duplicate keys, merges, aliases and their price on the way. */
class Reader {
  /** Where each alias leads, for positions. */
  readonly targets = new Map<Alias, Node>();
  /** Something stands for nothing: what was read is of no use. */
  isIncomplete = false;
  readonly #anchors = new Map<string, Anchored>();
  readonly #restore: (read: string) => string;
  readonly #place: (from: number, to: number) => Where;
  readonly #diagnostics: Diagnostic[];
  #size = 0;
  #aliased = 0;

  constructor(restore: (read: string) => string, place: (from: number, to: number) => Where, diagnostics: Diagnostic[]) {
    this.#restore = restore;
    this.#place = place;
    this.#diagnostics = diagnostics;
  }

  read(node: unknown): unknown {
    this.#size += 1;
    if (isScalar(node)) {
      const value = this.#scalar(node);
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, { node: node as Node, value, size: 1 });
      return value;
    }
    if (isAlias(node)) return this.#alias(node);
    if (!isMap(node) && !isSeq(node)) return null;
    if (node.anchor === undefined) return this.#collection(node);
    const anchored: Anchored = { node: node as Node };
    this.#anchors.set(node.anchor, anchored);
    const before = this.#size;
    anchored.value = this.#collection(node);
    anchored.size = this.#size - before + 1;
    return anchored.value;
  }

  #scalar(node: Scalar): unknown {
    const { value } = node;
    if (typeof value === 'string') return this.#restore(value);
    if (typeof value === 'bigint') return Number(value);
    return value === undefined ? null : value;
  }

  #alias(node: Alias): unknown {
    const found = this.#anchors.get(node.source);
    if (!found) {
      this.isIncomplete = true;
      this.#diagnostics.push(error('YAML_SYNTAX', 'Not YAML', `"*${node.source}" stands for something named "&${node.source}" before it, and nothing is. A text that begins with * needs quotes.`, this.#where(node)));
      return null;
    }
    if (found.size === undefined) throw new TooMuch(`"*${node.source}" stands inside of what it names.`, this.#where(node));
    this.targets.set(node, found.node);
    this.#size += found.size;
    this.#aliased += found.size;
    if (this.#aliased > aliasedValuesAtMost) throw new TooMuch(`The aliases of this file stand for more than ${aliasedValuesAtMost.toLocaleString('en')} values. Write fewer, or use "count".`, this.#where(node));
    return found.value;
  }

  #collection(node: YAMLMap | { items: unknown[] }): unknown {
    if (!isMap(node)) return node.items.map((item) => this.read(item));
    const read: Record<string, unknown> = {};
    const merged: Record<string, unknown>[] = [];
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key = this.#key(pair);
      if (key === undefined) continue;
      if (key === '<<' && isScalar(pair.key) && pair.key.type === Scalar.PLAIN) {
        const value = this.read(pair.value);
        for (const source of Array.isArray(value) ? value : [value]) if (typeof source === 'object' && source !== null) merged.push(source as Record<string, unknown>);
        continue;
      }
      const value = pair.value === null ? null : this.read(pair.value);
      if (seen.has(key)) {
        this.#diagnostics.push(error('DUPLICATE_KEY', 'Said twice', `"${key}" is in this mapping already. Rename one of them, or remove it.`, this.#where(pair.key)));
        continue;
      }
      seen.add(key);
      set(read, key, value);
    }
    // A merge gives what the mapping does not say itself; the first source wins.
    for (const source of merged) for (const [key, value] of Object.entries(source)) if (!Object.hasOwn(read, key)) set(read, key, value);
    return read;
  }

  #key(pair: Pair): string | undefined {
    const { key } = pair;
    if (key === null) return '';
    if (isScalar(key)) {
      const value = this.#scalar(key);
      if (key.anchor !== undefined) this.#anchors.set(key.anchor, { node: key as Node, value, size: 1 });
      return keyText(value);
    }
    this.#diagnostics.push(error('BAD_KEY', 'Not a key', 'A key of a mapping is a plain name, not a list, a mapping or an alias.', this.#where(key)));
    return undefined;
  }

  #where(node: unknown): Where | undefined {
    const range = (node as Node | null)?.range;
    return range ? this.#place(range[0], range[1]) : undefined;
  }
}

const keyText = (value: unknown): string => (value === null ? '' : String(value));

function set(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

/** Where a node ends; the range of a block collection goes on over comments and empty lines. */
function endOf(node: Node): number {
  if ((isMap(node) || isSeq(node)) && node.flow !== true) {
    const last = node.items.at(-1);
    const inner = (isPair(last) ? (last.value ?? last.key) : last) as Node | null | undefined;
    if (inner?.range) return endOf(inner);
  }
  return node.range![1];
}

/** A text with its nodes: positions are looked up only when somebody asks. */
class Text implements Source {
  readonly file: string;
  readonly value: unknown;
  readonly diagnostics: readonly Diagnostic[];
  readonly #root: Node | null;
  readonly #targets: ReadonlyMap<Alias, Node>;
  readonly #restore: (read: string) => string;
  readonly #place: (from: number, to: number) => Where;
  readonly #text: string;
  readonly #pairs = new WeakMap<YAMLMap, Map<string, Pair>>();

  constructor(file: string, value: unknown, diagnostics: readonly Diagnostic[], root: Node | null, targets: ReadonlyMap<Alias, Node>, restore: (read: string) => string, place: (from: number, to: number) => Where, text: string) {
    this.file = file;
    this.value = value;
    this.diagnostics = diagnostics;
    this.#root = root;
    this.#targets = targets;
    this.#restore = restore;
    this.#place = place;
    this.#text = text;
  }

  at(path: Path, fragment?: string): Where | undefined {
    const { node, key } = this.#find(path);
    if (fragment !== undefined && fragment !== '' && node?.range) {
      const found = this.#text.slice(node.range[0], node.range[1]).indexOf(fragment);
      if (found >= 0) return this.#place(node.range[0] + found, node.range[0] + found + fragment.length);
    }
    const ofSeveralLines = node?.range && (isMap(node) || isSeq(node)) && this.#text.slice(node.range[0], endOf(node)).includes('\n');
    const best = ofSeveralLines && key?.range ? key : (node?.range ? node : key);
    return best?.range ? this.#place(best.range[0], endOf(best)) : { file: this.file };
  }

  keyAt(path: Path): Where | undefined {
    const { key } = this.#find(path);
    return key?.range ? this.#place(key.range[0], key.range[1]) : this.at(path);
  }

  /** The node at a path and the key that leads to it; the deepest that there are, when the path goes on beyond the text. */
  #find(path: Path): { node: Node | null; key: Node | null } {
    let node = this.#root;
    let key: Node | null = null;
    for (const part of path) {
      const target: Node | null | undefined = isAlias(node) ? this.#targets.get(node) : node;
      if (isMap(target)) {
        const pair = this.#pair(target, String(part));
        if (!pair) break;
        key = pair.key as Node;
        node = (pair.value as Node | null) ?? null;
      } else if (isSeq(target) && target.items[Number(part)] !== undefined) {
        node = target.items[Number(part)] as Node;
        key = null;
      } else break;
    }
    return { node, key };
  }

  #pair(map: YAMLMap, key: string): Pair | undefined {
    let pairs = this.#pairs.get(map);
    if (!pairs) {
      pairs = new Map();
      for (const pair of map.items) if (isPair(pair) && (isScalar(pair.key) || pair.key === null)) pairs.set(this.#restore(keyText(isScalar(pair.key) ? pair.key.value : null)), pair);
      this.#pairs.set(map, pairs);
    }
    const found = pairs.get(key);
    if (found) return found;
    const merge = pairs.get('<<')?.value as Node | undefined;
    for (const source of isSeq(merge) ? merge.items : [merge]) {
      const target = isAlias(source) ? this.#targets.get(source) : source;
      const inMerge = isMap(target) ? this.#pair(target, key) : undefined;
      if (inMerge) return inMerge;
    }
    return undefined;
  }
}

import type { z } from 'zod';
import { didYouMean, error, nearest, type Diagnostic, type Where } from '../../diagnostic.ts';
import { namePattern } from './names.ts';
import type { Path, Source } from './source.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong with the shape of a file, and the parts that cannot be used because of it: `components/la1`, `programs/deploy/3`. */
export interface ShapeProblems {
  readonly diagnostics: Diagnostic[];
  readonly broken: Set<string>;
  /** The value without the keys that mean nothing: what is not broken fits the schema then. */
  readonly usable: unknown;
}

/** How deep a part of a file is that stands or falls as one. */
const unitDepth: Readonly<Record<string, number>> = { hosts: 2, types: 2, components: 2, connections: 2, programs: 3 };

/** What zod found, in plain words: UNKNOWN_KEY, MISSING_KEY, BAD_NAME, WRONG_SHAPE. */
export function shapeProblems(source: Source, issues: readonly Issue[]): ShapeProblems {
  const flat = issues.flatMap((issue) => flatten(issue, []));
  const broken = new Set(flat.filter(({ issue }) => issue.code !== 'unrecognized_keys').map(({ path }) => path.slice(0, unitDepth[String(path[0])] ?? 1).join('/')));
  // `tpe: web`: the unknown key says it all, the missing one would say it again.
  const meant = new Set(flat.flatMap(({ issue, path }) => (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => pathText([...path, nearest(key, issue.message.split(' ')) ?? ''])) : [])));
  const diagnostics = flat.flatMap(({ issue, path }) => {
    if (issue.code !== 'unrecognized_keys' && meant.has(pathText(path)) && valueAt(source.value, path) === undefined) return [];
    return describe(source, issue, path);
  });
  const unknown = flat.flatMap(({ issue, path }) => (issue.code === 'unrecognized_keys' ? issue.keys.map((key): Path => [...path, key]) : []));
  const usable = without(source.value, unknown);
  // An instruction of which nothing is left has been told of.
  for (const [top, program, i] of unknown) if (top === 'programs' && Object.keys(valueAt(usable, [top, program!, i!]) ?? {}).length === 0) broken.add(`${top}/${program}/${i}`);
  return { diagnostics, broken, usable };
}

/** The value without what stands at these paths; what lies beside them is shared, not copied. */
function without(value: unknown, paths: readonly Path[], depth = 0): unknown {
  if (paths.length === 0 || typeof value !== 'object' || value === null) return value;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string | number, unknown>;
  for (const [key, below] of Map.groupBy(paths, (path) => path[depth]!)) {
    if (below.some((path) => path.length === depth + 1)) delete copy[key];
    else copy[key] = without(copy[key], below, depth + 1);
  }
  return copy;
}

function describe(source: Source, issue: Issue, path: Path): Diagnostic[] {
  const last = path.at(-1);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(' ');
    return issue.keys.map((key) => {
      const detail = `"${key}" is no key here.${hintFor(path, key) ?? didYouMean(key, known)} Known: ${known.join(', ')}.`;
      return error('UNKNOWN_KEY', 'Unknown key', detail, source.keyAt([...path, key]));
    });
  }
  if (issue.code === 'invalid_key') return [badName(String(last), issue.issues[0]?.message ?? 'a name', source.keyAt(path))];
  const found = valueAt(source.value, path);
  if (found === undefined) {
    const parent = path.slice(0, -1);
    const owner = parent.length > 0 ? `"${pathText(parent)}" has no "${String(last)}"` : `The file has no "${String(last)}"`;
    return [error('MISSING_KEY', 'Missing key', `${owner}: ${issue.message}.`, source.at(parent))];
  }
  if (typeof found === 'string' && issue.code === 'custom') return [badName(found, issue.message, source.at(path))];
  const quotes = issue.code === 'invalid_type' && issue.expected === 'string' && typeof found !== 'object' ? ' In quotes it would be a text.' : '';
  return [error('WRONG_SHAPE', 'Not what belongs here', `Expected ${issue.message}; found ${describeValue(found)}.${quotes}`, source.at(path))];
}

function badName(name: string, rule: string, where: Where | undefined): Diagnostic {
  const why = namePattern.test(name) ? `"${name}" is a word that every JavaScript object knows. Choose another name.` : `"${name}" is not ${rule}.`;
  return error('BAD_NAME', 'Not a name', why, where);
}

/** What somebody means who writes this key in this place, beyond a slip of the fingers. */
function hintFor(path: Path, key: string): string | undefined {
  if (path.length === 0 && key === 'use') return ' Did you mean "modules"?';
  if (path.length === 0 && key === 'instances') return ' Did you mean "components"?';
  if (path[0] === 'programs' && (key === 'pushBehaviour' || key === 'pushB')) return ' Did you mean "push"?';
  if (path[0] === 'components' && key === 'host') return ' Did you mean "on"?';
  return undefined;
}

/** A union's issue stands for one of its branches: the one that the author had most likely in mind. */
function flatten(issue: Issue, before: Path): { issue: Issue; path: Path }[] {
  const path = [...before, ...(issue.path as (string | number)[])];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ issue, path }];
  const branches = issue.errors.map((branch) => ({ branch, cost: branch.reduce((sum, inner) => sum + costOf(inner), 0) }));
  const best = branches.reduce((a, b) => (b.cost < a.cost ? b : a));
  // No branch has even the right kind of value, or two would do as well: the union says itself what is expected.
  if (best.cost >= 1000 || branches.filter(({ cost }) => cost === best.cost).length > 1) return [{ issue, path }];
  return best.branch.flatMap((inner) => flatten(inner, path));
}

/** How far a branch is from what was written: a key that is nearly right says most. */
function costOf(issue: Issue): number {
  if (isAtRoot(issue)) return 1000;
  return issue.code === 'unrecognized_keys' ? issue.keys.reduce((sum, key) => sum + (nearest(key, issue.message.split(' ')) === undefined ? 1 : 0.5), 0) : 1;
}

const isAtRoot = (issue: Issue): boolean => issue.path.length === 0 && issue.code !== 'unrecognized_keys' && issue.code !== 'too_small' && issue.code !== 'too_big' && issue.code !== 'invalid_format' && issue.code !== 'custom' && !(issue.code === 'invalid_union' && issue.errors.some((branch) => !branch.some(isAtRoot)));

function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function pathText(path: Path): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part + 1}]` : `${i === 0 ? '' : '.'}${part}`)).join('');
}

/** `the number 3`, `a list`, `the text "x"`. */
function describeValue(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  switch (typeof value) {
    case 'string':
      return value === '' ? 'an empty text' : `the text "${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
    case 'number':
      return `the number ${value}`;
    case 'boolean':
      return `the boolean ${value}`;
    default:
      return 'a mapping';
  }
}

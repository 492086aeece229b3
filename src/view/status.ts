import type { AssemblySnapshot } from '../assembly/state.ts';
import { columnsOf, count, fit, listSome, oneLine, padEnd } from './text.ts';

/** A component as `status` sees it. */
type Entry = AssemblySnapshot['members'][number];

export interface StatusOptions {
  /** Name of the assembly, for a heading. Default: no heading. */
  readonly assembly?: string;
  /** A row for every component, however many. Default: above `limit` only those that are not at rest. */
  readonly all?: boolean;
  /** Rows before the rest is only counted. Default: 40. */
  readonly limit?: number;
  /** Transitions, as `component.transition`, that the journal has as running and that have not begun. */
  readonly due?: ReadonlySet<string>;
  /** Lines are cut there. Default: not at all. */
  readonly columns?: number;
}

/**
 * The status of an assembly as lines: a row a component with its places, its behaviour and those queued, the transitions that are ready, running or
 * failed, what is degraded, and its host. A large assembly is summarised: how many components of each type are in which places, then
 * rows for those that failed, are degraded or at work, in this order. Who waits for whom is said by `explain`.
 */
export function statusTable({ members, program }: Pick<AssemblySnapshot, 'members' | 'program'>, options: StatusOptions = {}): string[] {
  const { assembly, all = false, limit = 40, columns = Infinity, due = new Set<string>() } = options;
  const summarised = !all && members.length > limit;
  const notable = summarised ? members.filter((entry) => urgency(entry) < atRest).sort((a, b) => urgency(a) - urgency(b)) : members;
  const shown = summarised ? notable.slice(0, limit) : notable;
  const failed = members.filter((entry) => urgency(entry) === urgent.failed).length;
  const degraded = members.filter((entry) => Object.keys(entry.degraded).length > 0).length;
  const numbers = [count(members.length, 'component'), ...(failed ? [`${failed} failed`] : []), ...(degraded ? [`${degraded} degraded`] : [])];
  const heading = [
    ...(assembly === undefined ? [] : [oneLine(assembly)]),
    ...(program === undefined ? [] : [`program ${oneLine(program.name)} ${program.outcome ?? 'not over'}`]),
    numbers.join(', '),
  ].join(': ');
  return [
    ...(assembly !== undefined || summarised || members.length === 0 ? [heading] : []),
    ...(summarised ? ['', ...places(members)] : []),
    ...(shown.length > 0 ? [...(assembly !== undefined || summarised ? [''] : []), ...table([['component', 'type', 'host', 'places', 'behaviour', 'transitions'], ...shown.map((entry) => cells(entry, due))])] : []),
    ...(shown.length < notable.length ? [`... and ${notable.length - shown.length} more that are not at rest`] : []),
    ...failures(shown),
  ].map((line) => (columns === Infinity ? line : fit(line, columns)));
}

/** What an operator wants to see first has the lowest number. */
const urgent = { failed: 0, degraded: 1, retrying: 2, running: 3, busy: 4 } as const;
const atRest = 5;

function urgency({ state, degraded }: Entry): number {
  const has = (wanted: string): boolean => state.moving.some(({ status }) => status === wanted);
  if (has('failed')) return urgent.failed;
  if (Object.keys(degraded).length > 0) return urgent.degraded;
  if (has('retrying')) return urgent.retrying;
  if (has('running')) return urgent.running;
  return state.behaviour !== null || state.queue.length > 0 || !state.entered ? urgent.busy : atRest;
}

/** A line a failed transition: why. */
function failures(members: readonly Entry[]): string[] {
  const lines = members.flatMap(({ spec, failures: why }) => Object.entries(why).map(([transition, { message, reason }]) => oneLine(`FAILED ${spec.name}.${transition} on ${spec.on} (${reason}): ${message}`)));
  return lines.length === 0 ? [] : ['', ...lines];
}

function placesOf({ state }: Entry): string {
  return state.places.join(' + ') || (state.entered ? '-' : 'not entered');
}

function cells(entry: Entry, due: ReadonlySet<string>): string[] {
  const { spec, state, degraded } = entry;
  const queue = state.queue.length === 0 ? '' : `, then ${listSome(state.queue)}`;
  const moving = state.moving.map(({ transition, status, attempt }) => `${transition} ${status === 'failed' ? 'FAILED' : due.has(`${spec.name}.${transition}`) ? 'due' : status}${attempt > 1 ? ` (try ${attempt})` : ''}`);
  const ill = Object.entries(degraded).map(([place, reason]) => `DEGRADED ${place}: ${reason}`);
  return [spec.name, spec.type, spec.on, placesOf(entry), (state.behaviour ?? '-') + queue, [...moving, ...ill].join(', ') || '-'];
}

/** A row a type: how many there are, and how many in which places. */
function places(members: readonly Entry[]): string[] {
  const rows = [...Map.groupBy(members, ({ spec }) => spec.type)].map(([type, ofType]) => {
    const counts = [...Map.groupBy(ofType, (entry) => (placesOf(entry) === '-' ? 'between places' : placesOf(entry)))].sort(([, a], [, b]) => b.length - a.length);
    return [type, String(ofType.length), listSome(counts.map(([held, at]) => `${at.length} ${held}`), 5)];
  });
  return table([['type', 'count', 'places'], ...rows]);
}

/** Columns as wide as their widest cell, two spaces between. */
function table(rows: readonly (readonly string[])[]): string[] {
  const safe = rows.map((row) => row.map(oneLine));
  const widths = safe[0]!.map((_, i) => safe.reduce((max, row) => Math.max(max, columnsOf(row[i]!)), 0));
  return safe.map((row) => row.map((cell, i) => padEnd(cell, widths[i]!)).join('  ').trimEnd());
}

import { styleText } from 'node:util';
import type { LiveModel } from './live-model.ts';
import { sentOf } from './sending.ts';
import { silenceOf } from './silent-host.ts';
import { columnsOf, count, fit, oneLine } from './text.ts';
import { duration } from './time.ts';
import { alike, sentenceOf } from './waits.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** A line of pieces, each in one style. */
type Piece = readonly [text: string, style?: Style];
type Line = readonly Piece[];

/** A heading and things below it, made only as far as they are shown. */
interface Section {
  readonly heading: Line;
  readonly count: number;
  /** Lines that each thing takes. */
  readonly height: number;
  /** The lines of the i-th thing. */
  readonly item: (i: number) => readonly Line[];
  /** How many are left when so many things are shown. Default: the others. */
  readonly rest?: (shown: number) => number;
}

/**
 * The live view as lines: a header, then what failed, what runs, who waits for whom and the last warnings. Never more than `rows` lines nor
 * wider than `columns`, whatever the model; what does not fit is counted (`… and 312 more`). Costs as much as is shown, not as there is.
 * `color` adds escape sequences that take no room. Default false.
 */
export function frame(model: LiveModel, columns: number, rows: number, { color = false }: { readonly color?: boolean } = {}): string[] {
  const header = headerOf(model, columns);
  const sections = [failedSection(model), silentSection(model), runningSection(model), sendingSection(model), waitSection(model, columns), warningSection(model)].filter(({ count }) => count > 0);
  // One empty line before each section, when there is room for that at all.
  const airy = rows >= header.length + 4 * sections.length;
  const room = rows - header.length - (airy ? sections.length : 0);
  const shares = share(sections.map(({ count, height }) => count * height + 1), room);
  const lines = [
    ...header,
    ...sections.flatMap((section, i) => [...(airy ? [[]] : []), ...linesOf(section, shares[i]!)]),
  ];
  return lines.slice(0, Math.max(0, rows)).map((line) => paint(line, columns, color));
}

/**
 * Divides lines fairly: everyone gets what they want when that is not more than an even share of what is left; the greedy ones share the rest. When
 * there are too few for two lines each, the first ones are served first.
 */
export function share(wanted: readonly number[], room: number): number[] {
  const given = wanted.map(() => 0);
  let left = Math.max(0, room);
  let open = wanted.map((_, i) => i);
  while (open.length > 1 && left < 2 * open.length) open.pop();
  while (open.length > 0) {
    const even = Math.floor(left / open.length);
    const modest = open.filter((i) => wanted[i]! <= even);
    if (modest.length === 0) {
      open.forEach((i, k) => { given[i] = even + (k < left % open.length ? 1 : 0); });
      break;
    }
    for (const i of modest) {
      given[i] = wanted[i]!;
      left -= wanted[i]!;
    }
    open = open.filter((i) => !modest.includes(i));
  }
  return given;
}

function linesOf({ heading, count, height, item, rest = (shown) => count - shown }: Section, room: number): Line[] {
  if (room <= 0) return [];
  const body = room - 1;
  const items = (n: number): Line[] => Array.from({ length: n }, (_, i) => item(i)).flat();
  if (count * height <= body) return [heading, ...items(count)];
  const shown = Math.floor((body - 1) / height);
  // The heading counts too: with room for one line more, that is the first thing's.
  if (shown <= 0) return [heading, ...items(1).slice(0, body)];
  return [heading, ...items(shown), [[`  … and ${rest(shown)} more`, 'dim']]];
}

function headerOf(model: LiveModel, columns: number): Line[] {
  const { assembly, where, program, outcome, startMs, nowMs, done, total, inARow, remainingMs, failed } = model;
  const title: Line = [
    [oneLine(assembly), 'bold'],
    ...(program === undefined ? [] : [[`  ${oneLine(program)}`] as const]),
    ...(where === undefined ? [] : [[`  ${oneLine(where)}`, 'dim'] as const]),
    [`  ${duration(nowMs - startMs)}`, 'dim'],
    ...(outcome === undefined ? [] : [[`  ${outcome}`, outcome === 'done' ? 'green' : 'red'] as const]),
    ...(failed.length === 0 ? [] : [[`  ${failed.length} failed`, 'red'] as const]),
  ];
  const ends = total === undefined ? done : Math.max(done, total);
  const toGo = outcome !== undefined ? '' : remainingMs !== undefined ? `, ${duration(remainingMs)} to go at best` : inARow ? `, ${inARow} in a row to go` : '';
  const numbers = `${total === undefined ? count(done, 'transition') : `${done}/${count(ends, 'transition')}`}${toGo}`;
  if (total === undefined || total === 0) return [title, [[numbers]]];
  const width = Math.max(0, Math.min(40, columns - columnsOf(numbers) - 3));
  const full = Math.min(width, Math.floor((width * done) / ends));
  return [title, width < 5 ? [[numbers]] : [['━'.repeat(full), failed.length > 0 ? 'red' : 'green'], ['─'.repeat(width - full), 'dim'], [`  ${numbers}`]]];
}

function failedSection({ failed }: LiveModel): Section {
  return {
    heading: [['Failed', 'bold'], [` ${failed.length}`]], count: failed.length, height: 2,
    item: (i) => {
      // The last failure is news: it stands first.
      const { action, failure, log } = failed[failed.length - 1 - i]!;
      const host = failure.host === undefined ? '' : ` on ${failure.host}`;
      const detail = [...(failure.exitCode === undefined ? [] : [`exit ${failure.exitCode}`]), ...(log === undefined ? [] : [`log ${log}`])].join(', ');
      return [
        [['  '], [oneLine(`${action.component}.${action.transition}`), 'red'], [oneLine(`${host}: ${failure.message}`)]],
        [[`    ${oneLine(detail) || failure.reason}`, 'dim']],
      ];
    },
  };
}

function sendingSection({ sending }: LiveModel): Section {
  return {
    heading: [['Sending', 'bold'], [` ${sending.length}`]], count: sending.length, height: 1,
    item: (i) => [[[`  ${oneLine(sending[i]!.host)}  ${sentOf(sending[i]!)}`]]],
  };
}

function silentSection({ silent, nowMs }: LiveModel): Section {
  return { heading: [['Not answering', 'bold'], [` ${silent.length}`]], count: silent.length, height: 1, item: (i) => [[['  '], [oneLine(silenceOf(silent[i]!, nowMs)), 'yellow']]] };
}

function runningSection({ running, nowMs }: LiveModel): Section {
  return {
    heading: [['Running', 'bold'], [` ${running.length}`]], count: running.length, height: 1,
    item: (i) => {
      const { action, sinceMs, host, againMs } = running[i]!;
      const again = againMs === undefined ? '' : againMs > nowMs ? `, again in ${duration(againMs - nowMs)}` : ', again now';
      return [[
        [`  ${duration(nowMs - sinceMs).padStart(7)}  `, 'dim'],
        [oneLine(`${action.component}.${action.transition}`)],
        [oneLine(host === undefined ? '' : ` on ${host}`), 'dim'],
        [action.attempt > 1 || again ? `  try ${action.attempt}${again}` : '', 'yellow'],
      ]];
    },
  };
}

function waitSection({ waits }: LiveModel, columns: number): Section {
  // Of 100,000 waits only as many are looked at as a screen could ever show.
  const groups = alike(waits.slice(0, comparedAtMost));
  const rest = (shown: number): number => groups.slice(0, shown).reduce((left, group) => left - group.length, waits.length);
  return {
    heading: [['Waiting', 'bold'], [` ${waits.length}`]], count: groups.length + (waits.length > comparedAtMost ? 1 : 0), height: 1, rest,
    item: (i) => [i < groups.length ? [['  '], [sentenceOf(groups[i]!, columns)]] : [[`  … and ${rest(i)} more`, 'dim']]],
  };
}

const comparedAtMost = 2_000;

/** The last three only, the newest first. */
function warningSection({ warnings }: LiveModel): Section {
  return { heading: [['Last warnings', 'bold']], count: Math.min(3, warnings.length), height: 1, item: (i) => [[['  '], [oneLine(warnings[warnings.length - 1 - i]!), 'yellow']]] };
}

/** The pieces one after the other, cut at the width: measured before they are coloured. */
function paint(line: Line, columns: number, color: boolean): string {
  let text = '';
  let left = columns;
  for (const [piece, style] of line) {
    if (left <= 0) break;
    const shown = fit(piece, left);
    left -= columnsOf(shown);
    text += color && style !== undefined && shown !== '' ? styleText(style, shown, { validateStream: false }) : shown;
    if (shown !== piece) break;
  }
  return text;
}

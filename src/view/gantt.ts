import type { BehaviourSpan, Trace, TraceOutcome, TraceRow } from '../assembly/trace.ts';
import { lanesOf } from './lanes.ts';
import { colourOf, failedColour, plainColour, type Colour } from './palette.ts';
import { element, fitText, label, svgDocument, textWidth, tooltip } from './svg.ts';
import { count, oneLine } from './text.ts';
import { duration, since, timeMarks } from './time.ts';

export interface GanttOptions {
  /** Default: the names of the programs. */
  readonly title?: string;
  /** Host of a component; shown in tooltips. */
  readonly hostOf?: (component: string) => string | undefined;
  /** A heading for each host, its components below it. Default false; needs `hostOf`. */
  readonly byHost?: boolean;
  /** Of the whole picture. Default: 1,200 px. */
  readonly widthPx?: number;
}

/** A component's rows in lanes: what runs at the same time lies one below the other. */
interface Track {
  readonly component: string;
  readonly rows: readonly TraceRow[];
  readonly lanes: readonly number[];
  readonly laneCount: number;
  readonly behaviours: readonly BehaviourSpan[];
}

/**
 * A trace as a Gantt chart: a row a component, a bar a transition, coloured by behaviour; a thin line for as long as a behaviour lasts, so that a
 * gap between two bars on the line is a wait. A standalone SVG document without script, made for light and dark pages; its size grows with the
 * number of components (17 px each when there are many).
 *
 * @example
 * await writeFile('deploy.svg', ganttSvg(traceOf(happenings), { hostOf, byHost: true }));
 */
export function ganttSvg(trace: Trace, options: GanttOptions = {}): string {
  const title = options.title ?? (trace.programs.map((p) => p.program).join(', ') || 'Trace');
  const tracks = tracksOf(trace);
  const sections = options.byHost && options.hostOf ? sectionsByHost(tracks, options.hostOf) : [{ heading: undefined, tracks }];
  const colour = colourOf([...new Set(trace.rows.flatMap((row) => row.behaviour ?? []))]);

  const dense = tracks.length > 60;
  const size = dense ? { lane: 15, gap: 2, name: 12, bar: 11 } : { lane: 24, gap: 8, name: 13, bar: 12 };
  const widthPx = options.widthPx ?? 1200;
  const margin = 16;
  const longest = tracks.reduce((max, { component }) => Math.max(max, textWidth(component, size.name)), 40);
  const namesPx = Math.min(longest, 240, widthPx / 3);
  const left = margin + namesPx + 12;
  const right = widthPx - margin - 24;
  const scale = (right - left) / Math.max(1, trace.makespanMs);
  const x = (ms: number): number => left + (ms - trace.startMs) * scale;

  const { markup: head, endY: headEnd } = heading({ title, trace, tracks, colour, margin, widthPx });
  const top = headEnd + 26;
  const bands: string[] = [];
  const rows: string[] = [];
  const axisAt: number[] = [];
  let y = top;
  let sinceAxis = 0;
  for (const section of sections) {
    if (section.heading !== undefined) {
      rows.push(label(fitText(section.heading, widthPx - 2 * margin, size.name), margin, y + 18, { class: 'soft', 'font-size': size.name, 'font-weight': 600 }));
      y += 26;
    }
    section.tracks.forEach((track, i) => {
      // Who has scrolled far must not scroll back to read the time.
      if (sinceAxis > 900) {
        y += 24;
        axisAt.push(y - 6);
        sinceAxis = 0;
      }
      const height = track.laneCount * size.lane + size.gap;
      if (i % 2 === 0) bands.push(element('rect', { class: 'band', x: margin, y, width: widthPx - 2 * margin, height }));
      rows.push(
        element(
          'g', {},
          tooltip(nameTooltip(track, options.hostOf?.(track.component))),
          label(fitText(oneLine(track.component), namesPx, size.name), left - 12, y + (height + size.name) / 2 - 2, { class: 'ink', 'font-size': size.name, 'text-anchor': 'end' }),
        ),
      );
      rows.push(...spanLines({ track, x, y: y + (size.gap + size.lane) / 2, endMs: trace.endMs, colour }));
      track.rows.forEach((row, j) => {
        rows.push(bar({ row, trace, x, y: y + size.gap / 2 + track.lanes[j]! * size.lane, height: size.lane - 1, fontSize: size.bar, colour: colour(row.behaviour), host: options.hostOf?.(row.component) }));
      });
      y += height;
      sinceAxis += height;
    });
  }
  const bottom = y;
  const axis = axes({ trace, x, top, bottom, at: [top - 8, ...axisAt, bottom + 18], wanted: Math.max(2, Math.floor((right - left) / 90)) });
  return svgDocument(
    { width: widthPx, height: bottom + 18 + margin, title: `${title}: ${summary(trace, tracks.length)}`, defs: patterns },
    head, ...bands, axis.lines, ...rows, axis.labels,
  );
}

function tracksOf(trace: Trace): Track[] {
  const rowsOf = Map.groupBy(trace.rows, (row) => row.component);
  const behavioursOf = Map.groupBy(trace.behaviours, (span) => span.component);
  return [...rowsOf].map(([component, rows]) => {
    const lanes = lanesOf(rows);
    return { component, rows, lanes, laneCount: lanes.reduce((max, lane) => Math.max(max, lane + 1), 1), behaviours: behavioursOf.get(component) ?? [] };
  });
}

function sectionsByHost(tracks: readonly Track[], hostOf: (component: string) => string | undefined): { readonly heading: string; readonly tracks: readonly Track[] }[] {
  const byHost = Map.groupBy(tracks, (track) => hostOf(track.component) ?? '');
  return [...byHost].map(([host, ofHost]) => ({ heading: host === '' ? 'no host' : oneLine(host), tracks: ofHost }));
}

function summary(trace: Trace, components: number): string {
  const failed = trace.rows.filter((row) => row.outcome === 'failed').length;
  return [duration(trace.makespanMs), count(components, 'component'), count(trace.rows.length, 'transition'), ...(failed ? [`${failed} failed`] : [])].join(', ');
}

/** What each outcome looks like where it is not simply done: a fill over the colour of the behaviour. */
const looks: Readonly<Record<TraceOutcome, { readonly pattern?: string; readonly dashed?: boolean; readonly meaning: string }>> = {
  done: { meaning: 'done' },
  running: { pattern: 'running', dashed: true, meaning: 'still running' },
  retrying: { pattern: 'retrying', dashed: true, meaning: 'to be tried again' },
  failed: { pattern: 'failed', meaning: 'failed' },
  skipped: { pattern: 'skipped', meaning: 'skipped' },
  aborted: { pattern: 'aborted', meaning: 'aborted' },
};

/** Told apart by their pattern, not by their colour alone. */
const patterns = [
  hatch('failed', failedColour.line, 'M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4'),
  hatch('aborted', plainColour.line, 'M-2,2 l4,-4 M0,8 l8,-8 M6,10 l4,-4 M-2,6 l4,4 M0,0 l8,8 M6,-2 l4,4'),
  hatch('skipped', plainColour.line, 'M0,2 h8'),
  hatch('running', plainColour.line, 'M2,1 l3,3 l-3,3', 0.3),
  hatch('retrying', failedColour.line, 'M2,2 h2'),
].join('');

function hatch(id: string, stroke: string, d: string, opacity = 0.75): string {
  return element('pattern', { id, width: 8, height: 8, patternUnits: 'userSpaceOnUse' }, element('path', { d, fill: 'none', stroke, 'stroke-width': 1.6, 'stroke-opacity': opacity }));
}

function fillOf(outcome: TraceOutcome, colour: Colour): Colour {
  return outcome === 'failed' ? failedColour : outcome === 'aborted' ? plainColour : colour;
}

/** A bar's box: the colour, the pattern over it. */
function box(outcome: TraceOutcome, colour: Colour, place: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): string {
  const { fill, line } = fillOf(outcome, colour);
  const { pattern, dashed } = looks[outcome];
  const shape = { ...place, rx: Math.min(3, place.width / 2) };
  return (
    element('rect', { ...shape, fill, stroke: line, 'stroke-width': 1, 'stroke-dasharray': dashed ? '4 3' : undefined }) +
    (pattern ? element('rect', { ...shape, fill: `url(#${pattern})` }) : '')
  );
}

function bar(options: { readonly row: TraceRow; readonly trace: Trace; readonly x: (ms: number) => number; readonly y: number; readonly height: number; readonly fontSize: number; readonly colour: Colour; readonly host: string | undefined }): string {
  const { row, trace, x, y, height, fontSize, colour } = options;
  const from = x(row.startMs);
  const width = Math.max(2, x(row.endMs ?? trace.endMs) - from);
  const name = oneLine(row.transition);
  const fits = textWidth(name, fontSize) + 6 <= width;
  // A pattern must not run through the letters.
  const halo = looks[row.outcome].pattern ? { stroke: fillOf(row.outcome, colour).fill, 'stroke-width': 4, 'paint-order': 'stroke', 'stroke-linejoin': 'round' } : {};
  return element(
    'g', {},
    tooltip(rowTooltip(row, trace, options.host)),
    box(row.outcome, colour, { x: from, y, width, height }),
    ...(fits ? [label(name, from + width / 2, y + (height + fontSize) / 2 - 1.5, { class: 'on-colour', 'font-size': fontSize, 'text-anchor': 'middle', ...halo })] : []),
  );
}

/** The line of a behaviour behind the first lane, from its first to its last instant, with small ends. */
function spanLines(options: { readonly track: Track; readonly x: (ms: number) => number; readonly y: number; readonly endMs: number; readonly colour: (behaviour: string) => Colour }): string[] {
  const { track, x, y, endMs, colour } = options;
  return track.behaviours
    .filter((span) => !span.empty)
    .map((span) => {
      const [from, to] = [x(span.startMs), x(span.endMs ?? endMs)];
      return element('path', { d: `M${from.toFixed(2)},${(y - 4).toFixed(2)} v8 m0,-4 H${to.toFixed(2)} m0,-4 v8`, fill: 'none', stroke: colour(span.behaviour).line, 'stroke-width': 1.2 });
    });
}

function rowTooltip(row: TraceRow, trace: Trace, host: string | undefined): string {
  const end = row.endMs === undefined ? looks[row.outcome].meaning : since(trace.startMs, row.endMs);
  return [
    `${row.component}.${row.transition}${row.behaviour === undefined ? '' : ` (${row.behaviour})`}${host === undefined ? '' : ` on ${host}`}`,
    `${since(trace.startMs, row.startMs)} to ${end}${row.endMs === undefined ? '' : `, ${duration(row.endMs - row.startMs)}, ${looks[row.outcome].meaning}`}`,
    ...(row.attempts > 1 ? [`${row.attempts} tries`] : []),
    ...(row.failure ? [row.failure.message] : []),
  ].join('\n');
}

function nameTooltip(track: Track, host: string | undefined): string {
  return `${track.component}${host === undefined ? '' : ` on ${host}`}: ${count(track.rows.length, 'transition')}`;
}

/** Title, numbers and the legend of what is in the picture. */
function heading(options: { readonly title: string; readonly trace: Trace; readonly tracks: readonly Track[]; readonly colour: (name: string | undefined) => Colour; readonly margin: number; readonly widthPx: number }): { readonly markup: string; readonly endY: number } {
  const { title, trace, tracks, colour, margin, widthPx } = options;
  const parts = [
    label(fitText(oneLine(title), widthPx - 2 * margin, 18), margin, 30, { class: 'ink', 'font-size': 18, 'font-weight': 600 }),
    label(summary(trace, tracks.length), margin, 50, { class: 'soft', 'font-size': 13 }),
  ];
  const behaviours = [...new Set(trace.rows.map((row) => row.behaviour))];
  const outcomes = [...new Set(trace.rows.map((row) => row.outcome))].filter((outcome) => outcome !== 'done');
  const keys = [
    ...behaviours.map((name) => ({ text: oneLine(name ?? 'no behaviour'), outcome: 'done' as const, colour: colour(name) })),
    ...outcomes.map((outcome) => ({ text: looks[outcome].meaning, outcome, colour: plainColour })),
  ];
  let [x, y] = [margin, 62];
  for (const key of keys) {
    const width = 18 + 6 + textWidth(key.text, 12) + 16;
    if (x + width > widthPx - margin && x > margin) [x, y] = [margin, y + 20];
    parts.push(box(key.outcome, key.colour, { x, y, width: 18, height: 12 }), label(key.text, x + 24, y + 10.5, { class: 'ink', 'font-size': 12 }));
    x += width;
  }
  return { markup: parts.join('\n'), endY: keys.length === 0 ? y : y + 16 };
}

/** Vertical lines at round times, labelled above, below, and now and then between. */
function axes(options: { readonly trace: Trace; readonly x: (ms: number) => number; readonly top: number; readonly bottom: number; readonly at: readonly number[]; readonly wanted: number }): { readonly lines: string; readonly labels: string } {
  const { trace, x, top, bottom, at, wanted } = options;
  const marks = timeMarks(trace.makespanMs, wanted);
  return {
    lines: marks.map(({ ms }) => element('line', { class: 'grid', x1: x(trace.startMs + ms), x2: x(trace.startMs + ms), y1: top - 4, y2: bottom + 4 })).join(''),
    labels: at.flatMap((y) => marks.map((mark) => label(mark.label, x(trace.startMs + mark.ms), y, { class: 'soft', 'font-size': 12, 'text-anchor': 'middle' }))).join(''),
  };
}

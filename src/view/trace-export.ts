import type { Trace, TraceRow } from '../assembly/trace.ts';
import { lanesOf } from './lanes.ts';

export interface ExportOptions {
  /** Host of a component. Default: unknown. */
  readonly hostOf?: (component: string) => string | undefined;
}

/**
 * A trace in Chrome's trace-event format (JSON object form): opens in ui.perfetto.dev and chrome://tracing. A process is a host, a thread is a
 * component; what a component does at the same time gets threads `component (2)` ..., since slices of one thread must nest. Behaviours are the
 * outer slices. What is not over lasts until the end of the trace. Times count from the start of the trace, in microseconds.
 */
export function traceToChrome(trace: Trace, { hostOf = () => undefined }: ExportOptions = {}): string {
  const events: object[] = [];
  const processes = new Map<string, number>();
  const us = (ms: number): number => Math.round((ms - trace.startMs) * 1000);
  const slice = (startMs: number, endMs: number = trace.endMs) => ({ ph: 'X', ts: us(startMs), dur: us(endMs) - us(startMs) });

  const behavioursOf = Map.groupBy(trace.behaviours.filter((span) => !span.empty), (span) => span.component);
  let tid = 0;
  for (const [component, rows] of Map.groupBy(trace.rows, (row) => row.component)) {
    const host = hostOf(component) ?? 'unknown host';
    let pid = processes.get(host);
    if (pid === undefined) {
      pid = processes.size + 1;
      processes.set(host, pid);
      events.push({ ph: 'M', name: 'process_name', pid, tid: 0, args: { name: host } });
    }
    const lanes = lanesOf(rows);
    const firstTid = tid + 1;
    for (let lane = 0; lane <= Math.max(...lanes); lane++) {
      tid = firstTid + lane;
      const name = lane === 0 ? component : `${component} (${lane + 1})`;
      events.push({ ph: 'M', name: 'thread_name', pid, tid, args: { name } }, { ph: 'M', name: 'thread_sort_index', pid, tid, args: { sort_index: tid } });
    }
    for (const { behaviour, startMs, endMs } of behavioursOf.get(component) ?? []) {
      events.push({ ...slice(startMs, endMs), name: behaviour, cat: 'behaviour', pid, tid: firstTid });
    }
    rows.forEach((row, i) => {
      const { transition, behaviour, execution, attempts, outcome, failure, startMs, endMs } = row;
      events.push({ ...slice(startMs, endMs), name: transition, cat: `transition,${outcome}`, pid, tid: firstTid + lanes[i]!, args: { component, behaviour, execution, attempts, outcome, failure } });
    });
  }
  return `${JSON.stringify({ displayTimeUnit: 'ms', traceEvents: events, otherData: { programs: trace.programs } })}\n`;
}

const columns = ['component', 'host', 'behaviour', 'transition', 'execution', 'attempts', 'outcome', 'startMs', 'endMs', 'durationMs', 'failure'] as const;

/**
 * The rows of a trace as CSV (RFC 4180: a header, CRLF, quotes where they are needed). `startMs` and `endMs` count from the start of the trace;
 * `endMs` and `durationMs` are empty for what is not over.
 */
export function traceToCsv(trace: Trace, { hostOf = () => undefined }: ExportOptions = {}): string {
  const cells = (row: TraceRow): Record<(typeof columns)[number], string | number | undefined> => ({
    ...row,
    behaviour: row.behaviour,
    host: hostOf(row.component),
    startMs: row.startMs - trace.startMs,
    endMs: row.endMs === undefined ? undefined : row.endMs - trace.startMs,
    durationMs: row.endMs === undefined ? undefined : row.endMs - row.startMs,
    failure: row.failure?.message,
  });
  const lines = trace.rows.map((row) => {
    const byColumn = cells(row);
    return columns.map((column) => csvCell(byColumn[column])).join(',');
  });
  return [columns.join(','), ...lines, ''].join('\r\n');
}

function csvCell(value: string | number | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A trace as indented JSON: the `Trace` as it is (absolute instants), with each row's host. */
export function traceToJson(trace: Trace, { hostOf = () => undefined }: ExportOptions = {}): string {
  return `${JSON.stringify({ ...trace, rows: trace.rows.map((row) => ({ ...row, host: hostOf(row.component) })) }, null, 2)}\n`;
}

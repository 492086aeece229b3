/** A duration for people, three digits or so: `340ms`, `12.3s`, `4m05s`, `2h03m`, `3d04h`. Negative ones are 0. */
export function duration(ms: number): string {
  if (!(ms > 0)) return '0s';
  if (ms < 999.5) return `${Math.max(1, Math.round(ms))}ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  const hours = Math.round(ms / 3_600_000);
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

/** Time since a start, to the millisecond, as a line begins with it: `+12.345s`. */
export function since(startMs: number, atMs: number): string {
  return `+${(Math.max(0, atMs - startMs) / 1000).toFixed(3)}s`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}

const unitsMs = [1, 1000, 60_000, 3_600_000, 86_400_000];
/** Steps of a time axis that people count in. */
const stepsMs = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * 1000),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * 60_000),
  ...[1, 2, 3, 6, 12].map((n) => n * 3_600_000),
];

/** Marks of a time axis from 0 to `spanMs`: round steps, at most `wanted` of them after the first, each with its label. */
export function timeMarks(spanMs: number, wanted: number): { readonly ms: number; readonly label: string }[] {
  const least = spanMs / Math.max(1, wanted);
  const days = unitsMs[4]!;
  const stepMs = stepsMs.find((step) => step >= least) ?? Math.ceil(least / days) * days;
  return Array.from({ length: Math.floor(spanMs / stepMs) + 1 }, (_, i) => ({ ms: i * stepMs, label: markLabel(i * stepMs, stepMs) }));
}

/** As exact as the step needs and no more: `0`, `250ms`, `1.5s`, `2m30s`, `3h`. */
function markLabel(ms: number, stepMs: number): string {
  if (ms === 0) return '0';
  if (ms < 1000) return `${ms}ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(3))}s`;
  const parts = [
    [Math.floor(ms / unitsMs[3]!), 'h'],
    [Math.floor((ms % unitsMs[3]!) / unitsMs[2]!), 'm'],
    [Number(((ms % unitsMs[2]!) / 1000).toFixed(3)), 's'],
  ] as const;
  return parts.filter(([n], i) => n !== 0 && (i < 2 || stepMs < 60_000)).map(([n, unit]) => `${n}${unit}`).join('');
}

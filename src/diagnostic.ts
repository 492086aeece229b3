/** Where in a text a problem is: 1-based line and column; `text` is the line itself, `length` what the caret underlines. */
export interface Where {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly length?: number;
  readonly text?: string;
}

export type Severity = 'error' | 'warning' | 'note';

/**
 * One problem, told once: what is wrong (`summary`, a fixed sentence for its `code`), the names concerned and the way out
 * (`detail`), and where. Every code has a row in docs/errors.md.
 */
export interface Diagnostic {
  readonly code: string;
  readonly severity: Severity;
  readonly summary: string;
  readonly detail?: string;
  readonly where?: Where;
}

/** Exit codes of the command line, and what kind of end each one means. */
export const exitCodes = { done: 0, failed: 1, usage: 2, invalid: 3, deadlock: 4, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What tutti throws on purpose: one or more diagnostics and the exit code that they deserve. */
export class TuttiError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly exitCode: ExitCode;
  constructor(diagnostics: Diagnostic | readonly Diagnostic[], exitCode: ExitCode = exitCodes.invalid, cause?: unknown) {
    const list = Array.isArray(diagnostics) ? (diagnostics as readonly Diagnostic[]) : [diagnostics as Diagnostic];
    super(list.map((d) => `${d.code}: ${d.summary}${d.detail ? ` ${d.detail}` : ''}`).join('\n'), cause === undefined ? undefined : { cause });
    this.name = 'TuttiError';
    this.diagnostics = list;
    this.exitCode = exitCode;
  }
}

/** An error diagnostic in one line. @example error('UNKNOWN_PORT', 'Unknown port', '"la1" has no port "x".') */
export function error(code: string, summary: string, detail?: string, where?: Where): Diagnostic {
  return { code, severity: 'error', summary, ...(detail === undefined ? {} : { detail }), ...(where ? { where } : {}) };
}

/** As `error`, but it stops nothing. */
export function warning(code: string, summary: string, detail?: string, where?: Where): Diagnostic {
  return { ...error(code, summary, detail, where), severity: 'warning' };
}

/** `file:line:column  CODE  Summary`, the line with a caret under the place at fault, then the detail. */
export function render(d: Diagnostic): string {
  const { where } = d;
  const place = where ? [where.file, where.line, where.column].filter((x) => x !== undefined).join(':') + '  ' : '';
  const lines = [`${place}${d.severity === 'error' ? '' : d.severity + '  '}${d.code}  ${d.summary}`];
  if (where?.text !== undefined && where.line !== undefined) {
    const number = String(where.line).padStart(4);
    const start = Math.max(0, (where.column ?? 1) - 1);
    // A long line is shown around the place at fault: 100 characters at most.
    const from = start > 70 ? start - 30 : 0;
    const shown = where.text.slice(from, from + 100).replace(/\t/g, ' ');
    const length = Math.max(1, Math.min(where.length ?? 1, shown.length - (start - from)));
    lines.push(`${number} | ${shown}`, `     | ${' '.repeat(start - from)}${'^'.repeat(length)}`);
  }
  if (d.detail) lines.push(`  ${d.detail.replace(/\n/g, '\n  ')}`);
  return lines.join('\n');
}

/** The candidate nearest to `name` (edit distance of at most a third of its length, at least 1), if any. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const d = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) [best, bestDistance] = [candidate, d];
  }
  return best;
}

/** ` Did you mean "x"?`, or the empty string when nothing is near. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const found = nearest(name, candidates);
  return found === undefined ? '' : ` Did you mean "${found}"?`;
}

function editDistance(a: string, b: string): number {
  // Optimal string alignment: a swap of neighbours counts as one.
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      let d = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, before[j - 2]! + 1);
      row.push(d);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

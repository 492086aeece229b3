import { error, exitCodes, render, TuttiError, type Diagnostic } from '../diagnostic.ts';
import { inWords } from '../orchestrapi/errno.ts';
import type { Io } from './io.ts';

/** Prints diagnostics: rendered on standard error, or one JSON object each on standard output. */
export function printDiagnostics(io: Io, diagnostics: readonly Diagnostic[], json: boolean): void {
  for (const d of diagnostics) {
    if (json) io.out(JSON.stringify(d));
    else io.err(render(d));
  }
}

/** Nothing was begun that could be continued or dropped. */
export const notRunning = (file: string): TuttiError => new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `"tutti run ${file}" begins.`), exitCodes.failed);

export const nothingUnderWay = (why: string): Diagnostic => ({ code: 'NOTHING_UNDER_WAY', severity: 'note', summary: 'Nothing is under way', detail: `${why} Every component is idle: there is nothing to do.` });

export const usageError = (summary: string, detail: string): TuttiError => new TuttiError(error('USAGE', summary, detail), exitCodes.usage);

/** What is said of an error that nobody threw on purpose: in words when the system refused something, else with the way to its stack. */
export function inDiagnostics(thrown: unknown): readonly Diagnostic[] {
  if (thrown instanceof TuttiError) return thrown.diagnostics;
  if (isSystemError(thrown)) return [error('SYSTEM_REFUSED', 'The system refuses', sentence(`${inWords(thrown)} (${thrown.syscall})`))];
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const stack = thrown instanceof Error && process.env['TUTTI_STACK'] ? `\n${thrown.stack}` : '';
  return [error('UNEXPECTED', 'A mistake of tutti', `${sentence(message)} What was begun is in the journal: "tutti status" shows it. Please report this, with what TUTTI_STACK=1 in the environment adds.${stack}`)];
}

function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
}

/** With a capital, unless it begins with the name of what it is about (`h2: …`), and a full stop where nothing ends it. */
export function sentence(text: string): string {
  const first = /^[^\s:]+: /.test(text) ? text.charAt(0) : text.charAt(0).toUpperCase();
  return `${first}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`;
}

import { error, exitCodes, render, TuttiError } from '../diagnostic.ts';
import type { Io } from './io.ts';

/** Prints diagnostics: rendered on standard error, or one JSON object each on standard output. */
export function printDiagnostics(io: Io, diagnostics: readonly Parameters<typeof render>[0][], json: boolean): void {
  for (const d of diagnostics) {
    if (json) io.out(JSON.stringify(d));
    else io.err(render(d));
  }
}

export const usageError = (summary: string, detail: string): TuttiError => new TuttiError(error('USAGE', summary, detail), exitCodes.usage);

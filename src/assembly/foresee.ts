import { checkProgram, expandCalls } from './check.ts';
import { warning, type Diagnostic } from '../diagnostic.ts';
import type { Assembly, Program } from './model.ts';
import { playOut, type Ending } from './simulate.ts';
import { restore, situationOf, snapshot, type AssemblySnapshot, type AssemblyState } from './state.ts';
import { createAssembly } from './step.ts';
import type { Wait } from './waits.ts';

/** A program played on the virtual clock from a state in which it is valid. */
export interface Foreseen {
  readonly program: Program;
  /** The program after which it was played; undefined: from the beginning. */
  readonly after: string | undefined;
  readonly ending: Ending;
}

/**
 * Plays every program of an assembly once: `deploy` (or, without one, the first) from the beginning, the others after it if they are valid there, else
 * from the beginning, else after another program. What is valid nowhere is left to `check`.
 */
export function foreseePrograms(assembly: Assembly): Foreseen[] {
  const first = assembly.programs.has('deploy') ? 'deploy' : assembly.programs.keys().next().value;
  if (first === undefined) return [];
  const rest = [...assembly.programs.values()].filter((p) => p.name !== first);
  const beginning = createAssembly(assembly).state;
  const ends: { after: string | undefined; saved: AssemblySnapshot }[] = rest.length > 0 ? [{ after: undefined, saved: snapshot(beginning) }] : [];
  const foreseen: Foreseen[] = [];
  const play = (program: Program, after: string | undefined, state: AssemblyState): boolean => {
    const { instructions } = expandCalls(assembly, program);
    if (checkProgram(assembly, situationOf(state), program).some((d) => d.severity === 'error')) return false;
    const ending = playOut(state, { ...program, instructions });
    foreseen.push({ program, after, ending });
    if (ending.outcome === 'done' && rest.length > 0) ends.unshift({ after: program.name, saved: snapshot(state) });
    return true;
  };
  play(assembly.programs.get(first)!, undefined, beginning);
  let waiting = rest;
  for (let before = -1; waiting.length > 0 && waiting.length !== before;) {
    before = waiting.length;
    // The end of the first program comes before all others, the beginning last.
    const order = [...ends].sort((a, b) => rank(a.after, first) - rank(b.after, first));
    waiting = waiting.filter((program) => !order.some(({ after, saved }) => play(program, after, restore(saved, assembly.types))));
  }
  return foreseen;
}

const rank = (after: string | undefined, first: string): number => (after === first ? 0 : after === undefined ? 1 : 2);

/**
 * The named check PROGRAM_DEADLOCK: programs that would wait for ever, found by running them on the virtual clock. A warning (I7).
 * @param explain who waits for whom, a sentence a line
 */
export function foresee(assembly: Assembly, explain: (waits: readonly Wait[]) => string[]): Diagnostic[] {
  return foreseePrograms(assembly).filter((f) => f.ending.outcome === 'deadlock').map(({ program, after, ending }) => {
    const sentences = explain(ending.waits);
    const waits = sentences.slice(0, 8).map((sentence) => `  ${sentence}`);
    if (sentences.length > 8) waits.push(`  … and ${sentences.length - 8} more`);
    return warning('PROGRAM_DEADLOCK', 'A program would wait for ever',
      `"${program.name}"${after === undefined ? '' : `, played after "${after}",`} comes to a stop after ${ending.makespanMs / 1000} s of its declared durations:\n${waits.join('\n')}`,
      program.where ?? assembly.where.get(`program:${program.name}`));
  });
}

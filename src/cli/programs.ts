import { existsSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EngineEnd } from '../assembly/engine.ts';
import type { Assembly, Program } from '../assembly/model.ts';
import type { ProgramModule } from '../assembly/program.ts';
import { didYouMean, error, exitCodes, TuttiError, type Where } from '../diagnostic.ts';
import type { Session } from '../session/session.ts';
import { sentence } from './diagnostics.ts';

const isModule = (name: string): boolean => /\.[cm]?[jt]s$/.test(name);

/**
 * The program of a file by its name, or the one that a module exports.
 * @param from the folder that the path of a module is relative to
 * @throws TuttiError UNKNOWN_PROGRAM, FILE_UNREADABLE, MODULE_UNREADABLE, NOT_A_PROGRAM
 */
export async function programOf(assembly: Assembly, name: string, from = process.cwd()): Promise<Program | ProgramModule> {
  const found = assembly.programs.get(name);
  if (found) return found;
  if (!isModule(name)) {
    const names = [...assembly.programs.keys()];
    throw new TuttiError(error('UNKNOWN_PROGRAM', 'Unknown program',
      `The assembly "${assembly.name}" has no program "${name}".${didYouMean(name, names)} It has: ${names.join(', ') || 'none'}. A program in TypeScript is named by its path.`));
  }
  const path = resolve(from, name);
  if (!existsSync(path)) throw new TuttiError(error('FILE_UNREADABLE', 'The file cannot be read', 'There is no such file: the program is neither in the assembly file nor a module there.', { file: name }));
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(path).href)) as { default?: unknown };
  } catch (cause) {
    throw new TuttiError(error('MODULE_UNREADABLE', 'A module cannot be loaded', whyNotLoaded(cause), placeIn(cause, path, name) ?? { file: name }), exitCodes.invalid, cause);
  }
  const exported = module.default as Partial<ProgramModule> | undefined;
  if (exported?.kind !== 'program' || typeof exported.play !== 'function') {
    throw new TuttiError(error('NOT_A_PROGRAM', 'Not a program', 'The default export must be program(async (assembly) => { … }).', { file: name }));
  }
  return exported as ProgramModule;
}

/** Plays a program from where the assembly stands. */
export async function play(session: Session, name: string, found: Program | ProgramModule): Promise<EngineEnd> {
  if (!('kind' in found)) return session.play(found);
  // Found again by its path from the assembly file, wherever the operator stands then.
  return inModule(resolve(name), name, () => session.playModule(relative(session.assembly.folder, resolve(name)), found), unfinished);
}

/** Waits for the end of the program that is not over; one in TypeScript is played on. */
export async function goOn(session: Session): Promise<EngineEnd> {
  const { program } = session.state;
  if (program?.open && program.outcome === undefined) {
    const found = await programOf(session.assembly, program.name, session.assembly.folder);
    if ('kind' in found) return inModule(resolve(session.assembly.folder, program.name), program.name, () => session.playModule(program.name, found), unfinished);
  }
  return session.engine.ended();
}

/** What becomes of a program that threw while it was played. */
const unfinished = 'The program is not over: when that is mended, "tutti resume" continues it; "tutti abort" drops it.';

/** Gives what a module's program throws its place in the module. @throws TuttiError PROGRAM_THREW for what is not tutti's */
export async function inModule<T>(path: string, name: string, act: () => Promise<T>, wayOut = ''): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    const where = placeIn(thrown, path, name);
    if (thrown instanceof TuttiError) throw where ? new TuttiError(thrown.diagnostics.map((d) => ({ where, ...d, detail: d.detail?.includes('tutti abort') ? d.detail : `${d.detail ?? ''} ${wayOut}`.trim() })), thrown.exitCode, thrown) : thrown;
    if (!where) throw thrown;
    throw new TuttiError(error('PROGRAM_THREW', 'A program threw', `${sentence(String(thrown))} ${wayOut}`.trim(), where), exitCodes.failed, thrown);
  }
}

/** In the words of Node; what the module itself threw as it was thrown. */
function whyNotLoaded(cause: unknown): string {
  const isNodes = cause instanceof SyntaxError || (cause instanceof Error && 'code' in cause);
  const [first = ''] = (isNodes ? cause.message : String(cause)).split('\n');
  return sentence(first.replace(/^Cannot find (package|module) '([^']+)' imported from \S+$/, 'Cannot find the $1 "$2" that it imports'));
}

/** Where in a module an error comes from, as its stack says. The stack of TypeScript that cannot be read begins with its place, the line, and a caret below it. */
function placeIn(thrown: unknown, path: string, name: string): Where | undefined {
  const stack = (thrown instanceof Error ? thrown.stack : undefined)?.split('\n') ?? [];
  const places = [path, pathToFileURL(path).href];
  for (const line of stack) {
    const match = /((?:file:\/)?\/\S+?):(\d+)(?::(\d+))?\)?$/.exec(line);
    if (!match || !places.includes(match[1]!)) continue;
    const at = Number(match[2]);
    const text = readFileSync(path, 'utf8').split(/\r?\n/)[at - 1];
    const caret = match[3] === undefined ? /^( *)(\^+)$/.exec(stack.find((one) => /^ *\^+$/.test(one)) ?? '') : undefined;
    const column = caret ? caret[1]!.length + 1 : match[3] === undefined ? undefined : Number(match[3]);
    return { file: name, line: at, ...(column === undefined ? {} : { column }), ...(caret ? { length: caret[2]!.length } : {}), ...(text === undefined ? {} : { text }) };
  }
  return undefined;
}

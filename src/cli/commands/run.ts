import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Assembly, Program } from '../../assembly/model.ts';
import type { ProgramModule } from '../../assembly/program.ts';
import { didYouMean, error, TuttiError } from '../../diagnostic.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { rehearse } from '../rehearse.ts';
import type { AddCommand } from './index.ts';

/** `tutti run FILE [PROGRAM]` */
export const runCommand: AddCommand = (root, io, exit) => {
  conducting(root.command('run'))
    .argument('<file>', 'assembly file')
    .argument('[program]', 'name of a program in the file, or a TypeScript or JavaScript module', 'deploy')
    .option('--dry-run', 'say what would be done on which host; touch nothing')
    .action(async (file: string, name: string, options: ConductOptions & { dryRun?: boolean }) => {
      if (options.dryRun) return exit(await rehearse(io, file, name, options));
      exit(await conduct(io, file, options, async (session) => {
        const { program } = session.state;
        if (program && program.outcome === undefined) {
          throw new TuttiError(error('PROGRAM_UNFINISHED', 'A program was interrupted', `"${program.name}" is not over. "tutti resume ${file}" continues it, "tutti abort ${file}" drops it.`));
        }
        const found = await programOf(session.assembly, name);
        return 'kind' in found ? session.playModule(name, found) : session.play(found);
      }));
    });
};

/** The program of a file by its name, or the one that a module exports. @throws TuttiError UNKNOWN_PROGRAM, MODULE_UNREADABLE, NOT_A_PROGRAM */
export async function programOf(assembly: Assembly, name: string): Promise<Program | ProgramModule> {
  const found = assembly.programs.get(name);
  if (found) return found;
  if (!/\.[cm]?[jt]s$/.test(name)) {
    const names = [...assembly.programs.keys()];
    throw new TuttiError(error('UNKNOWN_PROGRAM', 'Unknown program',
      `The assembly "${assembly.name}" has no program "${name}".${didYouMean(name, names)} It has: ${names.join(', ') || 'none'}.`));
  }
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(name)).href)) as { default?: unknown };
  } catch (cause) {
    throw new TuttiError(error('MODULE_UNREADABLE', 'A module cannot be loaded', `"${name}": ${(cause as Error).message.split('\n')[0]}`), undefined, cause);
  }
  const exported = module.default as Partial<ProgramModule> | undefined;
  if (exported?.kind !== 'program' || typeof exported.play !== 'function') {
    throw new TuttiError(error('NOT_A_PROGRAM', 'Not a program', `The default export of "${name}" must be program(async (assembly) => { … }).`));
  }
  return exported as ProgramModule;
}

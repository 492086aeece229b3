import type { Program } from '../../assembly/model.ts';
import type { ProgramModule } from '../../assembly/program.ts';
import type { AssemblyState } from '../../assembly/state.ts';
import { error, TuttiError } from '../../diagnostic.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { play, programOf } from '../programs.ts';
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
      let found: Program | ProgramModule | undefined;
      exit(await conduct(io, file, options, (session) => {
        refuseUnfinished(session.state, file);
        return play(session, name, found!);
      }, async (assembly) => void (found = await programOf(assembly, name))));
    });
};

/** What was interrupted is in flight until it is resumed: nothing else may begin meanwhile. @throws TuttiError PROGRAM_UNFINISHED */
export function refuseUnfinished({ program }: Pick<AssemblyState, 'program'>, file: string): void {
  if (!program || program.outcome !== undefined) return;
  throw new TuttiError(error('PROGRAM_UNFINISHED', 'A program was interrupted', `"${program.name}" is not over. "tutti resume ${file}" continues it, "tutti abort ${file}" drops it.`));
}

import { error, exitCodes, TuttiError } from '../../diagnostic.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { programOf } from './run.ts';
import type { AddCommand } from './index.ts';

/** `tutti resume FILE` */
export const resume: AddCommand = (root, io, exit) => {
  conducting(root.command('resume'))
    .argument('<file>', 'assembly file')
    .action(async (file: string, options: ConductOptions) => {
      exit(await conduct(io, file, options, async (session) => {
        const { program } = session.state;
        if (!program) throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `"tutti run ${file}" begins.`), exitCodes.failed);
        if (program.open && program.outcome === undefined) {
          const module = await programOf(session.assembly, program.name);
          await session.engine.resume();
          if ('kind' in module) return session.playModule(program.name, module);
        }
        return session.resume();
      }));
    });
};

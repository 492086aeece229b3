import { requireBegun } from '../begun.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { chosenFailures } from '../failures.ts';
import { goOn } from '../programs.ts';
import type { AddCommand } from './index.ts';

/** `tutti retry FILE [COMPONENT[.TRANSITION]]` (F3) */
export const retry: AddCommand = (root, io, exit) => {
  conducting(root.command('retry'))
    .argument('<file>', 'assembly file')
    .argument('[which]', 'component, or component.transition; all failed ones when left out')
    .action(async (file: string, which: string | undefined, options: ConductOptions) => {
      requireBegun(file);
      exit(await conduct(io, file, options, async (session) => {
        const failures = chosenFailures(session.state, which);
        await session.engine.resume();
        await session.repair(failures.map((f) => ({ kind: 'retry', ...f })));
        return goOn(session);
      }));
    });
};

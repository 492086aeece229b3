import { inFlight } from '../../assembly/engine.ts';
import { requireBegun } from '../begun.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { nothingUnderWay, notRunning } from '../diagnostics.ts';
import { killedTransitions } from '../failures.ts';
import { goOn } from '../programs.ts';
import type { AddCommand } from './index.ts';

/** `tutti resume FILE` */
export const resume: AddCommand = (root, io, exit) => {
  conducting(root.command('resume'))
    .argument('<file>', 'assembly file')
    .action(async (file: string, options: ConductOptions) => {
      requireBegun(file);
      exit(await conduct(io, file, options, async (session, note) => {
        const { program } = session.state;
        if (!program) throw notRunning(file);
        if (program.outcome === 'done' && inFlight(session.state).length === 0) note(nothingUnderWay(`"${program.name}" is done.`));
        await session.engine.resume();
        // A second Ctrl-C killed them: they belong to what was interrupted.
        await session.repair(killedTransitions(session.state).map((killed) => ({ kind: 'retry', ...killed })));
        return goOn(session);
      }));
    });
};

import type { Value } from '../../components/model.ts';
import { didYouMean, error, TuttiError } from '../../diagnostic.ts';
import { requireBegun } from '../begun.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { usageError } from '../diagnostics.ts';
import { chosenFailures } from '../failures.ts';
import { goOn } from '../programs.ts';
import type { AddCommand } from './index.ts';

/** `tutti skip FILE COMPONENT.TRANSITION` (F3) */
export const skip: AddCommand = (root, io, exit) => {
  conducting(root.command('skip'))
    .argument('<file>', 'assembly file')
    .argument('<which>', 'component, or component.transition')
    .option('--write <port=value...>', 'value for a data-provide port that the transition would have written (JSON, or text)')
    .action(async (file: string, which: string, options: ConductOptions & { write?: string[] }) => {
      const writes = Object.fromEntries((options.write ?? []).map(assignment));
      requireBegun(file);
      exit(await conduct(io, file, options, async (session) => {
        const failures = chosenFailures(session.state, which);
        for (const { component } of failures) {
          for (const port of Object.keys(writes)) {
            if (session.state.member(component).net.ports.get(port)?.kind !== 'data-provide') throw unknownPort(component, port, [...session.state.member(component).net.ports].filter(([, { kind }]) => kind === 'data-provide').map(([name]) => name));
          }
        }
        await session.engine.resume();
        await session.repair(failures.map((f) => ({ kind: 'skip', ...f, writes })));
        return goOn(session);
      }));
    });
};

function unknownPort(component: string, port: string, names: readonly string[]): TuttiError {
  return new TuttiError(error('UNKNOWN_PORT', 'Unknown port', `"${component}" has no data-provide port "${port}".${didYouMean(port, names)} It has: ${names.join(', ') || 'none'}.`));
}

function assignment(text: string): [string, Value] {
  const at = text.indexOf('=');
  if (at < 1) throw usageError('The command line is not understood', `"--write ${text}" is no assignment. Write: --write PORT=VALUE.`);
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value) as Value];
  } catch {
    return [text.slice(0, at), value];
  }
}

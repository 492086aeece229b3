import { inFlight } from '../../assembly/engine.ts';
import type { Event } from '../../assembly/model.ts';
import { isIdle } from '../../components/net.ts';
import { error, exitCodes, TuttiError } from '../../diagnostic.ts';
import { listSome } from '../../view/text.ts';
import { requireBegun } from '../begun.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { notRunning, nothingUnderWay } from '../diagnostics.ts';
import { requireComponent } from '../failures.ts';
import { goOn } from '../programs.ts';
import type { AddCommand } from './index.ts';

/** `tutti abort FILE [COMPONENT]` (F3) */
export const abort: AddCommand = (root, io, exit) => {
  conducting(root.command('abort'))
    .argument('<file>', 'assembly file')
    .argument('[component]', 'its name')
    .action(async (file: string, component: string | undefined, options: ConductOptions) => {
      requireBegun(file);
      exit(await conduct(io, file, options, async (session, note) => {
        const { program } = session.state;
        // An assembly without a program has nobody who could end.
        if (!program) throw notRunning(file);
        if (component !== undefined) requireComponent(session.state, component);
        if (component === undefined && program.outcome === 'done') note(nothingUnderWay(`"${program.name}" is done.`));
        // What was interrupted before it could begin has no fate to wait for: it failed.
        await session.dropUnbegun(component);
        const begun = inFlight(session.state).filter(({ action }) => component === undefined || action.component === component).map(({ action }) => `"${action.component}.${action.transition}"`);
        if (begun.length > 0) {
          throw new TuttiError(error('REFUSED', 'That cannot be done now', `${listSome(begun)} had begun, and may be at work on ${begun.length === 1 ? 'its host' : 'their hosts'}. "tutti resume ${file}" finds out how that ends (Ctrl-C there starts nothing more); then "tutti abort ${file}".`), exitCodes.failed);
        }
        const names = component === undefined ? [...session.state.members.values()].filter((m) => !isIdle(m.state)).map((m) => m.spec.name) : [component];
        const events: Event[] = names.map((name) => ({ kind: 'abort', component: name }));
        if (component === undefined) events.unshift({ kind: 'cancel' });
        else await session.engine.resume();
        await session.repair(events);
        return goOn(session);
      }));
    });
};

import type { Event } from '../../assembly/model.ts';
import { isIdle } from '../../components/net.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import type { AddCommand } from './index.ts';

/** `tutti abort FILE [COMPONENT]` (F3) */
export const abort: AddCommand = (root, io, exit) => {
  conducting(root.command('abort'))
    .argument('<file>', 'assembly file')
    .argument('[component]', 'its name')
    .action(async (file: string, component: string | undefined, options: ConductOptions) => {
      exit(await conduct(io, file, options, async (session) => {
        // What was interrupted before it could begin has no fate to wait for: it failed.
        await session.dropUnbegun(component);
        const names = component === undefined ? [...session.state.members.values()].filter((m) => !isIdle(m.state)).map((m) => m.spec.name) : [component];
        const events: Event[] = names.map((name) => ({ kind: 'abort', component: name }));
        if (component === undefined) events.unshift({ kind: 'cancel' });
        else await session.engine.resume();
        return session.repair(events);
      }));
    });
};

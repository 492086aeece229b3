import type { Program } from '../../assembly/model.ts';
import { conduct, conducting, type ConductOptions } from '../conduct.ts';
import { requireComponent } from '../failures.ts';
import type { AddCommand } from './index.ts';
import { refuseUnfinished } from './run.ts';

/** `tutti push FILE COMPONENT BEHAVIOUR` */
export const push: AddCommand = (root, io, exit) => {
  conducting(root.command('push'))
    .argument('<file>', 'assembly file')
    .argument('<component>', 'its name')
    .argument('<behaviour>', 'one of its type')
    .action(async (file: string, component: string, behaviour: string, options: ConductOptions) => {
      const program: Program = { name: `push ${component} ${behaviour}`, instructions: [{ kind: 'pushBehaviour', component, behaviour }] };
      exit(await conduct(io, file, options, (session) => {
        refuseUnfinished(session.state, file);
        requireComponent(session.state, component);
        return session.play(program);
      }));
    });
};

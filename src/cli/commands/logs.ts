import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { didYouMean, error, exitCodes, TuttiError } from '../../diagnostic.ts';
import { stateFolderOf } from '../../session/folder.ts';
import { requireBegun } from '../begun.ts';
import type { AddCommand } from './index.ts';

/** `tutti logs FILE [COMPONENT[.TRANSITION]]` */
export const logs: AddCommand = (root, io) => {
  root.command('logs')
    .argument('<file>', 'assembly file')
    .argument('[which]', 'component, or component.transition')
    .option('--json', 'one JSON object a log')
    .action((file: string, which: string | undefined, options: { json?: boolean }) => {
      requireBegun(file);
      const folder = join(stateFolderOf(file), 'logs');
      const names = existsSync(folder) ? readdirSync(folder).filter((n) => n.endsWith('.log')).map((n) => n.slice(0, -4)).sort() : [];
      const chosen = names.filter((n) => which === undefined || n === which || n.startsWith(`${which}.`));
      if (chosen.length === 0) {
        throw new TuttiError(error('NO_LOG', 'There is no such log', `${which === undefined ? 'No action has run' : `No action of "${which}" has run`} yet.${which === undefined ? '' : didYouMean(which, [...names, ...names.map((name) => name.slice(0, name.lastIndexOf('.')))])}${names.length > 0 ? ` There are: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ` and ${names.length - 12} more` : ''}.` : ''}`), exitCodes.failed);
      }
      for (const name of chosen) {
        const text = readFileSync(join(folder, `${name}.log`), 'utf8');
        if (options.json) io.out(JSON.stringify({ transition: name, text }));
        else io.out(`== ${name} ==\n${text}`);
      }
    });
};

import { existsSync } from 'node:fs';
import { openForDestruction } from '../../session/destroy.ts';
import { stateFolderOf } from '../../session/folder.ts';
import { loadAssembly } from '../../session/load.ts';
import type { AddCommand } from './index.ts';

/** `tutti destroy FILE` */
export const destroy: AddCommand = (root, io) => {
  root.command('destroy')
    .argument('<file>', 'assembly file')
    .option('--force', 'forget hosts that cannot be reached')
    .option('--dry-run', 'say what would be removed')
    .option('--json', 'one JSON object')
    .action(async (file: string, options: { dryRun?: boolean; force?: boolean; json?: boolean }) => {
      const stateFolder = stateFolderOf(file);
      const say = (text: string, data: object) => io.out(options.json ? JSON.stringify(data) : text);
      if (!existsSync(stateFolder)) return say(`Nothing to destroy: there is no ${stateFolder}.`, { destroyed: false });
      const { assembly } = await loadAssembly(file);
      const { hosts, end } = await openForDestruction(stateFolder, assembly);
      if (options.dryRun) {
        await end(false);
        return say(`Would end the processes on ${hosts.join(', ')} and remove ${stateFolder}.`, { destroyed: false, hosts, stateFolder });
      }
      await end(true, { force: options.force ?? false });
      say(`Destroyed: no process of it is left on ${hosts.join(', ')}; ${stateFolder} is removed.`, { destroyed: true, hosts, stateFolder });
    });
};

import { existsSync } from 'node:fs';
import { openForDestruction } from '../../session/destroy.ts';
import { stateFolderOf } from '../../session/folder.ts';
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
      const destruction = await openForDestruction(stateFolder);
      const { hosts } = destruction;
      if (options.dryRun) {
        await destruction.leave();
        return say(`Would ${hosts.length > 0 ? `end the processes on ${hosts.join(', ')} and ` : ''}remove ${stateFolder}.`, { destroyed: false, hosts, stateFolder });
      }
      const forgotten = await destruction.destroy({ force: options.force ?? false });
      const cleared = hosts.filter((host) => !forgotten.some((one) => one.host === host));
      const of = cleared.length > 0 ? `no process of it is left on ${cleared.join(', ')}` : forgotten.length > 0 ? 'no host of it could be cleared' : 'it was at work on no host';
      const lines = [
        `Destroyed: ${of}; ${stateFolder} is removed.`,
        ...forgotten.map(({ host, machine, folder, why }) => `Forgotten: ${host} on ${machine} (${why}). What runs there goes on: end it, and remove ${folder} by hand.`),
      ];
      say(lines.join('\n'), { destroyed: true, hosts: cleared, ...(forgotten.length > 0 ? { forgotten } : {}), stateFolder });
    });
};

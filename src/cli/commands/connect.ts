import { spawn } from 'node:child_process';
import { didYouMean, error, exitCodes, TuttiError } from '../../diagnostic.ts';
import { recordedBinding, rolesOf } from '../../orchestrapi/flavours/binding.ts';
import { shellOn } from '../../orchestrapi/flavours/index.ts';
import { stateFolderOf } from '../../session/folder.ts';
import { requireBegun } from '../begun.ts';
import type { AddCommand } from './index.ts';

/** `tutti connect FILE HOST [COMMAND...]` */
export const connect: AddCommand = (root, io, exit) => {
  root.command('connect')
    .argument('<file>', 'assembly file')
    .argument('<host>', 'host of the assembly: head, worker[2]')
    .argument('[command...]', 'instead of a shell')
    .passThroughOptions()
    .action(async (file: string, host: string, words: string[]) => {
      const command = words[0] === '--' ? words.slice(1) : words;
      const stateFolder = stateFolderOf(file);
      requireBegun(file);
      const binding = await recordedBinding(stateFolder);
      if (!binding) throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `"tutti run ${file}" binds its hosts to machines.`), exitCodes.failed);
      if (!rolesOf(binding).includes(host)) throw new TuttiError(error('UNKNOWN_HOST', 'Unknown host', `No host is named "${host}".${didYouMean(host, rolesOf(binding)) || ` Hosts: ${rolesOf(binding).join(', ')}.`}`), exitCodes.invalid);
      const [program, ...args] = await shellOn(binding, host, command, stateFolder);
      const child = spawn(program, args, { stdio: 'inherit' });
      const code = await new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (status) => resolve(status ?? 1)));
      if (code !== 0) {
        if (command.length > 0) io.err(`"${command.join(' ')}" ended with exit code ${code} on ${host}.`);
        exit(exitCodes.failed);
      }
    });
};

import { waitsOf } from '../../assembly/waits.ts';
import { snapshot } from '../../assembly/state.ts';
import { stateFolderOf } from '../../session/folder.ts';
import { readRecorded } from '../../session/recorded.ts';
import { statusTable } from '../../view/status.ts';
import { explain } from '../../view/waits.ts';
import type { AddCommand } from './index.ts';

/** `tutti status FILE` */
export const status: AddCommand = (root, io) => {
  root.command('status')
    .description('where every component stands, and who waits for whom')
    .argument('<file>', 'assembly file')
    .option('--all', 'a row for every component, however many')
    .option('--json', 'one JSON object')
    .action(async (file: string, options: { json?: boolean; all?: boolean }) => {
      const { state, first } = await readRecorded(stateFolderOf(file));
      const waits = waitsOf(state);
      if (options.json) return io.out(JSON.stringify({ assembly: first.name, ...snapshot(state), waits }));
      io.out([...statusTable(snapshot(state), { assembly: first.name, all: options.all ?? false }), ...explain(waits)].join('\n'));
    });
};

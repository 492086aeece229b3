import { waitsOf } from '../../assembly/waits.ts';
import { snapshot } from '../../assembly/state.ts';
import { readRecorded, stateFolderOf } from '../../session.ts';
import { explain, statusTable } from '../../view/status.ts';
import type { AddCommand } from './index.ts';

/** `tutti status FILE` */
export const status: AddCommand = (root, io) => {
  root.command('status')
    .description('where every component stands, and who waits for whom')
    .argument('<file>', 'assembly file')
    .option('--json', 'one JSON object')
    .action(async (file: string, options: { json?: boolean }) => {
      const { state, first } = await readRecorded(stateFolderOf(file));
      const waits = waitsOf(state);
      if (options.json) return io.out(JSON.stringify({ assembly: first.name, ...snapshot(state), waits }));
      io.out(statusTable(snapshot(state), { assembly: first.name }).join('\n'));
      for (const line of explain(waits)) io.out(`  ${line}`);
    });
};

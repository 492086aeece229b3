import { waitsOf } from '../../assembly/waits.ts';
import { snapshot, type AssemblyState } from '../../assembly/state.ts';
import { readRecorded, stateFolderOf } from '../../session.ts';
import { statusTable } from '../../view/status.ts';
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
      io.out([`${first.name}: ${programLine(state)}`, '', ...statusTable(state.members.values(), { waits, all: options.all ?? false })].join('\n'));
    });
};

function programLine({ program }: AssemblyState): string {
  if (!program) return 'no program was run';
  const done = `${Math.min(program.next, program.instructions.length)} of ${program.instructions.length} instructions`;
  return program.outcome === undefined ? `program "${program.name}" is not over (${done})` : `program "${program.name}" ${program.outcome} (${done})`;
}

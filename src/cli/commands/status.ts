import { exitCodes } from '../../diagnostic.ts';
import { waitsOf } from '../../assembly/waits.ts';
import { snapshot } from '../../assembly/state.ts';
import { stateFolderOf } from '../../session/folder.ts';
import { readRecorded } from '../../session/recorded.ts';
import { statusTable } from '../../view/status.ts';
import { explain } from '../../view/waits.ts';
import type { AddCommand } from './index.ts';

/** `tutti status FILE` */
export const status: AddCommand = (root, io, exit) => {
  root.command('status')
    .argument('<file>', 'assembly file')
    .option('--all', 'a row for every component, however many')
    .option('--probe', 'ask the probes of all held places now; exit code 1 when one fails')
    .option('--json', 'one JSON object: {assembly, members, connections, program, waits, ill?}')
    .addHelpText('after', '\nExample: tutti status assembly.yaml --probe')
    .action(async (file: string, options: { json?: boolean; all?: boolean; probe?: boolean }) => {
      const { state, first } = await readRecorded(stateFolderOf(file));
      const waits = waitsOf(state);
      const ill = options.probe ? await probe(file) : undefined;
      for (const { component, place, reason } of ill ?? []) {
        const member = state.members.get(component);
        if (member) member.degraded = new Map(member.degraded).set(place, reason);
      }
      if (ill && ill.length > 0) exit(exitCodes.failed);
      if (options.json) return io.out(JSON.stringify({ assembly: first.name, ...snapshot(state), waits, ...(ill ? { ill } : {}) }));
      io.out([...statusTable(snapshot(state), { assembly: first.name, all: options.all ?? false }), ...explain(waits)].join('\n'));
      if (ill?.length === 0) io.out('Every probe of a held place says that all is well.');
    });
};

/** What reaches hosts is loaded only when they are asked. */
async function probe(file: string) {
  const { requireAssembly } = await import('../conduct.ts');
  const { probeRecorded } = await import('../../session/probe.ts');
  return probeRecorded(stateFolderOf(file), await requireAssembly(file));
}

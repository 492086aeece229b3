import { stateFolderOf } from '../../session/folder.ts';
import { recordedBinding, type Binding } from '../../orchestrapi/flavours/index.ts';
import { padEnd } from '../../view/text.ts';
import { recordedRun } from '../recorded.ts';
import type { AddCommand } from './index.ts';

/** `tutti hosts FILE` */
export const hosts: AddCommand = (root, io) => {
  root.command('hosts')
    .argument('<file>', 'assembly file')
    .option('--json', 'one JSON object a host: {host, flavour, machine, components}')
    .action(async (file: string, options: { json?: boolean }) => {
      const stateFolder = stateFolderOf(file);
      const { state, first } = await recordedRun(file);
      const binding = (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles: first.hosts };
      const rows = first.hosts.map((host) => ({
        host, flavour: host === 'local' ? 'local' : binding.flavour, machine: machineOf(binding, host),
        components: [...state.members.values()].filter((m) => m.spec.on === host).map((m) => m.spec.name),
      }));
      if (options.json) {
        for (const row of rows) io.out(JSON.stringify(row));
        return;
      }
      const table = [['host', 'machine', 'components'], ...rows.map((row) => [row.host, row.machine, row.components.join(', ') || '-'])];
      const widths = [0, 1].map((column) => Math.max(...table.map((cells) => cells[column]!.length)));
      for (const [host, machine, components] of table) io.out(`${padEnd(host!, widths[0]!)}  ${padEnd(machine!, widths[1]!)}  ${components}`);
    });
};

/** As a user would name it to ssh. */
function machineOf(binding: Binding, host: string): string {
  if (binding.flavour === 'local' || host === 'local') return 'this machine';
  const machine = binding.machines[host];
  if (!machine) return 'unknown';
  return `${machine.user === undefined ? '' : `${machine.user}@`}${machine.destination}${machine.port === undefined ? '' : `:${machine.port}`}`;
}

import { stateFolderOf } from '../../session/folder.ts';
import { factsOf } from '../../orchestrapi/facts.ts';
import type { HostFacts } from '../../orchestrapi/host.ts';
import { machineName, recordedBinding, type Binding } from '../../orchestrapi/flavours/binding.ts';
import { openEach } from '../../orchestrapi/flavours/open.ts';
import { padEnd } from '../../view/text.ts';
import { recordedRun } from '../recorded.ts';
import type { AddCommand } from './index.ts';

/** `tutti hosts FILE` */
export const hosts: AddCommand = (root, io) => {
  root.command('hosts')
    .argument('<file>', 'assembly file')
    .option('--facts', 'ask each host for its cores, memory and disks')
    .option('--json', 'one JSON object a host: {host, flavour, machine, components, facts}')
    .action(async (file: string, options: { facts?: boolean; json?: boolean }) => {
      const stateFolder = stateFolderOf(file);
      const { state, first } = await recordedRun(file);
      const binding = (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles: first.hosts };
      const rows = first.hosts.map((host) => ({
        host, flavour: host === 'local' ? 'local' : binding.flavour, machine: machineName(binding, host),
        components: [...state.members.values()].filter((m) => m.spec.on === host).map((m) => m.spec.name),
      }));
      const facts = options.facts ? await factsOfAll(first.hosts, binding, stateFolder) : undefined;
      if (options.json) {
        for (const row of rows) io.out(JSON.stringify({ ...row, ...(facts ? { facts: facts.get(row.host) } : {}) }));
        return;
      }
      const table = [
        ['host', 'machine', ...(facts ? ['what it is'] : []), 'components'],
        ...rows.map((row) => [row.host, row.machine, ...(facts ? [inWords(facts.get(row.host)!)] : []), row.components.join(', ') || '-']),
      ];
      const widths = table[0]!.map((_, column) => Math.max(...table.map((cells) => cells[column]!.length)));
      for (const cells of table) io.out(cells.map((cell, column) => (column === cells.length - 1 ? cell : padEnd(cell, widths[column]!))).join('  '));
    });
};

/** What each host says of itself, or why it says nothing. */
async function factsOfAll(roles: readonly string[], binding: Binding, stateFolder: string): Promise<Map<string, HostFacts | { readonly failure: string }>> {
  const hosts = await openEach(roles, binding, stateFolder);
  const facts = async (role: string): Promise<HostFacts> => {
    const host = hosts.get(role)!;
    if (host instanceof Error) throw host;
    return factsOf(host);
  };
  try {
    return new Map(await Promise.all(roles.map(async (role) => [role, await facts(role).catch((failed: Error) => ({ failure: failed.message }))] as const)));
  } finally {
    await Promise.all([...hosts.values()].map((host) => host instanceof Error || host.close()));
  }
}

function inWords(facts: HostFacts | { readonly failure: string }): string {
  if ('failure' in facts) return facts.failure;
  const size = (bytes: number): string => (bytes >= 1e12 ? `${(bytes / 1e12).toFixed(1)} TB` : `${Math.round(bytes / 1e9)} GB`);
  const disks = facts.disks.map(({ name, bytes, mounts }) => `${name} ${size(bytes)}${mounts.length > 0 ? ` (${mounts.join(', ')})` : ''}`);
  return [`${facts.cores} cores`, `${size(facts.memoryBytes)} of memory`, ...disks].join(', ');
}

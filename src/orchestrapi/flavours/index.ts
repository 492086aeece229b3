import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { error, exitCodes, TuttiError, type Diagnostic } from '../../diagnostic.ts';
import { quote } from '../quote.ts';
import { doNotFit, recordedBinding, refreshed, stopped, workFolderOf, type Binding } from './binding.ts';
import { recorderOfReached } from './reached.ts';
import { keepReached } from './rebind.ts';
import type { InventoryFile } from './ssh.ts';

/** How a flavour finds machines that are reached by SSH. */
interface Source {
  /** What `--hosts` must name. */
  readonly needs: string;
  /** @throws InventoryError */
  read(roles: readonly string[], hosts: string): Promise<InventoryFile>;
}

/** The flavours that need machines; a new one is a line here, and a file that is loaded when it is asked. */
const sources = {
  ssh: { needs: '--hosts FILE, which says "role: machine" a line', read: async (roles, hosts) => (await import('./ssh.ts')).readInventory(await readText(hosts), roles, dirname(resolve(hosts))) },
  testbed: { needs: '--hosts FOLDER, in which the test bed is up', read: async (roles, hosts) => (await import('./testbed.ts')).testbedInventory(roles, resolve(hosts)) },
  'nixos-compose': { needs: '--hosts FILE, the deployment that "nxc start" has written: deploy/NAME::FLAVOUR.json', read: async (roles, hosts) => (await import('./nixos-compose.ts')).deploymentInventory(await readText(hosts), roles) },
} as const satisfies Readonly<Record<string, Source>>;

/** Where hosts come from, by name. */
export type Flavour = 'local' | keyof typeof sources;
export const flavours: readonly Flavour[] = ['local', ...(Object.keys(sources) as (keyof typeof sources)[])];

/** What the command line says of hosts. */
export interface FlavourChoice {
  /** Default: `ssh` with a hosts file, else what was said the last time, else `local`. */
  readonly flavour?: Flavour;
  /** `ssh`: path of the hosts file; `testbed`: folder of a test bed that is up; `nixos-compose`: path of a deployment. */
  readonly hosts?: string;
}

/** A binding as it was asked for, and what is worth knowing of the hosts file. */
export interface Bound {
  readonly binding: Binding;
  readonly notes: readonly Diagnostic[];
}

/**
 * Binds roles to machines. Without a choice: as recorded, else every role is a folder of this machine. A role that was at work keeps its machine, which may have got another name.
 * Nothing is kept yet, and nothing is connected to but what tells an old machine from a new one.
 * @throws TuttiError HOSTS_INVALID when the hosts file does not say where every role is, HOSTS_MISSING when a flavour needs one, HOSTS_CHANGED when a role that was at work is given
 * another machine
 */
export async function bind(roles: readonly string[], choice: FlavourChoice, stateFolder: string): Promise<Bound> {
  if (choice.flavour === undefined && choice.hosts === undefined) return { binding: refreshed(roles, (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles }), notes: [] };
  const asked = await choose(roles, choice);
  // One that cannot be read is to be said anew.
  const recorded = await recordedBinding(stateFolder).catch(() => undefined);
  return recorded ? { ...asked, binding: await keepReached(recorded, asked.binding, choice.hosts, stateFolder) } : asked;
}

/** What the command line and the hosts file say. */
async function choose(roles: readonly string[], { flavour, hosts }: FlavourChoice): Promise<Bound> {
  const name = flavour ?? 'ssh';
  if (name === 'local') {
    if (hosts !== undefined) throw new TuttiError(error('USAGE', 'The command line is not understood', `"--flavour local" plays in folders of this machine and reads no hosts file: leave one of "--flavour local" and "--hosts ${hosts}" away.`), exitCodes.usage);
    return { binding: { flavour: 'local', roles }, notes: [] };
  }
  const { needs, read } = sources[name];
  if (hosts === undefined) throw new TuttiError(error('HOSTS_MISSING', 'Which machines?', `The flavour "${name}" needs ${needs}.`), exitCodes.usage);
  // What reaches other machines is loaded only when there are some.
  const { InventoryError } = await import('./ssh.ts');
  try {
    const { machines, unused } = await read(roles.filter((role) => role !== 'local'), hosts);
    const notes: Diagnostic[] = unused.length === 0 ? [] : [{ code: 'HOSTS_UNUSED', severity: 'note', summary: 'The hosts file has more than is used', detail: stopped(unused.join('; ')), where: { file: hosts } }];
    return { binding: { flavour: name, machines: Object.fromEntries(machines) }, notes };
  } catch (cause) {
    if (!(cause instanceof InventoryError)) throw cause;
    throw doNotFit(cause.problems, hosts, cause);
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TuttiError(error('FILE_UNREADABLE', 'The file cannot be read', (cause as Error).message, { file }), exitCodes.invalid, cause);
  }
}

/**
 * The argument vector that opens a terminal on a host, in its work folder, or runs a command there.
 * @example await shellOn(binding, 'head', [], stateFolder) // ['ssh', '-t', …, 'n1', "exec /bin/sh -c '…'"]
 */
export async function shellOn(binding: Binding, role: string, command: readonly string[], stateFolder: string): Promise<readonly [string, ...string[]]> {
  const folder = await workFolderOf(binding, role, stateFolder);
  const act = command.length > 0 ? `exec ${command.map(quote).join(' ')}` : 'exec "${SHELL:-/bin/sh}" -i';
  const within = `mkdir -p ${quote(folder)} && cd ${quote(folder)} && ${act}`;
  if (binding.flavour === 'local' || role === 'local') return ['/bin/sh', '-c', within];
  const { sshArguments } = await import('../ssh-config.ts');
  const target = binding.machines[role]!;
  const argv = sshArguments(target);
  recorderOfReached(stateFolder)(role);
  return ['ssh', ...(command.length > 0 ? [] : ['-t']), ...argv, target.destination, `exec /bin/sh -c ${quote(within)}`];
}

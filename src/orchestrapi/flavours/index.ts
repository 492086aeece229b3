import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { error, exitCodes, TuttiError } from '../../diagnostic.ts';
import type { Host } from '../host.ts';
import { localHost } from '../local.ts';
import { quote } from '../quote.ts';
import { folderOf, localFlavour } from './local.ts';
import type { Machine } from './ssh.ts';

/** Where hosts come from, by name; a new one is a line here and in `bind`. */
export const flavours = ['local', 'ssh', 'testbed'] as const;
export type Flavour = (typeof flavours)[number];

/**
 * The machines that the roles of an assembly are bound to. It is kept beside the journal, so that every later command finds them without being told again, also
 * on another machine to which the state folder was moved.
 */
export type Binding = { readonly flavour: 'local'; readonly roles: readonly string[] } | { readonly flavour: 'ssh' | 'testbed'; readonly machines: Readonly<Record<string, Machine>> };

/** What the command line says of hosts. */
export interface FlavourChoice {
  /** Default: `ssh` with a hosts file, else what was said the last time, else `local`. */
  readonly flavour?: Flavour;
  /** `ssh`: path of the hosts file; `testbed`: folder of a test bed that is up. */
  readonly hosts?: string;
}

const bindingPath = (stateFolder: string): string => join(stateFolder, 'hosts.json');

/**
 * Binds roles to machines; nothing is connected to. Without a choice: as recorded, else every role is a folder of this machine.
 * @throws TuttiError HOSTS_INVALID when the hosts file does not say where every role is, HOSTS_MISSING when a flavour needs one
 */
export async function bind(roles: readonly string[], { flavour, hosts }: FlavourChoice, stateFolder: string): Promise<Binding> {
  if (flavour === undefined && hosts === undefined) return refreshed(roles, (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles });
  const name = flavour ?? 'ssh';
  if (name === 'local') return { flavour: 'local', roles };
  if (hosts === undefined) {
    const what = name === 'ssh' ? '--hosts FILE, which says "role: machine" a line' : '--hosts FOLDER, in which the test bed is up';
    throw new TuttiError(error('HOSTS_MISSING', 'Which machines?', `The flavour "${name}" needs ${what}.`), exitCodes.usage);
  }
  // What reaches other machines is loaded only when there are some.
  const { InventoryError, readInventory } = await import('./ssh.ts');
  const { testbedInventory } = await import('./testbed.ts');
  try {
    const remote = roles.filter((role) => role !== 'local');
    const inventory = name === 'ssh' ? readInventory(await readText(hosts), remote, dirname(resolve(hosts))) : await testbedInventory(remote, resolve(hosts));
    return { flavour: name, machines: Object.fromEntries(inventory) };
  } catch (cause) {
    if (!(cause instanceof InventoryError)) throw cause;
    throw new TuttiError(cause.problems.map((problem) => error('HOSTS_INVALID', 'The hosts file does not fit', `${problem.charAt(0).toUpperCase()}${problem.slice(1)}${/[.?]$/.test(problem) ? '' : '.'}`, { file: hosts })), exitCodes.invalid, cause);
  }
}

/** The file may have got more roles since. */
function refreshed(roles: readonly string[], binding: Binding): Binding {
  return binding.flavour === 'local' ? { ...binding, roles: [...new Set([...binding.roles, ...roles])] } : binding;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new TuttiError(error('FILE_UNREADABLE', 'The file cannot be read', (cause as Error).message, { file }), exitCodes.invalid, cause);
  }
}

/** The binding of the last command that conducted; undefined when there was none. @throws TuttiError HOSTS_INVALID */
export async function recordedBinding(stateFolder: string): Promise<Binding | undefined> {
  try {
    return JSON.parse(await readFile(bindingPath(stateFolder), 'utf8')) as Binding;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new TuttiError(error('HOSTS_INVALID', 'It is not known where the hosts are', `${(cause as Error).message}. Name them again with --hosts.`, { file: bindingPath(stateFolder) }), exitCodes.invalid, cause);
  }
}

/** Keeps the binding for later commands: written whole or not at all. */
export async function recordBinding(binding: Binding, stateFolder: string): Promise<void> {
  const path = bindingPath(stateFolder);
  await mkdir(stateFolder, { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(binding, null, 1)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Every role that a binding has a machine for. */
export function rolesOf(binding: Binding): readonly string[] {
  return binding.flavour === 'local' ? binding.roles : Object.keys(binding.machines);
}

/**
 * The argument vector that opens a terminal on a host, in its work folder, or runs a command there.
 * @example await shellOn(binding, 'head', [], stateFolder) // ['ssh', '-t', …, 'n1', "exec /bin/sh -c '…'"]
 */
export async function shellOn(binding: Binding, role: string, command: readonly string[], stateFolder: string): Promise<readonly [string, ...string[]]> {
  const within = (folder: string): string => {
    const act = command.length > 0 ? `exec ${command.map(quote).join(' ')}` : 'exec "${SHELL:-/bin/sh}" -i';
    return `mkdir -p ${quote(folder)} && cd ${quote(folder)} && ${act}`;
  };
  if (binding.flavour === 'local' || role === 'local') return ['/bin/sh', '-c', within(join(stateFolder, 'hosts', folderOf(role)))];
  const { remoteWorkFolder, roleFolder } = await import('./ssh.ts');
  const { sshArguments } = await import('../ssh-config.ts');
  const { workFolder, ...target } = binding.machines[role]!;
  return ['ssh', ...(command.length > 0 ? [] : ['-t']), ...sshArguments(target), target.destination, `exec /bin/sh -c ${quote(within(roleFolder(await remoteWorkFolder(stateFolder), role, workFolder)))}`];
}

/** The hosts of the roles, not connected to yet. `local` is always there: the controller's own machine. @throws TuttiError HOSTS_INVALID for a role that has no machine */
export async function openHosts(roles: readonly string[], binding: Binding, stateFolder: string): Promise<Map<string, Host>> {
  const local = (): Host => localHost({ name: 'local', workFolder: join(stateFolder, 'hosts', 'local') });
  const hosts = binding.flavour === 'local' ? localFlavour(roles, stateFolder) : await remoteHosts(roles.filter((role) => role !== 'local'), binding.machines, stateFolder);
  if (!hosts.has('local')) hosts.set('local', local());
  return hosts;
}

async function remoteHosts(roles: readonly string[], machines: Readonly<Record<string, Machine>>, stateFolder: string): Promise<Map<string, Host>> {
  const inventory = new Map(Object.entries(machines));
  const missing = roles.filter((role) => !inventory.has(role));
  if (missing.length > 0) throw new TuttiError(error('HOSTS_INVALID', 'The hosts file does not fit', `No machine is given for ${missing.join(', ')}. Name one with --hosts FILE.`, { file: bindingPath(stateFolder) }), exitCodes.invalid);
  const { remoteWorkFolder, sshFlavour } = await import('./ssh.ts');
  return sshFlavour(roles, { inventory, workFolder: await remoteWorkFolder(stateFolder) });
}

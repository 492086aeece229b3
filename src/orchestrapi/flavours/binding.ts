import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { error, exitCodes, TuttiError } from '../../diagnostic.ts';
import type { Flavour } from './index.ts';
import { localFolder } from './local.ts';
import { beginReached, readReached } from './reached.ts';
import type { Machine } from './ssh.ts';

/**
 * The machines that the roles of an assembly are bound to. It is kept beside the journal, so that every later command finds them without being told again, also
 * on another machine to which the state folder was moved.
 */
export type Binding = { readonly flavour: 'local'; readonly roles: readonly string[] } | { readonly flavour: Exclude<Flavour, 'local'>; readonly machines: Readonly<Record<string, Machine>> };

/** The file that keeps the binding. */
export const bindingPath = (stateFolder: string): string => join(stateFolder, 'hosts.json');

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
  if (!existsSync(path)) beginReached(stateFolder);
  await writeFile(`${path}.new`, `${JSON.stringify(binding, null, 1)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Every role that a binding has a machine for. */
export function rolesOf(binding: Binding): readonly string[] {
  return binding.flavour === 'local' ? binding.roles : Object.keys(binding.machines);
}

/** The roles that may have something on their machines, in the order of the binding; the controller's own machine (`local`) among them. */
export function reachedRoles(binding: Binding, stateFolder: string): readonly string[] {
  const reached = binding.flavour === 'local' ? [] : (readReached(stateFolder) ?? rolesOf(binding));
  const isThere = (role: string): boolean => (binding.flavour === 'local' || role === 'local' ? existsSync(localFolder(role, stateFolder)) : reached.includes(role));
  return [...new Set([...rolesOf(binding), ...reached, 'local'])].filter(isThere);
}

/** The machine of a role, as a user would name it to ssh. @example machineName(binding, 'worker[2]') // 'admin@n2:2222' */
export function machineName(binding: Binding, role: string): string {
  if (binding.flavour === 'local' || role === 'local') return 'this machine';
  const machine = binding.machines[role];
  if (!machine) return 'unknown';
  return `${machine.user === undefined ? '' : `${machine.user}@`}${machine.destination}${machine.port === undefined ? '' : `:${machine.port}`}`;
}

/** With the roles that the file has got since. */
export function refreshed(roles: readonly string[], binding: Binding): Binding {
  return binding.flavour === 'local' ? { ...binding, roles: [...new Set([...binding.roles, ...roles])] } : binding;
}

/** The folder of a role on its machine. */
export async function workFolderOf(binding: Binding, role: string, stateFolder: string): Promise<string> {
  if (binding.flavour === 'local' || role === 'local') return localFolder(role, stateFolder);
  const { remoteWorkFolder, roleFolder } = await import('./ssh.ts');
  return roleFolder(await remoteWorkFolder(stateFolder), role, binding.machines[role]?.workFolder);
}

/** With a full stop where nothing ends it. */
export function stopped(text: string): string {
  return /[.?]$/.test(text) ? text : `${text}.`;
}

/** A problem begins with a capital, unless with the name of a role. */
export function doNotFit(problems: readonly string[], file: string, cause?: unknown): TuttiError {
  return new TuttiError(problems.map((problem) => error('HOSTS_INVALID', 'The hosts file does not fit', stopped(problem), { file })), exitCodes.invalid, cause);
}

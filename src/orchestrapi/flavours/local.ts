import { join } from 'node:path';
import type { Host } from '../host.ts';
import { localHost } from '../local.ts';

/** Every role instance is a folder of this machine: `worker[1]` plays in `hosts/worker.1` below the assembly's state folder. */
export function localFlavour(roles: readonly string[], stateFolder: string): Map<string, Host> {
  return new Map(roles.map((name) => [name, localHost({ name, workFolder: localFolder(name, stateFolder) })]));
}

/** Where a role instance plays on this machine. @example localFolder('worker[2]', '/srv/.tutti/demo') // '/srv/.tutti/demo/hosts/worker.2' */
export function localFolder(role: string, stateFolder: string): string {
  return join(stateFolder, 'hosts', folderOf(role));
}

/** A role instance's name as a folder's. @example folderOf('worker[2]') // 'worker.2' */
export function folderOf(role: string): string {
  return role.replace(/\[(\d+)\]$/, '.$1');
}

import { isDeepStrictEqual } from 'node:util';
import { error, exitCodes, TuttiError } from '../../diagnostic.ts';
import type { Host } from '../host.ts';
import { quote } from '../quote.ts';
import { machineName, reachedRoles, refreshed, type Binding } from './binding.ts';
import { openEach, openHosts } from './open.ts';

/**
 * The binding that was asked for, with the machines of roles that were at work as they are. A machine that got another name, user or way to it is known by the role's folder, which is
 * named after the assembly's id. Looking makes nothing there.
 * @param hosts the hosts file that asks for it
 * @throws TuttiError HOSTS_CHANGED, HOSTS_INVALID
 */
export async function keepReached(recorded: Binding, asked: Binding, hosts: string | undefined, stateFolder: string): Promise<Binding> {
  const reached = reachedRoles(recorded, stateFolder).filter((role) => role !== 'local');
  const moved = await movedRoles(reached, recorded, asked, hosts, stateFolder);
  if (moved.length > 0) {
    const shown = moved.length > 6 ? [...moved.slice(0, 5), `and ${moved.length - 5} more`] : moved;
    throw new TuttiError(error('HOSTS_CHANGED', 'A role that was at work cannot go to another machine',
      `${shown.join('\n')}\nWhat is there would belong to nobody. Leave ${hosts === undefined ? '--flavour' : '--hosts'} away to go on where it is; to move, "tutti destroy" first. A machine may get another name: it is known by that folder.`,
      hosts === undefined ? undefined : { file: hosts }), exitCodes.invalid);
  }
  // A role that the file no longer has was at work all the same: `destroy` goes there too.
  if (asked.flavour === 'local') return recorded.flavour === 'local' ? refreshed(asked.roles, recorded) : asked;
  if (recorded.flavour === 'local') return asked;
  return { ...asked, machines: { ...Object.fromEntries(reached.map((role) => [role, recorded.machines[role]!])), ...asked.machines } };
}

/** What is to be said of each role that is no longer where it was. */
async function movedRoles(reached: readonly string[], recorded: Binding, asked: Binding, hosts: string | undefined, stateFolder: string): Promise<readonly string[]> {
  if (recorded.flavour === 'local' && asked.flavour === 'local') return [];
  const where = (role: string): string => `${role}: it was at work on ${machineName(recorded, role)}, and ${machineName(asked, role)} is asked for`;
  if (recorded.flavour === 'local' || asked.flavour === 'local') return reached.map(where);
  const renamed = reached.filter((role) => asked.machines[role] !== undefined && !isDeepStrictEqual(recorded.machines[role], asked.machines[role]));
  if (renamed.length === 0) return [];
  const now = await openHosts(renamed, asked, stateFolder, hosts);
  const before = await openEach(renamed, recorded, stateFolder);
  try {
    const moved = await Promise.all(renamed.map(async (role) => {
      const [was, is] = await Promise.all([before.get(role)!, now.get(role)!].map(footing));
      // Nothing is there, or no longer.
      if (was === undefined) return undefined;
      if (is === undefined) return `${where(role)}, where its folder is not`;
      if (is instanceof Error) return `${where(role)}, which cannot be looked at: ${is.message}`;
      // A folder that machines share is on each of them.
      return was instanceof Error || was === is ? undefined : `${where(role)}, which is another machine`;
    }));
    return moved.filter((one) => one !== undefined);
  } finally {
    await Promise.all([...before.values(), ...now.values()].map((host) => host instanceof Error || host.close()));
  }
}

/** Which boot of which machine has the folder of a role; undefined where it is not, an error where nobody can look. */
async function footing(host: Host | Error): Promise<string | undefined | Error> {
  if (host instanceof Error) return host;
  try {
    const { exitCode, stdout } = await host.run(`test -d ${quote(host.workFolder)} && cat /proc/sys/kernel/random/boot_id`, { cwd: '/', isQuestion: true });
    return exitCode === 0 ? stdout : undefined;
  } catch (failed) {
    return failed as Error;
  }
}

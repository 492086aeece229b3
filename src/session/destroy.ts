import { rm, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { machineName, reachedRoles, recordedBinding, workFolderOf, type Binding } from '../orchestrapi/flavours/binding.ts';
import { openEach } from '../orchestrapi/flavours/open.ts';
import { lockJournal } from '../orchestrapi/journal-file.ts';
import { journalPath } from './folder.ts';

/** A host that could not be cleared. */
export interface Forgotten {
  readonly host: string;
  readonly machine: string;
  /** To be removed there by hand, with what runs in it. */
  readonly folder: string;
  readonly why: string;
}

/** An assembly that may be ended, while its lock is held. */
export interface Destruction {
  /** Those that were at work: no other can have anything of it. */
  readonly hosts: readonly string[];
  /** Only gives the lock back. */
  leave(): Promise<void>;
  /**
   * Ends every process and removes everything. @param options `force`: forget hosts that cannot be cleared @returns those that were forgotten
   * @throws TuttiError NOT_DESTROYED, one for each host that cannot be cleared
   */
  destroy(options?: { readonly force?: boolean }): Promise<readonly Forgotten[]>;
}

/** Takes the controller's lock to end an assembly, also one whose file is gone or whose journal cannot be read: its hosts are known beside that. @throws TuttiError JOURNAL_LOCKED */
export async function openForDestruction(stateFolder: string): Promise<Destruction> {
  const unlock = await lockJournal(journalPath(stateFolder));
  try {
    const binding = (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles: [] };
    const roles = reachedRoles(binding, stateFolder);
    return {
      hosts: roles,
      leave: unlock,
      async destroy({ force = false } = {}) {
        const left = await clear(roles, binding, stateFolder);
        await unlock();
        if (left.length > 0 && !force) {
          throw new TuttiError(left.map(({ why, machine, folder }) => error('NOT_DESTROYED', 'A host keeps what it has',
            `${/[.?!]$/.test(why) ? why : `${why}.`} The other hosts are cleared. "tutti destroy" again when it can be reached, or, when ${machine} is gone for good, "tutti destroy --force", which forgets ${folder} there.`)), exitCodes.failed);
        }
        await rm(stateFolder, { recursive: true, force: true });
        // Other assemblies beside this one may keep theirs there.
        if (basename(dirname(stateFolder)) === '.tutti') await rmdir(dirname(stateFolder)).catch(() => {});
        return left;
      },
    };
  } catch (failure) {
    await unlock();
    throw failure;
  }
}

/** Ends what runs on each host and removes its folder; gives those that cannot be cleared. */
async function clear(roles: readonly string[], binding: Binding, stateFolder: string): Promise<readonly Forgotten[]> {
  const hosts = await openEach(roles, binding, stateFolder);
  const left = await Promise.all(roles.map(async (role) => {
    const host = hosts.get(role)!;
    try {
      if (host instanceof Error) throw host;
      await host.destroy();
      return undefined;
    } catch (failure) {
      return { host: role, machine: machineName(binding, role), folder: await workFolderOf(binding, role, stateFolder), why: (failure as Error).message };
    }
  }));
  await Promise.all([...hosts.values()].map((host) => host instanceof Error || host.close()));
  return left.filter((one) => one !== undefined);
}

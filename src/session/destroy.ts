import { rm, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Assembly } from '../assembly/model.ts';
import { error, exitCodes, TuttiError, type Diagnostic } from '../diagnostic.ts';
import { openHosts, recordedBinding, rolesOf } from '../orchestrapi/flavours/index.ts';
import { lockJournal } from '../orchestrapi/journal-file.ts';
import { journalPath } from './folder.ts';

/**
 * Takes the controller's lock to end an assembly, also one whose file is gone or whose journal cannot be read: its hosts are known beside that.
 * `end(true)` ends every process and removes everything; `end(false)` only gives the lock back. @throws TuttiError JOURNAL_LOCKED
 */
export async function openForDestruction(stateFolder: string, assembly: Assembly | undefined): Promise<{ hosts: readonly string[]; end: (destroy: boolean, options?: { readonly force?: boolean }) => Promise<void> }> {
  const unlock = await lockJournal(journalPath(stateFolder));
  try {
    const binding = (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles: assembly?.hosts ?? [] };
    const roles = rolesOf(binding);
    const hosts = await openHosts(roles, binding, stateFolder);
    return {
      hosts: roles,
      end: async (destroy, { force = false } = {}) => {
        if (!destroy) return unlock();
        const ends = await Promise.allSettled([...hosts.values()].map((host) => host.destroy()));
        await Promise.all([...hosts.values()].map((host) => host.close()));
        const alive = ends.flatMap((end) => (end.status === 'rejected' ? [notDestroyed(end.reason)] : []));
        await unlock();
        if (alive.length > 0 && !force) throw new TuttiError(alive, exitCodes.failed);
        await rm(stateFolder, { recursive: true, force: true });
        // Other assemblies beside this one may keep theirs there.
        if (basename(dirname(stateFolder)) === '.tutti') await rmdir(dirname(stateFolder)).catch(() => {});
      },
    };
  } catch (failure) {
    await unlock();
    throw failure;
  }
}

function notDestroyed(reason: unknown): Diagnostic {
  return error('NOT_DESTROYED', 'A host keeps what it has', `${(reason as Error).message}. The other hosts are cleared. "tutti destroy" again when it can be reached, or "tutti destroy --force" when it is gone for good.`);
}

import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/*
 * Only a role whose machine was reached can have something there. Which ones were is kept beside the journal, a line each, and is written before anything is done there: nothing
 * of an assembly is on a machine that `destroy` does not ask, and a name that never led anywhere can be mended.
 */

/** Begun with the binding. Where it is missing, any role may have been reached. */
const reachedPath = (stateFolder: string): string => join(stateFolder, 'reached');

/** Begins the record, before the first connection: no role was reached. */
export function beginReached(stateFolder: string): void {
  closeSync(openSync(reachedPath(stateFolder), 'a', 0o600));
}

/**
 * Hears each connection; the first one to a machine is put on record before it returns. On the disk it is a moment later, once for all that come meanwhile: a wait for the disk each
 * would hold up the connections of a fleet.
 */
export function recorderOfReached(stateFolder: string): (role: string) => void {
  const path = reachedPath(stateFolder);
  let known: Set<string> | undefined;
  let isUnsynced = false, isSyncing = false;
  const sync = async (): Promise<void> => {
    isSyncing = true;
    while (isUnsynced) {
      isUnsynced = false;
      await using file = await open(path, 'r');
      await file.datasync();
    }
    isSyncing = false;
  };
  return (role) => {
    known ??= new Set(readReached(stateFolder));
    if (known.has(role) || !existsSync(path)) return;
    appendFileSync(path, `${role}\n`);
    known.add(role);
    isUnsynced = true;
    // A disk that fails is the journal's to tell.
    if (!isSyncing) sync().catch(() => { isSyncing = false; });
  };
}

/** The roles whose machines were reached; undefined where that was not recorded. */
export function readReached(stateFolder: string): readonly string[] | undefined {
  const path = reachedPath(stateFolder);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : undefined;
}

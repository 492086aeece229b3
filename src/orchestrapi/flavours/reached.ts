import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Only a role whose machine was reached can have something there. Which ones were is kept beside the journal, a line each, and is on the disk before anything is done there: nothing
 * of an assembly is on a machine that `destroy` does not ask, and a name that never led anywhere can be mended.
 */

/** Begun with the binding. Where it is missing, any role may have been reached. */
const reachedPath = (stateFolder: string): string => join(stateFolder, 'reached');

/** Begins the record, before the first connection: no role was reached. */
export function beginReached(stateFolder: string): void {
  closeSync(openSync(reachedPath(stateFolder), 'a', 0o600));
}

/** Hears each connection; the first one to a machine is put on record. */
export function recorderOfReached(stateFolder: string): (role: string) => void {
  const path = reachedPath(stateFolder);
  let known: Set<string> | undefined;
  return (role) => {
    known ??= new Set(readReached(stateFolder));
    if (known.has(role) || !existsSync(path)) return;
    const file = openSync(path, 'a', 0o600);
    try {
      writeSync(file, `${role}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    known.add(role);
  };
}

/** The roles whose machines were reached; undefined where that was not recorded. */
export function readReached(stateFolder: string): readonly string[] | undefined {
  const path = reachedPath(stateFolder);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : undefined;
}

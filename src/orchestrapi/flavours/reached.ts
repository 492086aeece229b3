import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolesOf, type Binding } from './binding.ts';
import { localFolder } from './local.ts';

/*
 * Only a role whose machine was reached can have something there. Which ones were is kept beside the journal, a line each, and is on the disk before anything is done there: nothing
 * of an assembly is on a machine that `destroy` does not ask, and a name that never led anywhere can be mended.
 */

const reachedPath = (stateFolder: string): string => join(stateFolder, 'reached');

/** The roles that may have something on their machines, in the order of the binding; the controller's own machine (`local`) among them. */
export function reachedRoles(binding: Binding, stateFolder: string): readonly string[] {
  const reached = binding.flavour === 'local' ? [] : linesOf(reachedPath(stateFolder));
  const isThere = (role: string): boolean => (binding.flavour === 'local' || role === 'local' ? existsSync(localFolder(role, stateFolder)) : reached.includes(role));
  return [...new Set([...rolesOf(binding), ...reached, 'local'])].filter(isThere);
}

/** Hears each connection; the first one to a machine is put on record. */
export function recorderOfReached(stateFolder: string): (role: string) => void {
  const path = reachedPath(stateFolder);
  let known: Set<string> | undefined;
  return (role) => {
    known ??= new Set(linesOf(path));
    if (known.has(role)) return;
    mkdirSync(dirname(path), { recursive: true });
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

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter((line) => line !== '') : [];
}

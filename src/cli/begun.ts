import { existsSync, readFileSync } from 'node:fs';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { journalPath, stateFolderOf } from '../session/folder.ts';
import { unreadable } from '../session/unreadable.ts';

/** Sees to it that a file was run before; the file itself may be gone by now. @throws TuttiError NOT_RUNNING; FILE_UNREADABLE when there is neither a journal nor a file */
export function requireBegun(file: string): void {
  if (existsSync(journalPath(stateFolderOf(file)))) return;
  try {
    readFileSync(file);
  } catch (cause) {
    throw new TuttiError(unreadable(file, cause), exitCodes.invalid, cause);
  }
  throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `There is no journal in ${stateFolderOf(file)}. "tutti run ${file}" begins one.`), exitCodes.failed);
}

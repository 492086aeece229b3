import type { TimedHappening } from '../assembly/journal.ts';
import { stateFolderOf } from '../session/folder.ts';
import { readRecorded } from '../session/recorded.ts';
import { requireBegun } from './begun.ts';

/** What the journal of a file says. @throws TuttiError NOT_RUNNING, FILE_UNREADABLE */
export async function recordedRun(file: string, observe?: (happenings: readonly TimedHappening[]) => void): ReturnType<typeof readRecorded> {
  requireBegun(file);
  return readRecorded(stateFolderOf(file), observe);
}

import { basename, dirname, extname, join, resolve } from 'node:path';

/** Where an assembly file keeps what must last: the journal, the logs and, with the local flavour, the hosts' folders. */
export function stateFolderOf(file: string): string {
  const path = resolve(file);
  return join(dirname(path), '.tutti', basename(path, extname(path)));
}

export const journalPath = (stateFolder: string): string => join(stateFolder, 'journal.jsonl');
export const logPath = (stateFolder: string, component: string, transition: string): string => join(stateFolder, 'logs', `${component}.${transition}.log`);

import { hash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { actionKey } from '../assembly/engine.ts';
import type { Journal, JournalRecord } from '../assembly/journal.ts';
import { snapshot, type AssemblySnapshot, type AssemblyState } from '../assembly/state.ts';
import { journalPath } from './folder.ts';

// The journal is what is true; a snapshot beside it only spares the fold. It counts for exactly the bytes that it was written for.

/** What a snapshot file says of a journal. */
interface Saved {
  readonly state: AssemblySnapshot;
  /** Actions in flight that had begun. */
  readonly begun: readonly string[];
}

/** A smaller journal is folded as quickly as a snapshot is read. */
const journalAtLeastBytes = 200_000;

const snapshotPath = (stateFolder: string): string => join(stateFolder, 'snapshot.json');

const heading = (journal: Buffer, body: string): string => `tutti snapshot 1 of ${journal.length} bytes ${hash('sha256', journal)} body ${hash('sha256', body)}`;

/** What a snapshot says of this journal; undefined when there is none, when it is of other bytes than these, or torn. */
export function readSnapshot(stateFolder: string, journal: Buffer): Saved | undefined {
  if (journal.length < journalAtLeastBytes) return undefined;
  let text: string;
  try {
    text = readFileSync(snapshotPath(stateFolder), 'utf8');
  } catch {
    return undefined;
  }
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  return end > 0 && text.slice(0, end) === heading(journal, body) ? (JSON.parse(body) as Saved) : undefined;
}

/** A journal that knows whether all that was appended is in its file, and what begun. */
interface WatchedJournal extends Journal {
  /** Writes the snapshot of `state`, which all that was appended has led to. Only while the lock is held; a snapshot that cannot be written is done without. */
  save(state: AssemblyState): void;
}

/** @param begun the actions in flight that had begun when it was opened */
export function watched(journal: Journal, stateFolder: string, begun: ReadonlySet<string>): WatchedJournal {
  const stillBegun = new Set(begun);
  let pending = 0, hasFailed = false;
  const see = (record: JournalRecord): void => {
    if (record.kind === 'began') for (const action of record.actions) stillBegun.add(actionKey(action));
    else if (record.kind === 'event' && record.event.kind === 'ended') for (const { action } of record.event.outcomes) stillBegun.delete(actionKey(action));
  };
  return {
    records: journal.records,
    close: () => journal.close(),
    async append(record) {
      pending++;
      see(record);
      try {
        await journal.append(record);
      } catch (failure) {
        hasFailed = true;
        throw failure;
      } finally {
        pending--;
      }
    },
    save(state) {
      // Without a break between looking at the file and at the state: what is in flight would be in one of them alone.
      if (pending > 0 || hasFailed) return;
      const path = snapshotPath(stateFolder);
      try {
        const bytes = readFileSync(journalPath(stateFolder));
        if (bytes.length < journalAtLeastBytes) return;
        const body = JSON.stringify({ state: snapshot(state), begun: [...stillBegun] } satisfies Saved);
        writeFileSync(`${path}.new`, `${heading(bytes, body)}\n${body}`, { mode: 0o600 });
        renameSync(`${path}.new`, path);
      } catch {
        // A full disk, most likely. The next reader folds the journal.
        rmSync(`${path}.new`, { force: true });
      }
    },
  };
}

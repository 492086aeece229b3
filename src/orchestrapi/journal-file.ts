import { existsSync } from 'node:fs';
import { link, mkdir, open, readFile, rm, unlink, writeFile, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { bootId, startTimeOf } from './process.ts';

/** A line of a journal: an object with a `kind`. What the kinds mean is the caller's. */
interface Line {
  readonly kind: string;
}

/** An append-only file of JSON lines, and the lock of the one who appends. */
export interface JournalFile<R extends Line> {
  /** What was in it when it was opened. */
  readonly records: readonly R[];
  /** Resolves when the record is durable; calls made while a sync is under way share the next one. @throws TuttiError JOURNAL_UNWRITABLE, from then on always */
  append(record: R): Promise<void>;
  /** Waits for what was appended, and gives the lock back. */
  close(): Promise<void>;
}

/**
 * Opens a journal, or begins one. A last record torn by a crash is cut off.
 * @throws TuttiError JOURNAL_LOCKED while another controller lives; JOURNAL_CORRUPT or JOURNAL_FOREIGN for a file that is not a journal, with the line
 */
export async function openJournal<R extends Line>(path: string): Promise<JournalFile<R>> {
  await mkdir(dirname(path), { recursive: true });
  const unlock = await lock(path);
  let file: FileHandle | undefined;
  try {
    const { records, wholeBytes } = existsSync(path) ? parseJournal<R>(path, await readFile(path)) : { records: [], wholeBytes: 0 };
    file = await open(path, 'a', 0o600);
    await file.truncate(wholeBytes);
    return appender(path, file, records, wholeBytes, unlock);
  } catch (failure) {
    await file?.close();
    await unlock();
    throw failure;
  }
}

/** The records of a journal, whoever holds its lock; a record that is being written is left out. @throws TuttiError JOURNAL_CORRUPT, JOURNAL_FOREIGN */
export async function readJournal<R extends Line>(path: string): Promise<readonly R[]> {
  return parseJournal<R>(path, await readFile(path)).records;
}

function appender<R extends Line>(path: string, file: FileHandle, records: readonly R[], wholeBytes: number, unlock: () => Promise<void>): JournalFile<R> {
  let pending: { text: string; done: PromiseWithResolvers<void> }[] = [];
  let writing: Promise<void> | undefined;
  let broken: TuttiError | undefined;
  let length = wholeBytes;

  const write = async () => {
    while (pending.length > 0) {
      const batch = pending;
      pending = [];
      try {
        if (broken) throw broken;
        const bytes = Buffer.from(batch.map((b) => b.text).join(''));
        for (let written = 0; written < bytes.length;) written += (await file.write(bytes, written)).bytesWritten;
        await file.datasync();
        length += bytes.length;
        for (const { done } of batch) done.resolve();
      } catch (cause) {
        broken ??= unwritable(path, cause as NodeJS.ErrnoException);
        // Half a batch must not stand before whatever is written when there is space again.
        await file.truncate(length).catch(() => {});
        for (const { done } of batch) done.reject(broken);
      }
    }
    writing = undefined;
  };

  return {
    records,
    append(record) {
      const done = Promise.withResolvers<void>();
      pending.push({ text: `${JSON.stringify(record)}\n`, done });
      writing ??= Promise.resolve().then(write);
      return done.promise;
    },
    async close() {
      while (writing) await writing;
      await file.close();
      await unlock();
    },
  };
}

function unwritable(path: string, cause: NodeJS.ErrnoException): TuttiError {
  if (cause instanceof TuttiError) return cause;
  const why = cause.code === 'ENOSPC' || cause.code === 'EDQUOT' ? 'no space is left on its device' : cause.code === 'EROFS' ? 'its file system is read-only' : cause.message;
  return new TuttiError(error('JOURNAL_UNWRITABLE', 'The journal cannot be written', `${path}: ${why}. Nothing more was started; what runs goes on. Make room, then: tutti resume.`), exitCodes.failed, cause);
}

function parseJournal<R extends Line>(path: string, bytes: Buffer): { records: R[]; wholeBytes: number } {
  const records: R[] = [];
  let from = 0, line = 0;
  for (;;) {
    const end = bytes.indexOf(10, from);
    // Without its newline the last record was torn by a crash, or is being written.
    if (end < 0) return { records, wholeBytes: from };
    line++;
    const text = bytes.toString('utf8', from, end);
    let record: R | undefined;
    try {
      record = JSON.parse(text) as R;
    } catch {
      throw new TuttiError(error(line === 1 ? 'JOURNAL_FOREIGN' : 'JOURNAL_CORRUPT', line === 1 ? 'The file is not a journal' : 'The journal is corrupt',
        `This line is not JSON, and it is not the last one. Restore the file, or move it away to begin anew (what runs on the hosts then belongs to nobody).`, { file: path, line, column: 1, text, length: Math.min(text.length, 40) }));
    }
    const isRecord = typeof record === 'object' && record !== null && typeof record.kind === 'string';
    if (!isRecord || (line === 1) !== (record.kind === 'assembly')) {
      throw new TuttiError(error('JOURNAL_FOREIGN', 'The file is not a journal', line === 1 ? 'A journal begins with a record of its assembly.' : 'This record is none of a journal.', { file: path, line, column: 1, text, length: Math.min(text.length, 40) }));
    }
    records.push(record);
    from = end + 1;
  }
}

// ---- the lock ---------------------------------------------------------------------------------

interface Owner {
  readonly pid: number;
  readonly startTime: string;
  readonly host: string;
  readonly bootId: string;
  readonly since: string;
}

/** Takes the lock of a journal; gives the function that gives it back. A lock whose owner is dead is taken over. */
async function lock(journal: string): Promise<() => Promise<void>> {
  const path = `${journal}.lock`;
  const me: Owner = { pid: process.pid, startTime: startTimeOf(process.pid)!, host: hostname(), bootId: bootId(), since: new Date().toISOString() };
  const mine = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(mine, JSON.stringify(me), { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link is made whole or not at all, and never over another one.
        await link(mine, path);
        return () => rm(path, { force: true });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(journal, cause as NodeJS.ErrnoException);
      }
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const owner = parseOwner(text);
      if (owner && isLiving(owner)) {
        throw new TuttiError(error('JOURNAL_LOCKED', 'Another controller conducts this assembly',
          `Process ${owner.pid} on ${owner.host}, since ${owner.since}. Wait for its end, or interrupt it (Ctrl-C there, or: kill -INT ${owner.pid}).`), exitCodes.failed);
      }
      await takeOver(path, text);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Removes a dead owner's lock, unless somebody else has replaced it meanwhile: only one of several finds its own text in the file it moved away. */
async function takeOver(path: string, text: string): Promise<void> {
  const guard = `${path}.takeover`;
  let handle: FileHandle;
  try {
    handle = await open(guard, 'wx');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    // Another one is at it. A guard left by a crash in just this moment is as old as nothing that lives.
    const age = Date.now() - (await open(guard).then(async (f) => { const s = await f.stat(); await f.close(); return s.mtimeMs; }, () => Date.now()));
    if (age > 5_000) await rm(guard, { force: true });
    else await new Promise((resolve) => setTimeout(resolve, 20));
    return;
  }
  try {
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) await unlink(path);
  } finally {
    await handle.close();
    await rm(guard, { force: true });
  }
}

function parseOwner(text: string): Owner | undefined {
  try {
    return JSON.parse(text) as Owner;
  } catch {
    return undefined;
  }
}

/** On another machine, or before a reboot of it, nobody can look: an owner of another host counts as living, one of another boot of this host as dead. */
function isLiving(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  return owner.bootId === bootId() && startTimeOf(owner.pid) === owner.startTime;
}

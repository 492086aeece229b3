import { isUtf8 } from 'node:buffer';
import { mkdir, open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { inWords } from './errno.ts';
import { takeLock, type Owner } from './lock-file.ts';

/** A line of a journal. What stands in it beside its kind is the caller's. */
interface Line {
  readonly kind: string;
}

/** The format that this version writes, and the only one that it reads: the first record says it. */
const format = 1;

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
 * @throws TuttiError JOURNAL_LOCKED while another controller lives; JOURNAL_CORRUPT or JOURNAL_FOREIGN for a file that is not a journal, with the line;
 * JOURNAL_UNWRITABLE
 * @example const journal: Journal = await openJournal('.tutti/diet/journal.jsonl')
 */
export async function openJournal<R extends Line>(path: string): Promise<JournalFile<R>> {
  const unlock = await lockJournal(path);
  let file: FileHandle | undefined;
  try {
    const bytes = await contentOf(path);
    const { records, wholeBytes } = parseJournal<R>(path, bytes ?? Buffer.alloc(0));
    file = await inOurWords(path, () => open(path, 'a', 0o600));
    if (bytes === undefined) await syncFolder(dirname(path));
    else if (bytes.length > wholeBytes) await file.truncate(wholeBytes);
    return appender(path, file, records, wholeBytes, unlock);
  } catch (failure) {
    await file?.close();
    await unlock();
    throw failure;
  }
}

/** Takes the lock of a journal without reading it; the result gives it back. @throws TuttiError JOURNAL_LOCKED, JOURNAL_UNWRITABLE */
export async function lockJournal(path: string): Promise<() => Promise<void>> {
  const unlock = await inOurWords(path, async () => {
    await mkdir(dirname(path), { recursive: true });
    return takeLock(`${path}.lock`);
  });
  if (typeof unlock !== 'function') throw locked(path, unlock);
  return unlock;
}

/** The records of a journal, whoever holds its lock; a record that is being written is left out. @throws TuttiError JOURNAL_CORRUPT, JOURNAL_FOREIGN; ENOENT */
export async function readJournal<R extends Line>(path: string): Promise<readonly R[]> {
  return parseJournal<R>(path, await readFile(path)).records;
}

async function contentOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unwritable(path, cause);
  }
}

/** A new file is durable when its name in the folder is. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
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
        broken ??= unwritable(path, cause);
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

async function inOurWords<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): TuttiError {
  return new TuttiError(error('JOURNAL_UNWRITABLE', 'The journal cannot be written',
    `${path}: ${inWords(cause)}. Nothing more was started; what runs goes on. Mend that, then: tutti resume.`), exitCodes.failed, cause);
}

function locked(path: string, owner: Owner | 'unknown'): TuttiError {
  const who = owner === 'unknown'
    ? `Its lock cannot be read. If nobody conducts it, remove ${path}.lock.`
    : `Process ${owner.pid} on ${owner.host}, since ${owner.since}. Wait for its end, or interrupt it (Ctrl-C there, or: kill -INT ${owner.pid}). If that machine is gone for good, remove ${path}.lock.`;
  return new TuttiError(error('JOURNAL_LOCKED', 'Another controller conducts this assembly', who), exitCodes.failed);
}

function parseJournal<R extends Line>(path: string, bytes: Buffer): { records: R[]; wholeBytes: number } {
  const records: R[] = [];
  const isText = isUtf8(bytes);
  let from = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(10, from);
    if (end < 0) break;
    const raw = bytes.subarray(from, end);
    const text = raw.toString('utf8');
    const why = isText || isUtf8(raw) ? whyNot(text, line) : { code: 'JOURNAL_CORRUPT', detail: 'This line is not text.' } as const;
    if ('code' in why) throw notAJournal(why.code, why.detail, path, line, text);
    records.push(why.record as unknown as R);
    from = end + 1;
  }
  // Without its newline the last record was torn by a crash, or is being written. A file that is nothing but that must at least look like one: it will be cut.
  const rest = bytes.toString('utf8', from, Math.min(bytes.length, from + beginning.length));
  if (from === 0 && !beginning.startsWith(rest)) throw notAJournal('JOURNAL_FOREIGN', firstLine, path, 1, bytes.toString('utf8', 0, 200));
  return { records, wholeBytes: from };
}

const beginning = '{"kind":"assembly"';
const firstLine = 'A journal begins with a record of its assembly. Is this the right file?';

type Verdict = { readonly record: Line } | { readonly code: 'JOURNAL_CORRUPT' | 'JOURNAL_FOREIGN'; readonly detail: string };

/** The record in a line, or why it is none. */
function whyNot(text: string, line: number): Verdict {
  let value: Partial<Record<'kind' | 'format' | 'atMs' | 'event' | 'actions', unknown>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    return line === 1 ? { code: 'JOURNAL_FOREIGN', detail: firstLine } : { code: 'JOURNAL_CORRUPT', detail: 'This line is not JSON, and it is not the last one. Restore the file, or move it away to begin anew (what runs on the hosts then belongs to nobody).' };
  }
  const isFirst = line === 1;
  if (typeof value !== 'object' || value === null || (value.kind === 'assembly') !== isFirst) return { code: 'JOURNAL_FOREIGN', detail: isFirst ? firstLine : 'This record is none of this journal.' };
  if (isFirst && value.format !== format) return { code: 'JOURNAL_FOREIGN', detail: `It has the format ${JSON.stringify(value.format)}; this version of tutti reads the format ${format}.` };
  const isWhole = typeof value.atMs === 'number' && (isFirst || (value.kind === 'event' ? hasKind(value.event) : value.kind === 'began' && Array.isArray(value.actions)));
  return isWhole ? { record: value as Line } : { code: 'JOURNAL_FOREIGN', detail: 'This record is none of a journal.' };
}

function hasKind(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string';
}

function notAJournal(code: 'JOURNAL_CORRUPT' | 'JOURNAL_FOREIGN', detail: string, path: string, line: number, text: string): TuttiError {
  const where = { file: path, line, column: 1, text, length: Math.min(text.length, 40) };
  return new TuttiError(code === 'JOURNAL_CORRUPT' ? error('JOURNAL_CORRUPT', 'The journal is corrupt', detail, where) : error('JOURNAL_FOREIGN', 'The file is not a journal', detail, where));
}

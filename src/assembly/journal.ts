import type { ActionRef, ComponentSpec, Connection, Event, Happening } from './model.ts';

/** What a running assembly is, as the first record keeps it: enough to refuse a file whose nets no longer fit. */
export interface AssemblyRecord {
  readonly kind: 'assembly';
  readonly format: 1;
  readonly name: string;
  readonly atMs: number;
  readonly components: readonly ComponentSpec[];
  readonly connections: readonly Connection[];
  readonly hosts: readonly string[];
  /** Type name -> places, transitions, groups, ports as plain data, without actions. */
  readonly nets: Readonly<Record<string, unknown>>;
}

/** One line of the journal. Times are milliseconds since 1970 by the controller's clock. */
export type JournalRecord =
  | AssemblyRecord
  | { readonly kind: 'event'; readonly atMs: number; readonly event: Event }
  /** The action is about to touch its host: without this record it certainly has not. */
  | { readonly kind: 'began'; readonly atMs: number; readonly actions: readonly ActionRef[] };

/** Append-only; one controller at a time. */
export interface Journal {
  /** What was in it when it was opened. */
  readonly records: readonly JournalRecord[];
  /** Resolves when the record is durable; records become durable in the order of the calls (several calls share one sync). */
  append(record: JournalRecord): Promise<void>;
  /** Waits for what was appended, and gives the lock back. */
  close(): Promise<void>;
}

/** A journal that lasts as long as the process: for tests, dry runs and `simulate`. */
export function memoryJournal(records: readonly JournalRecord[] = []): Journal & { readonly appended: JournalRecord[] } {
  const appended: JournalRecord[] = [];
  return { records, appended, append: async (record) => void appended.push(record), close: async () => {} };
}

/** A happening and its instant, milliseconds since 1970 (virtual clock: since the program's start). */
export interface TimedHappening {
  readonly atMs: number;
  readonly happening: Happening;
}


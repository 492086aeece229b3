import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import type { Journal, JournalRecord } from '../../src/assembly/journal.ts';
import { TuttiError } from '../../src/diagnostic.ts';
import { openJournal, readJournal } from '../../src/orchestrapi/journal-file.ts';
import { bootId } from '../../src/orchestrapi/process.ts';
import { newFolder } from './folders.ts';

const first: JournalRecord = { kind: 'assembly', format: 1, name: 'demo', atMs: 0, components: [], connections: [], hosts: [], nets: {} };
const event = (atMs: number): JournalRecord => ({ kind: 'event', atMs, event: { kind: 'cancel' } });
const began: JournalRecord = { kind: 'began', atMs: 1, actions: [{ component: 'a', transition: 't', execution: 1, attempt: 1 }] };
const newPath = async (): Promise<string> => join(await newFolder(), 'state', 'journal.jsonl');
const open = (path: string): Promise<Journal> => openJournal(path);

/** The diagnostics of what is thrown. */
async function diagnosed(promise: Promise<unknown>): Promise<TuttiError['diagnostics'][number]> {
  const thrown = await promise.then(() => undefined, (error: unknown) => error);
  if (!(thrown instanceof TuttiError)) throw new Error(`not a TuttiError: ${String(thrown)}`);
  return thrown.diagnostics[0]!;
}

test('what was appended is there when it is opened again', async () => {
  const path = await newPath();
  const journal = await open(path);
  expect(journal.records).toEqual([]);
  await journal.append(first);
  await Promise.all([journal.append(began), journal.append(event(2))]);
  await journal.close();
  const again = await open(path);
  expect(again.records).toEqual([first, began, event(2)]);
  expect(await readJournal(path)).toEqual(again.records);
  await again.close();
  expect(await readdir(join(path, '..'))).toEqual(['journal.jsonl']);
});

test('records are durable in the order of the calls, and none is lost by closing at once', async () => {
  const path = await newPath();
  const journal = await open(path);
  const order: number[] = [];
  void journal.append(first);
  for (let i = 1; i <= 100; i++) void journal.append(event(i)).then(() => order.push(i));
  await journal.close();
  expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  expect((await readJournal<JournalRecord>(path)).length).toBe(101);
});

test('cut anywhere, a journal opens with its whole records and goes on', async () => {
  const path = await newPath();
  const whole = [first, began, event(2), event(3)];
  const text = whole.map((record) => `${JSON.stringify(record)}\n`).join('');
  await mkdir(join(path, '..'), { recursive: true });
  await fc.assert(fc.asyncProperty(fc.nat(text.length), async (length) => {
    await writeFile(path, text);
    await truncate(path, length);
    const expected = whole.slice(0, text.slice(0, length).split('\n').length - 1);
    expect(await readJournal(path)).toEqual(expected);
    const journal = await open(path);
    expect(journal.records).toEqual(expected);
    const next = expected.length === 0 ? first : event(9);
    await journal.append(next);
    await journal.close();
    expect(await readJournal(path)).toEqual([...expected, next]);
  }), { numRuns: 60 });
});

const good = `${JSON.stringify(first)}\n${JSON.stringify(began)}\n`;

test.each<[string, string | Buffer, string, number]>([
  ['a text', 'Dear diary,\n', 'JOURNAL_FOREIGN', 1],
  ['a text without a newline', 'Dear diary', 'JOURNAL_FOREIGN', 1],
  ['JSON of another program', '{"level":30,"msg":"x"}\n', 'JOURNAL_FOREIGN', 1],
  ['an event without its assembly', `${JSON.stringify(event(1))}\n`, 'JOURNAL_FOREIGN', 1],
  ['a later format', `${JSON.stringify({ ...first, format: 2 })}\n`, 'JOURNAL_FOREIGN', 1],
  ['half a line in the middle', `${good}{"kind":"ev\n${JSON.stringify(event(1))}\n`, 'JOURNAL_CORRUPT', 3],
  ['bytes that are no text', Buffer.concat([Buffer.from(`${good}{"kind":"event","x":"`), Buffer.from([0xff]), Buffer.from('"}\n')]), 'JOURNAL_CORRUPT', 3],
  ['an unknown kind', `${good}{"kind":"other","atMs":1}\n`, 'JOURNAL_FOREIGN', 3],
  ['an event without its time', `${good}{"kind":"event","event":{"kind":"cancel"}}\n`, 'JOURNAL_FOREIGN', 3],
  ['an event of nothing', `${good}{"kind":"event","atMs":1,"event":null}\n`, 'JOURNAL_FOREIGN', 3],
  ['a beginning without actions', `${good}{"kind":"began","atMs":1}\n`, 'JOURNAL_FOREIGN', 3],
  ['a second assembly', `${good}${JSON.stringify(first)}\n`, 'JOURNAL_FOREIGN', 3],
  ['null', `${good}null\n`, 'JOURNAL_FOREIGN', 3],
])('refused with its line, and left as it is: %s', async (_, content, code, line) => {
  const path = await newPath();
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, content);
  expect(await diagnosed(open(path))).toMatchObject({ code, where: { file: path, line } });
  expect(await diagnosed(readJournal(path))).toMatchObject({ code, where: { file: path, line } });
  expect(await readFile(path)).toEqual(Buffer.from(content));
  // Refused, it gave its lock back.
  await rm(path);
  await (await open(path)).close();
});

test('D3: a second controller is refused while the first lives, and told who that is; reading needs no lock', async () => {
  const path = await newPath();
  const journal = await open(path);
  await journal.append(first);
  expect(await diagnosed(open(path))).toMatchObject({ code: 'JOURNAL_LOCKED', detail: expect.stringMatching(new RegExp(`Process ${process.pid} on ${hostname()}, since \\d{4}-`)) });
  expect(await readJournal(path)).toEqual([first]);
  await journal.close();
  await (await open(path)).close();
});

const owner = { pid: process.pid, startTime: '1', bootId: bootId(), host: hostname(), since: '2026-01-01T00:00:00.000Z', token: 'dead' };

test.each<[string, object, boolean]>([
  ['its pid is that of a later process', owner, true],
  ['its machine was booted again', { ...owner, bootId: 'another' }, true],
  ['it is on another machine, where nobody can look', { ...owner, host: 'elsewhere' }, false],
  ['it cannot be read', {}, false],
])('a lock whose owner is dead is taken over, any other is not: %s', async (_, content, isTaken) => {
  const path = await newPath();
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(`${path}.lock`, JSON.stringify(content));
  if (isTaken) await (await open(path)).close();
  else expect(await diagnosed(open(path))).toMatchObject({ code: 'JOURNAL_LOCKED', detail: expect.stringContaining(`remove ${path}.lock`) });
});

test('of many that take over from a dead owner exactly one gets the lock, also from one that died in taking over', async () => {
  const path = await newPath();
  await mkdir(join(path, '..'), { recursive: true });
  for (let round = 0; round < 20; round++) {
    await writeFile(`${path}.lock`, JSON.stringify(owner));
    if (round % 2 === 1) await writeFile(`${path}.lock.after-dead`, JSON.stringify({ ...owner, token: 'dead-too' }));
    const opened = await Promise.allSettled(Array.from({ length: 12 }, () => open(path)));
    const got = opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
    expect(got.length).toBe(1);
    await got[0]!.close();
    expect((await readdir(join(path, '..'))).filter((name) => name.includes('lock'))).toEqual([]);
  }
});

test('a controller gives back its own lock only', async () => {
  const path = await newPath();
  const journal = await open(path);
  await writeFile(`${path}.lock`, JSON.stringify({ ...owner, host: 'elsewhere' }));
  await journal.close();
  expect(await diagnosed(open(path))).toMatchObject({ code: 'JOURNAL_LOCKED', detail: expect.stringContaining('elsewhere') });
});

const controller = `
  import { openJournal } from ${JSON.stringify(new URL('../../src/orchestrapi/journal-file.ts', import.meta.url).href)};
  const journal = await openJournal(process.argv[1]);
  if (journal.records.length === 0) await journal.append({ kind: 'assembly', format: 1, name: 'demo', atMs: 0, components: [], connections: [], hosts: [], nets: {} });
  for (let i = journal.records.length;; i++) {
    await Promise.all([1, 2, 3].map(() => journal.append({ kind: 'event', atMs: i, event: { kind: 'cancel' } })));
    process.stdout.write(i + '\\n');
  }
`;

test('D1: killed at any instant, a controller leaves all that it was told is durable, and its lock to the next one', async () => {
  const path = await newPath();
  let told = 0;
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', controller, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let appended = 0;
    child.stdout.on('data', (text: Buffer) => {
      appended += text.toString().split('\n').length - 1;
      if (appended > 20 + round * 7) child.kill('SIGKILL');
    });
    await once(child, 'close');
    told += 3 * appended;
    const records = await readJournal<JournalRecord>(path);
    expect(records.length).toBeGreaterThanOrEqual(1 + told);
    told = records.length - 1;
  }
});

test('a full disk rejects what does not fit and all after it, in clear words, and leaves a journal that opens again', async (context) => {
  const folder = await newFolder();
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder], { stdio: 'pipe' });
  } catch {
    return context.skip('a small file system can be mounted by root alone');
  }
  onTestFinished(() => void execFileSync('/bin/umount', ['-l', folder]));
  const path = join(folder, 'journal.jsonl');
  const journal = await open(path);
  await journal.append(first);
  await appendFile(join(folder, 'filler'), Buffer.alloc(40_000));
  const big: JournalRecord = { kind: 'event', atMs: 1, event: { kind: 'probed', component: 'a', place: 'p', ok: false, reason: 'x'.repeat(60_000) } };
  // One batch: the first record of it would fit.
  const rejected = diagnosed(journal.append(event(1)));
  expect(await diagnosed(journal.append(big))).toMatchObject({ code: 'JOURNAL_UNWRITABLE', detail: expect.stringContaining('no space is left') });
  expect(await rejected).toMatchObject({ code: 'JOURNAL_UNWRITABLE' });
  expect(await diagnosed(journal.append(event(2)))).toMatchObject({ code: 'JOURNAL_UNWRITABLE' });
  await journal.close();
  await rm(join(folder, 'filler'));
  const again = await open(path);
  expect(again.records).toEqual([first]);
  await again.append(event(3));
  await again.close();
  expect(await readJournal(path)).toEqual([first, event(3)]);
});

test('appends while a sync runs share the next one: ten thousand are soon durable, and soon read', async () => {
  const path = await newPath();
  const journal = await open(path);
  await journal.append(first);
  const begin = performance.now();
  await Promise.all(Array.from({ length: 10_000 }, (_, i) => journal.append(event(i))));
  const appendedMs = performance.now() - begin;
  await journal.close();
  const readBegin = performance.now();
  expect((await readJournal(path)).length).toBe(10_001);
  // Far from what it takes (some 100 and 30 ms), near to what one sync each would (2,500 ms and more).
  expect(appendedMs).toBeLessThan(1_500);
  expect(performance.now() - readBegin).toBeLessThan(1_000);
});

import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { memoryJournal, type Journal } from '../../src/assembly/journal.ts';
import { snapshot } from '../../src/assembly/state.ts';
import { waitsOf } from '../../src/assembly/waits.ts';
import { journalPath, stateFolderOf } from '../../src/session/folder.ts';
import { loadAssembly } from '../../src/session/load.ts';
import { readRecorded } from '../../src/session/recorded.ts';
import { Session } from '../../src/session/session.ts';
import { readSnapshot, watched } from '../../src/session/snapshot-file.ts';

// Users of which some are served, some wait for a provider that nobody starts: there is something to restore, and something to be wrong about.
const text = `
assembly: many
types:
  provider: { places: [off, on], transitions: { start: { from: off, to: on, behaviour: deploy } }, ports: { service: { provide: service, boundTo: on } } }
  user:
    places: [off, set, on]
    transitions: { set: { from: off, to: set, behaviour: deploy }, start: { from: set, to: on, behaviour: deploy } }
    ports: { service: { use: service, boundTo: [start, on] } }
components: { p: { type: provider }, q: { type: provider }, u: { type: user, count: 400 }, v: { type: user, count: 20 } }
connections: ['u[*].service -> p.service', 'v[*].service -> q.service']
programs: { deploy: [{ push: { deploy: [p, 'u[*]', 'v[*]'] } }, { wait: all }] }
`;

let folder: string, stateFolder: string, journal: Buffer, saved: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-snapshot-'));
  const file = join(folder, 'many.yaml');
  await writeFile(file, text);
  stateFolder = stateFolderOf(file);
  const { assembly } = await loadAssembly(file);
  const session = await Session.open({ assembly: assembly!, stateFolder });
  try {
    expect(await session.play(assembly!.programs.get('deploy')!)).toBe('deadlock');
  } finally {
    await session.close();
  }
  journal = await readFile(journalPath(stateFolder));
  saved = await readFile(snapshotPath(), 'utf8');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const snapshotPath = () => join(stateFolder, 'snapshot.json');
const plain = ({ state, first, begun }: Awaited<ReturnType<typeof readRecorded>>) => JSON.parse(JSON.stringify({ snapshot: snapshot(state), waits: waitsOf(state), first, begun: [...begun] })) as { waits: unknown[] };
/** Who observes what happened gets it from the journal alone. */
const folded = async () => plain(await readRecorded(stateFolder, () => {}));

test('a session that closes leaves a snapshot, and what is read with it is what the journal says', async () => {
  expect(readSnapshot(stateFolder, journal)).toBeDefined();
  const read = plain(await readRecorded(stateFolder));
  expect(read.waits.length).toBe(21);
  expect(read).toEqual(await folded());
});

test.each<[string, () => Promise<unknown>]>([
  ['there is none', () => rm(snapshotPath())],
  ['it is torn', () => writeFile(snapshotPath(), saved.slice(0, saved.length / 2))],
  ['it is empty', () => writeFile(snapshotPath(), '')],
  ['it was changed', () => writeFile(snapshotPath(), saved.replace('"v[7]"', '"v[8]"'))],
  ['it is of another version', () => writeFile(snapshotPath(), saved.replace('snapshot 1', 'snapshot 2'))],
  ['the journal went on', () => appendFile(journalPath(stateFolder), `${JSON.stringify({ kind: 'event', atMs: 1, event: { kind: 'cancel' } })}\n`)],
  ['the journal was changed, and is as long as before', () => writeFile(journalPath(stateFolder), journal.toString().replace('"many"', '"mani"'))],
  ['the last record of the journal is being written', () => appendFile(journalPath(stateFolder), '{"kind":"ev')],
])('%s: the journal is folded', async (_, spoil) => {
  await writeFile(snapshotPath(), saved);
  await writeFile(journalPath(stateFolder), journal);
  await spoil();
  expect(readSnapshot(stateFolder, await readFile(journalPath(stateFolder)))).toBeUndefined();
  expect(plain(await readRecorded(stateFolder))).toEqual(await folded());
});

test('no snapshot is written of a state whose last event is not in the file, or could not be written', async () => {
  await writeFile(journalPath(stateFolder), journal);
  await rm(snapshotPath(), { force: true });
  const { state } = await readRecorded(stateFolder);
  const gate = Promise.withResolvers<void>();
  const slow: Journal = { ...memoryJournal(), append: () => gate.promise };
  const pending = watched(slow, stateFolder, new Set());
  const appended = pending.append({ kind: 'event', atMs: 1, event: { kind: 'cancel' } });
  pending.save(state);
  expect(existsSync(snapshotPath())).toBe(false);
  gate.reject(new Error('no space'));
  await expect(appended).rejects.toThrow('no space');
  pending.save(state);
  expect(existsSync(snapshotPath())).toBe(false);
  watched(memoryJournal(), stateFolder, new Set()).save(state);
  expect(existsSync(snapshotPath())).toBe(true);
});

test('actions in flight that had begun are in it, those that ended are not', async () => {
  await writeFile(journalPath(stateFolder), journal);
  const { state } = await readRecorded(stateFolder);
  const action = (component: string) => ({ component, transition: 'start', execution: 1, attempt: 1 });
  const one = watched(memoryJournal(), stateFolder, new Set(['a/start.1.1', 'b/start.1.1']));
  await one.append({ kind: 'began', atMs: 1, actions: [action('c'), action('d')] });
  await one.append({ kind: 'event', atMs: 2, event: { kind: 'ended', outcomes: [action('a'), action('c')].map((each) => ({ action: each, outcome: { kind: 'done', writes: {} } })) } });
  one.save(state);
  expect(readSnapshot(stateFolder, journal)!.begun).toEqual(['b/start.1.1', 'd/start.1.1']);
});

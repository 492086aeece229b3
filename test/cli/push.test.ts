import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fold } from '../../src/assembly/engine.ts';
import type { Journal, JournalRecord } from '../../src/assembly/journal.ts';
import { createAssembly } from '../../src/assembly/step.ts';
import { openJournal } from '../../src/orchestrapi/journal-file.ts';
import { journalPath, stateFolderOf } from '../../src/session/folder.ts';
import { loadAssembly } from '../../src/session/load.ts';
import { Session } from '../../src/session/session.ts';

const text = `types:
  lamp:
    places: [dark, lit]
    transitions: { light: { from: dark, to: lit, behaviour: deploy, run: "true" } }
components: { a: lamp, b: lamp }
`;
let folder: string, file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-push-'));
  file = join(folder, 'lamps.yaml');
  writeFileSync(file, text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('push is refused while a program is unfinished, instead of waiting for what nobody resumes', async () => {
  const { assembly } = await loadAssembly(file);
  await (await Session.open({ assembly: assembly!, stateFolder: stateFolderOf(file) })).close();
  // As a controller leaves it that dies between the event and the start of its action.
  const journal: Journal = await openJournal<JournalRecord>(journalPath(stateFolderOf(file)));
  await journal.append({ kind: 'event', atMs: Date.now(), event: { kind: 'program', name: 'deploy', instructions: [{ kind: 'pushBehaviour', component: 'a', behaviour: 'deploy' }] } });
  await journal.close();
  expect(fold(await recordsOf(journalPath(stateFolderOf(file))), () => createAssembly(assembly!).state).state.program?.outcome).toBeUndefined();

  const push = promisify(execFile)(process.execPath, [resolve(import.meta.dirname, '../../bin/tutti.js'), 'push', file, 'b', 'deploy'], { timeout: 60_000 });
  await expect(push).rejects.toMatchObject({ code: 3, stderr: expect.stringContaining('PROGRAM_UNFINISHED') as string });
});

async function recordsOf(path: string): Promise<readonly JournalRecord[]> {
  const journal: Journal = await openJournal<JournalRecord>(path);
  await journal.close();
  return journal.records;
}

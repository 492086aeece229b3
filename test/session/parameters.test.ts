import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadAssembly } from '../../src/session/load.ts';
import { Session } from '../../src/session/session.ts';

let folder: string;
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tutti-parameters-')); });
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Plays a program with `says: WORD` of the file, and gives what the component wrote down so far. */
async function play(program: string, word: string): Promise<string> {
  const file = join(folder, 'said.yaml');
  writeFileSync(file, `
assembly: said
types:
  speaker:
    places: [quiet, spoken]
    parameters: { says: "" }
    transitions:
      speak: { from: quiet, to: spoken, behaviour: deploy, run: 'echo {{with.says}} >>said' }
      hush: { from: spoken, to: quiet, behaviour: stop }
components:
  speaker: { type: speaker, with: { says: ${word} } }
programs:
  deploy: [{ push: deploy }, { wait: all }]
  stop: [{ push: stop }, { wait: all }]
`);
  const { assembly } = await loadAssembly(file);
  const session = await Session.open({ assembly: assembly!, stateFolder: join(folder, 'state') });
  try {
    expect(await session.play(assembly!.programs.get(program)!)).toBe('done');
    return readFileSync(join(folder, 'state/hosts/local/speaker/said'), 'utf8');
  } finally {
    await session.close();
  }
}

test('what stands below "with:" may be changed under a running assembly, and holds from the next action on', async () => {
  expect(await play('deploy', 'one')).toBe('one\n');
  await play('stop', 'two');
  expect(await play('deploy', 'two')).toBe('one\ntwo\n');
});

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Assembly } from '../src/assembly/model.ts';
import { openForDestruction } from '../src/session/destroy.ts';
import { journalPath, stateFolderOf } from '../src/session/folder.ts';
import { loadAssembly } from '../src/session/load.ts';
import { Session } from '../src/session/session.ts';

const text = `
assembly: one
hosts: { head: {} }
types:
  daemon:
    places: [off, on]
    transitions:
      start: { from: off, to: on, behaviour: deploy, script: "echo $$ > pid; exec sleep 1000", ready: "test -s pid" }
      stop: { from: on, to: off, behaviour: stop, kill: start }
components:
  d: { type: daemon, on: head }
programs:
  deploy: [{ push: deploy }, { wait: all }]
`;

let folder: string, file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-session-'));
  file = join(folder, 'one.yaml');
  await writeFile(file, text);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Deploys, and gives the pid of the daemon that runs. */
async function deployed(): Promise<{ assembly: Assembly; stateFolder: string; pid: number }> {
  const { assembly } = await loadAssembly(file);
  const stateFolder = stateFolderOf(file);
  const session = await Session.open({ assembly: assembly!, stateFolder });
  try {
    expect(await session.play(assembly!.programs.get('deploy')!)).toBe('done');
    return { assembly: assembly!, stateFolder, pid: Number(await readFile(join(session.hosts.get('head')!.workFolder, 'd', 'pid'), 'utf8')) };
  } finally {
    await session.close();
  }
}

describe('destroy', () => {
  it('ends what runs also when the journal is corrupt and the assembly file is gone', async () => {
    const { stateFolder, pid } = await deployed();
    expect(existsSync(`/proc/${pid}/stat`)).toBe(true);
    const journal = await readFile(journalPath(stateFolder), 'utf8');
    await writeFile(journalPath(stateFolder), journal.replace('\n', '\n}{\n'));
    await rm(file);
    const { hosts, destroy } = await openForDestruction(stateFolder);
    expect(hosts).toEqual(['head']);
    expect(await destroy()).toEqual([]);
    expect([existsSync(`/proc/${pid}/cmdline`) && (await readFile(`/proc/${pid}/cmdline`, 'utf8')), existsSync(join(folder, '.tutti'))]).toEqual([expect.toSatisfy((line) => !line), false]);
  });

  it('is refused while a controller lives', async () => {
    const { assembly } = await loadAssembly(file);
    const session = await Session.open({ assembly: assembly!, stateFolder: stateFolderOf(file) });
    try {
      await expect(openForDestruction(stateFolderOf(file))).rejects.toMatchObject({ diagnostics: [{ code: 'JOURNAL_LOCKED' }] });
    } finally {
      await session.close();
    }
  });
});

describe('where the hosts are', () => {
  it('is kept beside the journal, and asked for when a role has no machine', async () => {
    const { assembly, stateFolder } = await deployed();
    expect(JSON.parse(await readFile(join(stateFolder, 'hosts.json'), 'utf8'))).toEqual({ flavour: 'local', roles: ['head'] });
    await writeFile(join(stateFolder, 'hosts.json'), JSON.stringify({ flavour: 'ssh', machines: { other: { destination: 'other.invalid' } } }));
    await expect(Session.open({ assembly, stateFolder })).rejects.toMatchObject({ diagnostics: [{ code: 'HOSTS_INVALID', detail: 'No machine is given for head. Name one with --hosts FILE.' }] });
    // The refusal gives the lock back.
    await writeFile(join(stateFolder, 'hosts.json'), JSON.stringify({ flavour: 'local', roles: ['head'] }));
    await (await openForDestruction(stateFolder)).destroy();
  });

  it('must be said for the flavours that need it', async () => {
    const { assembly } = await loadAssembly(file);
    await expect(Session.open({ assembly: assembly!, stateFolder: stateFolderOf(file), flavour: { flavour: 'ssh' } })).rejects.toMatchObject({
      diagnostics: [{ code: 'HOSTS_MISSING', detail: 'The flavour "ssh" needs --hosts FILE, which says "role: machine" a line.' }],
    });
    await writeFile(join(folder, 'hosts.yaml'), 'haed: n1\n');
    await expect(Session.open({ assembly: assembly!, stateFolder: stateFolderOf(file), flavour: { hosts: join(folder, 'hosts.yaml') } })).rejects.toMatchObject({
      diagnostics: [{ code: 'HOSTS_INVALID', detail: 'No machine is given for head; "haed" is no role of this assembly, did you mean "head"?', where: { file: join(folder, 'hosts.yaml') } }],
    });
  });
});

describe('modules of types', () => {
  it("import 'tutti' from the tutti that runs them, wherever they are", async () => {
    await writeFile(join(folder, 'lamp.mts'), `import { defineComponent } from 'tutti';
export const lamp = defineComponent({ name: 'lamp', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy'], transitions: { light: { from: 'off', to: 'on', behaviour: 'deploy' } } });
`);
    await writeFile(file, 'assembly: lamps\nmodules: [./lamp.mts]\ncomponents: { l: lamp }\nprograms: { deploy: [{ push: deploy }, { wait: all }] }\n');
    const { stdout } = await promisify(execFile)(process.execPath, [new URL('../bin/tutti.js', import.meta.url).pathname, 'check', file]);
    expect(stdout).toContain('1 component, 0 connections, 1 program: 0 errors');
  });
});

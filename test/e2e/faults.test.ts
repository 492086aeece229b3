import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadAssembly } from '../../src/session/load.ts';
import { Session } from '../../src/session/session.ts';
import { realClock } from '../../src/session/stage.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { until } from './playground.ts';

/*
 * Disks that are full and clocks that jump, as a user meets them.
 */

const bin = join(import.meta.dirname, '../../bin/tutti.js');

let folder: string, file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-faults-'));
  file = join(folder, 'assembly.yaml');
});
afterEach(async () => {
  if (existsSync(join(folder, '.tutti'))) await tutti('destroy', file, '--force');
  rmSync(folder, { recursive: true, force: true });
});

function tutti(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder }, (failed, out, err) => resolve({ code: failed ? Number(failed.code) : 0, said: out + err }));
  });
}

/** Three actions in a row, of which the second one waits for the file `go`, and gives a value that is longer than a page of the disk. */
const inARow = (witness: string, go: string) => `
assembly: row
hosts: { head: {} }
types:
  row:
    places: [a, b, c, d]
    transitions:
      one: { from: a, to: b, behaviour: go, run: "echo one >>${witness}" }
      two: { from: b, to: c, behaviour: go, timeout: 1h, run: "echo two >>${witness}; while ! test -e ${go}; do sleep 0.02; done; echo ended >>${witness}; head -c 6000 /dev/zero | tr '\\\\0' x", writes: { long: "{{output}}" } }
      three: { from: c, to: d, behaviour: go, run: "echo three >>${witness}" }
    ports: { long: { data-provide: long, boundTo: c } }
components: { row: { type: row, on: head } }
programs: { deploy: [{ push: go }, { wait: all }] }
`;

onTestBed('full disks', 1, (bed) => {
  test('that of the controller: it says so and stops; with room again resume goes on, and nothing is run twice', async () => {
    const state = join(folder, '.tutti');
    mkdirSync(state);
    // The hosts' own folders are elsewhere: it is the controller that has no room.
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', state]);
    try {
      const [witness, go, hosts] = ['witness', 'go', 'hosts.yaml'].map((name) => join(folder, name)) as [string, string, string];
      writeFileSync(file, inARow('/var/tmp/witness', '/var/tmp/go'));
      writeFileSync(hosts, `defaults: { config: ${bed().sshConfig} }\nhead: h1\n`);
      const child = spawn(process.execPath, [bin, 'run', file, '--hosts', hosts], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      child.stdout.on('data', (piece: Buffer) => { said += piece.toString(); });
      child.stderr.on('data', (piece: Buffer) => { said += piece.toString(); });
      const ending = new Promise<number | null>((resolve) => child.once('close', resolve));
      await until('the second action waits', async () => (await bed().inside('h1', 'cat /var/tmp/witness 2>/dev/null || true')).includes('two'));
      const filler = join(state, 'filler');
      try {
        writeFileSync(filler, Buffer.alloc(1 << 20));
      } catch {
        // It is full now.
      }
      await bed().inside('h1', 'touch /var/tmp/go');
      expect(await ending).not.toBe(0);
      expect(said).toMatch(/JOURNAL_UNWRITABLE.*\n.*no space is left on the device/);
      expect(await bed().inside('h1', 'cat /var/tmp/witness')).toBe('one\ntwo\nended\n');
      rmSync(filler);
      expect(await tutti('resume', file)).toMatchObject({ code: 0 });
      expect(await bed().inside('h1', 'cat /var/tmp/witness')).toBe('one\ntwo\nended\nthree\n');
      expect(existsSync(witness) || existsSync(go)).toBe(false);
      await tutti('destroy', file);
    } finally {
      execFileSync('umount', ['-l', state]);
    }
  });

  test('that of a host: the file or the step, the host and the reason are said; with room again retry goes on', async () => {
    await bed().inside('h1', 'mkdir -p /small && mount -t tmpfs -o size=200k tmpfs /small');
    writeFileSync(join(folder, 'large'), Buffer.alloc(500_000, 'x'));
    writeFileSync(file, `
assembly: small
hosts: { head: {} }
types:
  t:
    places: [a, b]
    transitions: { up: { from: a, to: b, behaviour: go, files: [{ from: large, to: data }], run: "wc -c <data" } }
components: { c: { type: t, on: head } }
programs: { deploy: [{ push: go }, { wait: all }] }
`);
    writeFileSync(join(folder, 'hosts.yaml'), `defaults: { config: ${bed().sshConfig}, workFolder: /small }\nhead: h1\n`);
    const { code, said } = await tutti('run', file, '--hosts', join(folder, 'hosts.yaml'));
    expect({ code, said }).toMatchObject({ code: 1, said: expect.stringMatching(/FAILED +c\.up .*: head: "\/small\/[^"]*\/c\/data" was not placed: no space is left on the device/) });
    await bed().inside('h1', 'mount -o remount,size=4m /small');
    expect(await tutti('retry', file)).toMatchObject({ code: 0 });
    expect((await tutti('logs', file, 'c.up')).said).toContain('500000');
    await tutti('destroy', file);
    expect((await bed().inside('h1', 'ls -A /small; umount -l /small')).trim()).toBe('');
  });
});

test('a clock that jumps a day ahead and two days back while actions run: no time limit is over, and everything can still be told', async () => {
  writeFileSync(file, inARow('witness', join(folder, 'go')));
  const { assembly } = await loadAssembly(file);
  let jumpMs = 0;
  const session = await Session.open({
    assembly: assembly!, stateFolder: join(folder, '.tutti/assembly'), clock: { ...realClock, now: () => Date.now() + jumpMs },
    onHappenings: (happenings) => {
      for (const { happening } of happenings) if (happening.kind === 'started' && happening.action.transition === 'two') jumpMs = 86_400_000;
    },
  });
  const end = session.play(assembly!.programs.get('deploy')!);
  const witness = join(folder, '.tutti/assembly/hosts/head/row/witness');
  await until('the second action waits', () => existsSync(witness) && readFileSync(witness, 'utf8').includes('two'));
  jumpMs = -86_400_000;
  writeFileSync(join(folder, 'go'), '');
  expect(await end).toBe('done');
  await session.close();
  expect(readFileSync(witness, 'utf8')).toBe('one\ntwo\nended\nthree\n');
  for (const [command, ...args] of [['status'], ['trace'], ['trace', '--as', 'json'], ['logs', 'row.two']] as const) {
    const { code, said } = await tutti(command, file, ...args);
    expect({ code, said }).toMatchObject({ code: 0, said: expect.not.stringMatching(/NaN|Invalid|Error/) });
  }
});

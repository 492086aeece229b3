import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { onTestBed } from '../testbed/testbed.ts';

/*
 * Which machine a role is on, as a user says it and changes his mind: no process is orphaned in silence, and no hosts file that cannot be opened is kept.
 */

const bin = join(import.meta.dirname, '../../bin/tutti.js');

const assembly = `
assembly: pair
hosts: { w: { count: 2 } }
types:
  daemon:
    places: [off, on]
    transitions:
      start: { from: off, to: on, behaviour: deploy, script: "exec sleep 97531", ready: "true" }
      stop: { from: on, to: off, behaviour: stop, kill: start }
components: { a: { type: daemon, on: "w[1]" }, b: { type: daemon, on: "w[2]" } }
programs:
  deploy: [{ push: deploy }, { wait: all }]
  stop: [{ push: stop }, { wait: all }]
`;

let folder: string, file: string, state: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-hosts-'));
  file = join(folder, 'pair.yaml');
  state = join(folder, '.tutti/pair');
  writeFileSync(file, assembly);
});
afterEach(async () => {
  if (existsSync(state)) await tutti('destroy', file, '--force');
  rmSync(folder, { recursive: true, force: true });
});

function tutti(...args: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder }, (failed, out, err) => resolve({ code: failed ? Number(failed.code) : 0, said: out + err }));
  });
}

/** Writes a hosts file and gives its path. */
function hostsFile(text: string): string {
  const path = join(folder, 'hosts.yaml');
  writeFileSync(path, text);
  return path;
}

onTestBed('the machines of roles', 4, (bed) => {
  const w = (...machines: readonly string[]): string => hostsFile(`defaults: { config: ${bed().sshConfig} }\nw: [${machines.join(', ')}]\n`);
  const what = async (host: string): Promise<string> => (await bed().inside(host, 'pgrep -f "[s]leep 97531" | wc -l; ls /var/tmp')).trim().replaceAll(/tutti-[0-9a-f]{12}/g, 'tutti-ID').replaceAll('\n', ' ');
  const binding = (): string => readFileSync(join(state, 'hosts.json'), 'utf8');

  test('a role that was at work stays where it is: another machine, or another flavour, is refused before anything is kept, and destroy clears what there is', async () => {
    const first = await tutti('run', file, '--hosts', w('h1', 'h2'));
    expect({ code: first.code, line: first.said.split('\n')[0] }).toEqual({ code: 0, line: `             plays      on 2 machines (ssh, ${join(folder, 'hosts.yaml')})` });
    const before = binding();
    for (const command of [['run', file, 'stop'], ['retry', file], ['push', file, 'a', 'stop']]) {
      const refused = await tutti(...command, '--hosts', w('h3', 'h2'));
      expect(refused).toEqual({ code: 3, said: expect.stringMatching(/^\S+hosts\.yaml {2}HOSTS_CHANGED {2}A role that was at work cannot go to another machine\n {2}w\[1\]: it was at work on h1, and h3 is asked for, where its folder is not\n[^\n]*Leave --hosts away to go on where it is; to move, "tutti destroy" first\.[^\n]*\n$/) });
    }
    expect(await tutti('run', file, 'stop', '--flavour', 'local')).toEqual({ code: 3, said: expect.stringMatching(/^HOSTS_CHANGED .*\n {2}w\[1\]: it was at work on h1, and this machine is asked for\n {2}w\[2\]: .*\n.*Leave --flavour away/) });
    expect(binding()).toBe(before);
    expect(await tutti('run', file, 'stop')).toMatchObject({ code: 0 });
    expect(await tutti('run', file, '--hosts', w('h3', 'h4'))).toMatchObject({ code: 3 });
    const again = await tutti('run', file);
    expect({ code: again.code, line: again.said.split('\n')[0] }).toEqual({ code: 0, line: '             plays      on 2 machines (ssh, as before)' });
    expect(await what('h1')).toBe('1 tutti-ID.w.1');
    expect(await tutti('destroy', file)).toEqual({ code: 0, said: `Destroyed: no process of it is left on w[1], w[2]; ${state} is removed.\n` });
    for (const host of bed().hosts) expect(await what(host), host).toBe('0');
  });

  test('a role whose machine has nothing of it any longer may go to another', async () => {
    expect(await tutti('run', file, '--hosts', w('h1', 'h2'))).toMatchObject({ code: 0 });
    await bed().inside('h2', 'pkill -f "[s]leep 97531"; rm -r /var/tmp/tutti-*');
    expect(await tutti('push', file, 'b', 'stop', '--hosts', w('h1', 'h3'))).toMatchObject({ code: 0 });
    expect((await tutti('hosts', file)).said).toMatch(/w\[2\] +h3/);
  });

  test('the same machine may be called by another name, and goes by it from then on', async () => {
    expect(await tutti('run', file, '--hosts', w('h1', 'h2'))).toMatchObject({ code: 0 });
    const known = readFileSync(bed().knownHosts, 'utf8');
    expect(known).toContain(bed().address('h1'));
    expect(await tutti('run', file, 'stop', '--hosts', w(bed().address('h1'), 'root@h2'))).toMatchObject({ code: 0 });
    expect(await what('h1')).toBe('0 tutti-ID.w.1');
    expect((await tutti('hosts', file)).said).toContain(bed().address('h1'));
  });

  test('a work folder that machines share does not make one of two', async () => {
    const shared = (...machines: readonly string[]): string => hostsFile(`defaults: { config: ${bed().sshConfig}, workFolder: /srv }\nw: [${machines.join(', ')}]\n`);
    expect(await tutti('run', file, '--hosts', shared('h1', 'h2'))).toMatchObject({ code: 0 });
    const folderThere = `/srv/tutti-${readFileSync(join(state, 'id'), 'utf8').trim()}.w.1`;
    // The hosts of a test bed have one kernel.
    await bed().inside('h3', `mkdir -p ${folderThere} && echo another >/tmp/boot && mount --bind /tmp/boot /proc/sys/kernel/random/boot_id`);
    try {
      expect(await tutti('run', file, 'stop', '--hosts', shared('h3', 'h2'))).toEqual({ code: 3, said: expect.stringMatching(/ {2}w\[1\]: it was at work on h1, and h3 is asked for, which is another machine\n/) });
    } finally {
      await bed().inside('h3', `umount /proc/sys/kernel/random/boot_id; rm -r ${folderThere}`);
    }
  });

  test('a role whose machine was never reached, or that is new, may go anywhere; one that the file no longer has is destroyed too', async () => {
    expect((await tutti('run', file, '--hosts', w('h1', 'nobody@h2'))).code).toBe(1);
    expect(await tutti('retry', file, '--hosts', w('h1', 'h3'))).toMatchObject({ code: 0 });
    writeFileSync(file, assembly.replace('count: 2', 'count: 3').replace('components: {', 'components: { c: { type: daemon, on: "w[3]" },'));
    expect(await tutti('run', file, 'stop', '--hosts', w('h1', 'h3', 'h4'))).toMatchObject({ code: 0 });
    writeFileSync(file, assembly.replace('count: 2', 'count: 1').replace(', b: { type: daemon, on: "w[2]" }', ''));
    await tutti('status', file);
    await tutti('push', file, 'a', 'deploy', '--hosts', w('h1'));
    expect(await tutti('destroy', file)).toEqual({ code: 0, said: `Destroyed: no process of it is left on w[1], w[2]; ${state} is removed.\n` });
    for (const host of bed().hosts) expect(await what(host), host).toBe('0');
  });

  test('roles that the assembly lacks and machines that are left over are told, with where it plays, and harm nothing', async () => {
    const { code, said } = await tutti('run', file, '--json', '--hosts', hostsFile(`defaults: { config: ${bed().sshConfig} }\nw: [h1, h1, h2]\nextra: h4\n`));
    const [note, plays] = said.split('\n').map((line) => JSON.parse(line || 'null') as object);
    expect({ code, note, plays }).toEqual({
      code: 0, note: { code: 'HOSTS_UNUSED', severity: 'note', summary: 'The hosts file has more than is used', detail: '"extra" is no role of this assembly; 1 of the machines of "w" is left over.', where: { file: join(folder, 'hosts.yaml') } },
      plays: { atMs: expect.any(Number) as number, kind: 'plays', flavour: 'ssh', machines: 1, hosts: join(folder, 'hosts.yaml') },
    });
  });

  test('a role that is nearly one of the assembly is told with a question', async () => {
    const { said } = await tutti('run', file, '--hosts', hostsFile(`defaults: { config: ${bed().sshConfig} }\nw: [h1, h2]\nW: h4\n`));
    expect(said).toContain('"W" is no role of this assembly, did you mean "w"?\n');
  });

  test('destroy --force names what it forgets, and where that is', async () => {
    expect(await tutti('run', file, '--hosts', w('h1', 'h2'))).toMatchObject({ code: 0 });
    const id = readFileSync(join(state, 'id'), 'utf8').trim();
    await bed().kill('h2');
    try {
      expect(await tutti('destroy', file)).toEqual({ code: 1, said: expect.stringMatching(new RegExp(`^NOT_DESTROYED .*\\n {2}w\\[2\\]: .*The other hosts are cleared\\. .* when h2 is gone for good, "tutti destroy --force", which forgets /var/tmp/tutti-${id}\\.w\\.2 there\\.\\n$`)) });
      const forced = await tutti('destroy', file, '--force', '--json');
      expect({ ...forced, said: JSON.parse(forced.said) as unknown }).toEqual({ code: 0, said: {
        destroyed: true, hosts: ['w[1]'], forgotten: [{ host: 'w[2]', machine: 'h2', folder: `/var/tmp/tutti-${id}.w.2`, why: expect.stringContaining('w[2]') as string }], stateFolder: state,
      } });
    } finally {
      await bed().boot('h2');
    }
    await bed().inside('h2', 'rm -r /var/tmp/tutti-*');
    expect(await what('h1')).toBe('0');
  });

  test('a hosts file that cannot be opened is refused with its place, and the machines that are known stay', async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['w: ["h1:99999", h2]', /w\[1\]: 99999 is no port\.\n$/],
      ['defaults: { config: /nonexistent }\nw: [h1, h2]', /\n {2}w\[1\], w\[2\]: ssh cannot read its configuration: .*\/nonexistent.*\n$/],
      [`defaults: { config: ${bed().sshConfig}, workFolder: relative }\nw: [h1, h2]`, /defaults: workFolder must be an absolute path below "\/", and is "relative"\.\n$/],
    ];
    const refused = async (): Promise<void> => {
      for (const [text, pattern] of wrong) {
        const { code, said } = await tutti('run', file, 'stop', '--hosts', hostsFile(text));
        expect({ code, said }, text).toEqual({ code: 3, said: expect.stringMatching(/^\S+hosts\.yaml {2}HOSTS_INVALID {2}The hosts file does not fit\n/) });
        expect(said).toMatch(pattern);
      }
    };
    await refused();
    expect(existsSync(join(folder, '.tutti'))).toBe(false);
    expect(await tutti('destroy', file)).toEqual({ code: 0, said: `Nothing to destroy: there is no ${state}.\n` });
    expect(await tutti('run', file, '--hosts', w('h1', 'h2'))).toMatchObject({ code: 0 });
    const before = binding();
    await refused();
    expect(binding()).toBe(before);
    expect(await tutti('run', file, 'stop')).toMatchObject({ code: 0 });
  });

  test('where ssh no longer has its configuration: hosts --facts says so, run too, and destroy --force ends it', async () => {
    const config = join(folder, 'ssh_config');
    writeFileSync(config, readFileSync(bed().sshConfig));
    expect(await tutti('run', file, '--hosts', hostsFile(`w: [{ address: h1, config: ssh_config }, { address: h2, config: ${bed().sshConfig} }]\n`))).toMatchObject({ code: 0 });
    rmSync(config);
    expect(await tutti('hosts', file, '--facts')).toEqual({ code: 0, said: expect.stringMatching(/w\[1\] .*ssh cannot read its configuration.*\nw\[2\] .* cores/) });
    expect(await tutti('run', file, 'stop')).toEqual({ code: 3, said: expect.stringMatching(/^\S+hosts\.json {2}HOSTS_INVALID .*\n {2}w\[1\]: ssh cannot read its configuration/) });
    expect(await tutti('destroy', file, '--force')).toEqual({ code: 0, said: expect.stringMatching(/^Destroyed: no process of it is left on w\[2\]; .*\nForgotten: w\[1\] on h1 \(.*\)\. What runs there goes on: end it, and remove \/var\/tmp\/tutti-.*\.w\.1 by hand\.\n$/) });
    await bed().inside('h1', 'pkill -f "[s]leep 97531"; rm -r /var/tmp/tutti-*');
  });
});

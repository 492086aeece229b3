import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { folderOnPath } from '../doubles/diet-stage.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { started, tutti } from './tutti-command.ts';

/* assemblies/nixos/compose.yaml on machines, and with systems, that a deployment in the format of NixOS Compose names; the real Nix builds, pushes and activates them. */

const root = join(import.meta.dirname, '../..');
const deployment = 'deploy/composition::g5k-ramdisk.json';
const programs = ['nix', 'nix-build', 'nix-store', 'nix-env', 'busybox', 'flock'];
const missing = folderOnPath(...programs) ? undefined : `${programs.join(', ')} are not on PATH (Debian: nix-bin busybox-static)`;

onTestBed('a deployment of NixOS Compose', 3, (bed) => {
  let folder: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-compose-'));
    for (const name of ['conf', 'bin', 'deploy']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'conf/nix.conf'), 'build-users-group =\nsandbox = true\nsandbox-fallback = false\nsubstituters =\n');
    // As if the test bed's ssh_config were ~/.ssh/config, which ssh finds without asking HOME.
    writeFileSync(join(folder, 'bin/ssh'), `#!/bin/sh\nexec ${join(folderOnPath('ssh')!, 'ssh')} -F ${bed().sshConfig} "$@"\n`);
    chmodSync(join(folder, 'bin/ssh'), 0o755);
    // A store of this test alone: nothing is installed in /nix.
    env = { ...process.env, PATH: `${folder}/bin:${process.env['PATH']}`, HOME: folder, NIX_CONF_DIR: join(folder, 'conf'), NIX_REMOTE: `local?root=${folder}/store` };
    cpSync(join(root, 'assemblies/nixos'), folder, { recursive: true });
  });
  afterAll(async () => {
    await tutti(['destroy', assembly(), '--force'], env).ending;
    rmSync(folder, { recursive: true, force: true });
  });

  const assembly = () => join(folder, 'compose.yaml');
  /** What "nxc build" and "nxc start" leave behind: systems that are built, and machines that are up. */
  const deploy = () => {
    const build = (role: string) => execFileSync('nix-build', ['--no-out-link', 'system/system.nix', '--argstr', 'role', role], { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' }).trim();
    const inits = { server: `${build('db')}/init`, node: `${build('web')}/init` };
    const machine = (role: keyof typeof inits, host: string) => ({ role, host, init: inits[role] });
    // In the order of the file, whatever the addresses.
    const machines = { [bed().address('h3')]: machine('node', 'node1'), [bed().address('h1')]: machine('server', 'server'), [bed().address('h2')]: machine('node', 'node2') };
    writeFileSync(join(folder, deployment), JSON.stringify({ 'ssh_key.pub': 'ssh-ed25519 …', deployment: machines, all: {}, composition: 'composition', user: 'alice' }));
  };
  const done = async (...args: readonly string[]) => {
    const { code, out, err } = await tutti(args, env).ending;
    expect({ args, code, said: code === 0 ? '' : `${out}${err}` }).toEqual({ args, code: 0, said: '' });
    return out;
  };
  const answers = () => Promise.all([['h1', 8081], ['h3', 8080], ['h2', 8080]].map(async ([host, port]) => (await bed().inside(String(host), `busybox nc 127.0.0.1 ${port} </dev/null`)).trim()));

  test('gives each role its machines and its system; later commands find them, and an update takes what the deployment says then', { timeout: 120_000 }, async ({ skip }) => {
    if (missing !== undefined) {
      if (process.env['CI'] === 'true') throw new Error(missing);
      skip(missing);
    }
    deploy();
    const order = started(await done('run', assembly(), '--flavour', 'nixos-compose', '--hosts', join(folder, deployment)));
    expect(order.filter((name) => name.endsWith('.activate'))[0]).toBe('server.activate');
    expect(await answers()).toEqual(['db v1', 'web v1', 'web v1']);
    const rows = (await done('hosts', assembly(), '--json')).trim().split('\n').map((line) => JSON.parse(line) as { host: string; flavour: string; machine: string });
    expect(rows.filter(({ host }) => host !== 'local').map(({ host, flavour, machine }) => [host, flavour, machine])).toEqual([
      ['server', 'h1'], ['node[1]', 'h3'], ['node[2]', 'h2'],
    ].map(([role, host]) => [role, 'nixos-compose', `root@${bed().address(host!)}`]));
    expect(await tutti(['connect', assembly(), 'node[1]', 'hostname'], env).ending).toMatchObject({ code: 0, out: 'h3\n' });

    const configuration = join(folder, 'system/configuration.nix');
    writeFileSync(configuration, readFileSync(configuration, 'utf8').replace(/version = ".*"/, 'version = "2"'));
    deploy();
    await done('run', assembly(), 'update');
    expect(await answers()).toEqual(['db v2', 'web v2', 'web v2']);
    await done('destroy', assembly());
  });
});

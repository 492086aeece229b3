import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { until } from '../orchestrapi/folders.ts';
import { onTestBed, up } from './testbed.ts';

function ssh(config: string, host: string, command: string): string {
  return execFileSync('ssh', ['-F', config, '-o', 'ConnectTimeout=2', host, command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

onTestBed('the test bed', 2, (bed) => {
  test('hosts have their own name, processes and files', async () => {
    expect(ssh(bed().sshConfig, 'h1', 'hostname; echo one >/root/mine; ls /proc | grep -c "^[0-9]"').split('\n')[0]).toBe('h1');
    expect(ssh(bed().sshConfig, 'h2', 'ls /root')).toBe('');
    expect(await bed().inside('h1', 'cat /root/mine')).toBe('one\n');
  });

  test('a host that is cut off does not answer, and does when it is healed; one that was killed boots with its files', async () => {
    await bed().cut('h1');
    expect(() => ssh(bed().sshConfig, 'h1', 'true')).toThrow('timed out');
    await bed().heal('h1');
    expect(ssh(bed().sshConfig, 'h1', 'sync; echo yes')).toBe('yes\n');
    await bed().inside('h1', 'echo kept >/root/kept');
    await bed().kill('h1');
    await bed().boot('h1');
    expect(ssh(bed().sshConfig, 'h1', 'cat /root/kept')).toBe('kept\n');
  });

  test('a delayed host is slower by twice the delay', async () => {
    await bed().delay('h2', 30);
    const begin = performance.now();
    const socket = connect(22, bed().address('h2'));
    await once(socket, 'data');
    socket.destroy();
    // One way for the SYN, one back, and again for the greeting.
    expect(performance.now() - begin).toBeGreaterThan(90);
    await bed().heal('h2');
  });

  test('two stand side by side, and nothing of one is left when it is down', async () => {
    const other = await up(1);
    expect(ssh(other.sshConfig, 'h1', 'hostname')).toBe('h1\n');
    await other.down();
    expectNothingLeftOf(other.folder);
    expect(ssh(bed().sshConfig, 'h1', 'hostname')).toBe('h1\n');
  });

  test('it goes away with its owner, also when that one is killed outright', async () => {
    const owner = spawn(process.execPath, ['--input-type=module', '-e', `
      import { up } from ${JSON.stringify(new URL('testbed.ts', import.meta.url).href)};
      console.log((await up(1)).folder);
      setInterval(() => {}, 1000);
    `], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, VITEST: '' } });
    const folder = String((await once(owner.stdout, 'data'))[0]).trim();
    expect(existsSync(folder)).toBe(true);
    owner.kill('SIGKILL');
    await until('it is gone', () => !existsSync(folder));
    await until('nothing is left', () => leftOf(folder).length === 0);
  });
});

function leftOf(folder: string): string[] {
  const prefix = folder.slice(folder.lastIndexOf('/') + 1);
  const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(` ${prefix}-`));
  const mounts = execFileSync('mount', { encoding: 'utf8' }).split('\n').filter((line) => line.includes(folder));
  const processes = execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' }).split('\n').filter((line) => line.includes(`testbed-init ${prefix} `) || line.includes(`--prefix ${prefix} `));
  return [...links, ...mounts, ...processes];
}

function expectNothingLeftOf(folder: string): void {
  expect(existsSync(folder)).toBe(false);
  expect(leftOf(folder)).toEqual([]);
}

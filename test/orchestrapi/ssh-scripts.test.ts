import { describe, expect, onTestFinished, test } from 'vitest';
import type { Host, ScriptStatus } from '../../src/orchestrapi/host.ts';
import { sshHost, type SshHostOptions } from '../../src/orchestrapi/ssh.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { until } from './folders.ts';

onTestBed('ssh, scripts with a time limit, whose keeper is the shell that starts them', 1, (bed) => {
  let count = 0;
  const folder = (): string => `/var/tmp/tutti-scripts/${++count}`;
  const reach = (options: Partial<SshHostOptions> = {}): Host => {
    const host = sshHost({ name: 'h1', destination: 'h1', configFile: bed().sshConfig, workFolder: folder(), ...options });
    onTestFinished(async () => {
      await host.destroy();
      await host.close();
    });
    return host;
  };
  const isGuarded = (host: Host, id: string): Promise<boolean> => host.get(`scripts/${id}/guard`).then((who) => who !== '', () => false);
  const pidOf = (status: ScriptStatus): number => (status.kind === 'alive' ? status.pid : 0);

  describe('their time limit', () => {
    test('is guarded by their host once they go on for three seconds, with no one to look at them', async () => {
      const host = reach();
      await host.start({ id: 's', command: 'echo begun; sleep 1000', timeoutMs: 3_500 });
      expect(await isGuarded(host, 's')).toBe(false);
      await until('it is guarded', () => isGuarded(host, 's'));
      await host.close();
      expect(await host.wait('s')).toMatchObject({ kind: 'ended', exitCode: 143, stdout: 'begun\n', timedOut: true });
    });

    test('is guarded from the next look on when their controller died before that', async () => {
      const workFolder = folder();
      const dead = reach({ workFolder });
      await dead.start({ id: 's', command: 'sleep 1000', timeoutMs: 3_200 });
      await dead.close();
      const other = reach({ workFolder });
      expect(await other.wait('s')).toMatchObject({ kind: 'ended', exitCode: 143, timedOut: true });
    });

    test('has one guard, which goes with them', async () => {
      const host = reach();
      await host.start({ id: 's', command: ['sleep', '1000'], timeoutMs: 7_654_321 });
      await Promise.all(Array.from({ length: 4 }, () => host.poll('s')));
      const guards = async (): Promise<string> => (await bed().inside('h1', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -o "[s]leep 7654.321" | wc -l')).trim();
      await until('one sleeps', async () => (await guards()) === '1');
      await host.kill('s');
      await until('none does', async () => (await guards()) === '0');
    });
  });

  test('beyond three at once a script gets a keeper of its own, and all of them end', async () => {
    const host = reach();
    const ids = Array.from({ length: 6 }, (_, i) => `s${i}`);
    await host.run(['mkfifo', ...ids]);
    for (const id of ids) await host.start({ id, command: `read -r line <${host.workFolder}/${id}; echo ${id}`, timeoutMs: 100_000 });
    const attended = await host.run('for lock in scripts/*/lock; do read -r pid rest <$lock; tr "\\0" "\\n" </proc/$pid/cmdline | grep -qx tutti-shell && echo $lock; done; true');
    expect(attended.stdout).toBe('scripts/s0/lock\nscripts/s1/lock\nscripts/s2/lock\n');
    const ends = Promise.all(ids.map((id) => host.wait(id)));
    await host.run('for gate in s?; do echo open >$gate; done');
    expect((await ends).map((end) => end.kind === 'ended' && end.stdout)).toEqual(ids.map((id) => `${id}\n`));
  });

  test('a channel that is lost takes nothing along: the shell goes on alone, and the end is found', async () => {
    const host = reach();
    await host.run(['mkfifo', 'gate']);
    const pid = pidOf(await host.start({ id: 's', command: `read -r line <${host.workFolder}/gate; echo done`, timeoutMs: 100_000 }));
    const [keeper] = (await host.get('scripts/s/lock')).split(' ');
    const end = host.wait('s');
    await bed().inside('h1', 'pkill -f "^sshd: root@notty"');
    expect(await host.poll('s')).toEqual({ kind: 'alive', pid });
    await host.run('echo open >gate');
    expect(await end).toMatchObject({ kind: 'ended', exitCode: 0, stdout: 'done\n' });
    await until('the shell that was cut off has ended, too', async () => (await host.run(['test', '-e', `/proc/${keeper}`])).exitCode === 1);
  });

  test('who waits is told when the host is closed; the script goes on', async () => {
    const host = reach();
    const started = await host.start({ id: 's', command: ['sleep', '1000'], timeoutMs: 100_000 });
    const end = host.wait('s');
    end.catch(() => {});
    await host.close();
    await expect(end).rejects.toMatchObject({ code: 'UNREACHABLE', message: 'h1: its connection was closed' });
    expect(await host.poll('s')).toEqual(started);
  });
});

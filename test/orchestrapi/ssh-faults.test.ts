import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Host, PutProgress, Silence } from '../../src/orchestrapi/host.ts';
import { sshNetwork } from '../../src/orchestrapi/ssh-connection.ts';
import { sshHost, type SshHostOptions } from '../../src/orchestrapi/ssh.ts';
import { onTestBed, type TestBed } from '../testbed/testbed.ts';
import { newFolder, until } from './folders.ts';

onTestBed('ssh, as it fails and as it is reached', 4, (bed) => {
  let count = 0;
  const reach = (options: Partial<SshHostOptions> = {}): Host => {
    const host = sshHost({ name: 'h1', destination: 'h1', configFile: bed().sshConfig, workFolder: `/var/tmp/tutti-faults/${++count}`, ...options });
    onTestFinished(() => host.close());
    return host;
  };

  describe('host keys', () => {
    test('an unknown key is refused with its fingerprint and what to do; then it is known', async () => {
      const knownHosts = join(await newFolder(), 'known');
      const options = { knownHostsFiles: [knownHosts], configFile: bed().sshConfig };
      const shown = execFileSync('ssh-keygen', ['-l', '-f', '-'], { input: `${(await readFile(bed().knownHosts, 'utf8')).split('\n')[0]}\n`, encoding: 'utf8' }).split(' ')[1]!;
      const refused: Error = await reach(options).run(['true']).then(() => { throw new Error('it was let in'); }, (failed: Error) => failed);
      expect(refused).toMatchObject({ name: 'HostError', code: 'REFUSED' });
      expect(refused.message).toContain(shown);
      const advice = /(ssh-keyscan .*)$/.exec(refused.message)![1]!;
      execFileSync('sh', ['-c', advice], { stdio: 'ignore' });
      expect((await reach(options).run(['hostname'])).stdout).toBe('h1\n');
    });

    test('a changed key is refused with the line that has the other one, a revoked one whatever else is there', async () => {
      const folder = await newFolder();
      const [h1, h2] = (await readFile(bed().knownHosts, 'utf8')).split('\n');
      const keyOf = (line: string): string => line.split(' ').slice(1).join(' ');
      await writeFile(join(folder, 'changed'), `# a comment\n${bed().address('h1')} ${keyOf(h2!)}\n`);
      await expect(reach({ knownHostsFiles: [join(folder, 'changed')] }).run(['true'])).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringMatching(/another one is on record \(.*changed:2\).*ssh-keygen -R/s) });
      await writeFile(join(folder, 'revoked'), `${h1}\n@revoked * ${keyOf(h1!)}\n`);
      await expect(reach({ knownHostsFiles: [join(folder, 'revoked')] }).run(['true'])).rejects.toThrow(/is revoked \(.*revoked:2\)/);
    });

    test('a host with several keys is asked for the one on record', async () => {
      await bed().inside('h2', 'ssh-keygen -q -t ecdsa -N "" -f /etc/ssh/ecdsa; echo HostKey /etc/ssh/ecdsa >>/etc/ssh/sshd_config; kill -HUP $(pgrep -o -x sshd)');
      const known = join(await newFolder(), 'known');
      await writeFile(known, `${bed().address('h2')} ${await bed().inside('h2', 'cut -d" " -f1,2 /etc/ssh/ecdsa.pub')}`);
      await until('sshd has its new key', () => {
        try {
          return execFileSync('ssh-keyscan', ['-t', 'ecdsa', bed().address('h2')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes('ecdsa');
        } catch {
          return false;
        }
      });
      expect((await reach({ name: 'h2', destination: 'h2', knownHostsFiles: [known] }).run(['hostname'])).stdout).toBe('h2\n');
    });
  });

  describe('logging in', () => {
    test('a key that the host does not have is refused with what was tried', async () => {
      const folder = await newFolder();
      await newKey(join(folder, 'key'), '');
      const configFile = join(folder, 'config');
      await writeFile(configFile, (await readFile(bed().sshConfig, 'utf8')).replaceAll(bed().key, join(folder, 'key')));
      await expect(reach({ configFile }).run(['true'])).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringMatching(/does not let root in: .*key files tried: .*\/key.*authorized_keys/) });
    });

    test('an encrypted key without an agent is named; with an agent that holds it, it is used', async () => {
      const folder = await newFolder();
      const key = join(folder, 'key');
      await newKey(key, 'secret');
      await bed().inside('h3', `echo '${(await readFile(`${key}.pub`, 'utf8')).trim()}' >>/root/.ssh/authorized_keys`);
      const configFile = join(folder, 'config');
      const configure = async (agent: string): Promise<void> => writeFile(configFile, `IdentityAgent ${agent}\n${(await readFile(bed().sshConfig, 'utf8')).replaceAll(bed().key, key)}`);
      await configure('none');
      const options = { name: 'h3', destination: 'h3', configFile };
      await expect(reach(options).run(['true'])).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining(`${key} is encrypted and the agent does not hold it: "ssh-add ${key}"`) });
      const socket = join(folder, 'agent');
      const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
      onTestFinished(() => void agent.kill());
      await once(agent.stdout, 'data');
      execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: socket, SSH_ASKPASS: await askPass(folder, 'secret'), SSH_ASKPASS_REQUIRE: 'force' }, stdio: ['ignore', 'ignore', 'pipe'] });
      await configure(socket);
      expect((await reach(options).run(['hostname'])).stdout).toBe('h3\n');
      await configure(join(folder, 'nobody'));
      await expect(reach(options).run(['true'])).rejects.toThrow(/the agent at .*nobody does not answer/);
    });
  });

  describe('ways to a host', () => {
    test('through one host and through two, one connection to each for all that go through it', async () => {
      await bed().cut('h2', 'controller');
      onTestFinished(() => bed().heal('h2'));
      const folder = await newFolder();
      const configFile = join(folder, 'config');
      const text = await readFile(bed().sshConfig, 'utf8');
      await writeFile(configFile, `Host h2\n  ProxyJump h1\nHost far\n  HostName ${bed().address('h2')}\n  ProxyJump h3,h1\n${text}`);
      const network = sshNetwork();
      const logins = async (host: string): Promise<number> => Number((await bed().inside(host, 'pgrep -c -f "sshd: root" || true')).trim());
      const before = await logins('h1');
      const hosts = Array.from({ length: 4 }, () => reach({ name: 'h2', destination: 'h2', configFile, network }));
      expect(await Promise.all(hosts.map(async (host) => (await host.run(['hostname'])).stdout))).toEqual(Array.from({ length: 4 }, () => 'h2\n'));
      expect(await logins('h1')).toBe(before + 1);
      const far = reach({ name: 'far', destination: 'far', configFile });
      expect((await far.run(['hostname'])).stdout).toBe('h2\n');
      await far.close();
      await Promise.all(hosts.map((host) => host.close()));
      await until('nobody goes through h1', async () => (await logins('h1')) === before);
      await expect(reach({ name: 'h2', destination: 'h2', configFile, proxyJump: 'h4,nobody-knows-this' }).run(['true'])).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringContaining('nobody-knows-this') });
    });

    test('through a program of the configuration', async () => {
      const configFile = join(await newFolder(), 'config');
      await writeFile(configFile, `Host h1\n  ProxyCommand ssh -F ${bed().sshConfig} -W %h:%p h3\n${await readFile(bed().sshConfig, 'utf8')}`);
      expect((await reach({ configFile }).run(['hostname'])).stdout).toBe('h1\n');
    });

    test('a circle of jumps is told', async () => {
      const configFile = join(await newFolder(), 'config');
      await writeFile(configFile, `Host a\n  ProxyJump b\nHost b\n  ProxyJump a\n${await readFile(bed().sshConfig, 'utf8')}`);
      await expect(reach({ destination: 'a', configFile }).run(['true'])).rejects.toThrow(/leads in a circle: a, b, a/);
    });
  });

  describe('hosts that cannot be reached', () => {
    test('nobody listens, nobody answers, nobody knows the name, and what answers is no SSH server: each says so', async () => {
      await expect(reach({ port: 1 }).run(['true'])).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringMatching(/port 1: the connection was refused\. Does sshd run there/) });
      await expect(reach({ destination: 'no-such-host.invalid' }).run(['true'])).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringMatching(/name/) });
      const server = createServer((socket) => void socket.end('220 mail\r\n')).listen(0, '127.0.0.1');
      await once(server, 'listening');
      await expect(reach({ destination: '127.0.0.1', port: (server.address() as { port: number }).port }).run(['true'])).rejects.toMatchObject({ code: 'UNREACHABLE' });
      server.close();
      await bed().cut('h4');
      const configFile = join(await newFolder(), 'config');
      await writeFile(configFile, `ConnectTimeout 1\n${await readFile(bed().sshConfig, 'utf8')}`);
      await expect(reach({ name: 'h4', destination: 'h4', configFile }).run(['true'])).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringMatching(/no answer within 1 s|no way to it/) });
      await bed().heal('h4');
    });

    test('a slow host is simply slow', async () => {
      await bed().delay('h4', 20);
      const host = reach({ name: 'h4', destination: 'h4' });
      expect((await host.run(['hostname'])).stdout).toBe('h4\n');
      await host.start({ id: 's', command: 'echo done' });
      expect(await host.wait('s')).toMatchObject({ kind: 'ended', stdout: 'done\n' });
      expect(await host.put([{ to: 'f', text: 'x'.repeat(200_000) }])).toMatchObject({ sent: 1 });
      await bed().heal('h4');
    });
  });

  describe('odd logins', () => {
    const withBashrc = async (text: string, body: (host: Host) => Promise<void>): Promise<void> => {
      await bed().inside('h3', `cp /root/.bashrc /root/kept 2>/dev/null; printf '%s\\n' '${text}' >/root/.bashrc`);
      try {
        await body(reach({ name: 'h3', destination: 'h3', rsyncAboveBytes: 0 }));
      } finally {
        await bed().inside('h3', 'rm -f /root/.bashrc; mv /root/kept /root/.bashrc 2>/dev/null || true');
      }
    };

    test('what a profile prints, on both streams and before every command, is not in any output, and large files arrive all the same', async () => {
      await withBashrc('echo "Welcome to h3"; echo "be careful" >&2; cd /etc', async (host) => {
        expect(await host.run(['hostname'])).toEqual({ exitCode: 0, stdout: 'h3\n', stderr: '' });
        expect(await host.put([{ to: 'big', text: 'x'.repeat(3_000_000) }])).toMatchObject({ sent: 1, failed: [] });
        expect((await host.run('wc -c <big')).stdout).toBe('3000000\n');
      });
    });

    test('a profile that ends the shell is told, with what it printed', async () => {
      await withBashrc('echo "Maintenance until noon"; exit 3', async (host) => {
        await expect(host.run(['true'])).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringMatching(/its login shell does not run \/bin\/sh.*Maintenance until noon/) });
      });
    });

    test('an account without a shell is told; one without a home, and one whose shell is another, works', async () => {
      await bed().inside('h4', 'useradd -m -s /usr/sbin/nologin closed; useradd -M -d /nowhere -s /bin/dash bare; usermod -p "*" closed; usermod -p "*" bare; for u in closed bare; do mkdir -p /etc/keys; cp /root/.ssh/authorized_keys /etc/keys/$u; done; echo "AuthorizedKeysFile /etc/keys/%u .ssh/authorized_keys" >>/etc/ssh/sshd_config; chmod 644 /etc/keys/*; kill -HUP $(pgrep -o -x sshd)');
      await until('sshd was configured', () => reach({ name: 'h4', destination: 'h4', user: 'bare', workFolder: '/var/tmp/bare' }).run(['true']).then(() => true, () => false));
      await expect(reach({ name: 'h4', destination: 'h4', user: 'closed' }).run(['true'])).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('not available') });
      expect((await reach({ name: 'h4', destination: 'h4', user: 'bare', workFolder: '/var/tmp/bare' }).run('whoami; echo "$HOME"')).stdout).toBe('bare\n/nowhere\n');
    });

    test('a work folder of somebody else is refused', async () => {
      await bed().inside('h4', 'mkdir -p /var/tmp/theirs && chown 1234 /var/tmp/theirs');
      await expect(reach({ name: 'h4', destination: 'h4', workFolder: '/var/tmp/theirs' }).run(['true'])).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('belongs to another user') });
    });
  });

  describe('what a host has too little of', () => {
    test('sessions: what sshd refuses waits for its turn, or for another connection', async () => {
      await bed().inside('h4', 'echo "MaxSessions 2" >>/etc/ssh/sshd_config; kill -HUP $(pgrep -o -x sshd)');
      const host = reach({ name: 'h4', destination: 'h4', connections: 2 });
      await until('sshd was configured', async () => (await bed().inside('h4', 'sshd -T 2>/dev/null | grep -c "^maxsessions 2"')).trim() === '1');
      expect(await Promise.all(Array.from({ length: 20 }, async (_, i) => (await host.run(`sleep 0.05; echo ${i}`)).stdout))).toEqual(Array.from({ length: 20 }, (_, i) => `${i}\n`));
      await host.start({ id: 's', command: ['sleep', '0.2'] });
      expect((await Promise.all([host.wait('s'), ...Array.from({ length: 6 }, () => host.run(['true']))]))[0]).toMatchObject({ kind: 'ended' });
    });

    test('space: a full disk is NO_SPACE, file by file, and a script cannot be started; what fits is placed', async () => {
      await bed().inside('h4', 'mkdir -p /small && mount -t tmpfs -o size=256k tmpfs /small');
      const host = reach({ name: 'h4', destination: 'h4', workFolder: '/small/w' });
      const batch = [{ to: 'big', text: 'x'.repeat(1_000_000) }, { to: 'fits', text: 'yes' }];
      for (const rsyncAboveBytes of [0, 1e9]) {
        const put = await reach({ name: 'h4', destination: 'h4', workFolder: '/small/w', rsyncAboveBytes }).put(batch);
        expect(put).toMatchObject({ failed: [{ to: 'big', reason: 'no space is left on the device' }] });
        expect(await host.get('fits')).toBe('yes');
        expect((await host.run('ls -A')).stdout).toBe('fits\n');
      }
      await host.run('dd if=/dev/zero of=fill bs=1k 2>/dev/null; true');
      await expect(host.start({ id: 's', command: ['true'] })).rejects.toMatchObject({ code: 'NO_SPACE' });
      await bed().inside('h4', 'umount -l /small');
    });

    test('writing: a read-only file system is READ_ONLY', async () => {
      await bed().inside('h4', 'mkdir -p /fixed && mount -t tmpfs -o ro tmpfs /fixed');
      const host = reach({ name: 'h4', destination: 'h4', workFolder: '/fixed/w' });
      await expect(host.run(['true'])).rejects.toMatchObject({ code: 'READ_ONLY', message: expect.stringContaining('read-only') });
      await expect(host.start({ id: 's', command: ['true'] })).rejects.toMatchObject({ code: 'READ_ONLY' });
      expect(await host.put([{ to: 'f', text: '' }])).toMatchObject({ failed: [{ to: 'f', reason: 'the file system is read-only' }] });
    });

    test('rsync: without it on the host, or on this machine, files go through a shell', async () => {
      await bed().inside('h4', 'mv /usr/bin/rsync /usr/bin/rsync.away');
      const folder = await newFolder();
      await writeFile(join(folder, 'big'), 'y'.repeat(3_000_000), { mode: 0o640 });
      const host = reach({ name: 'h4', destination: 'h4' });
      expect(await host.put([{ to: 'big', from: join(folder, 'big') }])).toMatchObject({ sent: 1, sentBytes: 3_000_000, failed: [] });
      expect((await host.run('stat -c "%s %a" big')).stdout).toBe('3000000 640\n');
      await bed().inside('h4', 'mv /usr/bin/rsync.away /usr/bin/rsync');
      const other = reach({ name: 'h4', destination: 'h4' });
      const path = process.env['PATH'];
      process.env['PATH'] = await pathWithout(['rsync']);
      try {
        expect(await other.put([{ to: 'big', from: join(folder, 'big') }])).toMatchObject({ sent: 1, failed: [] });
      } finally {
        process.env['PATH'] = path;
      }
    });
  });

  describe('connections that are lost', () => {
    test('a command that ran is of unknown fate; the next one finds a new connection', async () => {
      const host = reach();
      const run = host.run('echo $PPID >parent; sleep 1000');
      run.catch(() => {});
      await until('it runs', () => host.get('parent').then((text) => text !== '', () => false));
      await killLogins(bed(), 'h1');
      await expect(run).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringMatching(/the connection was lost while .* whether it was done is unknown/) });
      expect((await host.run(['hostname'])).stdout).toBe('h1\n');
    });

    // One without a limit has a keeper of its own, the other's is the shell that is cut off.
    test.each([{}, { timeoutMs: 100_000 }])('waiting outlives a cut: the script is found again by its id: %j', async (limit) => {
      const host = reach({ configFile: await eagerConfig(bed()) });
      // Two at once, so that a shell is left for what is to meet the cut.
      await Promise.all([host.run(['mkfifo', 'gate']), host.run(['true'])]);
      await host.start({ id: 's', command: `read -r line <${host.workFolder}/gate; echo done`, ...limit });
      const end = host.wait('s');
      await bed().cut('h1');
      await expect(host.run(['true'])).rejects.toMatchObject({ code: 'UNREACHABLE' });
      await bed().heal('h1');
      await until('it is reached again', () => host.run('echo open >gate').then(() => true, () => false));
      expect(await end).toMatchObject({ kind: 'ended', exitCode: 0, stdout: 'done\n' });
    });

    test.each([{}, { timeoutMs: 100_000 }])('after a reboot what ran has vanished, what had ended is still told, and a wait says so: %j', async (limit) => {
      const host = reach({ name: 'h2', destination: 'h2', configFile: await eagerConfig(bed()) });
      await host.start({ id: 'ended', command: 'echo before' });
      await host.wait('ended');
      await host.start({ id: 'ran', command: 'echo begun; sleep 1000', ...limit });
      await until('it has begun', () => host.get('scripts/ran/out').then((text) => text !== '', () => false));
      const end = host.wait('ran');
      await bed().kill('h2');
      await bed().boot('h2');
      expect(await end).toMatchObject({ kind: 'vanished', stdout: 'begun\n' });
      expect(await host.poll('ended')).toMatchObject({ kind: 'ended', stdout: 'before\n' });
    });

    test('a host that stays away is told after the patience, by waits too', async () => {
      const host = reach({ name: 'h2', destination: 'h2', configFile: await eagerConfig(bed()), patienceMs: 500 });
      await host.start({ id: 's', command: ['sleep', '1000'] });
      const end = host.wait('s');
      end.catch(() => {});
      await bed().cut('h2');
      await expect(end).rejects.toMatchObject({ code: 'UNREACHABLE' });
      await bed().heal('h2');
    });

    test('a question and a batch of small files outlive a lost connection', async () => {
      const host = reach();
      const before = host.run('echo asked; test -e go || sleep 4321', { isQuestion: true });
      await until('it is asked', async () => (await bed().inside('h1', 'pgrep -fc "^sleep 4321" || true')).trim() === '1');
      await host.put([{ to: 'go', text: '' }]);
      await killLogins(bed(), 'h1');
      expect(await before).toMatchObject({ exitCode: 0, stdout: 'asked\n' });
      const files = Array.from({ length: 40 }, (_, i) => ({ to: `many/${i}`, text: String(i).repeat(20_000) }));
      // Slow enough to be met in the middle.
      await bed().delay('h1', 60);
      const put = host.put(files);
      await until('some have arrived', async () => (await bed().inside('h1', `ls ${host.workFolder}/many 2>/dev/null | wc -l`)).trim() !== '0');
      await killLogins(bed(), 'h1');
      expect(await put).toMatchObject({ failed: [] });
      await bed().heal('h1');
      expect((await host.run('cat many/* | wc -c')).stdout).toBe(`${files.reduce((sum, { text }) => sum + text.length, 0)}\n`);
    });

    test('large files share a connection, which is made anew when it is lost, and ends with the host', async () => {
      const logins = async (): Promise<number> => Number((await bed().inside('h1', 'pgrep -fc "^sshd: root@" || true')).trim());
      await until('those of other tests have ended', async () => (await logins()) === 0);
      const host = reach();
      const large = (name: string) => host.put([{ to: name, text: name.repeat(2_000_000) }]);
      for (const name of ['a', 'b', 'c']) expect(await large(name)).toMatchObject({ sent: 1, failed: [] });
      expect(await logins()).toBe(2);
      await killLogins(bed(), 'h1');
      expect(await large('d')).toMatchObject({ sent: 1, failed: [] });
      expect((await host.run('cat a b c d | tr -s abcd; ls -A')).stdout).toBe('abcda\nb\nc\nd\n');
      await host.close();
      await until('both have ended', async () => (await logins()) === 0);
    });

    test('one that is silent while somebody waits for it is told, and when it answers again, and when nobody waits any more', async () => {
      const host = reach({ name: 'h2', destination: 'h2', patienceMs: 3_000, configFile: await eagerConfig(bed()) });
      const told: Silence[] = [];
      host.onSilence!((silence) => void told.push(silence));
      await host.start({ id: 's', command: ['sleep', '1000'] });
      const end = host.wait('s').catch((failed: unknown) => failed);
      const cutAtMs = Date.now();
      await bed().cut('h2');
      await until('it is told', () => told.length === 1);
      await bed().heal('h2');
      await until('it is over', () => told.length === 2);
      expect(told).toEqual([{ sinceMs: expect.any(Number) }, { sinceMs: told[0]!.sinceMs, over: 'answers' }]);
      expect(Math.abs(told[0]!.sinceMs - cutAtMs)).toBeLessThan(5_000);
      await bed().cut('h2');
      expect(await end).toMatchObject({ code: 'UNREACHABLE' });
      await until('nobody waits any more', () => told.length === 4);
      expect(told.slice(2)).toEqual([{ sinceMs: expect.any(Number) }, { sinceMs: told[2]!.sinceMs, over: 'given-up' }]);
      await bed().heal('h2');
    });

    test('many pieces of a file, and many rsyncs, leave nobody listening', async () => {
      const warnings: string[] = [];
      const hear = (warning: Error): void => void warnings.push(warning.message);
      process.on('warning', hear);
      onTestFinished(() => void process.off('warning', hear));
      const folder = await newFolder();
      await writeFile(join(folder, 'big'), Buffer.alloc(60_000_000, 'z'));
      await bed().delay('h1', 20);
      expect(await reach({ rsyncAboveBytes: 1e9 }).put([{ to: 'big', from: join(folder, 'big') }])).toMatchObject({ sent: 1 });
      await bed().heal('h1');
      const before = process.listenerCount('exit');
      const most = Promise.all(['h1', 'h2', 'h3'].map((name) => reach({ name, destination: name, rsyncAboveBytes: 0 }).put([{ to: 'big', from: join(folder, 'big') }], { onProgress: () => void listeners.push(process.listenerCount('exit')) })));
      const listeners: number[] = [];
      await most;
      expect(Math.max(...listeners)).toBeLessThanOrEqual(before + 1);
      expect(warnings).toEqual([]);
    });

    test('a transfer that is cut goes on where it was', async () => {
      const folder = await newFolder();
      await writeFile(join(folder, 'big'), Buffer.alloc(300_000_000, 'z'));
      let sent = 0;
      const host = reach({ name: 'h3', destination: 'h3' });
      const onProgress = ({ sentBytes, totalBytes }: PutProgress): void => {
        expect(totalBytes).toBe(300_000_000);
        sent = sentBytes;
      };
      const temporary = `${host.workFolder}/.big.*`;
      const cut = bed().inside('h3', `until [ "$(stat -c %s ${temporary} 2>/dev/null || echo 0)" -gt 30000000 ]; do sleep 0.01; done; pkill -x rsync`);
      expect(await host.put([{ to: 'big', from: join(folder, 'big') }], { onProgress })).toMatchObject({ sent: 1, failed: [] });
      await cut;
      expect(sent).toBe(300_000_000);
      expect((await host.run('wc -c <big; ls -A')).stdout).toBe('300000000\nbig\n');
    });
  });

  test('destroy ends the shells of a controller that was cut off for good, with what they ran', async () => {
    const lost = reach({ name: 'h3', destination: 'h3', patienceMs: 0, configFile: await eagerConfig(bed()) });
    const started = await lost.start({ id: 's', command: ['sleep', '1000'], timeoutMs: 7_654_321 });
    const end = lost.wait('s');
    await bed().cut('h3');
    await expect(end).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await bed().heal('h3');
    const other = reach({ name: 'h3', destination: 'h3', workFolder: lost.workFolder });
    expect(await other.poll('s')).toEqual(started);
    await other.destroy();
    await other.close();
    const ours = `cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" | grep -cxF '${lost.workFolder}' || true`;
    await until('no shell of it is left', async () => (await bed().inside('h3', ours)).trim() === '0');
    expect(await bed().inside('h3', `ls -d ${lost.workFolder} 2>&1 || true; cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -o "[s]leep 1000" || true`)).toMatch(/No such file[^\n]*\n$/);
  });

  test('nothing of ours is left on a host when its host is closed; who waits is told', async () => {
    const ours = async (): Promise<string> => (await bed().inside('h3', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "[t]utti-shell" || true')).trim();
    const host = reach({ name: 'h3', destination: 'h3' });
    await host.start({ id: 's', command: ['sleep', '1000'] });
    const [one, other] = [host.wait('s'), host.wait('s')];
    await Promise.all(Array.from({ length: 6 }, () => host.run(['true'])));
    expect(await ours()).not.toBe('0');
    await host.destroy();
    for (const end of await Promise.all([one, other])) expect(['ended', 'absent']).toContain(end.kind);
    expect(await bed().inside('h3', `ls -d ${host.workFolder} 2>&1 || true`)).toContain('No such file');
    await host.start({ id: 's', command: ['sleep', '1000'] });
    const end = host.wait('s');
    await host.close();
    await expect(end).rejects.toMatchObject({ code: 'UNREACHABLE', message: expect.stringContaining('closed') });
    await until('no shell of ours is left', async () => (await ours()) === '0');
    await host.destroy();
  });
});

async function newKey(path: string, passphrase: string): Promise<void> {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', path]);
}

async function askPass(folder: string, secret: string): Promise<string> {
  await writeFile(join(folder, 'ask'), `#!/bin/sh\necho ${secret}\n`, { mode: 0o700 });
  return join(folder, 'ask');
}

/** Connections that notice a cut soon. */
async function eagerConfig(bed: TestBed): Promise<string> {
  const path = join(await newFolder(), 'config');
  await writeFile(path, `ServerAliveInterval 1\nConnectTimeout 2\n${await readFile(bed.sshConfig, 'utf8')}`);
  return path;
}

/** Ends what sshd has made for those that are logged in, not sshd itself. */
async function killLogins(bed: TestBed, host: string): Promise<void> {
  await bed.inside(host, 'pkill -KILL -f "^sshd: root"');
}

/** A PATH on which the programs of this machine are, but for some. */
async function pathWithout(programs: readonly string[]): Promise<string> {
  const folder = await newFolder();
  for (const name of await readdir('/usr/bin')) if (!programs.includes(name)) await symlink(`/usr/bin/${name}`, join(folder, name)).catch(() => {});
  return folder;
}

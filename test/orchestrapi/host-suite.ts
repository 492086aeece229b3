import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { factsOf } from '../../src/orchestrapi/facts.ts';
import { HostError, type Host, type HostErrorCode } from '../../src/orchestrapi/host.ts';
import { newFolder, until } from './folders.ts';

/** A fresh machine. Each call of `reach` gives another `Host` for it, as another controller would have. */
export interface Machine {
  readonly reach: () => Host;
}

/**
 * What every implementation of `Host` must do. It looks at the machine through `Host` alone, so that it does not matter where that is.
 * @example hostSuite('a local host', async () => { const workFolder = join(await newFolder(), 'host'); return { reach: () => localHost({ name: 'h', workFolder }) }; });
 */
export function hostSuite(name: string, makeMachine: () => Promise<Machine>): void {
  const machine = async (): Promise<Machine & { readonly host: Host }> => {
    const { reach } = await makeMachine();
    const opened: Host[] = [];
    const open = (): Host => {
      opened.push(reach());
      return opened.at(-1)!;
    };
    const host = open();
    onTestFinished(async () => {
      await host.destroy();
      for (const one of opened) await one.close();
    });
    return { host, reach: open };
  };
  const newHost = async (): Promise<Host> => (await machine()).host;

  describe(`${name}: run`, () => {
    test('gives back output, errors and exit code; a non-zero exit code is a result', async () => {
      const host = await newHost();
      expect(await host.run('echo out; echo err >&2; exit 3')).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' });
    });

    test('arguments arrive as they are: no shell reads them', async () => {
      const host = await newHost();
      const odd = ['$(echo no)', '`no`', "it's", 'a\nb', '-n', '', '*', '#x', 'é∀', '\\', '"', '${HOME}', ' '];
      const { stdout } = await host.run(['printf', '<%s>', ...odd]);
      expect(stdout).toBe(odd.map((word) => `<${word}>`).join(''));
    });

    test('a text is read by /bin/sh', async () => {
      expect((await (await newHost()).run('for i in 1 2; do printf $i; done | tr 12 ab')).stdout).toBe('ab');
    });

    test('standard input is empty unless given', async () => {
      const host = await newHost();
      expect((await host.run(['cat'])).stdout).toBe('');
      expect((await host.run(['cat'], { input: 'line\n' })).stdout).toBe('line\n');
      expect((await host.run(['true'], { input: 'x'.repeat(1_000_000) })).exitCode).toBe(0);
    });

    test('runs in the work folder, or where `cwd` says; a folder below the work folder is made', async () => {
      const host = await newHost();
      expect((await host.run(['pwd', '-P'])).stdout.trim()).toBe((await host.run(['pwd', '-P'], { cwd: host.workFolder })).stdout.trim());
      expect((await host.run(['pwd'], { cwd: 'deep/er one' })).stdout).toBe(`${host.workFolder}/deep/er one\n`);
      expect((await host.run(['pwd'], { cwd: '/' })).stdout).toBe('/\n');
      await expect(host.run(['pwd'], { cwd: '/nowhere/at/all' })).rejects.toMatchObject({ code: 'NOT_FOUND' satisfies HostErrorCode });
    });

    test('the work folder is made on first use, for its owner alone', async () => {
      const host = await newHost();
      expect((await host.run('stat -c %a .')).stdout).toBe('700\n');
    });

    test('variables are added to the environment, whatever they hold', async () => {
      const host = await newHost();
      const { stdout } = await host.run('printf "%s|%s" "$ODD" "${PATH:+path}"', { env: { ODD: "a'b\n$(c)" } });
      expect(stdout).toBe("a'b\n$(c)|path");
    });

    test('a program that is not there is exit code 127', async () => {
      const result = await (await newHost()).run(['no-such-program-at-all']);
      expect(result.exitCode).toBe(127);
      expect(result.stderr).toContain('not found');
    });

    test('after a signal the exit code is 128 and its number', async () => {
      expect((await (await newHost()).run('kill -9 $$')).exitCode).toBe(137);
    });

    test('the last MiB of an output is kept, and all of it is told as it comes', async () => {
      const host = await newHost();
      let told = 0;
      const { stdout } = await host.run('head -c 3000000 /dev/zero | tr "\\0" x; echo end', { onOutput: (stream, text) => { if (stream === 'out') told += text.length; } });
      expect(stdout.length).toBe(1024 * 1024);
      expect(stdout.endsWith('xend\n')).toBe(true);
      expect(told).toBe(3_000_004);
    });

    test('running past its time limit it is killed, with the processes that it started', async () => {
      const host = await newHost();
      const run = host.run('sleep 1000 & echo $! >child; wait', { timeoutMs: 300 });
      await expect(run).rejects.toMatchObject({ name: 'HostError', code: 'TIMEOUT', host: host.name });
      expect(await isRunning(host, (await host.get('child')).trim())).toBe(false);
    });

    test('it is killed when the signal is aborted, also when it does not hear TERM', async () => {
      const host = await newHost();
      const controller = new AbortController();
      const run = host.run('trap "" TERM; echo $$ >pid; while :; do sleep 0.05; done', { signal: controller.signal });
      run.catch(() => {});
      await until('it runs', () => host.get('pid').then((text) => text !== '', () => false));
      controller.abort(new Error('enough'));
      await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED', message: expect.stringContaining('enough') });
      expect(await isRunning(host, (await host.get('pid')).trim())).toBe(false);
      await expect(host.run(['true'], { signal: controller.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
    });

    test('what a command leaves in the background does not hold up its end', async () => {
      const host = await newHost();
      expect((await host.run('sleep 30 & echo $!', { timeoutMs: 15_000 })).exitCode).toBe(0);
    });
  });

  describe(`${name}: put and get`, () => {
    test('places texts, files and folders, with their modes', async () => {
      const host = await newHost();
      const folder = await newFolder();
      await mkdir(join(folder, 'd/e'), { recursive: true });
      await writeFile(join(folder, 'program'), '#!/bin/sh\necho hello\n', { mode: 0o755 });
      await writeFile(join(folder, 'd/one'), 'one', { mode: 0o640 });
      await writeFile(join(folder, 'd/e/two'), Buffer.from([0, 255, 10, 13]));
      await symlink('one', join(folder, 'd/link'));
      const batch = [{ to: 'bin/program', from: join(folder, 'program') }, { to: 'd', from: join(folder, 'd') }, { to: 'secret', text: 'key', mode: 0o600 }];
      expect(await host.put(batch)).toMatchObject({ sent: 5, unchanged: 0, failed: [] });
      expect((await host.run(['bin/program'])).stdout).toBe('hello\n');
      expect((await host.run('stat -c %a d/one secret; od -An -tu1 d/e/two; readlink d/link')).stdout.replace(/ +/g, ' ')).toBe('640\n600\n 0 255 10 13\none\n');
    });

    test('sends only what differs, in bytes or in mode', async () => {
      const host = await newHost();
      const batch = [{ to: 'a', text: 'aaa' }, { to: 'b', text: 'bbb', mode: 0o600 }];
      expect(await host.put(batch)).toEqual({ sent: 2, unchanged: 0, sentBytes: 6, failed: [] });
      const before = (await host.run('stat -c %i a b')).stdout;
      expect(await host.put(batch)).toEqual({ sent: 0, unchanged: 2, sentBytes: 0, failed: [] });
      expect((await host.run('stat -c %i a b')).stdout).toBe(before);
      expect(await host.put([{ to: 'a', text: 'aba' }, { to: 'b', text: 'bbb', mode: 0o644 }])).toMatchObject({ sent: 2, unchanged: 0 });
      expect((await host.run('cat a; stat -c %a b')).stdout).toBe('aba644\n');
    });

    test('odd names survive', async () => {
      const host = await newHost();
      const names = ['-rf', '#hash', ';semi', 'a b', 'new\nline', "it's", '$(x)', 'é∀', '*', 'n'.repeat(255)];
      expect(await host.put(names.map((to) => ({ to: `odd/${to}`, text: to })))).toMatchObject({ sent: names.length, failed: [] });
      for (const to of names) expect(await host.get(`odd/${to}`)).toBe(to);
    });

    test('a file that fails names itself, with a clear reason, and the others go on', async () => {
      const host = await newHost();
      const folder = await newFolder();
      await mkdir(join(folder, 'tree'));
      await writeFile(join(folder, 'tree/plain'), 'x');
      await writeFile(join(folder, 'tree/blocked'), 'x');
      await host.put([{ to: 'file', text: '' }]);
      await host.run(['mkdir', '-p', 'tree/blocked/full']);
      const { failed, sent } = await host.put([
        { to: 'file/below', text: 'x' }, { to: 'lost', from: join(folder, 'absent') }, { to: 'tree', from: join(folder, 'tree') }, { to: 'good', text: 'good' },
      ]);
      expect(failed.map((f) => f.to).sort()).toEqual(['file/below', 'lost', 'tree/blocked']);
      expect(Object.fromEntries(failed.map((f) => [f.to, f.reason]))).toMatchObject({
        'file/below': expect.stringContaining('a file, not a folder'), lost: expect.stringContaining('not there'), 'tree/blocked': expect.stringContaining('folder'),
      });
      expect(sent).toBe(2);
      expect(await host.get('good')).toBe('good');
      expect(await host.get('tree/plain')).toBe('x');
    });

    test('a name or a link that is not UTF-8 is refused by what it is, and the others go on', async () => {
      const host = await newHost();
      const folder = await newFolder();
      const inFolder = (name: string): Buffer => Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
      await writeFile(inFolder('\xffbytes\x01'), 'x');
      await symlink(Buffer.from('to\xfe', 'latin1'), inFolder('link'));
      await writeFile(join(folder, 'Größe \x01\n'), 'is sent');
      const { failed, sent } = await host.put([{ to: 'f', from: folder }]);
      expect(Object.fromEntries(failed.map((f) => [f.to, f.reason]))).toEqual({
        'f/\\xffbytes\\x01': `its name is not UTF-8: rename it (in ${folder})`,
        'f/link': `it is a link to "to\\xfe", which is not UTF-8: rename what it leads to (${folder}/link)`,
      });
      expect(sent).toBe(1);
      expect(await host.get('f/Größe \x01\n')).toBe('is sent');
    });

    test('a program that runs can be replaced, and a link is replaced itself', async () => {
      const host = await newHost();
      await host.run('cp /bin/sleep program; echo target >target; ln -s target link');
      await host.start({ id: 'running', command: ['./program', '1000'] });
      expect(await host.put([{ to: 'program', text: 'new', mode: 0o755 }, { to: 'link', text: 'own' }])).toMatchObject({ sent: 2, failed: [] });
      expect([await host.get('program'), await host.get('link'), await host.get('target')]).toEqual(['new', 'own', 'target\n']);
    });

    test('a file is fetched with all its bytes and its mode; what is no file is refused', async () => {
      const host = await newHost();
      const folder = await newFolder();
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255));
      await writeFile(join(folder, 'here'), bytes, { mode: 0o640 });
      await host.put([{ to: "odd ' name\n", from: join(folder, 'here') }, { to: 'empty', text: '' }]);
      await writeFile(join(folder, 'there'), 'x'.repeat(400_000));
      await host.fetch("odd ' name\n", join(folder, 'there'));
      expect(bytes.equals(await readFile(join(folder, 'there')))).toBe(true);
      expect((await stat(join(folder, 'there'))).mode & 0o777).toBe(0o640);
      await host.fetch('empty', join(folder, 'there'));
      expect(await readFile(join(folder, 'there'), 'utf8')).toBe('');
      await expect(host.fetch('nowhere', join(folder, 'no'))).rejects.toMatchObject({ name: 'HostError', code: 'NOT_FOUND' });
      await expect(host.fetch('/', join(folder, 'no'))).rejects.toMatchObject({ name: 'HostError', code: 'REFUSED' });
    });

    test('getting what is not there is NOT_FOUND', async () => {
      await expect((await newHost()).get('nothing')).rejects.toMatchObject({ name: 'HostError', code: 'NOT_FOUND' });
    });
  });

  describe(`${name}: scripts`, () => {
    test('absent, alive, ended', async () => {
      const host = await newHost();
      expect(await host.poll('s')).toEqual({ kind: 'absent' });
      expect(await host.wait('s')).toEqual({ kind: 'absent' });
      const gate = await newGate(host);
      expect(await host.start({ id: 's', command: `${gate.waits}; echo out; echo err >&2; exit 7` })).toMatchObject({ kind: 'alive' });
      expect(await host.poll('s')).toMatchObject({ kind: 'alive' });
      await gate.open();
      const ended = { kind: 'ended', exitCode: 7, stdout: 'out\n', stderr: 'err\n', timedOut: false };
      expect(await host.wait('s')).toEqual(ended);
      expect(await host.poll('s')).toEqual(ended);
    });

    test('the same id twice starts once, also at the same time and from two controllers', async () => {
      const { host, reach } = await machine();
      const script = { id: 'once/only', command: 'echo x >>count; sleep 1000' };
      const statuses = await Promise.all([host, reach(), host, reach()].map((one) => one.start(script)));
      expect(new Set(statuses.map((s) => s.kind))).toEqual(new Set(['alive']));
      await until('it has counted', () => host.get('count').then((text) => text !== '', () => false));
      await host.kill('once/only');
      expect(await host.get('count')).toBe('x\n');
      expect(await host.start(script)).toMatchObject({ kind: 'ended' });
      expect(await host.get('count')).toBe('x\n');
    });

    test('the list of processes stays readable: what keeps a script is not in its arguments, nor in the environment of what runs', async () => {
      const host = await newHost();
      await host.start({ id: 'sleeps', command: 'exec sleep 1000' });
      const sizes = await host.run(`for line in $(grep -lF -e '${host.workFolder}' /proc/[0-9]*/cmdline 2>/dev/null); do wc -c <$line; done`);
      const bytes = sizes.stdout.trim().split('\n').map(Number);
      expect(bytes.length).toBeGreaterThan(1);
      expect(Math.max(...bytes)).toBeLessThan(500);
      await host.start({ id: 'env', command: 'env' });
      expect((await host.wait('env')) as object).toMatchObject({ kind: 'ended', stdout: expect.not.stringMatching(/TUTTI_TEXT|tutti_keep/) as string });
      expect((await host.run('env')).stdout).not.toMatch(/TUTTI_TEXT|tutti_keep/);
    });

    test('arguments, variables, input and folder arrive as they are', async () => {
      const host = await newHost();
      const odd = ['$(echo no)', "it's", 'a\nb', '', '-n', '*', 'é'];
      await host.start({ id: 's', command: ['sh', '-c', 'printf "<%s>" "$@" "$ODD" "$stat"; cat; pwd', 'x', ...odd], env: { ODD: "$(v)'\n", stat: 'mine' }, input: 'in\n', cwd: 'a b/c' });
      expect(await host.wait('s')).toMatchObject({ exitCode: 0, stdout: `${[...odd, "$(v)'\n", 'mine'].map((w) => `<${w}>`).join('')}in\n${host.workFolder}/a b/c\n` });
    });

    test('goes on when its controller is gone; another one finds it and waits for its end', async () => {
      const { host, reach } = await machine();
      const gate = await newGate(host);
      await host.start({ id: 's', command: `${gate.waits}; echo done` });
      await host.close();
      const other = reach();
      const end = other.wait('s');
      expect(await other.poll('s')).toMatchObject({ kind: 'alive' });
      await gate.open();
      expect(await end).toMatchObject({ kind: 'ended', exitCode: 0, stdout: 'done\n' });
    });

    test('leads a session of its own, with no input and nothing else open', async () => {
      const host = await newHost();
      await host.start({ id: 's', command: 'set -- $(cat /proc/$$/stat); [ "$6" = $$ ] && echo leads; readlink /proc/$$/fd/*; cat' });
      const { stdout } = (await host.wait('s')) as { readonly stdout: string };
      expect(stdout.replaceAll('/dev/null\n', '')).toBe(`leads\n${host.workFolder}/scripts/s/out\n${host.workFolder}/scripts/s/err\n`);
    });

    test('a program that is not there is exit code 127, a folder that cannot be entered 126', async () => {
      const host = await newHost();
      await host.start({ id: 'a', command: ['no-such-program-at-all'] });
      expect(await host.wait('a')).toMatchObject({ kind: 'ended', exitCode: 127, stderr: expect.stringContaining('not found') });
      await host.start({ id: 'b', command: ['true'], cwd: '/nowhere/at/all' });
      expect(await host.wait('b')).toMatchObject({ kind: 'ended', exitCode: 126 });
    });

    test('the host itself ends it, with its children, when its time limit is over', async () => {
      const { host, reach } = await machine();
      // The child does not hear TERM, of which its parent dies.
      await host.start({ id: 's', command: 'sh -c "trap \\"\\" TERM; while :; do sleep 0.05; done" & echo $! >child; echo begun; wait', timeoutMs: 500 });
      await host.close();
      expect(await reach().wait('s')).toMatchObject({ kind: 'ended', exitCode: 143, stdout: 'begun\n', timedOut: true });
      await until('its child is gone', async () => !(await isRunning(reach(), (await reach().get('child')).trim())));
    });

    test('a time limit that is not reached leaves nothing behind', async () => {
      const host = await newHost();
      await Promise.all(Array.from({ length: 10 }, (_, i) => host.start({ id: `s/${i}`, command: ['true'], timeoutMs: 7_654_321 })));
      for (let i = 0; i < 10; i++) expect(await host.wait(`s/${i}`)).toMatchObject({ kind: 'ended', exitCode: 0, timedOut: false });
      await until('no sleep is left', async () => (await host.run('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "[s]leep 7654.321"')).stdout === '0\n');
    });

    test('the last MiB of each output is kept', async () => {
      const host = await newHost();
      await host.start({ id: 's', command: 'head -c 3000000 /dev/zero | tr "\\0" x; echo end' });
      const end = await host.wait('s');
      expect(end.kind === 'ended' && end.stdout.length).toBe(1024 * 1024);
      expect(end.kind === 'ended' && end.stdout.endsWith('xend\n')).toBe(true);
    });

    test('kill ends it and its children: the signal asked for, then KILL after the grace time', async () => {
      const host = await newHost();
      await host.start({ id: 'soft', command: 'trap "echo heard; exit 5" INT; echo ready >ready; while :; do sleep 0.01; done' });
      await until('it listens', () => isFile(host, 'ready'));
      expect(await host.kill('soft', { signal: 'INT' })).toMatchObject({ kind: 'ended', exitCode: 5, stdout: 'heard\n' });
      await host.start({ id: 'hard', command: 'trap "" TERM; sh -c "trap \\"\\" TERM; echo \\$\\$ >child; while :; do sleep 0.05; done"' });
      await until('its child runs', () => isFile(host, 'child'));
      expect(await host.kill('hard', { graceMs: 100 })).toMatchObject({ kind: 'ended', exitCode: 137 });
      expect(await isRunning(host, (await host.get('child')).trim())).toBe(false);
    });

    test('kill right after start arrives', async () => {
      const host = await newHost();
      await host.start({ id: 's', command: ['sleep', '1000'] });
      expect(await host.kill('s')).toMatchObject({ kind: 'ended', exitCode: 143 });
    });

    test('kill takes down the children of one that has ended', async () => {
      const { host, reach } = await machine();
      await host.start({ id: 's', command: 'sleep 1000 & echo $!' });
      const end = await host.wait('s');
      const child = end.kind === 'ended' ? end.stdout.trim() : '';
      expect(await isRunning(host, child)).toBe(true);
      expect(await reach().kill('s')).toEqual(end);
      expect(await isRunning(host, child)).toBe(false);
    });

    test('kill of what is gone already, or was never there, is success', async () => {
      const host = await newHost();
      expect(await host.kill('never')).toEqual({ kind: 'absent' });
      await host.start({ id: 's', command: ['true'] });
      await host.wait('s');
      expect(await host.kill('s')).toMatchObject({ kind: 'ended', exitCode: 0 });
    });

    test('killed outright with its keeper it has vanished, and is not waited for any longer', async () => {
      const { host, reach } = await machine();
      await host.start({ id: 's', command: 'echo $PPID $$; echo >ready; sleep 1000' });
      await until('it runs', () => isFile(host, 'ready'));
      const [own, other] = [host.wait('s'), reach().wait('s')];
      await host.run('read keeper leader <scripts/s/out; kill -9 $keeper -$leader');
      for (const end of [own, other]) expect(await end).toMatchObject({ kind: 'vanished', stdout: expect.stringMatching(/^\d+ \d+\n$/) });
      expect(await host.kill('s')).toMatchObject({ kind: 'vanished' });
    });

    test('kill also ends the watch over the time limit of one whose keeper was killed outright', async () => {
      const host = await newHost();
      await host.start({ id: 's', command: 'echo $PPID; echo >ready; sleep 1000', timeoutMs: 5_432_100 });
      await until('it runs', () => isFile(host, 'ready'));
      await host.run('kill -9 $(cat scripts/s/out)');
      expect(await host.poll('s')).toMatchObject({ kind: 'alive' });
      expect(await host.kill('s')).toMatchObject({ kind: 'vanished' });
      expect((await host.run('cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -c "[s]leep 5432.1"')).stdout).toBe('0\n');
    });

    test('a recorded process whose pid another one has now is neither alive nor signalled', async () => {
      const host = await newHost();
      await host.start({ id: 'bystander', command: ['sleep', '1000'] });
      const bystander = await host.poll('bystander');
      const pid = bystander.kind === 'alive' ? bystander.pid : 0;
      const boot = (await host.run('cat /proc/sys/kernel/random/boot_id')).stdout.trim();
      for (const [id, identity] of [['reused', `${pid} 1 ${boot}`], ['rebooted', `${pid} ${await startTime(host, pid)} another-boot`]] as const) {
        await host.put(['lock', 'pid'].map((file) => ({ to: `scripts/${id}/${file}`, text: `${identity}\n` })));
        expect(await host.poll(id)).toMatchObject({ kind: 'vanished' });
        expect(await host.kill(id)).toMatchObject({ kind: 'vanished' });
      }
      expect(await host.poll('bystander')).toMatchObject({ kind: 'alive' });
    });

    test('one whose starter died before anything ran is absent, and can be started', async () => {
      const host = await newHost();
      await host.put([{ to: 'scripts/s/command', text: '#"half"\n' }]);
      expect(await host.poll('s')).toEqual({ kind: 'absent' });
      await host.start({ id: 's', command: 'echo whole' });
      expect(await host.wait('s')).toMatchObject({ kind: 'ended', stdout: 'whole\n' });
    });

    test('one whose keeper died while it wrote its name is not alive for ever', async () => {
      const host = await newHost();
      await host.put([{ to: 'scripts/s/lock', text: '' }]);
      expect(await host.wait('s')).toMatchObject({ kind: 'vanished' });
    });

    test('waiting is ended by its signal; the script goes on', async () => {
      const host = await newHost();
      await host.start({ id: 's', command: ['sleep', '1000'] });
      const controller = new AbortController();
      const end = host.wait('s', controller.signal);
      controller.abort();
      await expect(end).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(await host.poll('s')).toMatchObject({ kind: 'alive' });
    });

    test('forget removes what has ended, and those below its id, and is BUSY while it is alive', async () => {
      const host = await newHost();
      await host.start({ id: 'f/0', command: ['sleep', '1000'] });
      await expect(host.forget('f/0')).rejects.toMatchObject({ code: 'BUSY' });
      await host.kill('f/0');
      await host.forget('f');
      expect(await host.poll('f/0')).toEqual({ kind: 'absent' });
      await host.forget('f');
      await host.start({ id: 'f/0', command: 'echo anew' });
      expect(await host.wait('f/0')).toMatchObject({ stdout: 'anew\n' });
    });

    test.each(['', '/', '../x', 'a/../b', 'a//b', 'a b', 'a\nb', 'a/', '.', "x'"])('%j cannot be an id', async (id) => {
      await expect((await newHost()).start({ id, command: ['true'] })).rejects.toBeInstanceOf(HostError);
    });
  });

  describe(`${name}: facts`, () => {
    test('says what machine it is, as this one sees it', async () => {
      const host = await newHost();
      const facts = await factsOf(host);
      expect(facts).toMatchObject({ address: host.address, hostname: (await host.run(['hostname'])).stdout.trim(), cores: cpus().length });
      // The kernel counts in kB.
      expect(Math.abs(facts.memoryBytes - totalmem())).toBeLessThan(4096);
      expect(facts.disks.map(({ name: disk }) => disk)).toEqual(readdirSync('/sys/block').filter((disk) => !/^(loop|ram|zram|fd|sr)/.test(disk) && readFileSync(`/sys/block/${disk}/size`, 'utf8') !== '0\n'));
      for (const disk of facts.disks) expect(disk.bytes).toBe(Number(readFileSync(`/sys/block/${disk.name}/size`, 'utf8')) * 512);
      expect(await factsOf(host)).toBe(facts);
    });
  });

  describe(`${name}: destroy`, () => {
    test('ends every script and removes the work folder; the host can be used anew', async () => {
      const host = await newHost();
      await host.start({ id: 'deep/er/s', command: ['sleep', '1000'] });
      const status = await host.poll('deep/er/s');
      await host.destroy();
      await host.destroy();
      expect((await host.run(['ls', '-A'])).stdout).toBe('');
      expect(status.kind === 'alive' && (await isRunning(host, String(status.pid)))).toBe(false);
      expect(await host.poll('deep/er/s')).toEqual({ kind: 'absent' });
    });
  });
}

/** Something for a script to wait for: it goes on when the gate is opened. */
async function newGate(host: Host): Promise<{ readonly waits: string; open(): Promise<void> }> {
  await host.run(['mkfifo', 'gate']);
  return { waits: `read -r line <${host.workFolder}/gate`, open: async () => void (await host.run('echo open >gate')) };
}

async function isFile(host: Host, path: string): Promise<boolean> {
  return (await host.run(['test', '-s', path])).exitCode === 0;
}

async function isRunning(host: Host, pid: string): Promise<boolean> {
  return (await host.run(`[ -e /proc/${pid} ] && ! grep -q '^State:.[ZX]' /proc/${pid}/status 2>/dev/null`)).exitCode === 0;
}

async function startTime(host: Host, pid: number): Promise<string> {
  return (await host.run(`sed 's/.*) //' /proc/${pid}/stat | cut -d' ' -f20`)).stdout.trim();
}

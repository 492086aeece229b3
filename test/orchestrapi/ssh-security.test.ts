import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Host } from '../../src/orchestrapi/host.ts';
import { quoteOnOneLine } from '../../src/orchestrapi/quote.ts';
import { sshHost } from '../../src/orchestrapi/ssh.ts';
import { onTestBed } from '../testbed/testbed.ts';
import { newFolder } from './folders.ts';

const characters = Array.from({ length: 127 }, (_, i) => String.fromCodePoint(i + 1)).join('');
const hostile = [
  '', "'", '"', '\\', '\n', '\r\n', '\t', '\n\n', ' ', '$(touch /tmp/owned)', '`touch /tmp/owned`', '; touch /tmp/owned', '| touch /tmp/owned', '&& touch /tmp/owned', '\ntouch /tmp/owned\n', "'; touch /tmp/owned; '",
  '"; touch /tmp/owned; "', "'\"$tutti_n\"'; touch /tmp/owned #", '$tutti_n', '${IFS}', '-n', '--', '-rf', '--rsync-path=touch /tmp/owned', '-e sh -c touch% /tmp/owned', '*', '?', '[a-z]', '~', '~root', '!!', '#x', '{a,b}', '%s%n', '\\0', '\\n', '\\c', '\x1e',
  '\x7f', '\x1b[31m', 'é∀😀', '\u202e', 'x'.repeat(4096), `'${'$('.repeat(1000)}`, characters,
];

/** One word as anybody might send it: of hostile pieces and any characters but NUL. */
const word = fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: 'binary', maxLength: 40 }), fc.array(fc.constantFrom(...hostile.filter((w) => w.length < 100)), { maxLength: 5 }).map((parts) => parts.join('')))
  .map((text) => text.replaceAll('\0', '').toWellFormed());

test('a word on one line goes through /bin/sh as it is', () => {
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 10 }), (words) => {
    const line = words.map(quoteOnOneLine).join(' ');
    expect(line).not.toContain('\n');
    const out = execFileSync('/bin/sh', ['-c', `tutti_n='\n'; printf '%s\\0' ${line}`], { encoding: 'utf8' });
    expect(out.split('\0').slice(0, -1)).toEqual(words);
  }), { numRuns: 200 });
});

onTestBed('what is sent to a host is data there', 1, (bed) => {
  let host: Host;
  const open = (options: object = {}): Host => sshHost({ name: 'h1', destination: 'h1', configFile: bed().sshConfig, workFolder: '/var/tmp/security', ...options });
  beforeAll(() => { host = open(); });
  const notOwned = async (): Promise<void> => expect(await bed().inside('h1', 'ls /tmp/owned 2>&1 || true')).toContain('No such file');
  const local = (words: readonly string[], env: Record<string, string>, input: string): string => execFileSync(words[0]!, words.slice(1), { input, encoding: 'utf8', env: { PATH: process.env['PATH']!, ...env } });

  test('arguments, variables and input arrive as with /bin/sh here', async () => {
    const program = ['sh', '-c', 'printf "%s\\0" "$@" "$ONE" "$TWO"; cat', 'sh'];
    await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 6 }), word, word, fc.oneof(word, fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.toWellFormed())), async (words, one, two, input) => {
      const env = { ONE: one, TWO: two };
      expect((await host.run([...program, ...words] as [string, ...string[]], { env, input })).stdout).toBe(local([...program, ...words], env, input));
    }), { numRuns: 150 });
    await notOwned();
  });

  test('all of the hostile list at once, in a command, in its text, and in a script', async () => {
    const argv = ['printf', '%s\\0', ...hostile] as [string, ...string[]];
    const wanted = hostile.map((w) => `${w}\0`).join('');
    expect((await host.run(argv)).stdout).toBe(wanted);
    await host.start({ id: 'argv', command: argv, env: { ONE: hostile.join('') }, input: hostile.join('') });
    expect(await host.wait('argv')).toMatchObject({ kind: 'ended', stdout: wanted });
    await host.start({ id: 'env', command: 'printf "%s" "$ONE"; cat', env: { ONE: hostile.join('') }, input: `${hostile.join('')}\0end` });
    expect(await host.wait('env')).toMatchObject({ stdout: `${hostile.join('')}${hostile.join('')}\0end` });
    await notOwned();
  });

  test('every byte of an output comes back, on both streams', async () => {
    const every = 'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done';
    const { stdout, stderr } = await host.run(`{ ${every}; } | od -An -v -tx1 | tr -d ' \\n'; { ${every}; } >&2`);
    expect(stdout).toBe(Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('hex'));
    expect(stderr).toBe(Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('utf8'));
  });

  test('an output that looks like the end of one is output', async () => {
    const text = '\x1e123e4567-e89b-42d3-a456-426614174000=0\n\x1e=0\n\x1e';
    expect(await host.run(['printf', '%s', text])).toEqual({ exitCode: 0, stdout: text, stderr: '' });
    expect((await host.run('printf x')).stdout).toBe('x');
  });

  test('an input that nobody reads is not read as commands, however long', async () => {
    for (const size of [1, 20_000, 3_000_000]) {
      await host.run(['true'], { input: 'touch /tmp/owned\n'.repeat(size / 17 + 1) });
      expect((await host.run('echo next')).stdout).toBe('next\n');
    }
    await notOwned();
  });

  test('what a command leaves behind does not write into the output of the next', async () => {
    const fresh = open();
    for (let i = 0; i < 5; i++) {
      await fresh.run('(while :; do echo noise; echo noise >&2; sleep 0.001; done) & sleep 0.02');
      expect(await fresh.run('sleep 0.02; echo clean')).toEqual({ exitCode: 0, stdout: 'clean\n', stderr: '' });
    }
    await bed().inside('h1', 'pkill -f "[e]cho noise" || true');
    await fresh.close();
  });

  test('names of files, by rsync and through a shell, as texts and from here', async () => {
    const names = [...new Set(hostile.map((name) => name.replaceAll('/', '_').slice(0, 60)))].filter((name) => name !== '' && name !== '.' && name !== '..');
    const folder = await newFolder();
    for (const name of names) await writeFile(join(folder, name), `content of ${name}`, { mode: 0o640 });
    for (const [way, rsyncAboveBytes] of [['rsync', 0], ['shell', 1e9]] as const) {
      const one = open({ rsyncAboveBytes, workFolder: `/var/tmp/security ${way} '"$(x)` });
      expect(await one.put([{ to: `from ${way}`, from: folder }, ...names.map((name) => ({ to: `text ${way}/${name}`, text: name }))])).toMatchObject({ sent: names.length * 2, failed: [] });
      for (const name of names) {
        expect(await one.get(`from ${way}/${name}`)).toBe(`content of ${name}`);
        expect(await one.get(`text ${way}/${name}`)).toBe(name);
      }
      expect((await one.run(`ls -A "from ${way}" | wc -c; stat -c %a "from ${way}"/*`)).stdout.split('\n').slice(1, -1)).toEqual(names.map(() => '640'));
      expect(await one.put([{ to: `from ${way}`, from: folder }])).toMatchObject({ sent: 0, unchanged: names.length, failed: [] });
      await one.start({ id: 's', command: 'pwd' });
      expect(await one.wait('s')).toMatchObject({ kind: 'ended', stdout: `${one.workFolder}\n` });
      await one.destroy();
      expect(await bed().inside('h1', 'ls /var/tmp')).not.toContain(way);
      await one.close();
    }
    await notOwned();
  });

  test('nothing of a command, its variables or its input is in the process list of its shell, or in a file that others can read', async () => {
    const secret = 's3cr3t-and-long-enough';
    const listed = await host.run('ps -eo args; cat', { env: { SECRET: secret }, input: secret });
    expect(listed.stdout.replace(new RegExp(`${secret}$`), '')).not.toContain(secret);
    await host.start({ id: 'secret', command: 'ps -eo args', env: { SECRET: secret }, input: secret });
    expect(await host.wait('secret')).toMatchObject({ stdout: expect.not.stringContaining(secret) });
    expect((await host.run('stat -c %a scripts/secret scripts/secret/command scripts/secret/input')).stdout).toBe('700\n600\n600\n');
  });

  test('a name that no variable can have is refused, here', async () => {
    await expect(host.run(['true'], { env: { 'A;touch /tmp/owned': '' } })).rejects.toMatchObject({ code: 'REFUSED' });
    await expect(host.run(['printf', 'a\0b'])).rejects.toMatchObject({ code: 'REFUSED' });
    await notOwned();
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { createOrchestrapi } from '../../src/orchestrapi/orchestrapi.ts';
import { recordingHost } from '../../src/orchestrapi/recording.ts';
import { guarded, Vault, type SecretSource } from '../../src/orchestrapi/secrets.ts';
import { transfers } from '../../src/orchestrapi/transfers.ts';
import { newFolder } from './folders.ts';

describe('a secret', () => {
  test('comes from a file, a variable or a command, without its last line end', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'db'), 'one line\nand another\r\n');
    vi.stubEnv('TUTTI_TEST_SECRET', 'from the environment');
    const vault = new Vault(folder);
    const of = (name: string, source: SecretSource): Promise<string> => vault.open(`<${vault.seal(name, source)}>`);
    expect(await of('a', { file: 'db' })).toBe('<one line\nand another>');
    expect(await of('b', { env: 'TUTTI_TEST_SECRET' })).toBe('<from the environment>');
    expect(await of('c', { command: 'cat db | head -n 1' })).toBe('<one line>');
    expect(await of('d', { command: ['printf', '%s\n', '$(id) "x"'] })).toBe('<$(id) "x">');
  });

  test.each([
    [{ file: 'nowhere' }, /^the secret "it" cannot be had: it is not there: .*nowhere$/],
    [{ file: 'empty' }, /^the secret "it" cannot be had: empty gives nothing$/],
    [{ file: 'short' }, /fewer than 4 characters/],
    [{ env: 'TUTTI_TEST_UNSET' }, /the environment variable TUTTI_TEST_UNSET is not set/],
    [{ command: 'echo hunter22; echo "no such entry" >&2; exit 3' }, /^the secret "it" cannot be had: its command failed: exit code 3: no such entry$/],
    [{ command: ['no-such-program-at-all', 'hunter22'] }, /^the secret "it" cannot be had: its command failed: (?!.*hunter22)/],
  ] as const)('that cannot be had says why, and nothing of itself: %j', async (source, why) => {
    const folder = await newFolder();
    await writeFile(join(folder, 'empty'), '\n');
    await writeFile(join(folder, 'short'), 'abc\n');
    const vault = new Vault(folder);
    const seal = vault.seal('it', source);
    await vault.learn();
    await expect(vault.open(seal)).rejects.toThrow(why);
  });

  test('whose source was mended is read again', async () => {
    const folder = await newFolder();
    const vault = new Vault(folder);
    const seal = vault.seal('it', { file: 'db' });
    await expect(vault.open(seal)).rejects.toThrow('not there');
    await writeFile(join(folder, 'db'), 'hunter22');
    expect(await vault.open(seal)).toBe('hunter22');
  });

  test('is taken out of any text, also when another one is in it or it has several lines', async () => {
    const folder = await newFolder();
    await Promise.all([writeFile(join(folder, 'a'), 'hunter22'), writeFile(join(folder, 'b'), 'hunter22-and-more'), writeFile(join(folder, 'key'), '--BEGIN--\nc2VjcmV0\n---END---\n')]);
    const vault = new Vault(folder);
    const seals = ['a', 'b', 'key'].map((file) => vault.seal(file, { file }));
    await vault.learn();
    expect(vault.learn()).toBeUndefined();
    expect(vault.redact('hunter22, hunter22-and-more; c2VjcmV0\n$& hunter2')).toBe('<secret a>, <secret b>; <secret key>\n$& hunter2');
    expect(vault.redact(seals.join(' '))).toBe('<secret a> <secret b> <secret key>');
    expect(inspect(vault, { depth: 9 })).not.toContain('hunter22');
  });

  test('is taken out of an output whose beginning, and with it half of the secret, was cut off', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'a'), 'hunter22-and-more');
    const vault = new Vault(folder);
    vault.seal('a', { file: 'a' });
    await vault.learn();
    const rest = 'x'.repeat(1024 * 1024 - 5);
    expect(vault.redact(`-more${rest}`)).toBe(`<secret a>${rest}`);
    expect(vault.redact('-more of it')).toBe('-more of it');
  });

  test('of two lines hides each that tells something', async () => {
    const folder = await newFolder();
    await writeFile(join(folder, 'a'), 'the-long-first-line\nshort\n');
    const vault = new Vault(folder);
    vault.seal('a', { file: 'a' });
    await vault.learn();
    expect(vault.redact('the-long-first-line')).toBe('<secret a>');
  });

  test('from a variable is inherited by nothing that is started afterwards, and can be had again', async () => {
    vi.stubEnv('TUTTI_TEST_TAKEN', 'from the environment');
    for (const vault of [new Vault('/'), new Vault('/')]) expect(await vault.open(vault.seal('it', { env: 'TUTTI_TEST_TAKEN' }))).toBe('from the environment');
    expect(process.env['TUTTI_TEST_TAKEN']).toBeUndefined();
  });

  test('a text from elsewhere that looks like a seal stands for nothing', async () => {
    const vault = new Vault('/');
    vault.seal('password of db', { env: 'HOME' });
    expect(await vault.open('<secret password of db>')).toBe('<secret password of db>');
  });
});

describe('the door of an action', () => {
  const open = async (value = 'hunter22') => {
    const folder = await newFolder();
    await writeFile(join(folder, 'db'), `${value}\n`);
    const host = recordingHost({ name: 'head' });
    const vault = new Vault(folder);
    const seal = vault.seal('password of db', { file: 'db' });
    const door = guarded(createOrchestrapi({
      host, hosts: new Map(), component: 'db', action: 'db/start.1.1', transfers: transfers({ windowMs: 0 }), signal: new AbortController().signal,
      timeoutMs: 1_000, idempotent: false, onOutput: () => {}, folder,
    }), vault);
    return { host, seal, door };
  };

  test('puts it into files, for their owner alone unless the action says otherwise, and into input', async () => {
    const { host, seal, door } = await open();
    door.writeFile('db.conf', `password = ${seal}\n`);
    door.writeFile('shared.conf', seal, { mode: 0o640 });
    door.writeFile('plain.conf', 'nothing');
    await door.flushTransfers();
    await door.run(['cat'], { input: `${seal}\n` });
    await door.ask(['cat'], { input: seal });
    const files = host.log.flatMap((entry) => (entry.kind === 'put' ? entry.files : []));
    expect(files.map((file) => ('text' in file ? [file.to.split('/').at(-1), file.text, file.mode] : []))).toEqual([
      ['plain.conf', 'nothing', 0o644], ['db.conf', 'password = hunter22\n', 0o600], ['shared.conf', 'hunter22', 0o640],
    ]);
    expect(JSON.stringify(host.log).match(/hunter22/g)).toHaveLength(4);
  });

  test('a short value that is in a command by accident is no reason to refuse it', async () => {
    const { host, door } = await open('root');
    await door.run(['ls', '/root']);
    expect(host.log.filter(({ kind }) => kind === 'start')).toHaveLength(1);
  });

  test('refuses it where others can see it, the seal and the value alike', async () => {
    const { host, seal, door } = await open();
    await door.ask(['true'], { input: seal });
    const before = host.log.length;
    for (const text of [seal, 'hunter22']) {
      const named = { message: expect.stringMatching(/^the secret "password of db" would be in .*: place it in a file, or give it as input$/) };
      await expect(door.run(['login', `-p${text}`])).rejects.toMatchObject(named);
      await expect(door.run(`login ${text}`)).rejects.toMatchObject(named);
      await expect(door.ask(['login'], { env: { PASSWORD: text } })).rejects.toMatchObject(named);
      await expect(door.startScript('d', ['login', text])).rejects.toMatchObject(named);
      await expect(door.run(['true'], { cwd: text })).rejects.toMatchObject(named);
      expect(() => door.writeFile(`conf/${text}`, '')).toThrow(expect.objectContaining(named));
    }
    expect(host.log).toHaveLength(before);
  });
});

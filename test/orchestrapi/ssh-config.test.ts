import { homedir } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expandProxyCommand, parseJump, parseSettings, sshArguments, sshSettings } from '../../src/orchestrapi/ssh-config.ts';
import { frame } from '../../src/orchestrapi/ssh-frames.ts';
import { filesFrom, isPlainDestination, rshText, rsyncArguments } from '../../src/orchestrapi/rsync.ts';
import { newFolder } from './folders.ts';

test('OpenSSH reads the configuration: Include, Match, tokens and patterns', async () => {
  const folder = await newFolder();
  await writeFile(join(folder, 'more'), 'Host *.site\n  Port 2222\n  HostName %h.example\n');
  await writeFile(join(folder, 'config'), `Include ${join(folder, 'more')}\nMatch host n1.site.example exec "true"\n  User bob\nHost *\n  User alice\n  ProxyJump gate,eve@inner:23\n  IdentityFile ~/.ssh/mine\n  IdentitiesOnly yes\n  UserKnownHostsFile "${folder}/a b" ${folder}/c\n`);
  expect(await sshSettings({ destination: 'n1.site', configFile: join(folder, 'config') })).toMatchObject({
    hostname: 'n1.site.example', port: 2222, jumps: ['gate', 'eve@inner:23'], identitiesOnly: true, identityFiles: expect.arrayContaining([join(homedir(), '.ssh/mine')]),
  });
  const given = { destination: 'x', configFile: join(folder, 'config'), user: 'carol', port: 24, identityFiles: ['/k l'], knownHostsFiles: ['/k h'], proxyJump: 'none' };
  expect(await sshSettings(given)).toMatchObject({ user: 'carol', port: 24, jumps: [], identityFiles: expect.arrayContaining(['/k l']), knownHostsFiles: ['/k h'] });
});

test('without an ssh program it says what to install', async () => {
  await expect(sshSettings({ destination: 'h' }, 'no-such-ssh')).rejects.toMatchObject({ name: 'HostError', code: 'REFUSED', message: expect.stringContaining('apt-get install openssh-client') });
});

test('a configuration that ssh rejects is told in its words', async () => {
  const config = join(await newFolder(), 'config');
  await writeFile(config, 'Nonsense yes\n');
  await expect(sshSettings({ destination: 'h', configFile: config })).rejects.toThrow(/Bad configuration option: nonsense/);
});

test.each(['-oProxyCommand=touch x', '', 'a b', 'a\nb'])('%j cannot be a destination', (destination) => {
  expect(() => sshArguments({ destination })).toThrow('cannot be the name or address');
});

test.each([
  ['identityagent SSH_AUTH_SOCK', process.env['SSH_AUTH_SOCK'] || undefined], ['identityagent none', undefined], ['identityagent ~/agent', join(homedir(), 'agent')], ['', process.env['SSH_AUTH_SOCK'] || undefined],
])('the agent: %j', (text, agent) => {
  expect(parseSettings(`${text}\nhostname h\n`).agent).toBe(agent);
});

test.each([
  ['gate', { destination: 'gate' }], ['bob@gate', { destination: 'gate', user: 'bob' }], ['gate:23', { destination: 'gate', port: 23 }], ['a@b@gate:23', { destination: 'gate', user: 'a@b', port: 23 }],
  ['[::1]:23', { destination: '::1', port: 23 }], ['ssh://bob@gate:23', { destination: 'gate', user: 'bob', port: 23 }],
])('a hop: %s', (text, hop) => {
  expect(parseJump(text)).toEqual(hop);
});

test('the tokens of a ProxyCommand', () => {
  expect(expandProxyCommand('nc %h %p # %r %n %%h', { hostname: '10.0.0.1', port: 23, user: 'bob' }, 'alias')).toBe('nc 10.0.0.1 23 # bob alias %h');
});

test('a frame is found in any bytes, however they are cut', () => {
  const mark = '123e4567-e89b-42d3-a456-426614174000';
  const bytes = Buffer.concat([Buffer.from(`\x1e${mark}:head er\n`), Buffer.from([0, 255, 30, 10]), Buffer.from(`\x1e${mark.slice(0, -1)}x\x1e\x1e`), Buffer.from(`\x1e${mark}=7 left\nafter`)]);
  for (let size = 1; size <= bytes.length; size++) {
    const heard: string[] = [];
    const got: Buffer[] = [];
    const take = frame(mark, { onHeader: (text) => heard.push(text), onBytes: (piece) => got.push(Buffer.from(piece)), onEnd: (text) => heard.push(text) });
    for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size));
    expect(heard).toEqual(['head er', '7 left']);
    expect(Buffer.concat(got).toString('latin1')).toBe(Buffer.concat([Buffer.from([0, 255, 30, 10]), Buffer.from(`\x1e${mark.slice(0, -1)}x\x1e\x1e`)]).toString('latin1'));
  }
});

test('a frame gives on what it has as soon as it can be no line of ours', () => {
  const got: string[] = [];
  const take = frame('mark', { onBytes: (piece) => got.push(piece.toString()), onEnd() {} });
  take(Buffer.from('one\x1ema'));
  take(Buffer.from('n'));
  expect(got).toEqual(['one', '\x1eman']);
});

test('no name of a file is an argument of rsync; those on its input begin with "./"', () => {
  expect(filesFrom([{ path: '/a\nb' }, { path: '/#x' }])).toBe('./a\nb\0./#x\0');
  expect(rsyncArguments({ ssh: ['ssh', '-F', '/a b/"c'], destination: '::1', folder: '/tmp/s' }).slice(-4)).toEqual(['ssh -F "/a b/""c"', '--', '/tmp/s/', '[::1]:/']);
});

test.each([['h1', true], ['10.0.0.1', true], ['::1', true], ['fe80::1%eth0', true], ['a/b', false], ['-x', false], ['a b', false], ['a;b', false], ['ssh://x', false]])('rsync reads %j as a host: %s', (destination, isPlain) => {
  expect(isPlainDestination(destination)).toBe(isPlain);
});

test('rsync takes `-e` apart as we put it together', () => {
  expect(rshText(['a', 'b c', `d"e'f`, '$(g)'])).toBe(`a "b c" "d""e'f" "$(g)"`);
});

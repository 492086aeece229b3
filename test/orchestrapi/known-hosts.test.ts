import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fingerprint, isAbout, judgeKey, keyType, knownTypes, parseKnownHosts, recordedName } from '../../src/orchestrapi/known-hosts.ts';
import { newFolder } from './folders.ts';

/** A key of a type, in wire format: the judge looks at nothing else in it. */
function key(type: string, content: string): Buffer {
  const field = (text: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
  return Buffer.concat([field(type), field(content)]);
}

const [ed, ed2, rsa] = [key('ssh-ed25519', 'one'), key('ssh-ed25519', 'two'), key('ssh-rsa', 'three')];
const line = (patterns: string, k: Buffer, marker = ''): string => `${marker}${patterns} ${keyType(k)} ${k.toString('base64')} a comment\n`;

test.each<[string, string, string, boolean]>([
  ['a name', 'h', 'h', true], ['another name', 'h', 'g', false], ['one of a list', 'g,h,10.0.0.1', '10.0.0.1', true], ['a star', '*.site', 'a.b.site', true],
  ['a star does not end early', '*.site', 'a.site.org', false], ['a question mark is one character', 'h?', 'h1', true], ['and not none', 'h?', 'h', false],
  ['an exclusion wins', '*.site,!bad.site', 'bad.site', false], ['an exclusion alone is about nobody', '!bad', 'good', false], ['a port', '[h]:2222', '[h]:2222', true],
  ['a name without its port', 'h', '[h]:2222', false], ['a pattern with a port', '[*.site]:2222', '[a.site]:2222', true], ['a dot is a dot', 'a.b', 'axb', false], ['case does not count', 'Host', 'host', true],
])('a line is about a host: %s', (_, patterns, name, isIt) => {
  expect(isAbout({ patterns }, name)).toBe(isIt);
});

test.each([['H', 22, 'h'], ['h', 2222, '[h]:2222'], ['::1', 22, '::1']])('%s port %i is on record as %s', (hostname, port, name) => {
  expect(recordedName(hostname, port)).toBe(name);
});

test.each<[string, string, Buffer, object]>([
  ['the key is there', line('h', ed), ed, { kind: 'known' }],
  ['one of several', line('h', rsa) + line('h', ed2) + line('h', ed), ed, { kind: 'known' }],
  ['nothing is there', line('g', ed), ed, { kind: 'unknown', otherTypes: [] }],
  ['only another type', line('h', rsa), ed, { kind: 'unknown', otherTypes: ['ssh-rsa'] }],
  ['another one of the type', line('h', rsa) + line('h', ed2), ed, { kind: 'changed', where: 'f:2' }],
  ['revoked', line('h', ed) + line('*', ed, '@revoked '), ed, { kind: 'revoked', where: 'f:2' }],
  ['another one is revoked', line('h', ed) + line('*', ed2, '@revoked '), ed, { kind: 'known' }],
  ['revoked for others', line('h', ed) + line('g', ed, '@revoked '), ed, { kind: 'known' }],
  ['an authority is no host key', line('h', ed, '@cert-authority '), ed, { kind: 'unknown', otherTypes: [] }],
  ['a comment, an empty line, half a line', `# ${line('h', ed)}\n\nh ssh-ed25519\n`, ed, { kind: 'unknown', otherTypes: [] }],
])('a key is judged: %s', (_, text, shown, verdict) => {
  expect(judgeKey(parseKnownHosts(text, 'f'), 'h', shown)).toEqual(verdict);
});

test('the types on record are known, those of authorities and revoked keys are not', () => {
  expect(knownTypes(parseKnownHosts(line('h', rsa) + line('h', ed, '@revoked ') + line('h', ed2, '@cert-authority '), 'f'), 'h')).toEqual(['ssh-rsa']);
});

test('hashed lines and fingerprints are as ssh-keygen makes them', async () => {
  const folder = await newFolder();
  const [keyFile, known] = [join(folder, 'key'), join(folder, 'known')];
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyFile]);
  const [type, text] = readFileSync(`${keyFile}.pub`, 'utf8').split(' ');
  writeFileSync(known, `h.site,10.0.0.7 ${type} ${text}\n[h.site]:2222 ${type} ${text}\n`);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', known], { stdio: 'ignore' });
  const lines = parseKnownHosts(readFileSync(known, 'utf8'), known);
  expect(lines.every(({ patterns }) => patterns.startsWith('|1|'))).toBe(true);
  const shown = Buffer.from(text!, 'base64');
  for (const name of ['h.site', '10.0.0.7', '[h.site]:2222']) expect(judgeKey(lines, name, shown)).toEqual({ kind: 'known' });
  for (const name of ['g.site', '[h.site]:22']) expect(judgeKey(lines, name, shown)).toMatchObject({ kind: 'unknown' });
  expect(execFileSync('ssh-keygen', ['-l', '-f', `${keyFile}.pub`], { encoding: 'utf8' })).toContain(` ${fingerprint(shown)} `);
});

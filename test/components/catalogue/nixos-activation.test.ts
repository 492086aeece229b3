import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { system } from '../../../src/components/catalogue/nixos/index.ts';
import { scriptedContext } from './scripted-context.ts';

/*
 * The script that activates a system on its host, run by a real shell in a folder of its own: neither root nor Nix is needed. A system here is a folder whose
 * switch-to-configuration writes down that it was run, and then does what the test says.
 */

/** What the script may use, and no more: whether there is a nix-env is the test's to say. */
const tools = ['cat', 'flock', 'ln', 'mkdir', 'mv', 'readlink', 'rm', 'sh', 'sleep', 'touch'];

/** The part of nix-env that is used here, on links as those of Nix. */
const nixEnv = String.raw`#!/bin/sh
echo "nix-env $3" >>../log
case $3 in
  --set)
    [ "$(readlink -f "$2")" = "$4" ] && exit
    n=1; while [ -L "$2-$n-link" ]; do n=$((n + 1)); done
    ln -s "$4" "$2-$n-link" ;;
  --switch-generation) n=$4; [ -L "$2-$n-link" ] || { echo "error: generation $n does not exist" >&2; exit 1; } ;;
esac
ln -sfn "${'$'}{2##*/}-$n-link" "$2"
`;

/** What systems do when they are switched to. */
const confirm = 'touch activation/confirmed';
const refuse = 'touch activation/refused';
const endsWith = (code: number) => `exit ${code}`;

let folder: string;
let script: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'tutti-activation-')));
  const context = scriptedContext({ type: system, component: 'web' });
  await system.transitions.activate.action!(context);
  script = context.files.get('activate.sh')!;
  const lock = '/run/tutti-activation.lock';
  expect(script).toContain(lock);
  for (const name of ['bin', 'web', 'profiles']) await mkdir(join(folder, name));
  await writeFile(join(folder, 'web/activate.sh'), script.replaceAll(lock, join(folder, 'lock')), { mode: 0o700 });
  await writeFile(join(folder, 'log'), '');
  for (const tool of tools) await symlink(process.env['PATH']!.split(delimiter).map((place) => join(place, tool)).find(existsSync)!, join(folder, 'bin', tool));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A system and what its switch-to-configuration does. */
async function make(name: string, ...does: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, 'bin'), { recursive: true });
  const command = join(path, 'bin/switch-to-configuration');
  await writeFile(command, ['#!/bin/sh', `echo "${name} $1" >>../log`, ...does].join('\n'));
  await chmod(command, 0o700);
  return path;
}

/** `activate.sh PROFILE SECONDS PARTIAL ...`, as `activate` runs it. */
const command = ({ seconds = 20, partial = 'stay', how }: { seconds?: number; partial?: 'stay' | 'back'; how: readonly string[] }) => ['./activate.sh', join(folder, 'profiles/system'), String(seconds), partial, ...how] as const;
const surroundings = () => ({ cwd: join(folder, 'web'), env: { PATH: join(folder, 'bin') } });

/** What became of it: the exit code of the script, its two answers, the generation that the profile is at, and what was run. */
async function activate(options: Parameters<typeof command>[0]) {
  await rm(join(folder, 'web/activation'), { recursive: true, force: true });
  await writeFile(join(folder, 'log'), '');
  const { exitCode, stderr } = await promisify(execFile)('/bin/sh', [...command(options)], surroundings()).then(
    (result) => ({ exitCode: 0, stderr: result.stderr }), (failure: { code: number; stderr: string }) => ({ exitCode: failure.code, stderr: failure.stderr }));
  const answer = async (name: string) => (await readFile(join(folder, 'web/activation', name), 'utf8').catch(() => '')).trim();
  return { exitCode, stderr, code: await answer('code'), end: await answer('end'), generation: await generation(), ran: (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n').filter((line) => line !== '' && !line.startsWith('nix-env')) };
}

const generation = async () => readlink(join(folder, 'profiles/system')).catch(() => 'none');
const generations = async () => (await readdir(join(folder, 'profiles'))).filter((name) => name.endsWith('-link')).toSorted();
/** The systems of these names, activated and confirmed one after the other: generations 1, 2, ... */
async function deployed(...names: readonly string[]): Promise<void> {
  for (const name of names) expect(await activate({ how: ['set', await make(name, confirm)] })).toMatchObject({ exitCode: 0, end: 'confirmed' });
}

describe.each(['with Nix', 'without Nix: it keeps the links of the profile itself'])('%s', (situation) => {
  beforeEach(async () => {
    if (situation === 'with Nix') await writeFile(join(folder, 'bin/nix-env'), nixEnv, { mode: 0o700 });
  });

  test('it sets the profile, switches, and stays when it is confirmed', async () => {
    expect(await activate({ how: ['set', await make('v1', confirm)] })).toEqual({ exitCode: 0, stderr: '', code: '0', end: 'confirmed', generation: 'system-1-link', ran: ['v1 switch'] });
    expect(await readFile(join(folder, 'web/last'), 'utf8')).toBe(`${join(folder, 'v1')}\n`);
    expect(await activate({ how: ['set', await make('v2', confirm)] })).toMatchObject({ end: 'confirmed', generation: 'system-2-link' });
  });

  test('the same again is switched to again, and makes no generation', async () => {
    await deployed('v1', 'v1');
    expect(await generations()).toEqual(['system-1-link']);
  });

  test.each([
    ['it is refused', refuse, '0', 20, 'stay'],
    ['nobody confirms it in time', endsWith(0), '0', 1, 'stay'],
    ['the activation script failed', endsWith(2), '2', 20, 'stay'],
    ['some units failed, and it is not to stay', endsWith(4), '4', 20, 'back'],
    ['switch-to-configuration cannot be run', 'exit 127', '127', 20, 'stay'],
  ] as const)('it goes back when %s', async (_, does, code, seconds, partial) => {
    await deployed('v1');
    expect(await activate({ how: ['set', await make('v2', does)], seconds, partial })).toMatchObject({ exitCode: 0, code, end: 'back 1', generation: 'system-1-link', ran: ['v2 switch', 'v1 switch'] });
    expect(await readFile(join(folder, 'web/last'), 'utf8')).toBe(`${join(folder, 'v1')}\n`);
  });

  test.each([4, 100])('with %i it stays when it is confirmed', async (code) => {
    await deployed('v1');
    expect(await activate({ how: ['set', await make('v2', confirm, endsWith(code))] })).toMatchObject({ code: String(code), end: 'confirmed', generation: 'system-2-link', ran: ['v2 switch'] });
  });

  test('the first one has nowhere to go back to', async () => {
    expect(await activate({ how: ['set', await make('v1', endsWith(2))] })).toMatchObject({ exitCode: 0, code: '2', end: 'nowhere', ran: ['v1 switch'] });
    expect(existsSync(join(folder, 'web/last'))).toBe(false);
  });

  test('when going back fails, it says with what', async () => {
    await deployed('v1');
    await make('v1', endsWith(3));
    expect(await activate({ how: ['set', await make('v2', endsWith(2))] })).toMatchObject({ exitCode: 0, code: '2', end: 'lost 3', ran: ['v2 switch', 'v1 switch'] });
  });

  test('going back to where some units had failed is going back, where that is to stay', async () => {
    expect(await activate({ how: ['set', await make('v1', confirm, endsWith(4))] })).toMatchObject({ code: '4', end: 'confirmed' });
    const v2 = await make('v2', endsWith(2));
    expect(await activate({ how: ['set', v2] })).toMatchObject({ end: 'back 1', generation: 'system-1-link' });
    expect(await activate({ how: ['set', v2], partial: 'back' })).toMatchObject({ end: 'lost 4' });
  });

  describe('back', () => {
    test('goes to the generation before, and then to the one before that', async () => {
      await deployed('v1', 'v2', 'v3');
      expect(await activate({ how: ['back'] })).toMatchObject({ end: 'confirmed', generation: 'system-2-link', ran: ['v2 switch'] });
      expect(await activate({ how: ['back'] })).toMatchObject({ end: 'confirmed', generation: 'system-1-link', ran: ['v1 switch'] });
      expect(await generations()).toEqual(['system-1-link', 'system-2-link', 'system-3-link']);
    });

    test('goes to the generation that is named, also a later one', async () => {
      await deployed('v1', 'v2', 'v3');
      expect(await activate({ how: ['back', '1'] })).toMatchObject({ end: 'confirmed', generation: 'system-1-link' });
      expect(await activate({ how: ['back', '3'] })).toMatchObject({ end: 'confirmed', generation: 'system-3-link' });
    });

    test.each([
      ['before the first', ['back'], 'there is no generation before 1'],
      ['of that number', ['back', '9'], /generation 9/],
    ] as const)('switches nothing when there is none %s', async (_, how, says) => {
      await deployed('v1');
      expect(await activate({ how })).toMatchObject({ exitCode: 74, stderr: expect.stringMatching(says) as string, end: '', generation: 'system-1-link', ran: [] });
    });

    test('where nothing was ever set it says so', async () => {
      expect(await activate({ how: ['back'] })).toMatchObject({ exitCode: 74, stderr: expect.stringContaining('there is no generation before the first') as string });
    });

    test('is taken back itself when it is refused, and goes to the same when it is tried again', async () => {
      await deployed('v1', 'v2', 'v3');
      await make('v2', refuse);
      expect(await activate({ how: ['back'] })).toMatchObject({ end: 'back 3', generation: 'system-3-link', ran: ['v2 switch', 'v3 switch'] });
      await make('v2', confirm);
      expect(await activate({ how: ['back'] })).toMatchObject({ end: 'confirmed', generation: 'system-2-link' });
    });
  });

  describe('when its host is killed in the middle, and it is run again', () => {
    const killed = 'kill -9 "$PPID"; exit';

    test('back goes to the same generation', async () => {
      await deployed('v1', 'v2', 'v3');
      await make('v2', killed);
      await activate({ how: ['back'] });
      await make('v2', confirm);
      expect(await activate({ how: ['back'] })).toMatchObject({ end: 'confirmed', generation: 'system-2-link' });
    });

    test('the first one still has nowhere to go back to', async () => {
      const how = ['set', await make('v1', killed)];
      await activate({ how });
      await make('v1', refuse);
      expect(await activate({ how })).toMatchObject({ end: 'nowhere' });
    });

    test.each([['set', 'v1'], ['back', 'v3']] as const)('%s still knows where it was, and goes back there', async (what, was) => {
      await deployed(...(what === 'set' ? ['v1'] : ['v1', 'v2', 'v3']));
      const how = what === 'set' ? [what, join(folder, 'v2')] : [what];
      await make('v2', killed);
      await activate({ how });
      await make('v2', refuse);
      expect(await activate({ how })).toMatchObject({ end: `back ${was.slice(1)}`, ran: ['v2 switch', `${was} switch`] });
    });
  });
});

test('a second activation on the same host is refused at once, and does not disturb the first', async () => {
  await writeFile(join(folder, 'bin/nix-env'), nixEnv, { mode: 0o700 });
  await promisify(execFile)('mkfifo', [join(folder, 'begun'), join(folder, 'go')]);
  const first = spawn('/bin/sh', [...command({ how: ['set', await make('v1', 'echo begun >../begun', 'read -r go <../go', confirm)] })], { ...surroundings(), stdio: 'ignore' });
  const ended = once(first, 'exit');
  expect(await readFile(join(folder, 'begun'), 'utf8')).toBe('begun\n');
  // Another component of the same host, in a folder of its own.
  await mkdir(join(folder, 'other'));
  const { code, stderr } = await promisify(execFile)('/bin/sh', [join(folder, 'web/activate.sh'), ...command({ how: ['set', await make('v2')] }).slice(1)], { ...surroundings(), cwd: join(folder, 'other') }).then(
    () => ({ code: 0, stderr: '' }), (failure: { code: number; stderr: string }) => failure);
  expect({ code, stderr }).toEqual({ code: 75, stderr: 'another activation is under way on this host\n' });
  await writeFile(join(folder, 'go'), 'go\n');
  await ended;
  expect(await readFile(join(folder, 'web/activation/end'), 'utf8')).toBe('confirmed\n');
});

test('a service that is started keeps neither the lock nor the input of the script', async () => {
  await writeFile(join(folder, 'bin/nix-env'), nixEnv, { mode: 0o700 });
  await activate({ how: ['set', await make('v1', 'sleep 60 >/dev/null 2>&1 & echo $! >../service', confirm)] });
  const service = Number(await readFile(join(folder, 'service'), 'utf8'));
  try {
    const held = await Promise.all((await readdir(`/proc/${service}/fd`)).map(async (fd) => basename(await readlink(`/proc/${service}/fd/${fd}`))));
    expect(held).not.toContain('lock');
    expect(await readlink(`/proc/${service}/fd/0`)).toBe('/dev/null');
    expect(await activate({ how: ['set', await make('v2', confirm)] })).toMatchObject({ exitCode: 0, end: 'confirmed' });
  } finally {
    process.kill(service);
  }
});

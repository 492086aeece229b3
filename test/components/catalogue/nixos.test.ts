import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import { cache, closure, system } from '../../../src/components/catalogue/nixos/index.ts';
import { toplevelOfRole } from '../../../src/components/catalogue/nixos/closure.ts';
import { methodFor, packOnce } from '../../../src/components/catalogue/nixos/push.ts';
import type { ComponentType, Value } from '../../../src/components/model.ts';
import type { SshRoute } from '../../../src/orchestrapi/host.ts';
import { scriptedContext, type Answers, type ScriptedContext } from './scripted-context.ts';

const path = '/nix/store/2-system';
/** A closure of three paths, in the store of the controller. */
const toplevel = { on: 'local', folder: '/c', path, paths: 3, bytes: 3_000, atOnce: 2 };
const ssh: SshRoute = { arguments: ['-p', '2222', '-l', 'root'], destination: 'n1' };

/** The first of these that fits; success and silence where none does. */
const answering = (...table: readonly (readonly [RegExp, Partial<{ exitCode: number; stdout: string; stderr: string }>])[]): Answers => (command) => table.find(([to]) => to.test(command))?.[1];
const withoutNix = [/^command -v nix-store/, { exitCode: 1 }] as const;
const missingTwo = [
  [/^nix-store --check-validity|^test -e/, { exitCode: 1 }],
  [/^nix-store -qR/, { stdout: '/nix/store/0-a\n/nix/store/1-b\n/nix/store/2-system\n' }],
  [/^xargs nix-store --check-validity|^while read/, { stdout: '/nix/store/1-b\n/nix/store/2-system\n' }],
  [/^sh -c mkdir .* \/c\/packed /s, { stdout: '/c/packed/some.nar\n' }],
] as const;

type Options = Partial<Omit<Parameters<typeof scriptedContext>[0], 'type'>>;

const contextOf = (type: ComponentType, options: Options = {}) => scriptedContext({ type, component: 'web[1]', ...options, data: { toplevel, ...options.data } });

async function play(type: ComponentType, transition: string, options: Options = {}): Promise<ScriptedContext> {
  const context = contextOf(type, options);
  await type.transitions[transition]!.action!(context);
  return context;
}

const shortly = (did: readonly string[]) => did.map((line) => line.replace('--extra-experimental-features nix-command ', ''));

describe('nixos/closure', () => {
  const built = answering([/^nix-build|^make-system/, { stdout: `building...\n${path}\n` }], [/-q --size/, { stdout: '1000\n500\n1500\n' }]);
  const kept = ['run rm -rf packed', `run nix-store --add-root /w/root -r ${path}`];
  const counted = `ask sh -c nix-store -q --size $(nix-store -qR "$1") sh ${path}`;
  const build = async (parameters: Record<string, Value>) => play(closure, 'build', { with: parameters, answers: built });

  test.each([
    ['a path that is there already', { path }, []],
    ['a file', { file: '/srv/system.nix' }, ['run nix-build --no-out-link /srv/system.nix']],
    ['a file of a folder that is sent', { source: 'system' }, ['run rm -rf source', 'run nix-build --no-out-link default.nix']],
    ['an attribute', { file: '/srv/system.nix', attribute: 'config.system.build.toplevel' }, ['run nix-build --no-out-link /srv/system.nix -A config.system.build.toplevel']],
    ['arguments: texts as texts, all else as Nix writes it', { file: '/x.nix', arguments: { role: 'db', packages: 20, failing: false, changed: ['a "b" ${c}', 2, -1], of: { name: 'x', deep: [true] } } }, [
      'run nix-build --no-out-link /x.nix --argstr role db --arg packages 20 --arg failing false --arg changed [ "a \\"b\\" \\${c}" 2 (-1) ] --arg of { "name" = "x"; "deep" = [ true ]; }',
    ]],
    ['a command, which prints the path last', { source: 'system', command: ['make-system', '.#web'] }, ['run rm -rf source', 'run make-system .#web']],
  ] as [string, Record<string, Value>, string[]][])('%s', async (_, parameters, did) => {
    const context = await build(parameters);
    expect(context.did).toEqual([...did, ...kept, counted]);
    expect([...context.transferred]).toEqual('source' in parameters ? [['source', 'system']] : []);
    expect(context.written.get('toplevel')).toEqual({ on: 'worker[1]', folder: '/w', path, paths: 3, bytes: 3_000, atOnce: 10 });
  });

  test('a role of a composition: its file is sent and read', async () => {
    const context = contextOf(closure, { with: { composition: 'info.json', role: 'web' }, answers: built });
    context.files.set('composition.json', JSON.stringify({ compositions_info: { c: { roles: { web: { init: `${path}/init` } } } } }));
    await closure.transitions.build.action!(context);
    expect(context.transferred.get('composition.json')).toBe('info.json');
    expect(context.did).toEqual([...kept, counted]);
  });

  test('all its paths are signed when there is a key', async () => {
    expect(shortly((await build({ path, signWith: '/keys/secret' })).did)).toEqual([...kept, `run nix store sign -k /keys/secret -r ${path}`, counted]);
  });

  test('a build that prints no store path is told at once', async () => {
    await expect(play(closure, 'build', { answers: answering([/^nix-build/, { stdout: 'result -> ok\n' }]) })).rejects.toThrow('The build printed "result -> ok" last, which is no store path.');
  });

  test('what is discarded leaves its root and all that was made for hosts', async () => {
    expect((await play(closure, 'discard')).did).toEqual(['run rm -rf root packed source composition.json']);
  });

  test.each([
    ['composition info', { compositions_info: { c: { roles: { db: { init: '/nix/store/1-db/init' }, web: { init: '/nix/store/2-web/init' } } } } }],
    ['deployment', { deployment: { '10.0.0.1': { role: 'db', host: 'n1', init: '/nix/store/1-db/init' }, '10.0.0.2': { role: 'web', host: 'n2', init: '/nix/store/2-web/init' } } }],
  ])('a role has its toplevel, without the "/init" behind it: %s', (_, file) => {
    expect(toplevelOfRole(JSON.stringify(file), 'web')).toBe('/nix/store/2-web');
    expect(() => toplevelOfRole(JSON.stringify(file), 'wbe')).toThrow('The composition has no toplevel for the role "wbe". Its roles: db, web.');
  });

  test('a composition for containers names no toplevel, and says what to do', () => {
    expect(() => toplevelOfRole(JSON.stringify({ deployment: { web: { role: 'web' } } }), 'web')).toThrow('It has none at all: build it with NixOS Compose first.');
  });
});

describe('pushing', () => {
  const keep = `run nix-store --add-root /w/root -r ${path}`;
  const questions = ['ask command -v nix-store >/dev/null', `ask nix-store --check-validity ${path}`, `ask nix-store -qR ${path}`, 'ask xargs nix-store --check-validity --print-invalid'];
  const push = async (options: Options) => play(system, 'push', { answers: answering(...missingTwo), ...options });

  test('nothing is pushed when all is there: two questions, and the root that keeps it', async () => {
    expect((await play(system, 'push')).did).toEqual([...questions.slice(0, 2), keep]);
  });

  test('nor when the paths came since the first question', async () => {
    const context = await push({ answers: answering(missingTwo[0], missingTwo[1]) });
    expect(context.did).toEqual([...questions, keep]);
  });

  test('copy: by nix copy from the controller, with the options of the connection', async () => {
    expect(shortly((await push({ ssh })).did)).toEqual([...questions, `run NIX_SSHOPTS=-p 2222 -l root -o BatchMode=yes nix copy --to ssh://n1 ${path}`, keep]);
  });

  test('pack: made once for all hosts that lack the same, sent with all else, and taken in', async () => {
    const context = await push({ with: { method: 'pack' } });
    expect(shortly(context.did)).toEqual([
      ...questions,
      `run sh -c ${packOnce} sh /c/packed nar xargs nix-store --export`,
      'run nix-store --import <incoming.nar >/dev/null && rm -f incoming.nar', keep,
    ]);
    expect([...context.transferred.keys()]).toEqual(['incoming.nar']);
    expect(context.transferred.get('incoming.nar')).toBe('/c/packed/some.nar');
  });

  test('what a host lacks names the file: the same for the same paths alone, which are packed once', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-packed-'));
    try {
      const file = (paths: string) => execFileSync('sh', ['-c', packOnce, 'sh', folder, 'nar', `echo packed >>${folder}/log; cat`], { input: paths, encoding: 'utf8' }).trim();
      expect(file('/nix/store/1-b\n')).toBe(file('/nix/store/1-b\n'));
      expect(file('/nix/store/1-b\n')).not.toBe(file('/nix/store/2-system\n'));
      expect(readFileSync(join(folder, 'log'), 'utf8')).toBe('packed\npacked\n');
      expect(readFileSync(file('/nix/store/1-b\n'), 'utf8')).toBe('/nix/store/1-b\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('a closure that is in the store of another host comes from there', async () => {
    expect((await push({ ssh, data: { toplevel: { ...toplevel, on: 'builder' } } })).transferred.get('incoming.nar')).toBe('builder:/c/packed/some.nar');
  });

  test('files: for a host without Nix, which asks it nothing, and keeps the path by a link', async () => {
    const { did, transferred } = await push({ ssh, answers: answering(withoutNix, ...missingTwo) });
    expect(shortly(did)).toEqual([
      'ask command -v nix-store >/dev/null', `ask test -e ${path}`, `ask nix-store -qR ${path}`, expect.stringMatching(/^ask while read -r path/),
      expect.stringMatching(/^run sh -c [^]* sh \/c\/packed tar .*tar .*--files-from=-/), expect.stringMatching(/^run set -e; new=\/nix\/store\/\.tutti-\$\$.* mv -T /), `run ln -sfn ${path} root`,
    ]);
    expect([...transferred.keys()]).toEqual(['incoming.tar']);
  });

  test('cache: the host fetches by itself', async () => {
    expect(shortly((await push({ ssh, data: { cache: 'http://10.0.0.9:8787' } })).did)).toEqual([...questions, `run nix copy --no-check-sigs --from http://10.0.0.9:8787 ${path}`, keep]);
  });

  test('at most so many hosts at once as the closure says, and one that fails gives its turn to the next', async () => {
    const underWay = new Map<string, PromiseWithResolvers<void>>();
    const of = (host: string) => {
      const scripted = contextOf(system, { ssh: { ...ssh, destination: host }, answers: answering(...missingTwo), data: { toplevel: { ...toplevel, folder: '/at-once' } } });
      const run: ScriptedContext['run'] = async (command, options) => {
        if (!String(command).includes('copy')) return scripted.run(command, options);
        underWay.set(host, Promise.withResolvers());
        reached.get(host)!.resolve();
        await underWay.get(host)!.promise;
        return { exitCode: 0, stdout: '', stderr: '' };
      };
      return { ...scripted, run };
    };
    const hosts = ['a', 'b', 'c'];
    const reached = new Map(hosts.map((host) => [host, Promise.withResolvers<void>()]));
    const pushes = hosts.map((host) => Promise.resolve(system.transitions.push.action!(of(host))));
    await Promise.all([reached.get('a')!.promise, reached.get('b')!.promise]);
    expect([...underWay.keys()]).toEqual(['a', 'b']);
    underWay.get('a')!.reject(new Error('cut off'));
    await expect(pushes[0]).rejects.toThrow('cut off');
    await reached.get('c')!.promise;
    for (const { resolve } of underWay.values()) resolve();
    await Promise.all(pushes.slice(1));
  });

  describe('which way', () => {
    const choose = ({ method = 'auto', isNixThere = true, missing = 100, on = 'local', ...options }: Options & { method?: string; isNixThere?: boolean; missing?: number; on?: string }) => methodFor(contextOf(system, { with: { method }, ...options }), { ...toplevel, paths: 100, on }, { isNixThere, missing });
    const url = { cache: 'http://10.0.0.9:8787' };

    test.each([
      ['reached by SSH', { ssh }, 'copy'],
      ['reached by SSH and lacks a quarter', { ssh, missing: 25 }, 'copy'],
      ['reached by SSH and lacks little', { ssh, missing: 24 }, 'pack'],
      ['a folder of the controller', {}, 'pack'],
      ['built elsewhere', { ssh, on: 'builder' }, 'pack'],
      ['a space in the configuration of the connection', { ssh: { ...ssh, arguments: ['-F', '/my files/config'] } }, 'pack'],
      ['connected with a cache', { ssh, data: url }, 'cache'],
      ['without Nix', { ssh, isNixThere: false }, 'files'],
      ['without Nix, connected with a cache', { ssh, isNixThere: false, data: url }, 'files'],
    ])('a host that is %s: %#', (_, situation, expected) => {
      expect(choose(situation)).toBe(expected);
    });

    test.each([
      [{ method: 'rsync' }, '"rsync" is no way to push. Known: auto, copy, pack, files, cache.'],
      [{ method: 'cache' }, 'To fetch from a cache, connect the system with one: "system -> cache".'],
      [{ method: 'copy' }, 'nix copy goes from the controller ("on: local") to a host that is reached by SSH, without spaces in the paths of its configuration. Use "pack".'],
      [{ method: 'copy', ssh, on: 'builder' }, 'Use "pack".'],
      [{ method: 'copy', ssh, isNixThere: false }, 'There is no nix-store on worker[1]. Install Nix there, or use "files".'],
      [{ method: 'pack', isNixThere: false }, 'Install Nix there, or use "files".'],
      [{ method: 'cache', isNixThere: false, data: url }, 'Install Nix there, or use "files".'],
      [{ method: 'files' }, 'The store of worker[1] is kept by Nix, which would not know of files that come beside it. Use "pack".'],
    ])('what cannot be done is refused with the way out: %j', (situation, sentence) => {
      expect(() => choose(situation)).toThrow(sentence);
    });
  });
});

/** A context of an activation that goes on until it is answered, as the real one does: by `touch` on the host or, over a login of its own, by the controller. */
function activating(options: Options & { readonly says?: string; readonly ends?: string; readonly current?: string } = {}) {
  const { says = '0', ends = 'confirmed', current = 'system-7-link', answers, ...rest } = options;
  const scripted = contextOf(system, {
    ...rest,
    answers: (command) => answers?.(command) ?? answering(
      [/^readlink -f root$/, { stdout: `${path}\n` }], [/^cat activation\/code activation\/end$/, { stdout: `${says}\n${ends}\n` }], [/^cat activation\/code$/, { stdout: `${says}\n` }],
      [/^sh -c readlink "\$1"; readlink -f "\$1"/, { stdout: `${current}\n${path}\n` }],
    )(command),
  });
  const answered = Promise.withResolvers<void>();
  const run: ScriptedContext['run'] = async (command, runOptions) => {
    if (/touch/.test(String(command)) || ends !== 'confirmed') answered.resolve();
    const ended = scripted.run(command, runOptions);
    if (String(command).includes('activate.sh')) await answered.promise;
    return ended;
  };
  const waits: Promise<void>[] = [];
  const waitUntil: ScriptedContext['waitUntil'] = (what, probe) => {
    const wait = (async () => {
      for (let tries = 0; !(await probe()); tries++) {
        if (tries === 100) throw new Error(`${what}: time is over`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    waits.push(wait);
    return wait;
  };
  return { ...scripted, run, waitUntil, waits };
}

async function activate(transition: keyof typeof system.transitions, options: Parameters<typeof activating>[0] = {}) {
  const context = activating(options);
  await system.transitions[transition].action!(context);
  return context;
}

describe('activating', () => {
  const set = `run ./activate.sh /nix/var/nix/profiles/system 30 stay set ${path}`;
  const read = ['ask cat activation/code activation/end', 'ask sh -c readlink "$1"; readlink -f "$1" sh /nix/var/nix/profiles/system'];

  test('the script goes to the host, switches, is confirmed, and tells the generation and how it ended', async () => {
    const { did, files, written } = await activate('activate');
    expect(did).toEqual(['flush', 'run rm -rf activation', 'ask readlink -f root', set, 'ask cat activation/code', 'run touch /w/activation/confirmed', ...read]);
    expect([...files.keys()]).toEqual(['activate.sh']);
    expect([...written]).toEqual([['outcome', 0], ['generation', { number: 7, path }]]);
  });

  test('over SSH it is confirmed by a login that shares no connection', async () => {
    const { did } = await activate('activate', { ssh, with: { confirmWithin: 12 } });
    expect(did).toContain("run ssh -p 2222 -l root -o BatchMode=yes -o ControlPath=none -o ConnectTimeout=12 -- n1 read -r answer && touch \"$answer\"");
    expect(did).not.toContain('run touch /w/activation/confirmed');
  });

  test.each([0, 4, 100])('switch-to-configuration that ends with %i is confirmed, and its code is told', async (code) => {
    expect((await activate('activate', { says: String(code) })).written.get('outcome')).toBe(code);
  });

  test('the check is asked before it is confirmed, until it succeeds', async () => {
    let asked = 0;
    const { did } = await activate('activate', { with: { check: 'curl -f localhost' }, answers: (command) => (command === 'curl -f localhost' ? { exitCode: ++asked < 3 ? 22 : 0 } : undefined) });
    expect(did.slice(4, -2)).toEqual(['ask cat activation/code', 'ask curl -f localhost', 'ask curl -f localhost', 'ask curl -f localhost', 'run touch /w/activation/confirmed']);
  });

  test('a check that does not succeed refuses: the host need not wait, and is told so by the connection that stands', async () => {
    const failing = activating({ ssh, ends: 'back 6', with: { check: 'curl -f localhost' }, answers: answering([/^curl/, { exitCode: 22, stderr: 'curl: (22) 503\n' }]) });
    // The host goes back when it is told to, and not before.
    const ends = Promise.withResolvers<void>();
    const context = { ...failing, run: async (...[command, options]: Parameters<ScriptedContext['run']>) => {
      const result = await failing.run(command, options);
      if (String(command).includes('activate.sh')) await ends.promise;
      if (String(command).includes('touch')) ends.resolve();
      return result;
    } };
    await expect(system.transitions.activate.action!(context)).rejects.toThrow('the check "curl -f localhost" does not succeed: curl: (22) 503; the host went back to generation 6');
    expect(failing.did.filter((line) => line.includes('touch'))).toEqual(['run touch /w/activation/refused']);
    expect([...failing.written]).toEqual([]);
  });

  test.each([
    ['0', 'back 6', 'nobody could log in within 30 s after the switch to confirm it; the host went back to generation 6'],
    ['1', 'back 6', 'switch-to-configuration ended with 1 (the boot loader was not installed, or the host is no NixOS installation (/etc/NIXOS)); the host went back to generation 6'],
    ['2', 'back 6', 'switch-to-configuration ended with 2 (the activation script failed); the host went back to generation 6'],
    ['3', 'nowhere', 'switch-to-configuration ended with 3 (systemd could not be reloaded); there is no generation before that it could go back to'],
    ['4', 'back 6', 'switch-to-configuration ended with 4 (some units failed); the host went back to generation 6'],
    ['127', 'lost 2', 'switch-to-configuration ended with 127; and going back ended with 2, so that the host is in between: log in and look'],
  ])('a host that switched with %s and ended %j says why and where it is', async (says, ends, sentence) => {
    await expect(activate('activate', { says, ends })).rejects.toThrow(sentence);
  });

  test('a host that goes back by itself is not asked its check', async () => {
    const context = activating({ says: '2', ends: 'back 6', with: { check: 'curl -f localhost' }, answers: answering([/^curl/, { exitCode: 22 }]) });
    // It has told its code, and is still on its way back.
    const asked = Promise.withResolvers<void>();
    const ask: ScriptedContext['ask'] = (command, options) => {
      if (String(command).includes('activation/code')) asked.resolve();
      return context.ask(command, options);
    };
    const run: ScriptedContext['run'] = async (command, options) => {
      if (String(command).includes('activate.sh')) await asked.promise.then(() => new Promise((resolve) => setImmediate(resolve)));
      return context.run(command, options);
    };
    await expect(async () => system.transitions.activate.action!({ ...context, ask, run })).rejects.toThrow('switch-to-configuration ended with 2 (the activation script failed)');
    expect(context.did.filter((line) => /curl|touch/.test(line))).toEqual([]);
  });

  test('where nothing answers, in a dry run, all of it is told', async () => {
    const { did } = await play(system, 'activate');
    expect(did.at(-1)).toBe(read[1]);
  });

  test('a script that cannot begin fails with its exit code, and nothing waits for its answer any longer', async () => {
    const context = activating({ ends: '', answers: answering([/^\.\/activate\.sh/, { exitCode: 75, stderr: 'another activation is under way on this host\n' }], [/^cat activation\/code$/, { exitCode: 1 }]) });
    await expect(system.transitions.activate.action!(context)).rejects.toThrow(/activate\.sh .*: 75$/);
    await Promise.all(context.waits);
  });

  test.each([
    ['the one before', {}, 'back'], ['one by its number', { generation: 3 }, 'back 3'],
  ] as const)('rollback goes to a generation: %s', async (_, parameters, how) => {
    for (const transition of ['revert', 'revertDegraded'] as const) {
      const { did } = await activate(transition, { with: parameters });
      expect(did).toContain(`run ./activate.sh /nix/var/nix/profiles/system 30 stay ${how}`);
      expect(did).not.toContain('ask readlink -f root');
    }
  });

  test.each(['apply', 'repair'] as const)('%s first pushes what may have been built since, then activates it', async (transition) => {
    const { did } = await activate(transition);
    expect(did.slice(0, 3)).toEqual(['ask command -v nix-store >/dev/null', `ask nix-store --check-validity ${path}`, `run nix-store --add-root /w/root -r ${path}`]);
    expect(did).toContain(set);
  });
});

describe('what stands beside an activation', () => {
  const isOurs = /^sh -c \[ ! -e last \]/;

  test('stage and fetch tell what a switch would stop and start, and change nothing', async () => {
    const said: string[] = [];
    const context = { ...contextOf(system, { answers: answering([/dry-activate/, { stdout: 'would start the following units: web\n' }]) }), log: (text: string) => void said.push(text) };
    await system.transitions.stage.action!(context);
    expect(context.did).toEqual(['ask "$(readlink -f root)/bin/switch-to-configuration" dry-activate']);
    await system.transitions.fetch.action!(context);
    expect(said).toEqual(['would start the following units: web', 'would start the following units: web']);
  });

  test('what somebody else has set meanwhile is not replaced without being asked', async () => {
    const context = contextOf(system, { answers: answering([isOurs, { exitCode: 1, stdout: '/nix/store/9-by-hand\n' }]) });
    await expect(system.transitions.fetch.action!(context)).rejects.toThrow('Somebody else has set /nix/var/nix/profiles/system to /nix/store/9-by-hand. To replace that, remove /w/last on worker[1], then "tutti retry".');
    expect(context.did).toHaveLength(1);
  });

  test('collect deletes generations beyond those that are kept, and then what nothing holds', async () => {
    const { did } = await play(system, 'collect', { with: { keep: 2 }, answers: answering([/./, { stdout: '7 store paths deleted\n' }]) });
    expect(did).toEqual([expect.stringMatching(/^run sh -c .*nix-env -p "\$1" --delete-generations "\+\$2" && nix-collect-garbage; else .* sh \/nix\/var\/nix\/profiles\/system 2$/)]);
  });

  test.each(['release', 'releaseDegraded', 'releaseUnbooted'] as const)('%s forgets the system and leaves it running', async (transition) => {
    expect((await play(system, transition)).did).toEqual(['run rm -rf root last goal activate.sh activation']);
  });

  test('a host that has booted its profile is not booted again', async () => {
    expect((await play(system, 'reboot')).did).toEqual([expect.stringMatching(/^ask sh -c .*booted-system/)]);
  });

  test('reboot runs its command, and waits until the host has booted what its profile says', async () => {
    let asked = 0;
    const { did } = await play(system, 'reboot', { with: { rebootCommand: ['reboot', '-f'] }, answers: (command) => (command.includes('booted-system') ? { exitCode: asked++ === 0 ? 1 : 0 } : undefined) });
    expect(did).toEqual([expect.stringContaining('booted-system'), 'run reboot -f', expect.stringContaining('booted-system')]);
  });

  test.each([
    ['what the profile says runs', '/nix/store/2\n/nix/store/2\n', 0, undefined],
    ['another system runs', '/nix/store/2\n/nix/store/1\n', 0, 'The host runs /nix/store/1, and its profile is /nix/store/2.'],
    ['nothing runs', '/nix/store/2\n', 0, 'The host runs nothing, and its profile is /nix/store/2.'],
    ['its check fails', '/nix/store/2\n/nix/store/2\n', 1, 'The check "curl -f localhost" does not succeed.'],
  ])('the probe of an active host where %s', async (_, stdout, exitCode, sentence) => {
    const probe = async () => system.probes.active!(contextOf(system, { with: { check: 'curl -f localhost' }, answers: answering([/current-system/, { stdout }], [/^curl/, { exitCode }]) }));
    if (sentence === undefined) await probe();
    else await expect(probe).rejects.toThrow(sentence);
  });

  test('the probe of a pushed host is whether its store still holds it', async () => {
    await expect(async () => system.probes.pushed!(contextOf(system, { answers: answering([/check-validity/, { exitCode: 1, stderr: 'path is not valid\n' }]) }))).rejects.toThrow('path is not valid');
  });
});

describe('nixos/cache', () => {
  const here = { data: { toplevel: [{ ...toplevel, on: 'worker[1]' }, { ...toplevel, on: 'worker[1]', path: '/nix/store/3-db' }] } };

  test.each(['fill', 'refill'] as const)('%s packs all closures it is connected with, and tells where', async (transition) => {
    const { did, written } = await play(cache, transition, here);
    expect(shortly(did)).toEqual([`run nix copy --to file:///w/store?compression=none ${path} /nix/store/3-db`]);
    expect([...written]).toEqual([['cache', 'http://10.0.0.1:8787']]);
  });

  test('it is put where the closure is, and says so', async () => {
    await expect(play(cache, 'fill')).rejects.toThrow('The closure is in the store of local: put the cache on that host.');
  });

  test('it serves, and ends, and what it packed is removed', async () => {
    expect((await play(cache, 'serve', { with: { address: '10.0.0.9', port: 80 } })).did).toEqual([
      'start httpd: busybox httpd -f -p 10.0.0.9:80 -h /w/store', 'ask busybox wget -q -O - http://10.0.0.9:80/nix-cache-info',
    ]);
    expect((await play(cache, 'end')).did).toEqual(['kill httpd TERM']);
    expect((await play(cache, 'empty')).did).toEqual(['run rm -rf store']);
  });

  test('its probe is whether it answers', async () => {
    await expect(async () => cache.probes.serving!(contextOf(cache, { answers: answering([/wget/, { exitCode: 1 }]) }))).rejects.toThrow('The cache does not answer.');
  });
});

test('all types are in the catalogue', () => {
  expect(catalogue).toEqual(expect.arrayContaining([closure, cache, system]));
});

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { folderOnPath } from '../doubles/diet-stage.ts';
import { onTestBed, type TestBed } from '../testbed/testbed.ts';
import { started, tutti } from './tutti-command.ts';

/*
 * Closures of a small system of NixOS's shape (assemblies/nixos/system), built by the real Nix, pushed to three hosts with the real Nix, activated, updated, broken and
 * taken back. Each test goes on where the one before it stopped.
 */

const root = join(import.meta.dirname, '../..');
const programs = ['nix', 'nix-store', 'nix-env', 'busybox', 'flock'];
const missing = folderOnPath(...programs) ? undefined : `${programs.join(', ')} are not on PATH (Debian: nix-bin busybox-static)`;
/** Of db and web. */
const ports = { db: 8081, web: 8080 };

describe('NixOS closures', { timeout: 120_000 }, () => {
  if (missing !== undefined) {
    test('on three hosts', ({ skip }) => {
      if (process.env['CI'] === 'true') throw new Error(missing);
      skip(missing);
    });
    return;
  }
  onTestBed('on three hosts', 3, (bed: () => TestBed) => {
    let folder: string;
    let env: NodeJS.ProcessEnv;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'tutti-nixos-'));
      mkdirSync(join(folder, 'conf'));
      writeFileSync(join(folder, 'conf/nix.conf'), 'build-users-group =\nsandbox = true\nsandbox-fallback = false\nsubstituters =\n');
      // A store of this test alone: nothing is installed in /nix.
      env = { ...process.env, NIX_CONF_DIR: join(folder, 'conf'), NIX_REMOTE: `local?root=${folder}/store`, HOME: folder };
      cpSync(join(root, 'assemblies/nixos'), folder, { recursive: true });
    });
    afterAll(async () => {
      await tutti(['destroy', join(folder, 'assembly.yaml'), '--force'], env).ending;
      rmSync(folder, { recursive: true, force: true });
    });

    const assembly = () => join(folder, 'assembly.yaml');
    const play = (...args: readonly string[]) => tutti(args, env);
    const run = (program: string, file = assembly()) => play('run', file, program, '--flavour', 'testbed', '--hosts', bed().folder);
    const done = async (program: string, file = assembly()) => {
      const { code, out, err } = await run(program, file).ending;
      expect({ program, code, said: code === 0 ? '' : `${out}${err}` }).toEqual({ program, code: 0, said: '' });
      return out;
    };
    const edit = (file: string, ...changes: readonly (readonly [RegExp, string])[]) => {
      writeFileSync(file, changes.reduce((text, [pattern, by]) => {
        expect(text).toMatch(pattern);
        return text.replace(pattern, by);
      }, readFileSync(file, 'utf8')));
    };
    const configure = (settings: { version: string; changed?: string; failing?: string }) => edit(
      join(folder, 'system/configuration.nix'),
      [/version = ".*"/, `version = "${settings.version}"`], [/changed = \[.*\]/, `changed = [ ${settings.changed ?? ''} ]`], [/failing = \[.*\]/, `failing = [ ${settings.failing ?? ''} ]`],
    );
    /** What the service of a host answers to whoever asks. */
    const answer = async (host: string, role: 'db' | 'web') => (await bed().inside(host, `busybox nc 127.0.0.1 ${ports[role]} </dev/null 2>&1 || true`)).trim();
    const answers = () => Promise.all([answer('h1', 'db'), answer('h2', 'web'), answer('h3', 'web')]);
    const received = async (host: string) => (await bed().inside(host, 'cat /proc/net/dev')).split('\n').slice(2).filter((line) => !line.includes('lo:')).reduce((sum, line) => sum + Number(line.split(':')[1]?.trim().split(/\s+/)[0] ?? 0), 0);
    const pids = () => Promise.all([['h1', 'db'], ['h2', 'web'], ['h3', 'web']].map(([host, role]) => bed().inside(host!, `cat /run/services/${role}.pid`)));
    const generations = async (host: string) => (await bed().inside(host, 'ls /nix/var/nix/profiles')).split('\n').filter((name) => /^system-\d+-link$/.test(name)).map((name) => Number(name.split('-')[1])).toSorted((a, b) => a - b);
    /** Waits for a moment of a host's, and not for a time. */
    const until = (host: string, condition: string) => bed().inside(host, `until ${condition}; do sleep 0.05; done`);
    const activation = () => `/var/tmp/tutti-${readFileSync(join(folder, '.tutti/assembly/id'), 'utf8').trim()}.web.2/web[2]/activation`;

    let coldBytes: number;
    let deployed: string;

    test('a push that is killed in the middle goes on by itself, and sends nothing twice', async () => {
      edit(assembly(), [/arguments: \{ role: web \}/, 'arguments: { role: web, packages: 150, kib: 128 }']);
      await bed().delay('h2', 5);
      const running = run('deploy');
      await until('h2', '[ "$(ls /nix/store 2>/dev/null | grep -c package)" -ge 20 ] && pkill -9 -f "[n]ix-store --serve"');
      const { code, out } = await running.ending;
      await bed().heal('h2');
      expect({ code, out: code === 0 ? '' : out }).toEqual({ code: 0, out: '' });
      deployed = out;
      expect(out).toMatch(/started +web\[1\]\.push on web\[1\], try 2/);
      coldBytes = await received('h3');
      expect(coldBytes).toBeGreaterThan(150 * 128 * 1024);
      expect(await received('h2')).toBeLessThan(1.2 * coldBytes);
      expect(await bed().inside('h2', 'nix-store --verify --check-contents 2>&1')).not.toMatch(/error|missing/);
    });

    test("hosts are activated in the order of their ports: the database's before its users'", async () => {
      expect(await answers()).toEqual(['db v1', 'web v1', 'web v1']);
      const line = (text: string) => deployed.split('\n').findIndex((one) => one.includes(text));
      expect(line('done       db.activate')).toBeGreaterThan(0);
      expect(line('done       db.activate')).toBeLessThan(Math.min(line('started    web[1].activate'), line('started    web[2].activate')));
    });

    test('what is deployed is not deployed again, and an update without a change disturbs nobody', async () => {
      expect(started(await done('deploy'))).toEqual([]);
      const before = await pids();
      const bytes = await received('h3');
      await done('update');
      expect(await pids()).toEqual(before);
      expect((await received('h3')) - bytes).toBeLessThan(0.005 * coldBytes);
      expect(await generations('h3')).toEqual([1]);
    });

    test('an update sends under 2 % of the bytes, all hosts at once, and then switches in order', async () => {
      configure({ version: '2', changed: '120' });
      const bytes = await received('h3');
      const order = started(await done('update')).filter((name) => /\.(fetch|apply)$/.test(name));
      expect(order.slice(0, 4)).toEqual(expect.arrayContaining(['db.fetch', 'web[1].fetch', 'web[2].fetch', 'db.apply']));
      expect(order.slice(4).toSorted()).toEqual(['web[1].apply', 'web[2].apply']);
      expect(await answers()).toEqual(['db v2', 'web v2', 'web v2']);
      expect(((await received('h3')) - bytes) / coldBytes).toBeLessThan(0.02);
    });

    test('a failed activation is taken back by its host, and whoever waits for it is told', async () => {
      edit(assembly(), [/db: \{ type: nixos\/system, on: db \}/, 'db: { type: nixos/system, on: db, with: { partial: back } }']);
      configure({ version: '3', failing: '"db"' });
      const { code, out, err } = await run('update').ending;
      expect(code).not.toBe(0);
      expect(`${out}${err}`).toMatch(/db\.apply.*switch-to-configuration ended with 4 \(some units failed\); the host went back to generation 2/s);
      expect(`${out}${err}`).toMatch(/web\[1\].*waits.*db\.current/s);
      expect(await answers()).toEqual(['db v2', 'web v2', 'web v2']);
      expect((await play('abort', assembly()).ending).code).toBe(0);
      configure({ version: '4' });
      await done('update');
      expect(await answers()).toEqual(['db v4', 'web v4', 'web v4']);
    });

    test('where some units failed and it is to stay, the host is degraded: its users wait, and a repair ends it', async () => {
      edit(assembly(), [/, with: \{ partial: back \}/, '']);
      configure({ version: '5', failing: '"db"' });
      const { code, out, err } = await run('update').ending;
      expect(code).not.toBe(0);
      expect(`${out}${err}`).toMatch(/db\.current is not active: in degraded/);
      expect((await play('status', assembly()).ending).out).toMatch(/^db +nixos\/system +db +degraded/m);
      configure({ version: '6' });
      await done('repair');
      expect(await answers()).toEqual(['db v6', 'web v6', 'web v6']);
    });

    test('a host that is cut off in the middle of its activation goes back by itself', async () => {
      edit(assembly(), [/web: \{ type: nixos\/system, on: web, count: 2 \}/, 'web: { type: nixos/system, on: web, count: 2, with: { confirmWithin: 6, check: "[ ! -e /run/hold ]" } }']);
      configure({ version: '7' });
      await bed().inside('h3', 'touch /run/hold');
      const running = run('update');
      await until('h3', `[ "$(busybox nc 127.0.0.1 ${ports.web} </dev/null 2>/dev/null)" = "web v7" ]`);
      await bed().cut('h3');
      await bed().inside('h3', 'rm /run/hold');
      await until('h3', `[ -e '${activation()}/end' ]`);
      expect(await answer('h3', 'web')).toBe('web v6');
      await bed().heal('h3');
      const { code, out, err } = await running.ending;
      expect(code).not.toBe(0);
      expect(`${out}${err}`).toMatch(/web\[2\]\.apply.*the host went back to generation/s);
      expect(await answers()).toEqual(['db v7', 'web v7', 'web v6']);
      await play('retry', assembly()).ending;
      expect(await answers()).toEqual(['db v7', 'web v7', 'web v7']);
    });

    test('the whole assembly goes back along its dependencies, users first; and once more to an older generation', async () => {
      const order = started(await done('rollback')).filter((name) => name.endsWith('.revert'));
      expect(order.at(-1)).toBe('db.revert');
      expect(order).toHaveLength(3);
      expect(await answers()).toEqual(['db v6', 'web v6', 'web v6']);
      await done('rollback');
      expect((await answers())[0]).not.toBe('db v6');
    });

    test('old generations are collected, and only what nothing holds', async () => {
      edit(assembly(), [/confirmWithin: 6,/, 'confirmWithin: 6, keep: 1,']);
      const current = Number((await bed().inside('h3', 'readlink /nix/var/nix/profiles/system')).split('-')[1]);
      const [paths, before] = [await bed().inside('h3', 'ls /nix/store | wc -l'), await generations('h3')];
      expect(before[0]).toBeLessThan(current);
      await done('collect');
      expect(await generations('h3')).toEqual(before.filter((generation) => generation >= current));
      expect(Number(await bed().inside('h3', 'ls /nix/store | wc -l'))).toBeLessThan(Number(paths));
      expect((await play('status', assembly(), '--probe').ending).code).toBe(0);
      expect((await answers()).every((said) => /^(db|web) v\d$/.test(said))).toBe(true);
    });

    test('what a dry run says is which host gets what', async () => {
      const { code, out } = await play('run', assembly(), 'update', '--dry-run').ending;
      expect(code).toBe(0);
      expect(out).toMatch(/web\[2\]/);
      expect(out).toMatch(/switch-to-configuration/);
    });

    test.each(['cache', 'pack', 'files'])('%s brings the same to a host that has nothing', async (method) => {
      const file = join(folder, `${method}.yaml`);
      const address = bed().address('h1').replace(/\d+$/, '254');
      writeFileSync(file, `
assembly: ${method}
hosts: { first: {}, one: {} }
components:
  web-closure: { type: nixos/closure, with: { source: system, file: system.nix, arguments: { role: web, kib: 8 } } }
  one: { type: nixos/system, on: one, with: { method: ${method} } }
${method === 'cache' ? `  cache: { type: nixos/cache, with: { address: "${address}" } }\n` : ''}connections:
  - one -> web-closure
${method === 'cache' ? '  - one.cache -> cache.cache\n  - cache -> web-closure\n' : ''}programs:
  deploy: [{ push: deploy }, { wait: all }]
  update: [{ push: { update: web-closure } }, { wait: web-closure }, { push: { fetch: one } }, { push: { update: one } }, { wait: all }]
  rollback: [{ push: { rollback: one } }, { wait: all }]
`);
      configure({ version: '1' });
      await bed().inside('h2', `for pid in $(cat /run/services/*.pid); do kill "$pid" || true; done; rm -rf /run/services /nix/var/nix/profiles/system*; ${method === 'files' ? 'rm -rf /nix; for tool in $(ls /usr/bin | grep ^nix); do rm /usr/bin/$tool; done' : 'nix-collect-garbage >/dev/null 2>&1 || true'}`);
      const out = await done('deploy', file);
      expect(out).toContain('done       one.activate');
      expect(await answer('h2', 'web')).toBe('web v1');
      if (method === 'files') {
        configure({ version: '2' });
        await done('update', file);
        expect(await answer('h2', 'web')).toBe('web v2');
        await done('rollback', file);
        expect(await answer('h2', 'web')).toBe('web v1');
      }
      expect((await play('destroy', file).ending).code).toBe(0);
    });
  });
});

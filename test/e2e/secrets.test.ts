import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Assembly } from '../../src/assembly/model.ts';
import { defineComponent } from '../../src/components/define.ts';
import { Session } from '../../src/session/session.ts';
import { onTestBed } from '../testbed/testbed.ts';

/*
 * A planted secret is looked for wherever it could have gone while an assembly that uses it was deployed, failed, probed and looked at by the real bin/tutti.js.
 */

const bin = join(import.meta.dirname, '../../bin/tutti.js');
const secret = 'planted-5ecret-$(id)-"quoted"';
/** What is looked for: JSON writes the quotes of the whole in another way. */
const needle = 'planted-5ecret';

const assembly = `
assembly: vaulted
hosts: { head: {}, worker: {} }
types:
  db:
    places: [absent, configured, checked, running]
    parameters: { password: { type: secret } }
    transitions:
      configure: { from: absent, to: configured, behaviour: deploy, files: [{ to: db.conf, text: "password = {{with.password}}\\n" }] }
      check: { from: configured, to: checked, behaviour: deploy, run: "read -r it && [ \\"password = $it\\" = \\"$(cat db.conf)\\" ] && echo same && sleep 0.3", input: "{{with.password}}\\n" }
      start: { from: checked, to: running, behaviour: deploy, run: "cat db.conf; cat db.conf >&2; test -e allowed" }
    probes: { running: "cat db.conf >&2; exit 1" }
components:
  one: { type: db, on: head, with: { password: { file: here } } }
  two: { type: db, on: worker, with: { password: { command: "cat here" } } }
programs:
  deploy: [{ push: deploy }, { wait: all }]
`;

test('on hosts that are folders of this machine: from a variable, which no daemon inherits; what an action has read of it cannot become data', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-secrets-'));
  vi.stubEnv('TUTTI_E2E_SECRET', secret);
  const types = [defineComponent({
    name: 'reader', places: ['a', 'b', 'c'], initialPlace: 'a', behaviours: ['go'],
    transitions: {
      place: { from: 'a', to: 'b', behaviour: 'go', action: async ({ writeFile, flushTransfers, startScript, parameters }) => {
        writeFile('conf', `it = ${String(parameters['password'])}`);
        await flushTransfers();
        await startScript('sleeper', ['sleep', '1000']);
      } },
      tell: { from: 'b', to: 'c', behaviour: 'go', action: async ({ run, write }) => write('told', { in: ['a list', (await run(['cat', 'conf'])).stdout] }) },
    },
    ports: { told: { kind: 'data-provide', boundTo: ['c'] } },
    parameters: { password: { type: 'secret' } },
  })];
  const assembly: Assembly = {
    name: 'local', folder, hosts: ['head'], types: new Map(types.map((type) => [type.name, type])), connections: [], programs: new Map(), where: new Map(),
    components: [{ name: 'one', type: 'reader', on: 'head', with: { password: { env: 'TUTTI_E2E_SECRET' } } }],
  };
  const session = await Session.open({ assembly, stateFolder: join(folder, 'state') });
  try {
    const failures: string[] = [];
    expect(await session.play({ name: 'go', instructions: [{ kind: 'pushBehaviour', component: 'one', behaviour: 'go' }, { kind: 'waitAll' }] })).toBe('failed');
    for (const { message } of session.state.member('one').failures.values()) failures.push(message);
    expect(failures).toEqual(['"told" would put the secret "password of one" into the journal: give both components the same source instead']);
    const daemon = await session.hosts.get('head')!.poll('daemons/one/sleeper');
    expect(readFileSync(`/proc/${daemon.kind === 'alive' ? daemon.pid : 0}/environ`, 'latin1')).not.toContain(needle);
    expect(readFileSync(join(folder, 'state/journal.jsonl'), 'utf8')).not.toContain(needle);
  } finally {
    await session.hosts.get('head')!.destroy();
    await session.close();
    rmSync(folder, { recursive: true });
  }
});

onTestBed('secrets', 2, (bed) => {
  let folder: string, file: string;
  const outputs: string[] = [];
  const tutti = (...args: readonly string[]): Promise<number> => new Promise((resolve) => {
    execFile(process.execPath, [bin, ...args], { cwd: folder, maxBuffer: 1 << 26 }, (failed, out, err) => {
      outputs.push(`$ tutti ${args.join(' ')}\n${out}${err}`);
      resolve(failed ? Number(failed.code) : 0);
    });
  });
  /** Where the secret is in what processes show: their arguments and environments, the hosts' among them (they are this machine's). */
  const shownBy = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => ['cmdline', 'environ'].filter((name) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1').includes(needle);
    } catch {
      return false;
    }
  }).map((name) => `/proc/${pid}/${name}`));
  const filesWith = (root: string): string[] => (existsSync(root) ? readdirSync(root, { recursive: true, withFileTypes: true }) : []).filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name), 'latin1').includes(needle)).map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  const shown = new Set<string>();
  let watching: NodeJS.Timeout;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tutti-secrets-'));
    file = join(folder, 'assembly.yaml');
    writeFileSync(file, assembly);
    writeFileSync(join(folder, 'here'), `${secret}\n`);
    chmodSync(join(folder, 'here'), 0o600);
    watching = setInterval(() => shownBy().forEach((path) => shown.add(path)), 10);
  });
  afterAll(async () => {
    clearInterval(watching);
    await tutti('destroy', file, '--force');
    rmSync(folder, { recursive: true });
  });

  test('is nowhere but where it is meant to be: not in a process, a journal, a log, an output, nor anywhere else on a host', async () => {
    expect(await tutti('run', file, '--dry-run')).toBe(0);
    expect(outputs.at(-1)).toContain('db.conf');
    expect(await tutti('run', file, '--flavour', 'testbed', '--hosts', bed().folder)).toBe(1);
    // It did arrive, by both ways, and the failure is told without it.
    for (const host of ['h1', 'h2']) {
      const [[path, mode] = []] = (await bed().inside(host, 'stat -c "%n %a" /var/tmp/tutti-*/*/db.conf')).trim().split('\n').map((line) => line.split(' '));
      expect(mode).toBe('600');
      expect(await bed().inside(host, `cat ${path}`)).toBe(`password = ${secret}\n`);
    }
    expect(outputs.at(-1)).toMatch(/FAILED +one\.start.*\n(.*\n)*.*password = <secret password of one>/);
    expect(await tutti('logs', file, 'one.check')).toBe(0);
    expect(outputs.at(-1)).toContain('same');
    for (const args of [['logs', file, 'one.start'], ['status', file], ['status', file, '--json'], ['trace', file], ['trace', file, '--json'], ['graph', file], ['hosts', file]]) await tutti(...args);
    for (const role of ['head', 'worker']) await bed().inside(role === 'head' ? 'h1' : 'h2', `for folder in /var/tmp/tutti-*.${role}/*/; do touch $folder/allowed; done`);
    expect(await tutti('retry', file)).toBe(0);
    expect(await tutti('status', file, '--probe')).toBe(1);
    expect(outputs.at(-1)).toContain('<secret password of one>');

    expect(outputs.filter((output) => output.includes(needle))).toEqual([]);
    expect([...shown]).toEqual([]);
    expect(filesWith(join(folder, '.tutti'))).toEqual([]);
    for (const host of ['h1', 'h2']) expect(filesWith(`${bed().folder}/${host}/upper`)).toEqual([expect.stringMatching(/^\/var\/tmp\/tutti-[^/]*\/(one|two)\/db\.conf$/)]);
  });

  test('a source that gives nothing fails what needs it, by name; once it does, retry goes on', async () => {
    await tutti('destroy', file);
    writeFileSync(join(folder, 'here'), '');
    expect(await tutti('run', file, '--flavour', 'testbed', '--hosts', bed().folder)).toBe(1);
    expect(outputs.at(-1)).toContain('the secret "password of one" cannot be had: here gives nothing');
    writeFileSync(join(folder, 'here'), `${secret}\n`);
    await tutti('retry', file);
    expect(outputs.at(-1)).toMatch(/FAILED +one\.start/);
  });
});

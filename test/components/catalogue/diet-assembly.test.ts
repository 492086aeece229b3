import { mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Engine, actionKey, type Clock, type Perform } from '../../../src/assembly/engine.ts';
import { memoryJournal } from '../../../src/assembly/journal.ts';
import type { Assembly, Happening, Outcome } from '../../../src/assembly/model.ts';
import { parseAndCheck } from '../../../src/assembly/parse.ts';
import { performer } from '../../../src/assembly/perform.ts';
import { simulate } from '../../../src/assembly/simulate.ts';
import { createAssembly } from '../../../src/assembly/step.ts';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import { failureOf } from '../../../src/orchestrapi/failure.ts';
import type { Host } from '../../../src/orchestrapi/host.ts';
import { localHost } from '../../../src/orchestrapi/local.ts';
import { createOrchestrapi } from '../../../src/orchestrapi/orchestrapi.ts';
import { transfers } from '../../../src/orchestrapi/transfers.ts';
import { folderOnPath, freePort } from '../../doubles/diet-stage.ts';

const folder = join(import.meta.dirname, '../../../assemblies/diet');

async function read(): Promise<Assembly> {
  const file = join(folder, 'assembly.yaml');
  const { assembly, diagnostics } = parseAndCheck(await readFile(file, 'utf8'), file, { types: new Map(catalogue.map((type) => [type.name, type])), folder });
  expect(diagnostics).toEqual([]);
  return assembly!;
}

test('figures 7 and 9: with one second an action, deploying takes 8 s and the bypass 3 s', async () => {
  const assembly = await read();
  const { state } = createAssembly(assembly);
  const aSecond = () => ({ durationMs: 1_000, outcome: { kind: 'done' as const, writes: { dp_NS_hostname: 'x', dp_MA_name: 'x', dp_LA_name: 'x' } } });
  const deployment = simulate(state, assembly.programs.get('deploy')!, aSecond);
  expect(deployment).toMatchObject({ outcome: 'done', makespanMs: 8_000 });
  expect(startsIn(deployment.happenings.map(({ happening }) => happening))).toHaveLength(16);
  const bypass = simulate(state, assembly.programs.get('bypass-la1')!, aSecond);
  expect(bypass).toMatchObject({ outcome: 'done', makespanMs: 3_000 });
  expect(startsIn(bypass.happenings.map(({ happening }) => happening))).toHaveLength(8);
});

const dietPrograms = ['dietAgent', 'connect', 'disconnect'];
const omniOrbPrograms = ['omniNames', 'nameclt', 'genior', 'catior'];
const situations = [
  { title: 'where omniORB is installed', without: [], doubles: folderOnPath(...dietPrograms) ? 0 : 5, skipped: folderOnPath(...omniOrbPrograms) ? undefined : `${omniOrbPrograms.join(', ')} are not on PATH` },
  { title: 'where nothing is installed', without: [...dietPrograms, ...omniOrbPrograms], doubles: 6, skipped: undefined },
];

for (const { title, without, doubles, skipped } of situations) {
  describe(`the DIET assembly ${title}`, { timeout: 60_000 }, () => {
    beforeEach((context) => context.skip(skipped !== undefined, skipped));
    let play: Playground;
    afterEach(() => play?.close());

    test('is deployed, reconfigured and stopped, with no process restarted but LA1, and nothing left', async () => {
      play = await Playground.open({ without });
      const deployed = await play.run('deploy');
      expect(play.failures).toEqual([]);
      for (const [before, after] of inOrder) expect(deployed.indexOf(before), `${before} < ${after}`).toBeLessThan(deployed.indexOf(after));
      expect(play.warnings.filter((text) => text.includes('its double plays'))).toHaveLength(doubles);
      expect(await play.call()).toEqual(play.ports('sed1', 'sed2'));
      const processes = await play.processes();
      expect(Object.values(processes)).not.toContain(undefined);

      const bypassed = await play.run('bypass-la1');
      expect(play.failures).toEqual([]);
      expect(bypassed.indexOf('entered la2.connected')).toBeLessThan(bypassed.indexOf('started sed2.connect'));
      expect(await play.call()).toEqual(play.ports('sed1', 'sed2'));
      expect(await play.processes()).toEqual({ ...processes, la1: undefined });

      await play.run('stop');
      expect(play.failures).toEqual([]);
      expect(Object.values(await play.processes()).filter((pid) => pid !== undefined)).toEqual([]);
    });

    test('every action may be played again by a controller that crashed before its end was written down', async () => {
      play = await Playground.open({ without, twice: true });
      for (const program of ['deploy', 'bypass-la1']) {
        await play.run(program);
        expect(play.failures).toEqual([]);
        expect(await play.call()).toEqual(play.ports('sed1', 'sed2'));
      }
      await play.run('stop');
      expect(play.failures).toEqual([]);
    });
  });
}

/** What has to come before what when everything is deployed at once; all else is free. */
const inOrder: readonly (readonly [string, string])[] = [
  ...['ma1', 'la1', 'la2', 'sed1', 'sed2'].flatMap((who) => [['entered ns.configured', `started ${who}.configure`], ['entered ns.running', `started ${who}.start`]] as const),
  ['entered ma1.configured', 'started la1.configure'],
  ['entered ma1.running', 'started la1.connect'],
  ['entered la1.disconnected', 'started la2.configure'],
  ['entered la1.connected', 'started la2.connect'],
  ['entered la1.connected', 'started sed1.connect'],
  ['entered la2.connected', 'started sed2.connect'],
];

function startsIn(happenings: readonly Happening[]): readonly string[] {
  return happenings.flatMap((happening) => (happening.kind === 'started' ? [`${happening.action.component}.${happening.action.transition}`] : []));
}

/** The shipped assembly on this machine, each host a folder, with ports that are free. */
class Playground {
  readonly warnings: string[] = [];
  readonly failures: string[] = [];
  readonly #happened: string[] = [];
  readonly #root: string;
  readonly #assembly: Assembly;
  readonly #hosts: ReadonlyMap<string, Host>;
  readonly #engine: Engine;

  private constructor(root: string, assembly: Assembly, { path, twice }: { readonly path: string; readonly twice: boolean }) {
    this.#root = root;
    this.#assembly = assembly;
    this.#hosts = new Map(assembly.hosts.map((name) => [name, localHost({ name, workFolder: join(root, name), env: { PATH: path } })]));
    const { state } = createAssembly(assembly);
    const queue = transfers();
    const clock: Clock = { now: () => Date.now(), after: (ms, callback) => { const timer = setTimeout(callback, ms); return () => clearTimeout(timer); } };
    const perform: Perform = performer({
      state,
      clock,
      failureOf,
      log: () => {},
      warn: (_, text) => void this.warnings.push(text),
      orchestrapi: ({ spec, id, ...rest }) => createOrchestrapi({ ...rest, host: this.#hosts.get(spec.on)!, hosts: this.#hosts, component: spec.name, action: id, transfers: queue, folder: assembly.folder }),
    });
    this.#engine = new Engine({
      state,
      journal: memoryJournal(),
      perform: twice ? (...args) => this.#performTwice(perform, ...args) : perform,
      hasAction: ({ component, transition }) => state.member(component).net.type.transitions[transition]!.action !== undefined,
      clock,
      onHappenings: (happenings) => happenings.forEach(({ happening }) => this.#see(happening)),
    });
  }

  /** On hosts whose PATH lacks the programs `without`. `twice`: each action is played, and played again under its name. */
  static async open({ without, twice = false }: { readonly without: readonly string[]; readonly twice?: boolean }): Promise<Playground> {
    const assembly = await read();
    const components = await Promise.all(assembly.components.map(async (spec) => ({ ...spec, with: { ...spec.with, port: await freePort() } })));
    const root = await mkdtemp(join(tmpdir(), 'tutti-diet-'));
    return new Playground(root, { ...assembly, components }, { path: await pathWithout(without, join(root, 'bin')), twice });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.destroy()));
    await rm(this.#root, { recursive: true, force: true });
  }

  /** The second time as if the controller had died before it knew how the first ended: all is found as it is, no process is another one. */
  async #performTwice(perform: Perform, ...args: Parameters<Perform>): Promise<Outcome> {
    const { component } = args[0];
    await perform(...args);
    const before = (await this.processes())[component];
    const outcome = await perform(args[0], args[1], { ...args[2], found: true });
    const after = (await this.processes())[component];
    if (before !== after) this.failures.push(`${actionKey(args[0])}: process ${before} became ${after}`);
    return outcome;
  }

  /** Plays a program to its end and gives what happened: `started la1.connect`, `entered la1.connected`. */
  async run(program: string): Promise<readonly string[]> {
    this.#happened.length = 0;
    expect(await this.#engine.play(program, this.#assembly.programs.get(program)!.instructions)).toBe('done');
    return [...this.#happened];
  }

  /** The ports of the servers that a client of MA1 finds. */
  async call(): Promise<readonly number[]> {
    const client = "printf 'MAName = MA1\\n' > client.cfg && OMNIORB_CONFIG=omniORB4.cfg OMNIORB_BIN=$PWD/naming bin/scalars_client client.cfg IADD";
    const head = this.#hosts.get('head')!;
    const { stdout } = await head.run(client, { cwd: join(head.workFolder, 'ma1') });
    return [...stdout.matchAll(/^ {4}\S+:(\d+)$/gm)].map((match) => Number(match[1])).toSorted((a, b) => a - b);
  }

  ports(...components: readonly string[]): readonly number[] {
    return this.#assembly.components.filter(({ name }) => components.includes(name)).map((spec) => Number(spec.with['port'])).toSorted((a, b) => a - b);
  }

  /** The process of each component's daemon, undefined where none lives. */
  async processes(): Promise<Readonly<Record<string, number | undefined>>> {
    const daemonOf = (type: string) => (type === 'diet/naming-service' ? 'omniNames' : type === 'diet/server-daemon' ? 'scalars_server' : 'dietAgent');
    const all = this.#assembly.components.map(async ({ name, type, on }) => {
      const status = await this.#hosts.get(on)!.poll(`daemons/${name}/${daemonOf(type)}`);
      return [name, status.kind === 'alive' ? status.pid : undefined] as const;
    });
    return Object.fromEntries(await Promise.all(all));
  }

  #see(happening: Happening): void {
    if (happening.kind === 'started') this.#happened.push(`started ${happening.action.component}.${happening.action.transition}`);
    if (happening.kind === 'entered') this.#happened.push(`entered ${happening.component}.${happening.place}`);
    if (happening.kind === 'failed') this.failures.push(`${actionKey(happening.action)}: ${happening.failure.message} ${happening.failure.output ?? ''}`);
  }
}

/** A PATH on which all is found that is found here, but for these programs: a folder of links. */
async function pathWithout(programs: readonly string[], bin: string): Promise<string> {
  const path = process.env['PATH'] ?? '';
  if (programs.length === 0) return path;
  await mkdir(bin);
  for (const from of path.split(delimiter).filter((folder) => folder !== '')) {
    const names = await readdir(from).catch(() => []);
    // The first on PATH wins: later ones find the name taken.
    await Promise.all(names.filter((name) => !programs.includes(name)).map((name) => symlink(join(from, name), join(bin, name)).catch(() => {})));
  }
  return bin;
}

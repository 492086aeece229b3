import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Happening } from '../../src/assembly/model.ts';
import { localHost } from '../../src/orchestrapi/local.ts';
import { createOrchestrapi } from '../../src/orchestrapi/orchestrapi.ts';
import { transfers } from '../../src/orchestrapi/transfers.ts';
import { loadAssembly } from '../../src/session/load.ts';
import { Session } from '../../src/session/session.ts';
import { components, omniOrb, Playground, until, withoutOmniOrb, witnesses, type Component } from './playground.ts';

/*
 * The story of the DIET report as an operator plays it, and what becomes of it when something dies.
 *
 * Where each failure of DIET is tested: how the programs behave in test/doubles/diet.test.ts (over omniORB's naming service and over the double's own),
 * what an action makes of it in test/components/catalogue/diet.test.ts, what the operator sees here.
 *
 * | failure                                                        | programs                              | action                              | here |
 * |----------------------------------------------------------------|---------------------------------------|-------------------------------------|------|
 * | exit codes 0, 1 and 3 of the admin programs                    | exit codes of the admin programs      | connect and disconnect              | 4, 6, 7, 8 |
 * | 1 a server whose parent is not bound waits for `connect`       | 1                                     | SeD1.cfg says "parentName = none"   | the story: servers are disconnected before they are connected |
 * | 2 without the naming service an agent ends at once             | 2                                     | a process that ends meanwhile       | 2 |
 * | 3 stopped while the naming service is down: the name stays     | 3                                     | a name that is left; without answer | 3 |
 * | 4 SIGKILL of a Local Agent leaves a stale name                 | 4                                     | a name that is left                 | 4 |
 * | 5 the agent above a dead child answers through the others      | 5                                     | call fails when it finds fewer      | 5 |
 * | 6 a Local Agent that ends before its children                  | 6                                     | disconnect from a dead parent       | 6 |
 * | 7 connect to an unknown parent keeps the old one               | 7                                     | connect fails with any exit code    | 7 |
 * | 8 agents outlive the naming service, which comes back          | 8                                     | connect fails; disconnect fails     | 8 |
 * | 9 the naming service comes back with an empty folder           | 9                                     | -                                   | 9 |
 * | 10 a second process takes the name over                        | 10                                    | -                                   | 10 |
 * | 11 a port that is taken                                        | 11                                    | start refuses                       | 11 |
 * | 12 a name is no proof of life                                  | 12                                    | the probe looks at the process      | 12 |
 * | agents below each other                                        | (DIET does not see it)                | cycles of parents                   | test/assembly/wrong |
 */

describe("the story over omniORB's naming service", () => {
  beforeEach((context) => context.skip(withoutOmniOrb !== undefined, withoutOmniOrb));

  test('deploy, call, bypass-la1, call, stop, destroy: each stage in its order and at once, nobody restarted but LA1, nothing left', async () => {
    await using play = await Playground.open();
    expect(await play.tutti('check')).toMatchObject({ code: 0, out: expect.stringContaining('0 errors, 0 warnings') });

    const deployed = happeningsIn(await play.tutti('run', 'deploy', '--json'));
    expectStages(deployed);
    expectNoWaits(await traceOf(play), deployment);
    const processes = play.processes;
    expect(Object.keys(processes)).toEqual(components);
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
    expect(await play.tutti('run', 'call', '--plain')).toMatchObject({ code: 0 });
    expect(serversIn(play.log('client.call'))).toEqual([play.portsOf('sed1', 'sed2')]);

    const bypassed = happeningsIn(await play.tutti('run', 'bypass-la1', '--json'));
    // Whoever is not told to leave stays where it is, all the time.
    expect(leftIn(bypassed).filter((line) => /^(ns|ma1)\./.test(line))).toEqual([]);
    expect(leftIn(bypassed).toSorted()).toEqual(['la1.connected', 'la1.disconnected', 'la2.connected', 'la2.disconnected', 'sed1.connected', 'sed1.disconnected', 'sed2.connected', 'sed2.disconnected']);
    expect(startsIn(bypassed).toSorted()).toEqual(['la1.disconnect', 'la1.stop', 'la2.connect', 'la2.disconnect', 'sed1.connect', 'sed1.disconnect', 'sed2.connect', 'sed2.disconnect']);
    // A provide port that is used keeps its place: from the leaves to the root.
    expectOrder(bypassed, [['left sed2.connected', 'left la2.connected'], ['left la2.connected', 'left la1.connected'], ['left sed1.connected', 'left la1.connected'], ['entered la2.connected', 'started sed2.connect']]);
    expectNoWaits(await traceOf(play), bypass);
    expect(play.processes).toEqual({ ...processes, la1: undefined });
    expect(await play.isBound('dietAgent/LA1')).toBe(false);
    expect(await places(play)).toEqual({ ns: 'running', ma1: 'running', la1: 'configured', la2: 'connected', sed1: 'connected', sed2: 'connected' });
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
    expect(await play.tutti('run', 'call', '--plain')).toMatchObject({ code: 0 });
    expect(serversIn(play.log('client.call'))).toEqual([play.portsOf('sed1', 'sed2'), play.portsOf('sed1', 'sed2')]);

    const stopped = happeningsIn(await play.tutti('run', 'stop', '--json'));
    expect(startsIn(stopped).at(-1)).toBe('ns.stop');
    expect(play.processes).toEqual({});
    expect(await places(play)).toEqual(Object.fromEntries(components.map((name) => [name, 'configured'])));

    expect(await play.tutti('destroy')).toMatchObject({ code: 0 });
    expect(play.alive).toEqual([]);
    expect(play.leftFiles).toEqual([]);
  });

  test('the stages come in their order, and nobody waits for longer, also when those that others wait for are slow', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutti-witness-'));
    const slow = ['dietAgent ./MA1.cfg', 'dietAgent ./LA1.cfg -p none', 'connect LA LA1 MA1', 'connect LA LA2 LA1', 'connect LA LA2 MA1', 'disconnect SED SeD2'];
    try {
      await using play = await Playground.open({ path: witnesses(join(folder, 'bin')), slow });
      expectStages(happeningsIn(await play.tutti('run', 'deploy', '--json')));
      expectNoWaits(await traceOf(play), deployment);
      expectOrder(happeningsIn(await play.tutti('run', 'bypass-la1', '--json')), [['entered la2.connected', 'started sed2.connect']]);
      expectNoWaits(await traceOf(play), bypass);
      expect(play.witnessed).toEqual(expect.arrayContaining(slow));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('in the middle of bypass-la1, when all are detached, a call finds no server', async () => {
    await using play = await Playground.open({ change: (text) => `${text.trimEnd()}\n  detach:\n    - push: { disconnect: [la1, la2, sed1, sed2] }\n    - wait: all\n` });
    expect(await play.tutti('run', 'deploy')).toMatchObject({ code: 0 });
    expect(await play.tutti('run', 'detach')).toMatchObject({ code: 0 });
    expect(await play.call()).toMatchObject({ code: 1, err: expect.stringContaining('unable to find a server.') });
    expect(await play.tutti('run', 'bypass-la1')).toMatchObject({ code: 0 });
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
  });

  test('destroy ends a story that runs, whatever it was doing', async () => {
    await using play = await Playground.open();
    expect(await play.tutti('run', 'deploy')).toMatchObject({ code: 0 });
    expect(await play.tutti('destroy')).toMatchObject({ code: 0 });
    expect(play.alive).toEqual([]);
    expect(play.leftFiles).toEqual([]);
  });
});

describe(`when something dies, over ${omniOrb ? "omniORB's naming service" : "the double's own naming service (omniORB is not installed)"}`, () => {
  /** With these components deployed. */
  async function deploy(...names: readonly Component[]): Promise<Playground> {
    const play = await Playground.open({ change: (text) => `${text.trimEnd()}\n  some:\n    - push: { deploy: [${names.join(', ')}] }\n    - wait: all\n${more}` });
    expect(await play.tutti('run', 'some')).toMatchObject({ code: 0 });
    return play;
  }

  test('2. without the naming service a start fails at once and says why; retry works when it is back', async () => {
    await using play = await deploy('ns');
    await play.kill('ns');
    for (const [name, why] of [['ma1', 'Problem while instantiating the data manager'], ['sed1', 'could not declare myself as SeD1']] as const) {
      const failed = await play.tutti('push', name, 'deploy');
      expect(failed).toMatchObject({ code: 1, out: expect.stringMatching(new RegExp(`FAILED +${name}\\.start.*ended with exit code [1-9]`)) });
      expect(failed.out).toContain(why);
      // Not at its time limit.
      const row = (await traceOf(play)).find(({ transition }) => transition === 'start')!;
      expect(row.endMs - row.startMs).toBeLessThan(8_000);
    }
    await restartNaming(play);
    // Both live now; nobody deploys LA1, for which SeD1 waits.
    expect(await play.tutti('retry')).toMatchObject({ code: 4, err: expect.stringContaining('la1') });
    expect(Object.keys(play.processes)).toEqual(['ma1', 'sed1']);
  });

  test('3. stopped while the naming service is down: that is a failure, and neither retry nor the next start is fooled by the name that is left', async () => {
    await using play = await deploy('ns', 'ma1');
    await play.kill('ns');
    expect(await play.tutti('push', 'ma1', 'stop')).toMatchObject({ code: 1, out: expect.stringContaining('whether its name is gone cannot be known') });
    expect(play.processes).toEqual({});
    await restartNaming(play);
    expect(await play.isBound('dietAgent/MA1')).toBe(true);
    expect(await play.tutti('skip', 'ma1.stop')).toMatchObject({ code: 0 });
    expect(await play.tutti('push', 'ma1', 'deploy')).toMatchObject({ code: 0 });
    expect(Object.keys(play.processes)).toEqual(['ma1']);
    // The same again, mended by retry.
    await play.endLeft();
    expect(await play.tutti('push', 'ma1', 'stop')).toMatchObject({ code: 1 });
    await restartNaming(play);
    expect(await play.tutti('retry', 'ma1')).toMatchObject({ code: 0, out: expect.stringContaining('its names are removed now') });
    expect(await play.isBound('dietAgent/MA1')).toBe(false);
  });

  test('4. a killed Local Agent leaves its name: disconnect of it fails, skip and stop clean up, deploy brings it back', async () => {
    await using play = await deploy('ns', 'ma1', 'la1');
    const { la1, ...others } = play.processes;
    await play.kill('la1');
    expect(await play.isBound('dietAgent/LA1')).toBe(true);
    expect(await play.tutti('push', 'la1', 'disconnect')).toMatchObject({ code: 1, out: expect.stringContaining('disconnect LA LA1 ended with exit code 1') });
    expect(await play.tutti('skip', 'la1.disconnect')).toMatchObject({ code: 0 });
    expect(await play.tutti('push', 'la1', 'stop')).toMatchObject({ code: 0, out: expect.stringContaining('died without unbinding dietAgent/LA1') });
    expect(await play.isBound('dietAgent/LA1')).toBe(false);
    expect(await play.tutti('push', 'la1', 'deploy')).toMatchObject({ code: 0 });
    expect(play.processes).toEqual({ ...others, la1: expect.not.stringMatching(`^${la1}$`) });
    expect(await play.placesOf('la1')).toBe('connected');
  });

  test('5. when a server or an agent is killed, calls are answered through the others, and a call that wants more fails', async () => {
    await using play = await deploy(...components);
    await play.kill('sed2');
    expect((await play.call()).found).toEqual(play.portsOf('sed1'));
    expect(await play.tutti('run', 'call')).toMatchObject({ code: 1, out: expect.stringContaining('The call found 1 of 2 servers') });
    await play.kill('la2');
    expect((await play.call()).found).toEqual(play.portsOf('sed1'));
  });

  test('6. a Local Agent that ends before its children: calls fail, their disconnect is a warning, and connected elsewhere they serve again', async () => {
    await using play = await deploy(...components);
    const others = { ...play.processes, la1: undefined };
    await play.kill('la1', 'SIGINT');
    expect(await play.call()).toMatchObject({ code: 1, err: expect.stringContaining('unable to find a server.') });
    const { code, out } = await play.tutti('run', 'around-la1');
    expect(code).toBe(0);
    expect(out.split('\n').filter((line) => line.includes("'s parent is dead")).map((line) => /(\w+)\.disconnect/.exec(line)?.[1]).toSorted()).toEqual(['la2', 'sed1']);
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
    expect(play.processes).toEqual(others);
  });

  test('7. connect to a parent that is not there fails; retry works once it lives', async () => {
    await using play = await deploy('ns', 'ma1');
    await play.kill('ma1', 'SIGINT');
    expect(await play.tutti('push', 'la1', 'deploy')).toMatchObject({ code: 1, out: expect.stringMatching(/FAILED +la1\.connect[^]*exit: +3/) });
    expect((await play.status()).members.find(({ spec }) => spec.name === 'la1')!.failures).toMatchObject({ connect: { exitCode: 3 } });
    play.leave(['sh', join(play.folderOf('ma1'), 'start.sh')]);
    await until('MA1 is bound', () => play.isBound('dietAgent/MA1'));
    expect(await play.tutti('retry')).toMatchObject({ code: 0 });
    expect(await play.placesOf('la1')).toBe('connected');
  });

  test('7. ... and abort puts the token back, so that the parent can be restarted', async () => {
    await using play = await deploy('ns', 'ma1');
    await play.kill('ma1', 'SIGINT');
    expect(await play.tutti('push', 'la1', 'deploy')).toMatchObject({ code: 1 });
    await play.tutti('abort', 'la1');
    expect(await play.placesOf('la1')).toBe('disconnected');
    for (const [name, behaviour] of [['ma1', 'stop'], ['ma1', 'deploy'], ['la1', 'deploy']]) expect(await play.tutti('push', name!, behaviour!)).toMatchObject({ code: 0 });
    expect(await play.placesOf('la1')).toBe('connected');
  });

  test('8. while the naming service is down agents go on and commands fail; when it is back with its data, they succeed and nobody was restarted', async () => {
    await using play = await deploy(...components);
    await play.kill('ns');
    const agents = play.processes;
    expect((await play.call()).code).toBe(1);
    expect(await play.tutti('push', 'sed1', 'disconnect')).toMatchObject({ code: 1, out: expect.stringContaining('disconnect SED SeD1 ended with exit code 1') });
    await restartNaming(play);
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
    expect(await play.tutti('retry')).toMatchObject({ code: 0 });
    expect((await play.call()).found).toEqual(play.portsOf('sed2'));
    expect(await play.tutti('push', 'sed1', 'deploy')).toMatchObject({ code: 0 });
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
    expect(play.processes).toEqual(agents);
  });

  test('9. when the naming service comes back with an empty folder nobody is known though all live; stop and deploy mend it', async () => {
    await using play = await deploy(...components);
    await play.kill('ns');
    rmSync(join(play.folderOf('ns'), 'omninames'), { recursive: true });
    await restartNaming(play);
    for (const name of ['dietAgent/MA1', 'dietAgent/LA1', 'dietSeD/SeD1']) expect(await play.isBound(name)).toBe(false);
    expect(Object.keys(play.processes)).toEqual(components.filter((name) => name !== 'ns'));
    // Who is unknown cannot be detached: that is skipped, from the leaves to the root.
    expect(await play.tutti('run', 'stop')).toMatchObject({ code: 1 });
    for (const name of ['sed1', 'sed2', 'la2']) expect(await play.tutti('skip', `${name}.disconnect`)).toMatchObject({ code: 1 });
    expect(await play.tutti('skip', 'la1.disconnect')).toMatchObject({ code: 0 });
    await play.endLeft();
    expect(play.alive).toEqual([]);
    expect(await play.tutti('run', 'deploy')).toMatchObject({ code: 0 });
    expect((await play.call()).found).toEqual(play.portsOf('sed1', 'sed2'));
  });

  test('10. a start is refused while the process of an earlier one lives: a second one would take the name over', async () => {
    await using play = await deploy('ns', 'ma1');
    const processes = play.processes;
    const host = localHost({ name: 'head', workFolder: join(play.stateFolder, 'hosts/head') });
    const ma1 = createOrchestrapi({
      host, hosts: new Map(), component: 'ma1', action: 'ma1/start.99.1', transfers: transfers(), signal: new AbortController().signal,
      timeoutMs: 10_000, idempotent: true, onOutput: () => {}, folder: play.folder,
    });
    await expect(ma1.startScript('dietAgent', ['sh', `${ma1.path}/start.sh`])).rejects.toThrow(`lives already (pid ${play.pidOf('ma1')}`);
    expect(play.processes).toEqual(processes);
    expect(await play.isBound('dietAgent/MA1')).toBe(true);
  });

  test('11. an agent on a port that is taken fails and says so; with another port it starts', async () => {
    await using play = await deploy('ns', 'ma1');
    const busy = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => busy.listen(play.ports.la1, '127.0.0.1', resolve));
    expect(await play.tutti('push', 'la1', 'deploy')).toMatchObject({ code: 1, out: expect.stringMatching(/FAILED +la1\.start.*exit code 1[^]*Address in use\?/) });
    await new Promise((resolve) => busy.close(resolve));
    expect(await play.tutti('retry')).toMatchObject({ code: 0 });
    expect(await play.placesOf('la1')).toBe('connected');
  });

  test("11. a naming service on a port that is taken fails; on another naming service's it refuses, and that one is not disturbed", async () => {
    await using first = await deploy('ns', 'ma1');
    const processes = first.processes;
    await using second = await Playground.open({ change: (text) => text.replace(/^( {2}ns: .*port: )\d+/m, `$1${first.ports.ns}`) });
    expect(await second.tutti('push', 'ns', 'deploy')).toMatchObject({ code: 1, out: expect.stringContaining(`Another naming service answers on port ${first.ports.ns}`) });
    expect(first.processes).toEqual(processes);
    await using third = await Playground.open();
    const busy = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => busy.listen(third.ports.ns, resolve));
    expect(await third.tutti('push', 'ns', 'deploy')).toMatchObject({ code: 1, out: expect.stringMatching(/FAILED +ns\.start.*ended with exit code 1/) });
    await new Promise((resolve) => busy.close(resolve));
    expect(await third.tutti('retry')).toMatchObject({ code: 0 });
  });

  test('12. a process that is gone degrades its component, though its name still resolves; those that use it are told', async () => {
    await using play = await deploy(...components);
    const { assembly } = await loadAssembly(play.file);
    const seen: Happening[] = [];
    const session = await Session.open({ assembly: assembly!, stateFolder: play.stateFolder, probeEveryMs: 20, onHappenings: (some) => seen.push(...some.map(({ happening }) => happening)) });
    try {
      await play.kill('la2');
      await until('la2 is degraded', () => seen.length > 0);
      expect(seen).toEqual([{ kind: 'degraded', component: 'la2', place: 'connected', reason: expect.stringContaining('is not running'), users: ['sed2'] }]);
    } finally {
      await session.close();
    }
    expect(await play.isBound('dietAgent/LA2')).toBe(true);
    // Nothing moves by itself.
    expect(await play.placesOf('la2')).toBe('connected');
    expect(await play.tutti('status')).toMatchObject({ code: 0, out: expect.stringMatching(/la2 .*DEGRADED connected/) });
  });
});

/** LA1 is dead: what was below it goes below MA1. */
const more = `  around-la1:
    - push: { disconnect: [la2, sed1, sed2] }
    - wait: [la2, sed1, sed2]
    - disconnect: [la2 -> la1, sed1 -> la1]
    - connect: [la2 -> ma1, sed1 -> ma1]
    - push: { deploy: [la2, sed1, sed2] }
    - wait: all
`;

/** By hand, with the sheet's command: as long as agents use it, the assembly does not let its naming service be stopped. */
async function restartNaming(play: Playground): Promise<void> {
  const data = join(play.folderOf('ns'), 'omninames');
  mkdirSync(data, { recursive: true });
  play.leave([join(play.folderOf('ns'), 'naming/omniNames'), '-start', String(play.ports.ns), '-always', '-datadir', data, '-ORBendPointPublish', 'giop:tcp:127.0.0.1:'], { OMNIORB_CONFIG: '/dev/null' });
  await until('the naming service answers', async () => (await play.program('ns', 'naming/nameclt', 'list')).code === 0);
}

async function places(play: Playground): Promise<Record<string, string>> {
  const { members } = await play.status();
  return Object.fromEntries(members.map(({ spec, state }) => [spec.name, state.places.join(' ')]));
}

function serversIn(log: string): readonly (readonly number[])[] {
  return [...log.matchAll(/Servers found: (.*)\./g)].map((match) => match[1]!.split(', ').map((server) => Number(server.split(':')[1])).toSorted((a, b) => a - b));
}

function happeningsIn({ code, out, err }: { readonly code: number | null; readonly out: string; readonly err: string }): readonly Happening[] {
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out.trim().split('\n').map((line) => JSON.parse(line) as Happening);
}

/** `started la1.connect`, `entered la1.connected`, `left la1.connected`, in the order in which they happened. */
function told(happenings: readonly Happening[]): readonly string[] {
  return happenings.flatMap((one) => {
    if (one.kind === 'started') return [`started ${one.action.component}.${one.action.transition}`];
    return one.kind === 'entered' || one.kind === 'left' ? [`${one.kind} ${one.component}.${one.place}`] : [];
  });
}
const startsIn = (happenings: readonly Happening[]) => told(happenings).filter((line) => line.startsWith('started')).map((line) => line.slice(8));
const leftIn = (happenings: readonly Happening[]) => told(happenings).filter((line) => line.startsWith('left')).map((line) => line.slice(5));

function expectOrder(happenings: readonly Happening[], pairs: readonly (readonly [string, string])[]): void {
  const lines = told(happenings);
  for (const [before, after] of pairs) {
    expect(lines, `"${before}" and "${after}" happen`).toEqual(expect.arrayContaining([before, after]));
    expect(lines.indexOf(before), `"${before}" before "${after}"`).toBeLessThan(lines.indexOf(after));
  }
}

const elements = components.filter((name) => name !== 'ns');

/** The six stages of the report: what each one reaches, and which of it had to wait for what of those before; the rest of the order is free. */
const stages: readonly { readonly reaches: readonly string[]; readonly after: readonly (readonly [string, string])[] }[] = [
  { reaches: ['ns.configured'], after: [] },
  {
    reaches: ['ma1.configured', 'sed1.configured', 'sed2.configured', 'ns.running'],
    after: [...elements.map((name) => ['entered ns.configured', `started ${name}.configure`] as const), ['entered ns.configured', 'started ns.start']],
  },
  {
    reaches: ['la1.configured', 'ma1.running', 'sed1.disconnected', 'sed2.disconnected'],
    after: [['entered ma1.configured', 'started la1.configure'], ...elements.map((name) => ['entered ns.running', `started ${name}.start`] as const)],
  },
  {
    reaches: ['la1.disconnected', 'la1.connected', 'la2.configured'],
    after: [['entered ma1.running', 'started la1.connect'], ['entered la1.disconnected', 'started la1.connect'], ['entered la1.disconnected', 'started la2.configure']],
  },
  {
    reaches: ['sed1.connected', 'la2.disconnected', 'la2.connected'],
    after: [['entered la1.connected', 'started sed1.connect'], ['entered la1.connected', 'started la2.connect'], ['entered la2.disconnected', 'started la2.connect']],
  },
  { reaches: ['sed2.connected'], after: [['entered la2.connected', 'started sed2.connect']] },
];

function expectStages(happenings: readonly Happening[]): void {
  expect(stages.flatMap(({ reaches }) => reaches).toSorted()).toEqual(told(happenings).filter((line) => line.startsWith('entered')).map((line) => line.slice(8)).toSorted());
  for (const { after } of stages) expectOrder(happenings, after);
}

interface Row {
  readonly component: string;
  readonly transition: string;
  readonly outcome: string;
  readonly startMs: number;
  readonly endMs: number;
}

async function traceOf(play: Playground): Promise<readonly Row[]> {
  return (JSON.parse((await play.tutti('trace', '--as', 'json')).out) as { rows: readonly Row[] }).rows;
}

/** Each action starts at the very instant at which the last of those that it has to wait for has ended, and not later. */
function expectNoWaits(rows: readonly Row[], after: Readonly<Record<string, readonly string[]>>): void {
  const row = (name: string) => rows.find(({ component, transition }) => `${component}.${transition}` === name)!;
  expect(rows.map(({ component, transition, outcome }) => `${component}.${transition} ${outcome}`).toSorted()).toEqual(Object.keys(after).map((name) => `${name} done`).toSorted());
  const beginning = Math.min(...rows.map(({ startMs }) => startMs));
  for (const [name, others] of Object.entries(after)) {
    expect(row(name).startMs, `${name} starts when ${others.join(', ')} have ended`).toBe(Math.max(beginning, ...others.map((other) => row(other).endMs)));
  }
}

/** Action -> those that it has to wait for, when everything is deployed at once. */
const deployment: Readonly<Record<string, readonly string[]>> = {
  'ns.configure': [], 'ns.start': ['ns.configure'],
  'ma1.configure': ['ns.configure'], 'ma1.start': ['ma1.configure', 'ns.start'],
  'la1.configure': ['ns.configure', 'ma1.configure'], 'la1.start': ['la1.configure', 'ns.start'], 'la1.connect': ['la1.start', 'ma1.start'],
  'la2.configure': ['ns.configure', 'la1.start'], 'la2.start': ['la2.configure', 'ns.start'], 'la2.connect': ['la2.start', 'la1.connect'],
  'sed1.configure': ['ns.configure'], 'sed1.start': ['sed1.configure', 'ns.start'], 'sed1.connect': ['sed1.start', 'la1.connect'],
  'sed2.configure': ['ns.configure'], 'sed2.start': ['sed2.configure', 'ns.start'], 'sed2.connect': ['sed2.start', 'la2.connect'],
};

const disconnects = ['la1.disconnect', 'la2.disconnect', 'sed1.disconnect', 'sed2.disconnect'];
/** The same for bypass-la1: all four are detached at once. */
const bypass: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(disconnects.map((name) => [name, []])),
  'la1.stop': disconnects, 'la2.connect': disconnects, 'sed1.connect': disconnects, 'sed2.connect': [...disconnects, 'la2.connect'],
};

import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAndCheck } from '../../../src/assembly/parse.ts';
import { simulate } from '../../../src/assembly/simulate.ts';
import { createAssembly } from '../../../src/assembly/step.ts';
import { requireAssembly } from '../../../src/cli/conduct.ts';
import { run } from '../../../src/cli/main.ts';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import type { RecordingHostOptions } from '../../../src/orchestrapi/recording.ts';
import { stateFolderOf } from '../../../src/session/folder.ts';
import { healthyCeph } from './healthy-ceph.ts';
import { recordedAssembly } from './recorded-assembly.ts';

const folder = join(import.meta.dirname, '../../../assemblies/ceph');
const file = join(folder, 'assembly.yaml');
const { assembly, diagnostics } = parseAndCheck(await readFile(file, 'utf8'), file, { types: new Map(catalogue.map((type) => [type.name, type])), folder });

describe('on the virtual clock', () => {
  /** What the last of these programs starts, played one after the other. */
  const starts = (...programs: string[]) => {
    const { state } = createAssembly(assembly!);
    let names: string[] = [];
    for (const name of programs) {
      const simulation = simulate(state, assembly!.programs.get(name)!, () => ({ durationMs: 1_000, outcome: { kind: 'done' as const, writes: { identity: 'x', name: 'x' } } }));
      expect(simulation.outcome).toBe('done');
      names = simulation.happenings.flatMap(({ happening }) => (happening.kind === 'started' ? [`${happening.action.component}.${happening.action.transition}`] : []));
    }
    return names;
  };

  test('no program of it waits for ever', () => {
    expect(diagnostics.filter(({ severity }) => severity !== 'note')).toEqual([]);
  });

  test('formatting the OSDs waits for no monitor', () => {
    const order = starts('deploy');
    expect(order.indexOf('osd[3].format')).toBeLessThan(order.indexOf('mon[1].join'));
  });

  test('monitors to which restart is pushed at once go one after the other', () => {
    expect(starts('deploy', 'restart-monitors').filter((name) => /halt|rejoin/.test(name)).map((name) => name.replace(/.*\./, ''))).toEqual(['halt', 'rejoin', 'halt', 'rejoin', 'halt', 'rejoin']);
  });

  test('stop ends the last quorum last, destroy forgets the keys', () => {
    expect(starts('deploy', 'stop').slice(-2)).toEqual(['mon[2].end', 'mon[3].end']);
    expect(starts('deploy', 'destroy')).toContain('cluster.forget');
  });
});

describe('on hosts that note what they are asked', () => {
  const isStart = (command: unknown) => String(command).includes('ceph-osd') && !String(command).includes('--mkfs');
  /** Of what was done, what sets and unsets the flag. */
  const flags = (did: readonly string[]) => did.flatMap((line) => / osd ((?:un)?set noout)$/.exec(line)?.[1] ?? []);
  const open = (more: Readonly<Record<string, RecordingHostOptions['answers']>> = {}) => recordedAssembly(assembly!, (host) => [...(more[host] ?? []), ...healthyCeph]);

  test('noout is set, the OSDs are restarted one after the other, and it is unset', async () => {
    await using cluster = await open();
    expect(await cluster.play('deploy')).toMatchObject({ end: 'done', failures: [] });
    const { end, started, did } = await cluster.play('restart-osds');
    expect(end).toBe('done');
    expect(started.filter((name) => /halt|settle|guard/.test(name))).toEqual(['guard.set', 'osd[1].halt', 'osd[1].settle', 'osd[2].halt', 'osd[2].settle', 'osd[3].halt', 'osd[3].settle', 'guard.unset']);
    expect(flags(did)).toEqual(['set noout', 'unset noout']);
  });

  describe('an OSD that does not come back', () => {
    const breaking = () => open({ 'node[2]': [{ to: isStart, staysAlive: true, times: 1 }, { to: isStart, exitCode: 1, stderr: 'no superblock', times: 2 }] });

    test('noout is unset by itself, the next one is left alone, and when it is mended the rest goes on', async () => {
      await using cluster = await breaking();
      await cluster.play('deploy');
      const { end, started, failures, did } = await cluster.play('restart-osds');
      expect(end).toBe('failed');
      expect(failures).toEqual([expect.stringMatching(/^osd\[2\]\.bootAgain: .*osd\.2 is up/)]);
      expect(flags(did)).toEqual(['set noout', 'unset noout']);
      expect(started).not.toContain('osd[3].retire');

      const mended = await cluster.repair({ kind: 'retry', component: 'osd[2]', transition: 'bootAgain' });
      expect(mended).toMatchObject({ end: 'done', failures: [] });
      expect(mended.started).toEqual(expect.arrayContaining(['osd[2].settle', 'osd[3].halt', 'osd[3].settle', 'guard.unset']));
      expect(flags(mended.did)).toEqual(['unset noout']);
    });

    test('noout is not set again while it is away, also when the program that failed was dropped', async () => {
      await using cluster = await breaking();
      await cluster.play('deploy');
      await cluster.play('restart-osds');
      await cluster.repair({ kind: 'cancel' }, { kind: 'abort', component: 'osd[2]' }, { kind: 'abort', component: 'osd[3]' });
      const { end, did } = await cluster.play('restart-osds');
      expect(end).toBe('deadlock');
      expect(flags(did)).toEqual([]);
    });
  });

  test('noout is not set while an OSD was never up, since no restart of the others would end', async () => {
    await using cluster = await open({ 'node[2]': [{ to: isStart, exitCode: 1 }] });
    expect(await cluster.play('deploy')).toMatchObject({ end: 'failed' });
    const { end, did } = await cluster.play('restart-osds');
    expect({ end, flags: flags(did) }).toEqual({ end: 'failed', flags: [] });
  });

  describe('a program that is run again', () => {
    test.each(['deploy', 'lift', 'stop', 'destroy'])('%s: nothing is started, and no host is asked anything', async (program) => {
      await using cluster = await open();
      await cluster.play('deploy');
      await cluster.play(program);
      expect(await cluster.play(program)).toEqual({ end: 'done', started: [], failures: [], did: [], asked: [] });
    });

    test.each([
      ['configure', '"threads" is there already'], ['replace-monitor', '"new-mon" is there already'], ['grow', '"new-osd" is there already'], ['shrink', 'No component is named "new-osd"'],
    ])('%s: one diagnostic, and no host is asked anything', async (program, says) => {
      await using cluster = await open();
      await cluster.play('deploy');
      if (program === 'shrink') await cluster.play('grow');
      await cluster.play(program);
      expect(await cluster.play(program)).toEqual({ end: 'refused', started: [], failures: [expect.stringContaining(says)], did: [], asked: [] });
    });

    test.each([
      ['restart-osds', ['osd set noout', 'osd unset noout']], ['restart-monitors', []], ['restart-all', ['mgr fail mgr', 'osd set noout', 'osd unset noout']],
    ])('%s: a restart is not a state but an event; all is restarted once more, by the same commands, and is as it was', async (program, told) => {
      await using cluster = await open();
      await cluster.play('deploy');
      const first = await cluster.play(program);
      expect(first).toMatchObject({ end: 'done', failures: [] });
      expect(await cluster.play(program)).toEqual(first);
      expect(first.did.flatMap((line) => /client\.admin\.keyring (.*)$/.exec(line)?.[1] ?? [])).toEqual(told);
    });
  });
});

describe('a dry run', () => {
  let place: string;
  beforeEach(async () => void (place = await mkdtemp(join(tmpdir(), 'tutti-ceph-dry-'))));
  afterEach(() => rm(place, { recursive: true }));

  /** What would be done: `admin: ceph osd set noout`; and what would be started. */
  async function dryRun(program: string): Promise<{ does: string[]; starts: string[] }> {
    const out: string[] = [];
    const code = await run(['run', join(place, 'assembly.yaml'), program, '--dry-run', '--json'], { out: (line) => void out.push(line), err: (line) => void out.push(line), stream: process.stdout, color: false, isTerminal: false });
    expect({ program, code, out: code === 0 ? '' : out.join('\n') }).toEqual({ program, code: 0, out: '' });
    const starts = out.map((line) => JSON.parse(line) as { host: string; component: string; transition: string; does?: { kind: string; what: string; on?: string }[] }).filter(({ does }) => does !== undefined);
    return {
      starts: starts.map(({ component, transition }) => `${component}.${transition}`),
      does: starts.flatMap(({ host, does }) => does!.filter(({ kind }) => kind === 'run' || kind === 'start').map(({ what, on = host }) => `${on}: ${what.replace(/^(?:mon|mgr|osd|mds|ceph-fuse): /, '').replace(/  <<< .*$/s, '')}`)),
    };
  }

  /** What a dry run cannot know, and what it says instead. */
  const values: readonly (readonly [string, string])[] = [['--fsid ', `--fsid ${healthyCeph[0]!.stdout.trim()}`], ['<fs.name>', 'home'], ['<names.name>', 'names'], ['<contents.name>', 'contents']];
  /** Commands and daemons, without where work folders are and how a text is quoted. */
  const commands = (lines: readonly string[]) => lines.filter((line) => !/^\S+ (?:file|kill) /.test(line)).map((line) => line.replaceAll(/<work>|\/work\/[a-z]+(?:\[\d\])?|'/g, '')).toSorted();

  /** Which host of the CRUSH map an OSD leaves empty is known when it was asked; a dry run says that it does not know. */
  const unasked = healthyCeph.filter(({ to }) => !to.test('"osd find"'));

  // In an order in which each program finds what it needs.
  test('of each program tells what is then done, on which host, and touches nothing', async () => {
    await cp(file, join(place, 'assembly.yaml'));
    const stateFolder = stateFolderOf(join(place, 'assembly.yaml'));
    for (const program of ['deploy', 'restart-osds', 'restart-monitors', 'restart-all', 'configure', 'grow', 'shrink', 'replace-monitor', 'stop', 'deploy', 'destroy']) {
      const told = await dryRun(program);
      await using cluster = await recordedAssembly(await requireAssembly(join(place, 'assembly.yaml')), () => unasked, stateFolder);
      const { started, did } = await cluster.play(program);
      expect({ program, starts: told.starts.toSorted() }).toEqual({ program, starts: started.toSorted() });
      expect({ program, does: commands(told.does).map((line) => values.reduce((text, [name, value]) => text.replaceAll(name, value), line)) }).toEqual({ program, does: commands(did) });
    }
  });
});

import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { parseAndCheck } from '../../../src/assembly/parse.ts';
import { simulate } from '../../../src/assembly/simulate.ts';
import { createAssembly } from '../../../src/assembly/step.ts';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import type { RecordingHostOptions } from '../../../src/orchestrapi/recording.ts';
import { recordedAssembly } from './recorded-assembly.ts';

const folder = join(import.meta.dirname, '../../../assemblies/nixos');
const file = join(folder, 'assembly.yaml');
const text = await readFile(file, 'utf8');
const parse = (content: string) => parseAndCheck(content, file, { types: new Map(catalogue.map((type) => [type.name, type])), folder });
const { assembly, diagnostics } = parse(text);

type Answers = NonNullable<RecordingHostOptions['answers']>;

const path = (role: string) => `/nix/store/1-${role}`;
/** The controller: it builds, and knows what a closure needs. */
const builder: Answers = ['db', 'web'].flatMap((role) => [
  { to: new RegExp(`^nix-build .*role ${role}`), stdout: `${path(role)}\n` },
  { to: new RegExp(`-q --size .* ${path(role)}`), stdout: '1000\n2000\n' },
  { to: new RegExp(`-qR ${path(role)}$`), stdout: `/nix/store/0-libc\n${path(role)}\n` },
]);
/** A host that has Nix and all that is pushed to it; its activation ends as it is told. */
const runs = (role: string, { code = '0', end = 'confirmed' }: { code?: string; end?: string } = {}): Answers => [
  { to: /^readlink -f root$/, stdout: `${path(role)}\n` }, { to: /cat activation\/code activation\/end/, stdout: `${code}\n${end}\n` }, { to: /cat activation\/code$/, stdout: `${code}\n` },
  { to: /readlink "\$1"; readlink -f "\$1"/, stdout: `system-1-link\n${path(role)}\n` },
];
const open = (of: Readonly<Record<string, Answers>> = {}) => recordedAssembly(assembly!, (host) => [...(of[host] ?? []), ...(host === 'local' ? builder : runs(host === 'db' ? 'db' : 'web'))]);
const lacksAll: Answers = [{ to: /^nix-store --check-validity/, exitCode: 1 }, { to: /^xargs nix-store/, stdout: `/nix/store/0-libc\n${path('web')}\n` }];

describe('on the virtual clock', () => {
  /** What the last of these programs starts, played one after the other. */
  const starts = (...programs: string[]) => {
    const { state } = createAssembly(assembly!);
    let names: string[] = [];
    for (const name of programs) {
      const simulation = simulate(state, assembly!.programs.get(name)!, () => ({ durationMs: 1_000, outcome: { kind: 'done' as const, writes: { toplevel: 'x', outcome: 0, generation: 'x' } } }));
      expect(simulation.outcome).toBe('done');
      names = simulation.happenings.flatMap(({ happening }) => (happening.kind === 'started' ? [`${happening.action.component}.${happening.action.transition}`] : []));
    }
    return names;
  };

  test('no program of it waits for ever', () => {
    expect(diagnostics.filter(({ severity }) => severity !== 'note')).toEqual([]);
  });

  test('everything is pushed before anything is activated, and the database is activated before its users', () => {
    const order = starts('deploy').filter((name) => /\.(push|activate)$/.test(name));
    expect(order.slice(0, 3).toSorted()).toEqual(['db.push', 'web[1].push', 'web[2].push']);
    expect(order[3]).toBe('db.activate');
    expect(order.slice(4).toSorted()).toEqual(['web[1].activate', 'web[2].activate']);
  });

  test('an update fetches beside what runs, then applies in order', () => {
    const order = starts('deploy', 'update').filter((name) => /\.(fetch|apply)$/.test(name));
    expect(order.slice(0, 3).toSorted()).toEqual(['db.fetch', 'web[1].fetch', 'web[2].fetch']);
    expect(order[3]).toBe('db.apply');
  });

  test('a rollback goes the other way, users first', () => {
    expect(starts('deploy', 'rollback').filter((name) => name.endsWith('.revert')).at(-1)).toBe('db.revert');
  });

  test('hosts of which a share must stay steady are updated one after the other', () => {
    const rolling = parse(`
assembly: rolling
hosts: { web: { count: 3 } }
types:
  front:
    places: [absent, there]
    transitions: { come: { from: absent, to: there, behaviour: deploy } }
    ports: { webs: { use: steady, boundTo: there, atLeast: 2 } }
components:
  closure: { type: nixos/closure, with: { path: /nix/store/1-web } }
  web: { type: nixos/system, on: web, count: 3 }
  front: front
connections:
  - web[*] -> closure
  - front.webs -> web[*].steady
programs:
  deploy: [push: deploy, wait: all]
  update: [push: { fetch: "web[*]" }, push: { update: "web[*]" }, wait: all]
`);
    expect(rolling.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    const { state } = createAssembly(rolling.assembly!);
    const play = (name: string) => simulate(state, rolling.assembly!.programs.get(name)!, () => ({ durationMs: 1_000, outcome: { kind: 'done' as const, writes: { toplevel: 'x', outcome: 0, generation: 'x' } } }));
    expect(play('deploy').outcome).toBe('done');
    const { outcome, happenings } = play('update');
    const spans = happenings.flatMap(({ happening }) => ('action' in happening && happening.action.transition === 'apply' && (happening.kind === 'started' || happening.kind === 'ended') ? [happening.kind] : []));
    expect({ outcome, spans }).toEqual({ outcome: 'done', spans: ['started', 'ended', 'started', 'ended', 'started', 'ended'] });
  });
});

describe('on hosts that note what they are asked', () => {
  test('what is missing is packed once on the controller, and taken in on each host', async () => {
    await using fleet = await open({ 'web[1]': lacksAll, 'web[2]': lacksAll });
    const { end, did } = await fleet.play('deploy');
    expect(end).toBe('done');
    expect(did.filter((line) => /nix-store --export/.test(line)).every((line) => line.startsWith('local: '))).toBe(true);
    expect(did.filter((line) => /nix-store --import/.test(line)).map((line) => line.split(':')[0])).toEqual(['web[1]', 'web[2]']);
  });

  test.each([
    ['0', 'accept', 'done'], ['4', 'endPartly', 'deadlock'], ['100', 'askReboot', 'deadlock'],
  ])('a switch that ends with %s leads by %s, and who waits for it: %s', async (code, leads, end) => {
    await using fleet = await open({ db: runs('db', { code }) });
    const played = await fleet.play('deploy');
    expect(played).toMatchObject({ end, failures: [] });
    expect(played.started.filter((name) => /^db\.(accept|endPartly|askReboot)$/.test(name))).toEqual([`db.${leads}`]);
    expect(played.started.includes('web[1].activate')).toBe(end === 'done');
  });

  test('a failed activation is told, and who waits for it does not begin; retried, the rest goes on', async () => {
    const once: Answers = runs('db', { code: '2', end: 'back 1' }).map((answer) => ({ ...answer, times: 1 }));
    await using fleet = await open({ db: once });
    const { end, failures, started } = await fleet.play('deploy');
    expect(end).toBe('failed');
    expect(failures).toEqual(['db.activate: switch-to-configuration ended with 2 (the activation script failed); the host went back to generation 1']);
    expect(started).not.toContain('web[1].activate');
    expect(await fleet.repair({ kind: 'retry', component: 'db', transition: 'activate' })).toMatchObject({ end: 'done', failures: [] });
  });

  test('some units failed in an update, a repair ends it, and the others follow', async () => {
    const twice: Answers = [...runs('db').map((answer) => ({ ...answer, times: 1 })), ...runs('db', { code: '4' }).map((answer) => ({ ...answer, times: 1 }))];
    await using fleet = await open({ db: twice });
    await fleet.play('deploy');
    const update = await fleet.play('update');
    expect(update).toMatchObject({ end: 'deadlock', failures: [] });
    expect(update.started).toContain('db.updatePartly');
    expect(update.started).not.toContain('web[1].apply');
    await fleet.repair({ kind: 'cancel' });
    const repair = await fleet.play('repair');
    expect(repair).toMatchObject({ end: 'done', failures: [] });
    expect(repair.started).toEqual(expect.arrayContaining(['db.repair', 'db.acceptRepair', 'web[1].apply', 'web[2].apply']));
  });

  test('deploy, run again, asks no host anything', async () => {
    await using fleet = await open();
    await fleet.play('deploy');
    expect(await fleet.play('deploy')).toEqual({ end: 'done', started: [], failures: [], did: [], asked: [] });
  });
});

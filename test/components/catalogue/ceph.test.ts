import { describe, expect, test } from 'vitest';
import { catalogue } from '../../../src/components/catalogue/index.ts';
import { cluster, filesystem, maintenanceGuard, manager, mds, monitor, mount, osd, pool, setting } from '../../../src/components/catalogue/ceph/index.ts';
import { hasActiveServer } from '../../../src/components/catalogue/ceph/filesystem.ts';
import { isPool } from '../../../src/components/catalogue/ceph/pool.ts';
import { isClean } from '../../../src/components/catalogue/ceph/shared.ts';
import type { ComponentType, Value } from '../../../src/components/model.ts';
import type { ScriptStatus } from '../../../src/orchestrapi/host.ts';
import { healthyCeph } from './healthy-ceph.ts';
import { scriptedContext, type Answers } from './scripted-context.ts';

const identity = { on: 'admin', folder: '/c', configuration: '[global]\nfsid = f\n' };
const asCeph = 'timeout 60 ceph --connect-timeout 10 -c /c/ceph.conf -k /c/keys/client.admin.keyring';

/** A cluster in which all is well. */
const well: Answers = (command) => healthyCeph.find(({ to }) => to.test(command));

async function play(type: ComponentType, component: string, transition: string, { answers = well, data = {}, with: parameters }: { answers?: Answers; data?: Record<string, Value>; with?: Record<string, Value> } = {}) {
  const context = scriptedContext({ type, component, answers, data: { identity, ...data }, ...(parameters ? { with: parameters } : {}) });
  await type.transitions[transition]!.action!(context);
  return context;
}

/** What was done, without what is the same everywhere. */
const shortly = (did: readonly string[]) => did.map((line) => line.replace(asCeph, 'ceph').replace(/timeout 60 \S*python3 -c .* \/c\/ceph.conf \S+ (mon|mgr) (\{.*\})$/s, '$1 $2').replace(/\S*python3 -c .* (\/w\/asok)/s, 'socket $1').replace(/sh -c .* sh \//s, 'sh /'));

describe('what the operators of a cluster do is done in their order', () => {
  test.each([
    { type: monitor, component: 'mon[1]', transition: 'place', did: ['flush'] },
    { type: monitor, component: 'mon[1]', transition: 'format', did: ['run sh /w/data ceph-mon -i mon1 -c /w/ceph.conf --mon-data /w/data --keyring /w/keyring --admin-socket /w/asok --log-file /w/log --pid-file /w/pid --mkfs --monmap /w/monmap'] },
    { type: monitor, component: 'mon[1]', transition: 'join', did: ['ask socket /w/asok mon_status 2 leader peon'] },
    { type: monitor, component: 'mon[1]', transition: 'halt', did: ['ask ceph mon ok-to-stop mon1', 'kill mon TERM'] },
    { type: monitor, component: 'mon[1]', transition: 'resign', did: ['ask ceph mon ok-to-rm mon1', 'run ceph mon rm mon1', 'kill mon TERM', 'run rm -rf /w/data /w/keyring /w/ceph.conf /w/monmap /w/log /w/asok /w/pid'] },
    { type: manager, component: 'mgr', transition: 'activate', did: ['ask mon {"prefix":"mgr stat","format":"json"}'] },
    { type: manager, component: 'mgr', transition: 'restart', did: ['kill mgr TERM', 'run ceph mgr fail mgr', 'start mgr: ceph-mgr -i mgr -c /w/ceph.conf --mgr-data /w/data --keyring /w/keyring --admin-socket /w/asok --log-file /w/log --pid-file /w/pid -f'] },
    { type: osd, component: 'osd[2]', transition: 'format', did: ['run sh /w/data ceph-osd -i 2 -c /w/ceph.conf --osd-data /w/data --keyring /w/keyring --admin-socket /w/asok --log-file /w/log --pid-file /w/pid --mkfs --no-mon-config --bdev-aio-poll-ms 10'] },
    { type: osd, component: 'osd[2]', transition: 'boot', did: ['ask socket /w/asok status 2 active'] },
    { type: osd, component: 'osd[2]', transition: 'halt', did: ['ask ceph osd ok-to-stop 2', 'kill osd TERM'] },
    { type: osd, component: 'osd[2]', transition: 'settle', did: ['ask mgr {"prefix":"pg stat","format":"json"}'] },
    { type: osd, component: 'osd[2]', transition: 'drain', did: ['run ceph osd crush reweight osd.2 0', 'ask ceph osd safe-to-destroy 2', 'ask mgr {"prefix":"pg stat","format":"json"}'] },
    { type: osd, component: 'osd[2]', transition: 'haltDrained', did: ['run ceph osd out 2', 'ask ceph osd ok-to-stop 2', 'kill osd TERM'] },
    { type: osd, component: 'osd[2]', transition: 'purge', did: ['run ceph osd down 2', 'ask ceph osd safe-to-destroy 2', 'ask mon {"prefix":"osd find","id":2,"format":"json"}', 'run ceph osd purge 2 --yes-i-really-mean-it', 'run ceph osd crush rm h4', 'run rm -rf /w/data /w/keyring /w/ceph.conf /w/monmap /w/log /w/asok /w/pid'] },
    { type: pool, component: 'objects', transition: 'settle', did: ['ask mon {"prefix":"osd lspools","format":"json"}', 'ask mgr {"prefix":"pg dump","dumpcontents":["pgs_brief"],"format":"json"}'] },
    { type: filesystem, component: 'fs', transition: 'settle', did: ['ask mon {"prefix":"fs get","fs_name":"fs","format":"json"}'] },
    { type: maintenanceGuard, component: 'guard', transition: 'set', did: ['run ceph osd set noout'] },
    { type: maintenanceGuard, component: 'guard', transition: 'lift', did: ['run ceph osd unset noout'] },
    { type: mount, component: 'mount', transition: 'unmount', did: ['run sh /w/mnt', 'kill ceph-fuse TERM'] },
  ] as { type: ComponentType; component: string; transition: string; did: string[] }[])('$type.name $transition', async ({ type, component, transition, did }) => {
    expect(shortly((await play(type, component, transition)).did)).toEqual(did);
  });

  test('a setting is given to the monitors, and taken back', async () => {
    const backfills = { with: { of: 'osd', option: 'osd_max_backfills', value: '2' } };
    expect(shortly((await play(setting, 'backfills', 'apply', backfills)).did)).toEqual(['run ceph config set osd osd_max_backfills 2']);
    expect(shortly((await play(setting, 'backfills', 'withdraw', backfills)).did)).toEqual(['run ceph config rm osd osd_max_backfills']);
  });

  test('a daemon that is gone, since its host was booted, is started again by who waits for it', async () => {
    const context = scriptedContext({ type: monitor, component: 'mon[1]', data: { identity }, script: { kind: 'vanished', stdout: '', stderr: '' } });
    await expect(async () => monitor.transitions.join.action!(context)).rejects.toThrow('in the quorum');
    expect(context.did).toEqual([expect.stringMatching(/^start mon: ceph-mon -i mon1 .* -f$/)]);
  });

  test('an OSD gets its own keyring and no other', async () => {
    const context = await play(osd, 'osd[2]', 'place');
    expect(context.transferred).toEqual(new Map([['keyring', 'admin:/c/keys/osd.2.keyring']]));
    expect(context.files).toEqual(new Map([['ceph.conf', identity.configuration]]));
  });

  test('a mount gets a key for its file system alone, which is not printed', async () => {
    const { did } = await play(mount, 'mount', 'authorise', { data: { filesystem: 'home' } });
    expect(shortly(did)[0]).toBe('run sh /c/keys/client.mount.keyring ceph fs authorize home client.mount / rw');
  });

  test('before anything is decided (in a dry run) there are names in place of what will be', async () => {
    const context = scriptedContext({ type: monitor, component: 'mon[1]' });
    await monitor.transitions.place.action!(context);
    expect(context.transferred.get('keyring')).toBe('worker[1]:<cluster>/keys/all.keyring');
  });

  test('an OSD whose name has no number asks for one', async () => {
    await expect(play(osd, 'disk', 'place')).rejects.toThrow('does not say which OSD it is. Give "id:"');
    expect((await play(osd, 'disk', 'place', { with: { id: '7' } })).transferred.get('keyring')).toBe('admin:/c/keys/osd.7.keyring');
  });

  test.each([
    [monitor, 'halt', 'ok-to-stop'], [monitor, 'resign', 'ok-to-rm'], [osd, 'halt', 'ok-to-stop'], [osd, 'drain', 'safe-to-destroy'], [osd, 'purge', 'safe-to-destroy'],
  ] as [ComponentType, string, string][])('%# what is not safe is not done, and the reason is told', async (type, transition, question) => {
    const unsafe: Answers = (command) => (command.includes(question) ? { exitCode: 16, stderr: 'unsafe: 3 PGs' } : well(command));
    const context = scriptedContext({ type, component: 'x[1]', answers: unsafe, data: { identity } });
    await expect(async () => type.transitions[transition]!.action!(context)).rejects.toThrow('it is safe');
    expect(context.warnings).toEqual([expect.stringContaining('unsafe: 3 PGs')]);
    expect(context.did.filter((line) => line.startsWith('kill') || line.includes('purge') || line.includes('mon rm'))).toEqual([]);
  });
});

test.each([
  [undefined, false],
  [{ pg_summary: { num_pgs: 0, num_pg_by_state: [] } }, false],
  [{ pg_summary: { num_pgs: 8, num_pg_by_state: [{ name: 'active+clean', num: 7 }, { name: 'active+clean+scrubbing', num: 1 }] } }, true],
  [{ pg_summary: { num_pgs: 8, num_pg_by_state: [{ name: 'active+clean', num: 7 }, { name: 'active+undersized', num: 1 }] } }, false],
  [{ pg_summary: { num_pgs: 8, num_pg_by_state: [{ name: 'active+clean', num: 7 }] } }, false],
])('placement groups %j are clean: %s', (answer, expected) => {
  expect(isClean(answer)).toBe(expected);
});

test.each([
  ['nothing is known of it', [], false],
  ['only another pool is clean', [{ pgid: '11.0', state: 'active+clean' }], false],
  ['one of its placement groups is not', [{ pgid: '1.0', state: 'active+clean' }, { pgid: '1.1', state: 'unknown' }], false],
  ['its own are, one is being scrubbed, and another pool is not', [{ pgid: '1.0', state: 'active+clean' }, { pgid: '1.a', state: 'active+clean+scrubbing' }, { pgid: '2.0', state: 'peering' }], true],
])('a pool of which %s is clean: %s', (_, groups, expected) => {
  expect(isPool('active+clean', { pg_stats: groups }, 1)).toBe(expected);
});

test('a metadata server that stands by is not active', () => {
  expect(hasActiveServer({ mdsmap: { info: { a: { state: 'up:standby' } } } })).toBe(false);
  expect(hasActiveServer({ mdsmap: { info: { a: { state: 'up:standby' }, b: { state: 'up:active' } } } })).toBe(true);
});

describe('an OSD that is restarted under a flag', () => {
  const broken: { transition: string; answers: Answers; script?: ScriptStatus }[] = [
    { transition: 'halt', answers: (command) => (command.includes('ok-to-stop') ? { exitCode: 16 } : well(command)) },
    { transition: 'bootAgain', answers: well, script: { kind: 'vanished', stdout: '', stderr: '' } },
    { transition: 'settle', answers: (command) => (command.includes('"pg stat"') ? { exitCode: 1 } : well(command)) },
  ];
  const context = (of: Partial<Parameters<typeof scriptedContext>[0]>, flag?: string) => scriptedContext({ type: osd, component: 'osd[2]', answers: well, ...of, data: { identity, ...(flag === undefined ? {} : { flag }) } });

  test.each(broken)('unsets it before it reports the failure of $transition', async ({ transition, ...of }) => {
    const failing = context(of, 'noout');
    await expect(async () => osd.transitions[transition as 'halt'].action!(failing)).rejects.toThrow();
    expect(shortly(failing.did).at(-1)).toBe('run ceph osd unset noout');
  });

  test.each(broken)('leaves it alone where no guard has set it: $transition', async ({ transition, ...of }) => {
    const failing = context(of);
    await expect(async () => osd.transitions[transition as 'halt'].action!(failing)).rejects.toThrow();
    expect(failing.did.join()).not.toContain('unset');
  });

  test('tells its own failure also when the flag cannot be unset, and warns of that', async () => {
    const failing = context({ answers: (command) => (/unset|ok-to-stop/.test(command) ? { exitCode: 1 } : well(command)) }, 'noout');
    await expect(async () => osd.transitions.halt.action!(failing)).rejects.toThrow('it is safe');
    expect(failing.warnings.at(-1)).toContain('"noout" could not be unset');
  });
});

test('all types are in the catalogue, all that they do may be done again, and what they hold is probed', () => {
  const types: readonly ComponentType[] = [cluster, filesystem, maintenanceGuard, manager, mds, monitor, mount, osd, pool, setting];
  expect(catalogue).toEqual(expect.arrayContaining([...types]));
  for (const type of types) for (const transition of Object.values(type.transitions)) if (transition.action) expect(transition.idempotent).toBe(true);
  expect(types.flatMap(({ probes }) => Object.keys(probes)).toSorted()).toEqual(['available', 'member', 'mounted', 'noout', 'ready', 'up', 'usable', 'usable']);
});

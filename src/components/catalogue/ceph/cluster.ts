import { defineComponent } from '../../define.ts';
import type { ActionContext, Value } from '../../model.ts';
import { capabilities, checkedName, interfaces, type DaemonKind, type Identity } from './shared.ts';

/**
 * What makes a cluster this one: its fsid, its first monitors, and the keys of all that is foreseen. Everything is decided here, so that no daemon has
 * to wait for a monitor to give it a key. Its folder is the one place where the keys stay.
 */
export const cluster = defineComponent({
  name: 'ceph/cluster',
  about: "A Ceph cluster's identity: fsid, map of the monitors, ceph.conf and keys. Administrative commands run on its host.",
  places: ['absent', 'decided'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'remove'],
  transitions: {
    decide: { from: 'absent', to: 'decided', behaviour: 'deploy', action: decide, idempotent: true, durationMs: 700 },
    forget: { from: 'decided', to: 'absent', behaviour: 'remove', action: forget, idempotent: true, durationMs: 50 },
  },
  ports: {
    identity: { kind: 'data-provide', boundTo: ['decided'], interface: interfaces.identity },
  },
  parameters: {
    monitors: { type: 'map', about: 'The first monitors: their ids, and the hosts they are on (`{ a: "node[1]" }`).' },
    managers: { type: 'list', default: [], about: 'Ids of managers whose keys are made beforehand.' },
    osds: { type: 'list', default: [], about: 'Ids of OSDs (0, 1, ...) whose keys are made beforehand. OSDs that come later get theirs from the monitors.' },
    metadataServers: { type: 'list', default: [], about: 'Ids of metadata servers whose keys are made beforehand.' },
    configuration: { type: 'map', default: {}, about: 'More of ceph.conf, by section: `{ global: { osd_pool_default_size: 3 } }`.' },
  },
});

/** What the operator's `configuration:` is laid over. */
const defaults: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  global: { auth_cluster_required: 'cephx', auth_service_required: 'cephx', auth_client_required: 'cephx', auth_allow_insecure_global_id_reclaim: false },
};

async function decide(context: ActionContext): Promise<void> {
  const monitors = await Promise.all(
    Object.entries(context.parameters['monitors'] as Readonly<Record<string, Value>>).map(async ([id, host]) => ({ id: checkedName(id), address: (await context.facts(String(host))).address })),
  );
  context.writeFile('decide.sh', decisions(entitiesOf(context)), { mode: 0o700 });
  await context.flushTransfers();
  const fsid = (await context.run(['./decide.sh'], { timeoutMs: 60_000 })).stdout.trim();
  const configuration = configurationText(fsid, monitors, context.parameters['configuration'] as Sections);
  context.writeFile('ceph.conf', configuration);
  await context.flushTransfers();
  await context.run(['monmaptool', '--create', '--clobber', '--fsid', fsid, ...monitors.flatMap(({ id, address }) => ['--addv', id, `[v2:${address}:3300,v1:${address}:6789]`]), 'monmap']);
  context.write('identity', { on: context.hostname, folder: context.path, configuration } satisfies Identity);
}

async function forget(context: ActionContext): Promise<void> {
  await context.run(['rm', '-rf', 'keys', 'ceph.conf', 'monmap', 'decide.sh']);
}

function entitiesOf({ parameters }: ActionContext): readonly (readonly [entity: string, capabilities: readonly string[]])[] {
  const all = (kind: DaemonKind, parameter: string) => (parameters[parameter] as readonly Value[]).map((id) => [`${kind}.${checkedName(String(id))}`, capabilities[kind]] as const);
  return [['mon.', capabilities.mon], ['client.admin', capabilities.admin], ...all('mgr', 'managers'), ...all('osd', 'osds'), ...all('mds', 'metadataServers')];
}

/** Keys are made once and never again, and appear all at once: a cluster whose keys change is lost. They are never printed. */
function decisions(entities: ReturnType<typeof entitiesOf>): string {
  return [
    '#!/bin/sh',
    'set -eu',
    'umask 077',
    'cd "$(dirname "$0")"',
    'entity() { name=$1; shift; ceph-authtool --create-keyring "new/$name.keyring" --gen-key -n "$name" "$@" >/dev/null; }',
    'if [ ! -e keys ]; then',
    '  rm -rf new; mkdir new',
    '  cat /proc/sys/kernel/random/uuid > new/fsid',
    ...entities.map(([entity, caps]) => `  entity ${entity}${pairs(caps).map(([service, right]) => ` --cap ${service} '${right}'`).join('')}`),
    '  cat new/*.keyring > new/all',
    '  mv new/all new/all.keyring',
    '  mv new keys',
    'fi',
    'cat keys/fsid',
    '',
  ].join('\n');
}

function pairs(caps: readonly string[]): readonly (readonly [string, string])[] {
  return caps.flatMap((service, i) => (i % 2 === 0 ? [[service, caps[i + 1]!] as const] : []));
}

type Sections = Readonly<Record<string, Readonly<Record<string, Value>>>>;

function configurationText(fsid: string, monitors: readonly { readonly id: string; readonly address: string }[], more: Sections): string {
  const sections = ['global', ...Object.keys(more).filter((name) => name !== 'global')];
  const own = { fsid, mon_initial_members: monitors.map(({ id }) => id).join(','), mon_host: monitors.map(({ address }) => address).join(',') };
  return sections
    .map((name) => {
      const settings = { ...(name === 'global' ? own : {}), ...defaults[name], ...more[name] };
      return [`[${name}]`, ...Object.entries(settings).map(([key, value]) => `${key} = ${String(value)}`), ''].join('\n');
    })
    .join('');
}

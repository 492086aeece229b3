import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, askCluster, identityPort, idOf, idParameter, interfaces, quorumPort, untilCluster } from './shared.ts';

/** A CephFS file system over two pools. It is made when there are OSDs; the metadata server that stands by for it begins at once. */
export const filesystem = defineComponent({
  name: 'ceph/filesystem',
  about: 'A CephFS file system: one pool for its names, one for its contents, served by a metadata server.',
  places: ['absent', 'created', 'usable'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'stop', 'remove'],
  groups: { exists: ['created', 'usable'] },
  transitions: {
    create: { from: 'absent', to: 'created', behaviour: 'deploy', action: create, idempotent: true, durationMs: 1_000 },
    settle: { from: 'created', to: 'usable', behaviour: 'deploy', action: settle, idempotent: true, durationMs: 1_000 },
    release: { from: 'usable', to: 'created', behaviour: 'stop', durationMs: 0 },
    forget: { from: 'created', to: 'absent', behaviour: 'remove', durationMs: 0 },
  },
  ports: {
    identity: identityPort('create', 'settle'),
    mons: quorumPort('create', 'settle'),
    metaName: { kind: 'data-use', boundTo: ['create'], interface: 'ceph/metadata-pool-name' },
    dataName: { kind: 'data-use', boundTo: ['create'], interface: 'ceph/data-pool-name' },
    // As many as there are copies: what a metadata server writes while OSDs are still coming would have to be recovered, which takes longer than the wait.
    osds: { kind: 'use', boundTo: ['create'], interface: interfaces.osd, atLeast: 2 },
    storage: { kind: 'use', boundTo: ['settle', 'usable'], interface: interfaces.storage, atLeast: 'all' },
    mds: { kind: 'use', boundTo: ['settle', 'usable'], interface: interfaces.mds },
    name: { kind: 'data-provide', boundTo: ['exists'], interface: interfaces.filesystemName },
    fs: { kind: 'provide', boundTo: ['usable'], interface: interfaces.filesystem },
  },
  probes: { usable: probe },
  parameters: { id: idParameter },
});

async function create(context: ActionContext): Promise<void> {
  await administrate(context, ['fs', 'new', idOf(context), String(context.read('metaName')), String(context.read('dataName'))]);
  context.write('name', idOf(context));
}

const mapOf = (id: string) => ({ to: 'mon', command: { prefix: 'fs get', fs_name: id } }) as const;

async function settle(context: ActionContext): Promise<void> {
  const id = idOf(context);
  await untilCluster(context, `a metadata server is active for ${id}`, mapOf(id), hasActiveServer, { timeoutMs: 240_000 });
}

async function probe(context: ActionContext): Promise<void> {
  const id = idOf(context);
  if (!hasActiveServer(await askCluster(context, mapOf(id)))) throw new Error(`No metadata server is active for ${id}.`);
}

/** Whether `ceph fs get` shows a metadata server that is `up:active`. */
export function hasActiveServer(answer: unknown): boolean {
  const info = (answer as { readonly mdsmap?: { readonly info: Readonly<Record<string, { readonly state: string }>> } } | undefined)?.mdsmap?.info ?? {};
  return Object.values(info).some(({ state }) => state === 'up:active');
}

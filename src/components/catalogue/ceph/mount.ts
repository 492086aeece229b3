import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { ensureKey, eraseFiles, identityPort, idOf, idParameter, interfaces, placeFiles, probeAlive } from './shared.ts';

/** A mount of a file system by ceph-fuse, with a key that opens that file system alone. It needs root and /dev/fuse. */
export const mount = defineComponent({
  name: 'ceph/mount',
  about: 'A CephFS file system mounted on a host, by ceph-fuse.',
  places: ['absent', 'keyed', 'mounted'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'stop', 'remove'],
  transitions: {
    authorise: { from: 'absent', to: 'keyed', behaviour: 'deploy', action: authorise, idempotent: true, durationMs: 800 },
    mount: { from: 'keyed', to: 'mounted', behaviour: 'deploy', action: mountIt, idempotent: true, durationMs: 500 },
    unmount: { from: 'mounted', to: 'keyed', behaviour: 'stop', action: unmount, idempotent: true, durationMs: 500 },
    erase: { from: 'keyed', to: 'absent', behaviour: 'remove', action: eraseFiles, idempotent: true, durationMs: 50 },
  },
  ports: {
    identity: identityPort('authorise'),
    filesystem: { kind: 'data-use', boundTo: ['authorise'], interface: interfaces.filesystemName },
    fs: { kind: 'use', boundTo: ['mount', 'mounted', 'unmount'], interface: interfaces.filesystem },
  },
  probes: {
    mounted: async (context) => {
      await probeAlive(context, 'ceph-fuse');
      if (!(await isMounted(context))) throw new Error(`${folderOf(context)} is not mounted.`);
    },
  },
  parameters: { id: idParameter, folder: { type: 'string', default: 'mnt', about: "Where it is mounted: absolute, or in the component's folder." } },
});

function folderOf({ parameters, path }: ActionContext): string {
  const folder = String(parameters['folder']);
  return folder.startsWith('/') ? folder : `${path}/${folder}`;
}

async function isMounted(context: ActionContext): Promise<boolean> {
  return (await context.ask(['mountpoint', '-q', folderOf(context)])).exitCode === 0;
}

async function authorise(context: ActionContext): Promise<void> {
  const entity = `client.${idOf(context)}`;
  await ensureKey(context, entity, ['fs', 'authorize', String(context.read('filesystem')), entity, '/', 'rw']);
  await placeFiles(context, entity);
  await context.run(['mkdir', '-p', folderOf(context)]);
}

/** Told to end, it lets go of the folder first: ceph-fuse itself would wait for a cluster that may be gone, and leave a folder that nobody can remove. */
const foreground = 'trap \'umount -l "$0"\' TERM; umount -l "$0" 2>/dev/null; "$@" "$0" & wait $!; wait $!; ended=$?; umount -l "$0" 2>/dev/null; exit $ended';

async function mountIt(context: ActionContext): Promise<void> {
  const { path } = context;
  await context.startScript('ceph-fuse', ['sh', '-c', foreground, folderOf(context), 'ceph-fuse', '-f', '-n', `client.${idOf(context)}`, '-c', `${path}/ceph.conf`, '-k', `${path}/keyring`, '--log-file', `${path}/log`, '--admin-socket', `${path}/asok`]);
  await context.waitUntil(`${folderOf(context)} is mounted`, () => isMounted(context), { alive: 'ceph-fuse', everyMs: 100 });
}

async function unmount(context: ActionContext): Promise<void> {
  const unmounting = 'if mountpoint -q "$1"; then umount "$1"; fi';
  await context.run(['sh', '-c', unmounting, 'sh', folderOf(context)]);
  await context.killScript('ceph-fuse', { graceMs: 10_000 });
}

import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { capabilities, ensureKey, eraseFiles, identityPort, idOf, idParameter, interfaces, placeFiles, probeServing, quorumPort, startDaemon, stopDaemon, untilServing } from './shared.ts';

/** A metadata server. Without a file system to serve it stands by, and is ready all the same. */
export const mds = defineComponent({
  name: 'ceph/mds',
  about: 'A Ceph metadata server: it keeps the names of a file system.',
  places: ['absent', 'placed', 'running', 'ready', 'restarted'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'restart', 'stop', 'remove'],
  // Clients wait out a restart: the file system goes on using it.
  groups: { kept: ['ready', 'restarted'] },
  transitions: {
    place: { from: 'absent', to: 'placed', behaviour: 'deploy', action: place, idempotent: true, durationMs: 150 },
    start: { from: 'placed', to: 'running', behaviour: 'deploy', action: (context) => startDaemon(context, 'mds'), idempotent: true, durationMs: 50 },
    register: { from: 'running', to: 'ready', behaviour: 'deploy', action: (context) => untilServing(context, 'mds'), idempotent: true, durationMs: 2_000 },
    restart: {
      from: 'ready', to: 'restarted', behaviour: 'restart', idempotent: true, durationMs: 1_500,
      action: async (context) => {
        await stopDaemon(context, 'mds');
        await startDaemon(context, 'mds');
      },
    },
    registerAgain: { from: 'restarted', to: 'ready', behaviour: 'restart', action: (context) => untilServing(context, 'mds'), idempotent: true, durationMs: 2_000 },
    end: { from: 'ready', to: 'placed', behaviour: 'stop', action: (context) => stopDaemon(context, 'mds'), idempotent: true, durationMs: 1_000 },
    erase: { from: 'placed', to: 'absent', behaviour: 'remove', action: eraseFiles, idempotent: true, durationMs: 50 },
  },
  ports: {
    identity: identityPort('place'),
    mons: quorumPort('kept', 'end'),
    mds: { kind: 'provide', boundTo: ['kept'], interface: interfaces.mds },
  },
  probes: { ready: (context) => probeServing(context, 'mds') },
  parameters: { id: idParameter },
});

async function place(context: ActionContext): Promise<void> {
  const entity = `mds.${idOf(context)}`;
  await ensureKey(context, entity, ['auth', 'get-or-create', entity, ...capabilities.mds]);
  await placeFiles(context, entity);
  await context.run(['mkdir', '-p', 'data']);
}

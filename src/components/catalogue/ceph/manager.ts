import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, capabilities, ensureAlive, ensureKey, eraseFiles, identityPort, idOf, idParameter, interfaces, placeFiles, probeAlive, quorumPort, startDaemon, stopDaemon, untilCluster } from './shared.ts';

/** A manager. Without one nobody knows the state of placement groups, hence nobody can say what is safe. */
export const manager = defineComponent({
  name: 'ceph/manager',
  about: 'A Ceph manager: it knows the state of all placement groups, and what may be stopped.',
  places: ['absent', 'placed', 'running', 'available'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'restart', 'stop', 'remove'],
  transitions: {
    place: { from: 'absent', to: 'placed', behaviour: 'deploy', action: place, idempotent: true, durationMs: 150 },
    start: { from: 'placed', to: 'running', behaviour: 'deploy', action: (context) => startDaemon(context, 'mgr'), idempotent: true, durationMs: 50 },
    activate: { from: 'running', to: 'available', behaviour: 'deploy', action: activate, idempotent: true, durationMs: 3_000 },
    restart: {
      from: 'available', to: 'running', behaviour: 'restart', idempotent: true, durationMs: 1_500,
      action: async (context) => {
        await stopDaemon(context, 'mgr');
        // Otherwise the monitors take the one that ended for available until the new one reports.
        await administrate(context, ['mgr', 'fail', idOf(context)], { allowFailure: true });
        await startDaemon(context, 'mgr');
      },
    },
    reactivate: { from: 'running', to: 'available', behaviour: 'restart', action: activate, idempotent: true, durationMs: 3_000 },
    end: { from: 'available', to: 'placed', behaviour: 'stop', action: (context) => stopDaemon(context, 'mgr'), idempotent: true, durationMs: 1_000 },
    erase: { from: 'placed', to: 'absent', behaviour: 'remove', action: eraseFiles, idempotent: true, durationMs: 50 },
  },
  ports: {
    identity: identityPort('place', 'activate', 'restart', 'reactivate'),
    mons: quorumPort('activate', 'available', 'restart', 'reactivate', 'end'),
    mgr: { kind: 'provide', boundTo: ['available'], interface: interfaces.manager },
  },
  probes: { available: (context) => probeAlive(context, 'mgr') },
  parameters: { id: idParameter },
});

async function place(context: ActionContext): Promise<void> {
  const entity = `mgr.${idOf(context)}`;
  await ensureKey(context, entity, ['auth', 'get-or-create', entity, ...capabilities.mgr]);
  await placeFiles(context, entity);
  await context.run(['mkdir', '-p', 'data']);
}

/** The monitors say so when the manager has loaded its modules. */
async function activate(context: ActionContext): Promise<void> {
  await ensureAlive(context, 'mgr');
  await untilCluster(context, `mgr.${idOf(context)} is available`, { to: 'mon', command: { prefix: 'mgr stat' } }, (answer) => (answer as { readonly available?: boolean }).available === true, { timeoutMs: 240_000, alive: 'mgr' });
}

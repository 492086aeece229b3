import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, identityPort, interfaces, quorumPort } from './shared.ts';

/**
 * The flag `noout`: while it is set, an OSD that is down is not replaced by new copies elsewhere. OSDs that are restarted hold it, so that `release`
 * waits until all that left are back. `lift` is for a restart that failed: the flag is unset although an OSD is away, and the cluster heals itself.
 */
export const maintenanceGuard = defineComponent({
  name: 'ceph/maintenance-guard',
  about: 'The flag noout: OSDs are restarted only while it is set, and it is not unset while one is away.',
  places: ['normal', 'noout', 'lifted'],
  initialPlace: 'normal',
  behaviours: ['hold', 'release', 'lift'],
  groups: { held: ['noout', 'lifted'] },
  transitions: {
    set: { from: 'normal', to: 'noout', behaviour: 'hold', action: set, idempotent: true, durationMs: 500 },
    setAgain: { from: 'lifted', to: 'noout', behaviour: 'hold', dockSet: 'lifted', action: set, idempotent: true, durationMs: 500 },
    unset: { from: 'noout', to: 'normal', behaviour: 'release', action: unset, idempotent: true, durationMs: 500 },
    lift: { from: 'noout', to: 'lifted', behaviour: 'lift', action: unset, idempotent: true, durationMs: 500 },
    close: { from: 'lifted', to: 'normal', behaviour: 'release', dockSet: 'lifted', durationMs: 0 },
  },
  ports: {
    identity: identityPort('set', 'setAgain', 'unset', 'lift'),
    mons: quorumPort('set', 'setAgain', 'unset', 'lift'),
    noout: { kind: 'provide', boundTo: ['held'], interface: interfaces.noout },
  },
});

async function set(context: ActionContext): Promise<void> {
  await administrate(context, ['osd', 'set', 'noout']);
}

async function unset(context: ActionContext): Promise<void> {
  await administrate(context, ['osd', 'unset', 'noout']);
}

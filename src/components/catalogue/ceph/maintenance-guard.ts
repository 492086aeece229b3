import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, askCluster, identityPort, interfaces, quorumPort } from './shared.ts';

const flag = 'noout';

/**
 * The flag `noout`: while it is set, an OSD that is down is not replaced by new copies elsewhere. It is set only when all OSDs are up, and OSDs are restarted
 * under it: `release` waits until all that left are back. One that does not come back unsets it by itself, before it reports its failure.
 * `lift` is for a restart that was interrupted and dropped: the flag is unset although an OSD is away.
 */
export const maintenanceGuard = defineComponent({
  name: 'ceph/maintenance-guard',
  about: 'The flag noout: OSDs are restarted under it, and it is unset when they are back, or when one fails.',
  places: ['normal', 'noout'],
  initialPlace: 'normal',
  behaviours: ['hold', 'release', 'lift'],
  // `lift` does not wait for an OSD that is away.
  groups: { held: ['noout'] },
  transitions: {
    set: { from: 'normal', to: 'noout', behaviour: 'hold', action: set, idempotent: true, durationMs: 500 },
    unset: { from: 'noout', to: 'normal', behaviour: 'release', action: unset, idempotent: true, durationMs: 500 },
    lift: { from: 'noout', to: 'noout', behaviour: 'lift', action: unset, idempotent: true, durationMs: 500 },
  },
  ports: {
    identity: identityPort('set', 'unset', 'lift'),
    mons: quorumPort('set', 'unset', 'lift'),
    // What a restart needs. Without it the flag would be set, and nothing would end that unsets it.
    mgr: { kind: 'use', boundTo: ['set'], interface: interfaces.manager },
    osds: { kind: 'use', boundTo: ['set'], interface: interfaces.osd, atLeast: 'all' },
    noout: { kind: 'provide', boundTo: ['held'], interface: interfaces.noout },
    flag: { kind: 'data-provide', boundTo: ['held'], interface: interfaces.flag },
  },
  probes: {
    noout: async (context) => {
      const map = (await askCluster(context, { to: 'mon', command: { prefix: 'osd dump' } })) as { readonly flags?: string } | undefined;
      if (!map?.flags?.split(',').includes(flag)) throw new Error(`${flag} is not set: an OSD that was restarted has failed, or the cluster does not answer.`);
    },
  },
});

async function set(context: ActionContext): Promise<void> {
  await administrate(context, ['osd', 'set', flag]);
  context.write('flag', flag);
}

async function unset(context: ActionContext): Promise<void> {
  await administrate(context, ['osd', 'unset', flag]);
}

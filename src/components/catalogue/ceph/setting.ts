import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, identityPort, interfaces, quorumPort } from './shared.ts';

/** One setting in the monitors' own configuration. Daemons that can take it while they run do so at once, the others with their next restart. */
export const setting = defineComponent({
  name: 'ceph/setting',
  about: 'A setting of a Ceph cluster, kept by its monitors.',
  places: ['absent', 'applied'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'withdraw'],
  transitions: {
    apply: { from: 'absent', to: 'applied', behaviour: 'deploy', action: apply, idempotent: true, durationMs: 700 },
    withdraw: { from: 'applied', to: 'absent', behaviour: 'withdraw', action: withdraw, idempotent: true, durationMs: 700 },
  },
  ports: {
    identity: identityPort('apply', 'withdraw'),
    mons: quorumPort('apply', 'withdraw'),
    // Before the first manager, the options of its modules are not known.
    mgr: { kind: 'use', boundTo: ['apply'], interface: interfaces.manager },
  },
  parameters: {
    of: { type: 'string', about: 'Whose: global, mon, mgr, osd, mds, client, or one daemon (osd.1).' },
    option: { type: 'string', about: 'Its name in Ceph: osd_max_backfills.' },
    value: { type: 'string', about: 'What it is to be.' },
  },
});

async function apply(context: ActionContext): Promise<void> {
  const { of, option, value } = context.parameters;
  await administrate(context, ['config', 'set', String(of), String(option), String(value)]);
}

async function withdraw(context: ActionContext): Promise<void> {
  const { of, option } = context.parameters;
  await administrate(context, ['config', 'rm', String(of), String(option)]);
}

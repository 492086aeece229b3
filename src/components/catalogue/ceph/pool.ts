import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, askCluster, identityPort, idOf, idParameter, interfaces, quorumPort, untilCluster } from './shared.ts';

/** A pool. It is created before there is an OSD; it is usable when all its placement groups have all their copies. */
export const pool = defineComponent({
  name: 'ceph/pool',
  about: 'A Ceph pool: a name space of objects, each kept in several copies.',
  places: ['absent', 'created', 'usable'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'stop', 'remove'],
  groups: { exists: ['created', 'usable'] },
  transitions: {
    create: { from: 'absent', to: 'created', behaviour: 'deploy', action: create, idempotent: true, durationMs: 1_000 },
    settle: { from: 'created', to: 'usable', behaviour: 'deploy', action: settle, idempotent: true, durationMs: 3_000 },
    release: { from: 'usable', to: 'created', behaviour: 'stop', durationMs: 0 },
    // Its objects go with the OSDs: this only forgets it.
    forget: { from: 'created', to: 'absent', behaviour: 'remove', durationMs: 0 },
  },
  ports: {
    identity: identityPort('create', 'settle'),
    mons: quorumPort('create', 'settle', 'usable'),
    mgr: { kind: 'use', boundTo: ['settle'], interface: interfaces.manager },
    // As many as there are copies: with one OSD more than that, OSDs are restarted one at a time.
    osds: { kind: 'use', boundTo: ['settle', 'usable'], interface: interfaces.osd, atLeast: 2 },
    name: { kind: 'data-provide', boundTo: ['exists'], interface: interfaces.poolName },
    pool: { kind: 'provide', boundTo: ['exists'], interface: interfaces.pool },
    storage: { kind: 'provide', boundTo: ['usable'], interface: interfaces.storage },
  },
  probes: { usable: probe },
  parameters: {
    id: idParameter,
    placementGroups: { type: 'number', default: 8, about: 'How many placement groups it has; a power of two.' },
    application: { type: 'string', default: 'rados', about: 'What it is for: rados, rbd, rgw or cephfs.' },
  },
});

async function create(context: ActionContext): Promise<void> {
  const id = idOf(context);
  const groups = String(context.parameters['placementGroups']);
  // A start of `ceph` costs more than what it does: both commands in one.
  await administrate(context, [], { input: `osd pool create ${id} ${groups} ${groups}\nosd pool application enable ${id} ${String(context.parameters['application'])}\n` });
  context.write('name', id);
}

const pools = { to: 'mon', command: { prefix: 'osd lspools' } } as const;
const placementGroups = { to: 'mgr', command: { prefix: 'pg dump', dumpcontents: ['pgs_brief'] } } as const;

/** Its own placement groups: a manager makes a pool for itself, and those of others are not waited for. */
async function settle(context: ActionContext): Promise<void> {
  const id = idOf(context);
  let number: number | undefined;
  await untilCluster(context, `${id} has a number`, pools, (answer) => (number = numberOf(answer, id)) !== undefined);
  await untilCluster(context, `all placement groups of ${id} are active and clean`, placementGroups, (answer) => isPool('active+clean', answer, number!), { timeoutMs: 300_000 });
}

function numberOf(answer: unknown, id: string): number | undefined {
  return (answer as readonly { readonly poolnum: number; readonly poolname: string }[]).find(({ poolname }) => poolname === id)?.poolnum;
}

/** Throws when it cannot be written: a placement group that lacks a copy still can. */
async function probe(context: ActionContext): Promise<void> {
  const id = idOf(context);
  const [known, groups] = await Promise.all([askCluster(context, pools), askCluster(context, placementGroups)]);
  if (known === undefined || groups === undefined) throw new Error('The cluster does not answer.');
  const number = numberOf(known, id);
  if (number === undefined) throw new Error(`There is no pool ${id}.`);
  if (!isPool('active', groups, number)) throw new Error(`Not all placement groups of ${id} are active.`);
}

/** Whether `ceph pg dump pgs_brief` shows all placement groups of a pool in a state. The manager gets to know them all at once, and before that none, which is in no state. */
export function isPool(state: 'active' | 'active+clean', answer: unknown, number: number): boolean {
  const groups = ((answer as { readonly pg_stats?: readonly { readonly pgid: string; readonly state: string }[] }).pg_stats ?? []).filter(({ pgid }) => pgid.startsWith(`${number}.`));
  return groups.length > 0 && groups.every((group) => group.state.startsWith(state));
}

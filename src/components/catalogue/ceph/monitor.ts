import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { administrate, eraseFiles, format, identityOf, identityPort, idOf, idParameter, interfaces, placeFiles, probeServing, startDaemon, stopDaemon, untilSafe, untilServing } from './shared.ts';

/**
 * A monitor. The first ones are deployed; a later one is enlisted by those that are there, and one that is to go leaves. `restart` pushed to all of them
 * restarts one after the other, since their users need two.
 */
export const monitor = defineComponent({
  name: 'ceph/monitor',
  about: 'A Ceph monitor: a majority of them, the quorum, decides who is in the cluster.',
  places: ['absent', 'placed', 'formatted', 'running', 'member', 'stopped'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'enlist', 'restart', 'leave', 'stop', 'remove'],
  transitions: {
    place: { from: 'absent', to: 'placed', behaviour: 'deploy', action: (context) => placeFiles(context, 'all', 'monmap'), idempotent: true, durationMs: 150 },
    format: { from: 'placed', to: 'formatted', behaviour: 'deploy', action: (context) => format(context, 'mon', '--monmap', `${context.path}/monmap`), idempotent: true, durationMs: 400 },
    start: { from: 'formatted', to: 'running', behaviour: 'deploy', action: (context) => startDaemon(context, 'mon'), idempotent: true, durationMs: 50 },
    join: { from: 'running', to: 'member', behaviour: 'deploy', action: (context) => untilServing(context, 'mon'), idempotent: true, durationMs: 1_500 },
    fetch: { from: 'absent', to: 'formatted', behaviour: 'enlist', action: fetch, idempotent: true, durationMs: 1_500 },
    startMore: { from: 'formatted', to: 'running', behaviour: 'enlist', action: (context) => startDaemon(context, 'mon', '--public-addr', context.address), idempotent: true, durationMs: 50 },
    joinMore: { from: 'running', to: 'member', behaviour: 'enlist', action: (context) => untilServing(context, 'mon', '--public-addr', context.address), idempotent: true, durationMs: 3_000 },
    halt: { from: 'member', to: 'stopped', behaviour: 'restart', action: halt, idempotent: true, durationMs: 1_500 },
    startAgain: { from: 'stopped', to: 'running', behaviour: 'restart', action: (context) => startDaemon(context, 'mon'), idempotent: true, durationMs: 50 },
    rejoin: { from: 'running', to: 'member', behaviour: 'restart', action: (context) => untilServing(context, 'mon'), idempotent: true, durationMs: 3_000 },
    resign: { from: 'member', to: 'absent', behaviour: 'leave', action: resign, idempotent: true, durationMs: 3_000 },
    end: { from: 'member', to: 'formatted', behaviour: 'stop', action: (context) => stopDaemon(context, 'mon'), idempotent: true, durationMs: 1_000 },
    erase: { from: 'formatted', to: 'absent', behaviour: 'remove', action: eraseFiles, idempotent: true, durationMs: 50 },
  },
  ports: {
    identity: identityPort('place', 'fetch', 'halt', 'resign'),
    mon: { kind: 'provide', boundTo: ['member'], interface: interfaces.monitor },
  },
  probes: { member: (context) => probeServing(context, 'mon') },
  parameters: { id: idParameter },
});

/** What those that are there know: the map as it is now, and the key that all monitors share. */
async function fetch(context: ActionContext): Promise<void> {
  const { folder } = identityOf(context);
  await administrate(context, ['mon', 'getmap', '-o', `${folder}/monmap`]);
  await placeFiles(context, 'all', 'monmap');
  await format(context, 'mon', '--monmap', `${context.path}/monmap`);
}

async function halt(context: ActionContext): Promise<void> {
  await untilSafe(context, 'mon', 'ok-to-stop', idOf(context));
  await stopDaemon(context, 'mon');
}

/** A monitor that is removed ends by itself; with its store it would come back, so that goes, too. */
async function resign(context: ActionContext): Promise<void> {
  await untilSafe(context, 'mon', 'ok-to-rm', idOf(context));
  await administrate(context, ['mon', 'rm', idOf(context)]);
  await stopDaemon(context, 'mon');
  await eraseFiles(context);
}

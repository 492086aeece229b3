import { defineComponent } from '../../define.ts';
import type { Action, ActionContext } from '../../model.ts';
import { administrate, askCluster, capabilities, ensureKey, eraseFiles, format, identityPort, osdIdOf, interfaces, placeFiles, probeServing, quorumPort, startDaemon, stopDaemon, untilClean, untilSafe, untilServing } from './shared.ts';

/**
 * An OSD. It is formatted and started without any monitor, which it then waits for by itself. It is not stopped before the cluster says that it may be,
 * and not destroyed before the cluster says that nothing is lost by it.
 */
export const osd = defineComponent({
  name: 'ceph/osd',
  about: 'A Ceph OSD: it stores objects on one device, here a file.',
  places: ['absent', 'placed', 'formatted', 'running', 'up', 'leaving', 'down', 'restarted', 'returned', 'drained', 'halted'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'restart', 'revive', 'drain', 'stop', 'remove'],
  // From the moment when it is about to go until all copies are where they belong again.
  groups: { away: ['leaving', 'down', 'restarted', 'returned'] },
  transitions: {
    place: { from: 'absent', to: 'placed', behaviour: 'deploy', action: place, idempotent: true, durationMs: 150 },
    format: { from: 'placed', to: 'formatted', behaviour: 'deploy', action: (context) => format(context, 'osd', ...withoutMonitor), idempotent: true, durationMs: 500 },
    start: { from: 'formatted', to: 'running', behaviour: 'deploy', action: (context) => startDaemon(context, 'osd'), idempotent: true, durationMs: 50 },
    boot: { from: 'running', to: 'up', behaviour: 'deploy', action: (context) => untilServing(context, 'osd'), idempotent: true, durationMs: 2_000 },
    retire: { from: 'up', to: 'leaving', behaviour: 'restart', durationMs: 0 },
    halt: { from: 'leaving', to: 'down', behaviour: 'restart', action: underFlag(halt), idempotent: true, durationMs: 3_000 },
    startAgain: { from: 'down', to: 'restarted', behaviour: 'restart', action: underFlag((context) => startDaemon(context, 'osd')), idempotent: true, durationMs: 50 },
    bootAgain: { from: 'restarted', to: 'returned', behaviour: 'restart', action: underFlag((context) => untilServing(context, 'osd')), idempotent: true, durationMs: 3_000 },
    settle: { from: 'returned', to: 'up', behaviour: 'restart', action: underFlag(untilClean), idempotent: true, durationMs: 4_000 },
    revive: { from: 'up', to: 'running', behaviour: 'revive', action: revive, idempotent: true, durationMs: 500 },
    bootRevived: { from: 'running', to: 'up', behaviour: 'revive', action: (context) => untilServing(context, 'osd'), idempotent: true, durationMs: 2_000 },
    drain: { from: 'up', to: 'drained', behaviour: 'drain', action: drain, idempotent: true, durationMs: 10_000 },
    haltDrained: { from: 'drained', to: 'halted', behaviour: 'drain', action: haltDrained, idempotent: true, durationMs: 3_000 },
    purge: { from: 'halted', to: 'absent', behaviour: 'drain', action: purge, idempotent: true, durationMs: 3_000 },
    end: { from: 'up', to: 'formatted', behaviour: 'stop', action: (context) => stopDaemon(context, 'osd'), idempotent: true, durationMs: 1_500 },
    erase: { from: 'formatted', to: 'absent', behaviour: 'remove', action: eraseFiles, idempotent: true, durationMs: 50 },
  },
  ports: {
    identity: identityPort('place', 'halt', 'startAgain', 'bootAgain', 'settle', 'drain', 'haltDrained', 'purge'),
    mons: quorumPort('up', 'leaving', 'halt', 'bootAgain', 'settle', 'drain', 'haltDrained', 'purge', 'end'),
    mgr: { kind: 'use', boundTo: ['halt', 'settle', 'drain', 'haltDrained', 'purge'], interface: interfaces.manager },
    noout: { kind: 'use', boundTo: ['away'], interface: interfaces.noout, optional: true },
    flag: { kind: 'data-use', boundTo: ['halt', 'startAgain', 'bootAgain', 'settle'], interface: interfaces.flag, optional: true },
    osd: { kind: 'provide', boundTo: ['up'], interface: interfaces.osd },
  },
  probes: { up: (context) => probeServing(context, 'osd') },
  parameters: { id: { type: 'string', default: '', about: "Its number: 0, 1, ... Default: the number in the component's name." } },
});

/** A format opens and closes the device eight times, and each time waits for the next look of the thread that hears the disk: by default, every 250 ms. */
const withoutMonitor = ['--no-mon-config', '--bdev-aio-poll-ms', '10'] as const;

async function place(context: ActionContext): Promise<void> {
  const entity = `osd.${osdIdOf(context)}`;
  await ensureKey(context, entity, ['auth', 'get-or-create', entity, ...capabilities.osd]);
  await placeFiles(context, entity);
}

/** What is done to an OSD that a guard waits for: if it fails, nobody knows when the OSD is back, so that the flag is unset before the failure is reported. */
function underFlag(act: Action): Action {
  return async (context) => {
    try {
      await act(context);
    } catch (failure) {
      const flag = context.read('flag');
      if (flag !== undefined) await unset(context, String(flag));
      throw failure;
    }
  };
}

/** Whether it can or not, what is to be told is the failure before it. */
async function unset(context: ActionContext, flag: string): Promise<void> {
  try {
    await administrate(context, ['osd', 'unset', flag]);
  } catch {
    context.warn(`"${flag}" could not be unset: push "lift" to the guard when the cluster answers.`);
  }
}

async function halt(context: ActionContext): Promise<void> {
  await untilSafe(context, 'osd', 'ok-to-stop', osdIdOf(context));
  await stopDaemon(context, 'osd');
}

/** For an OSD that died or hangs: it serves nobody, so that nobody is asked whether it may be stopped. */
async function revive(context: ActionContext): Promise<void> {
  await stopDaemon(context, 'osd');
  await startDaemon(context, 'osd');
}

/** One move of data: with no weight in the CRUSH map the OSD gets rid of all it has. `safe-to-destroy` may say yes before the counts do. */
async function drain(context: ActionContext): Promise<void> {
  await administrate(context, ['osd', 'crush', 'reweight', `osd.${osdIdOf(context)}`, '0']);
  await untilSafe(context, 'osd', 'safe-to-destroy', osdIdOf(context));
  await untilClean(context);
}

async function haltDrained(context: ActionContext): Promise<void> {
  await administrate(context, ['osd', 'out', osdIdOf(context)]);
  await halt(context);
}

async function purge(context: ActionContext): Promise<void> {
  const id = osdIdOf(context);
  await administrate(context, ['osd', 'down', id]);
  await untilSafe(context, 'osd', 'safe-to-destroy', id);
  const host = await crushHost(context, id);
  await administrate(context, ['osd', 'purge', id, '--yes-i-really-mean-it']);
  // A host that still has other OSDs keeps its place: Ceph refuses to remove it.
  if (host !== undefined) await administrate(context, ['osd', 'crush', 'rm', host], { allowFailure: true });
  await eraseFiles(context);
}

async function crushHost(context: ActionContext, id: string): Promise<string | undefined> {
  const found = (await askCluster(context, { to: 'mon', command: { prefix: 'osd find', id: Number(id) } })) as { readonly crush_location?: { readonly host?: string } } | undefined;
  return found?.crush_location?.host;
}

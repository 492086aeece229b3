import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { activate } from './activation.ts';
import { methods, push } from './push.ts';
import { answerTo, interfaces } from './shared.ts';

/**
 * What a host runs. Pushing is ordered by nothing, and disturbs nobody: `fetch` may come long before `update`. Activating waits for what others must run first. It is confirmed from outside, or taken back by
 * the host itself. Hosts need not be NixOS: whatever has `bin/switch-to-configuration` is activated.
 */
export const system = defineComponent({
  name: 'nixos/system',
  about: 'A NixOS system on its host: pushed, staged, active; updated and taken back.',
  places: ['absent', 'pushed', 'staged', 'fetched', 'activated', 'active', 'degraded', 'rebootPending', 'collected'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'fetch', 'update', 'cancel', 'repair', 'rollback', 'reboot', 'collect', 'release'],
  groups: {
    present: ['fetched', 'activated', 'active', 'degraded', 'rebootPending', 'collected'],
    steady: ['fetched', 'active', 'collected'],
  },
  transitions: {
    push: { from: 'absent', to: 'pushed', behaviour: 'deploy', action: push, idempotent: true, durationMs: 2_000, timeoutMs: 7_200_000, retry: { times: 3 } },
    stage: { from: 'pushed', to: 'staged', behaviour: 'deploy', action: preview, idempotent: true, durationMs: 100 },
    activate: { from: 'staged', to: 'activated', behaviour: 'deploy', action: (context) => activate(context, { to: 'pushed' }), idempotent: true, durationMs: 3_000, timeoutMs: 3_600_000 },
    accept: { from: 'activated', to: 'active', behaviour: 'deploy', durationMs: 0 },
    endPartly: { from: 'activated', to: 'degraded', behaviour: 'deploy', durationMs: 0 },
    askReboot: { from: 'activated', to: 'rebootPending', behaviour: 'deploy', durationMs: 0 },

    fetch: { from: 'active', to: 'fetched', behaviour: 'fetch', action: fetch, idempotent: true, durationMs: 1_000, timeoutMs: 7_200_000, retry: { times: 3 } },
    cancel: { from: 'fetched', to: 'active', behaviour: 'cancel', durationMs: 0 },
    apply: { from: 'fetched', to: 'activated', behaviour: 'update', action: apply, idempotent: true, durationMs: 3_000, timeoutMs: 3_600_000 },
    acceptUpdate: { from: 'activated', to: 'active', behaviour: 'update', durationMs: 0 },
    updatePartly: { from: 'activated', to: 'degraded', behaviour: 'update', durationMs: 0 },
    askRebootAfterUpdate: { from: 'activated', to: 'rebootPending', behaviour: 'update', durationMs: 0 },

    repair: { from: 'degraded', to: 'activated', behaviour: 'repair', action: apply, idempotent: true, durationMs: 4_000, timeoutMs: 7_200_000 },
    acceptRepair: { from: 'activated', to: 'active', behaviour: 'repair', durationMs: 0 },
    repairPartly: { from: 'activated', to: 'degraded', behaviour: 'repair', durationMs: 0 },
    askRebootAfterRepair: { from: 'activated', to: 'rebootPending', behaviour: 'repair', durationMs: 0 },

    revert: { from: 'active', to: 'activated', behaviour: 'rollback', action: goBack, idempotent: true, durationMs: 3_000, timeoutMs: 3_600_000 },
    revertDegraded: { from: 'degraded', to: 'activated', behaviour: 'rollback', dockSet: 'degraded', action: goBack, idempotent: true, durationMs: 3_000, timeoutMs: 3_600_000 },
    acceptRollback: { from: 'activated', to: 'active', behaviour: 'rollback', durationMs: 0 },
    rollbackPartly: { from: 'activated', to: 'degraded', behaviour: 'rollback', durationMs: 0 },
    askRebootAfterRollback: { from: 'activated', to: 'rebootPending', behaviour: 'rollback', durationMs: 0 },

    reboot: { from: 'rebootPending', to: 'active', behaviour: 'reboot', action: reboot, idempotent: true, durationMs: 60_000, timeoutMs: 1_800_000 },
    collect: { from: 'active', to: 'collected', behaviour: 'collect', action: collect, idempotent: true, durationMs: 1_000, timeoutMs: 3_600_000 },
    settle: { from: 'collected', to: 'active', behaviour: 'collect', durationMs: 0 },
    release: { from: 'active', to: 'absent', behaviour: 'release', action: release, idempotent: true, durationMs: 50 },
    releaseDegraded: { from: 'degraded', to: 'absent', behaviour: 'release', dockSet: 'degraded', action: release, idempotent: true, durationMs: 50 },
    releaseUnbooted: { from: 'rebootPending', to: 'absent', behaviour: 'release', dockSet: 'rebootPending', action: release, idempotent: true, durationMs: 50 },
  },
  switches: {
    activated: {
      port: 'outcome',
      cases: [
        { equals: 4, take: ['endPartly', 'updatePartly', 'repairPartly', 'rollbackPartly'] },
        { equals: 100, take: ['askReboot', 'askRebootAfterUpdate', 'askRebootAfterRepair', 'askRebootAfterRollback'] },
        { otherwise: ['accept', 'acceptUpdate', 'acceptRepair', 'acceptRollback'] },
      ],
    },
  },
  ports: {
    toplevel: { kind: 'data-use', boundTo: ['push', 'fetch', 'apply', 'repair'], interface: interfaces.toplevel },
    cache: { kind: 'data-use', boundTo: ['push', 'fetch', 'apply', 'repair'], interface: interfaces.cache, optional: true },
    after: { kind: 'use', boundTo: ['activate', 'apply', 'repair'], interface: interfaces.current, optional: true, atLeast: 'all' },
    followers: { kind: 'use', boundTo: ['revert', 'revertDegraded'], interface: interfaces.behind, optional: true, atLeast: 'all' },
    system: { kind: 'provide', boundTo: ['present'], interface: interfaces.system },
    current: { kind: 'provide', boundTo: ['active'], interface: interfaces.current },
    behind: { kind: 'provide', boundTo: ['active'], interface: interfaces.behind },
    steady: { kind: 'provide', boundTo: ['steady'], interface: interfaces.steady },
    generation: { kind: 'data-provide', boundTo: ['activated'], interface: interfaces.generation },
    outcome: { kind: 'data-provide', boundTo: ['activated'], interface: `${interfaces.generation}/outcome` },
  },
  probes: {
    pushed: async (context) => void (await answerTo(context, 'nix-store --check-validity "$(readlink -f root)"')),
    active: async (context) => {
      const profile = String(context.parameters['profile']);
      const [wanted, runs] = (await answerTo(context, ['sh', '-c', 'readlink -f "$1"; readlink -f /run/current-system', 'sh', profile])).split('\n');
      if (wanted !== runs) throw new Error(`The host runs ${runs ?? 'nothing'}, and its profile is ${wanted}.`);
      const check = String(context.parameters['check']);
      if (check !== '' && (await context.ask(check)).exitCode !== 0) throw new Error(`The check "${check}" does not succeed.`);
    },
  },
  parameters: {
    profile: { type: 'string', default: '/nix/var/nix/profiles/system', about: 'The profile whose generations are the versions of the system.' },
    method: { type: 'string', default: 'auto', about: `How it is pushed: ${methods.join(', ')}.` },
    check: { type: 'string', default: '', about: 'A shell text that succeeds on the host when it is well: before that nothing is confirmed.' },
    confirmWithin: { type: 'number', default: 30, about: 'Seconds after the switch: who has not been confirmed then, goes back.' },
    partial: { type: 'string', default: 'stay', about: 'When some units failed (4): "stay" is degraded, "back" goes back.' },
    generation: { type: 'number', default: 0, about: 'The generation that `rollback` goes to. Default: the one before.' },
    keep: { type: 'number', default: 3, about: 'So many generations are left by `collect`.' },
    rebootCommand: { type: 'list', default: ['systemctl', 'reboot'], about: 'What `reboot` runs.' },
  },
});

/** Says what a switch would stop and start. */
async function preview(context: ActionContext): Promise<void> {
  const { stdout, stderr } = await context.ask('"$(readlink -f root)/bin/switch-to-configuration" dry-activate', { timeoutMs: 300_000 });
  context.log(`${stdout}${stderr}`.trimEnd());
}

/** Pushes beside what runs. What somebody else has put there meanwhile is not replaced without being asked. */
async function fetch(context: ActionContext): Promise<void> {
  const profile = String(context.parameters['profile']);
  const { exitCode, stdout } = await context.ask(['sh', '-c', '[ ! -e last ] || [ "$(cat last)" = "$(readlink -f "$1")" ] || { readlink -f "$1"; exit 1; }', 'sh', profile]);
  if (exitCode !== 0) throw new Error(`Somebody else has set ${profile} to ${stdout.trim()}. To replace that, remove ${context.path}/last on ${context.hostname}, then "tutti retry".`);
  await push(context);
  await preview(context);
}

/** What was fetched may have been built anew since: after a failure, or where units had failed. */
async function apply(context: ActionContext): Promise<void> {
  await push(context);
  await activate(context, { to: 'pushed' });
}

async function goBack(context: ActionContext): Promise<void> {
  await activate(context, { to: 'generation', generation: Number(context.parameters['generation']) });
}

/** Waits until the host has booted what its profile says. */
async function reboot(context: ActionContext): Promise<void> {
  const profile = String(context.parameters['profile']);
  const isBooted = async (): Promise<boolean> => (await context.ask(['sh', '-c', '[ "$(readlink -f /run/booted-system)" = "$(readlink -f "$1")" ]', 'sh', profile])).exitCode === 0;
  if (await isBooted()) return;
  await context.run(context.parameters['rebootCommand'] as unknown as [string, ...string[]], { allowFailure: true });
  await context.waitUntil('the host has booted its new system', async () => isBooted().catch(() => false), { timeoutMs: 1_500_000, everyMs: 2_000 });
}

/** Generations beyond those that are kept, and then what nothing holds any more. */
async function collect(context: ActionContext): Promise<void> {
  const profile = String(context.parameters['profile']);
  const keep = Number(context.parameters['keep']);
  const withNix = 'nix-env -p "$1" --delete-generations "+$2" && nix-collect-garbage';
  // What no generation needs: there, Nix's own lists of references are not.
  const without = 'echo "there is no Nix on this host: old generations stay" >&2';
  const { stdout } = await context.run(['sh', '-c', `if command -v nix-env >/dev/null; then ${withNix}; else ${without}; fi`, 'sh', profile, String(keep)], { timeoutMs: 3_600_000 });
  context.log(stdout.trimEnd().split('\n').at(-1)!);
}

/** The system stays on the host, and is nobody's business any more. */
async function release(context: ActionContext): Promise<void> {
  await context.run(['rm', '-rf', 'root', 'last', 'goal', 'activate.sh', 'activation']);
}

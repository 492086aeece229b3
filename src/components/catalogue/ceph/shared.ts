import type { CommandResult, StepOptions } from '../../../orchestrapi/host.ts';
import type { ActionContext } from '../../model.ts';

/** What fits what: `osd -> mon[*]` joins an OSD with the monitors, `osd -> cluster` with the cluster's identity. */
export const interfaces = {
  identity: 'ceph/identity',
  monitor: 'ceph/monitor',
  manager: 'ceph/manager',
  osd: 'ceph/osd',
  noout: 'ceph/noout',
  flag: 'ceph/flag',
  poolName: 'ceph/pool-name',
  pool: 'ceph/pool',
  storage: 'ceph/storage',
  mds: 'ceph/mds',
  filesystemName: 'ceph/filesystem-name',
  filesystem: 'ceph/filesystem',
} as const;

/** What every component of a cluster knows of it. No secrets: the keys are files of `folder`, on the host `on`. */
export interface Identity {
  /** The host of the component `ceph/cluster`: administrative commands run there, and the keys stay there until a daemon needs its own. */
  readonly on: string;
  /** Absolute. It holds ceph.conf, monmap, and `keys/ENTITY.keyring`. */
  readonly folder: string;
  /** The text of ceph.conf, the same on all hosts. */
  readonly configuration: string;
}

/** The port that all types but the cluster itself read. */
export function identityPort<E extends string>(...boundTo: readonly E[]): { readonly kind: 'data-use'; readonly boundTo: readonly E[]; readonly interface: string } {
  return { kind: 'data-use', boundTo, interface: interfaces.identity };
}

/** The port of who needs a quorum: two monitors, so that of three any one may be restarted, and the others follow by themselves. */
export function quorumPort<E extends string>(...boundTo: readonly E[]): { readonly kind: 'use'; readonly boundTo: readonly E[]; readonly interface: string; readonly atLeast: number } {
  return { kind: 'use', boundTo, interface: interfaces.monitor, atLeast: 2 };
}

/** The identity; in a dry run, where nothing is decided yet, names in its place, and the component's own host for the cluster's. */
export function identityOf(context: ActionContext): Identity {
  const identity = context.read('identity');
  return typeof identity === 'object' ? (identity as unknown as Identity) : { on: context.hostname, folder: '<cluster>', configuration: '' };
}

/** A name of a daemon, a pool or a file system. @throws Error for one that configuration files or command lines would read in their own way */
export function checkedName(name: string): string {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(name)) throw new Error(`"${name}" cannot be a name in Ceph. Give letters, digits, "_" and "-" only.`);
  return name;
}

/** What the daemon, pool or file system of this component is called: its parameter `id`, or else the component's name without brackets. */
export function idOf({ parameters, component }: ActionContext): string {
  return checkedName(String(parameters['id']) || component.replaceAll(/[[\]]/g, ''));
}

/** The number of an OSD: its parameter `id`, or else the number in the component's name. @throws Error when there is none */
export function osdIdOf({ parameters, component }: ActionContext): string {
  const id = String(parameters['id']) || (/\d+/.exec(component)?.[0] ?? '');
  if (!/^(0|[1-9]\d*)$/.test(id)) throw new Error(`"${id || component}" does not say which OSD it is. Give "id:", a number that no other OSD has.`);
  return id;
}

function daemonId(context: ActionContext, kind: DaemonKind): string {
  return kind === 'osd' ? osdIdOf(context) : idOf(context);
}

export const idParameter = { type: 'string', default: '', about: "What Ceph calls it. Default: the component's name without brackets." } as const;

function cephCommand({ folder }: Identity, args: readonly string[]): readonly [string, ...string[]] {
  return ['timeout', '60', 'ceph', '--connect-timeout', '10', '-c', `${folder}/ceph.conf`, '-k', `${folder}/keys/client.admin.keyring`, ...args];
}

/** An administrative command, on the host that has the administrator's key. */
export async function administrate(context: ActionContext, args: readonly string[], options: StepOptions = {}): Promise<CommandResult> {
  const identity = identityOf(context);
  return context.run(cephCommand(identity, args), { on: identity.on, ...options });
}

/** A question to the cluster. Its answer, or undefined while there is no quorum to ask. */
export async function askCluster(context: ActionContext, ...args: readonly string[]): Promise<unknown> {
  const identity = identityOf(context);
  const { exitCode, stdout } = await context.ask(cephCommand(identity, [...args, '-f', 'json']), { on: identity.on });
  return exitCode === 0 && stdout.trim() !== '' ? JSON.parse(stdout) : undefined;
}

/**
 * Asks again and again whether something may be done (`osd ok-to-stop`, `osd safe-to-destroy`, `mon ok-to-rm`), until the cluster says yes.
 * It is never forced.
 * @throws NotReadyError when it is not safe within the time limit
 */
export async function untilSafe(context: ActionContext, ...question: readonly string[]): Promise<void> {
  const identity = identityOf(context);
  let reason = '';
  try {
    await context.waitUntil(
      `it is safe: ceph ${question.join(' ')}`,
      async () => {
        const answer = await context.ask(cephCommand(identity, question), { on: identity.on });
        reason = answer.stderr.trim();
        return answer.exitCode === 0;
      },
      { timeoutMs: 300_000, everyMs: 500 },
    );
  } catch (error) {
    context.warn(`"ceph ${question.join(' ')}" does not allow it: ${reason}`);
    throw error;
  }
}

/** Waits until every copy of everything is where it belongs. */
export async function untilClean(context: ActionContext): Promise<void> {
  await context.waitUntil('all placement groups are active and clean', async () => isClean(await askCluster(context, 'pg', 'stat')), { timeoutMs: 300_000, everyMs: 500 });
}

/** Whether `ceph pg stat` counts every placement group as clean; a scrubbing one is. Before a manager reports it counts none, which is not clean. */
export function isClean(answer: unknown): boolean {
  const summary = (answer as { readonly pg_summary?: { readonly num_pgs: number; readonly num_pg_by_state: readonly { readonly name: string; readonly num: number }[] } } | undefined)?.pg_summary;
  if (summary === undefined) return false;
  const clean = summary.num_pg_by_state.filter(({ name }) => name.startsWith('active+clean')).reduce((sum, { num }) => sum + num, 0);
  return summary.num_pg_by_state.length > 0 && clean === summary.num_pgs;
}

/** A kind of daemon: `mon`, `mgr`, `osd` or `mds`. */
export type DaemonKind = 'mon' | 'mgr' | 'osd' | 'mds';

/** All that a daemon has is in its component's folder, so that several live side by side, and no daemon needs to be root's. */
export function daemonCommand(context: ActionContext, kind: DaemonKind, ...more: readonly string[]): readonly [string, ...string[]] {
  const { path } = context;
  return [
    `ceph-${kind}`, '-i', daemonId(context, kind), '-c', `${path}/ceph.conf`, `--${kind}-data`, `${path}/data`, '--keyring', `${path}/keyring`,
    '--admin-socket', `${path}/asok`, '--log-file', `${path}/log`, '--pid-file', `${path}/pid`, ...more,
  ];
}

/** Queues ceph.conf, and the keyring of an entity, to go in one batch with the files of the host's other daemons. */
export async function placeFiles(context: ActionContext, keyring: string, ...more: readonly string[]): Promise<void> {
  const { on, folder, configuration } = identityOf(context);
  context.writeFile('ceph.conf', configuration);
  context.queueTransfer({ on, path: `${folder}/keys/${keyring}.keyring` }, 'keyring');
  for (const file of more) context.queueTransfer({ on, path: `${folder}/${file}` }, file);
  await context.flushTransfers();
}

/** The rights of each kind of entity. */
export const capabilities: Readonly<Record<DaemonKind | 'admin', readonly string[]>> = {
  admin: ['mon', 'allow *', 'osd', 'allow *', 'mds', 'allow *', 'mgr', 'allow *'],
  mon: ['mon', 'allow *'],
  mgr: ['mon', 'allow profile mgr', 'osd', 'allow *', 'mds', 'allow *'],
  mds: ['mon', 'allow profile mds', 'mgr', 'allow profile mds', 'mds', 'allow *', 'osd', 'allow *'],
  osd: ['mon', 'allow profile osd', 'mgr', 'allow profile osd', 'osd', 'allow *'],
};

/** Makes the key of an entity that was not foreseen when the cluster was made. It goes into a file of the administrator's host, and is not printed. */
export async function ensureKey(context: ActionContext, entity: string, get: readonly string[]): Promise<void> {
  const { on, folder } = identityOf(context);
  const script = 'umask 077; key=$1; shift; [ -e "$key" ] || { "$@" -o "$key.new" && mv "$key.new" "$key"; }';
  await context.run(['sh', '-c', script, 'sh', `${folder}/keys/${entity}.keyring`, ...cephCommand(identityOf(context), get)], { on, timeoutMs: 120_000 });
}

/** Runs the daemon under tutti, which finds it again by its name. */
export async function startDaemon(context: ActionContext, kind: DaemonKind, ...more: readonly string[]): Promise<void> {
  await context.startScript(kind, daemonCommand(context, kind, '-f', ...more));
}

/** Ends the daemon and waits until it is gone. */
export async function stopDaemon(context: ActionContext, kind: DaemonKind): Promise<void> {
  await context.killScript(kind, { signal: 'TERM', graceMs: 30_000 });
}

/** Asks the daemon itself, at its admin socket: the start of `ceph daemon` would cost more than the answer is worth. */
const socketQuestion = `
import socket, struct, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1])
s.sendall(b'{"prefix": "%s"}\\0' % sys.argv[2].encode())
def read(n):
    b = b''
    while len(b) < n:
        p = s.recv(n - len(b))
        if not p: sys.exit(1)
        b += p
    return b
print(read(struct.unpack('>I', read(4))[0]).decode())
`.trim();

/** What the daemon answers at its admin socket; undefined while it does not answer. */
export async function askDaemon(context: ActionContext, question: string): Promise<unknown> {
  const { exitCode, stdout } = await context.ask(['python3', '-c', socketQuestion, `${context.path}/asok`, question]);
  if (exitCode !== 0 || !stdout.trimStart().startsWith('{')) return undefined;
  return JSON.parse(stdout);
}

/** What a daemon says of itself when it does what it is for. */
const states: Readonly<Record<DaemonKind, { readonly question: string; readonly serving: readonly string[]; readonly means: string }>> = {
  mon: { question: 'mon_status', serving: ['leader', 'peon'], means: 'in the quorum' },
  mgr: { question: 'mgr_status', serving: [], means: 'available' },
  osd: { question: 'status', serving: ['active'], means: 'up' },
  mds: { question: 'status', serving: ['up:active', 'up:standby'], means: 'active or standing by' },
};

async function stateOf(context: ActionContext, kind: DaemonKind): Promise<string | undefined> {
  return ((await askDaemon(context, states[kind].question)) as { readonly state?: string } | undefined)?.state;
}

/** Starts a daemon again that is gone: its host may have been booted since it was started, and a retry is of the transition that waits. */
export async function ensureAlive(context: ActionContext, kind: DaemonKind, ...more: readonly string[]): Promise<void> {
  if ((await context.pollScript(kind)).kind !== 'alive') await startDaemon(context, kind, ...more);
}

/** Waits until the daemon says that it serves; one that ends meanwhile is a failure at once. */
export async function untilServing(context: ActionContext, kind: DaemonKind, ...more: readonly string[]): Promise<void> {
  const { serving, means } = states[kind];
  await ensureAlive(context, kind, ...more);
  await context.waitUntil(`${kind}.${daemonId(context, kind)} is ${means}`, async () => serving.includes((await stateOf(context, kind)) ?? ''), { timeoutMs: 240_000, everyMs: 200, alive: kind });
}

/** Throws when the daemon is gone, or does not say that it serves. */
export async function probeServing(context: ActionContext, kind: DaemonKind): Promise<void> {
  await probeAlive(context, kind);
  const state = await stateOf(context, kind);
  if (!states[kind].serving.includes(state ?? '')) throw new Error(`${kind}.${daemonId(context, kind)} is not ${states[kind].means}: ${state ?? 'it does not answer'}.`);
}

/** Throws when the daemon is gone. */
export async function probeAlive(context: ActionContext, script: string): Promise<void> {
  const { kind } = await context.pollScript(script);
  if (kind !== 'alive') throw new Error(`${script} of ${context.component} is not running (${kind}).`);
}

/** Runs `mkfs` once: a store that is half made is made anew, one that is whole is left alone. */
export async function format(context: ActionContext, kind: 'mon' | 'osd', ...more: readonly string[]): Promise<void> {
  const script = 'data=$1; shift; [ -e "$data/formatted" ] || { rm -rf "$data" && mkdir -p "$data" && "$@" && touch "$data/formatted"; }';
  await context.run(['sh', '-c', script, 'sh', `${context.path}/data`, ...daemonCommand(context, kind, '--mkfs', ...more)], { timeoutMs: 120_000 });
}

/** Removes what the daemon stored, and its files. */
export async function eraseFiles(context: ActionContext): Promise<void> {
  await context.run(['rm', '-rf', ...['data', 'keyring', 'ceph.conf', 'monmap', 'log', 'asok', 'pid'].map((file) => `${context.path}/${file}`)]);
}

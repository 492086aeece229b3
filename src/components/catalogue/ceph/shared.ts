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

type WaitOptions = NonNullable<Parameters<ActionContext['waitUntil']>[2]>;

/** A question as the monitors or the manager take it: `{ prefix: 'fs get', fs_name: 'home' }`. */
interface ClusterQuestion {
  readonly to: 'mon' | 'mgr';
  readonly command: { readonly prefix: string; readonly [argument: string]: string | number | readonly string[] };
}

/**
 * Asks the cluster until its answer is another one than that on standard input, two seconds at most. It is what `ceph` does, which is written in Python as
 * well, without a start of it for each question: an answer takes a quarter of the time, and is heard when it changes.
 */
const clusterQuestion = `
import rados, sys, time
conf, keyring, to, command = sys.argv[1:]
before = sys.stdin.read()
cluster = rados.Rados(conffile=conf, conf={'keyring': keyring})
cluster.connect(timeout=10)
ask = cluster.mgr_command if to == 'mgr' else cluster.mon_command
end = time.monotonic() + 2
while True:
    code, answer, why = ask(command, b'', timeout=10)
    answer = answer.decode().strip()
    if code != 0 or answer != before or time.monotonic() > end: break
    time.sleep(0.1)
print(answer)
sys.exit(code != 0)
`.trim();

/** The text of an answer that is not `before`, or of the same one after two seconds; '' while there is no quorum to ask. */
async function answerOf(context: ActionContext, { to, command }: ClusterQuestion, before: string): Promise<string> {
  const { on, folder } = identityOf(context);
  const question = ['timeout', '60', '/usr/bin/python3', '-c', clusterQuestion, `${folder}/ceph.conf`, `${folder}/keys/client.admin.keyring`, to, JSON.stringify({ ...command, format: 'json' })] as const;
  const { exitCode, stdout } = await context.ask(question, { on, input: before });
  return exitCode === 0 ? stdout.trim() : '';
}

/** A question to the cluster, asked once. Its answer, or undefined while there is no quorum to ask. */
export async function askCluster(context: ActionContext, question: ClusterQuestion): Promise<unknown> {
  const answer = await answerOf(context, question, '');
  return answer === '' ? undefined : JSON.parse(answer);
}

/** Waits until the cluster's answer is good. Without a quorum there is none. */
export async function untilCluster(context: ActionContext, what: string, question: ClusterQuestion, isGood: (answer: unknown) => boolean, options: WaitOptions = {}): Promise<void> {
  let answer = '';
  await context.waitUntil(
    what,
    async () => {
      answer = await answerOf(context, question, answer);
      return answer !== '' && isGood(JSON.parse(answer));
    },
    { everyMs: 100, ...options },
  );
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
  await untilCluster(context, 'all placement groups are active and clean', { to: 'mgr', command: { prefix: 'pg stat' } }, isClean, { timeoutMs: 300_000 });
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

/**
 * Asks a daemon itself, at its admin socket, until its state is one of those given, so many seconds at most: the start of `ceph daemon` for each question
 * would cost more than the answer is worth.
 */
const daemonQuestion = `
import json, socket, struct, sys, time
path, question, seconds, *serving = sys.argv[1:]
def ask():
    s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(path)
    s.sendall(b'{"prefix": "%s"}\\0' % question.encode())
    f = s.makefile('rb')
    return json.loads(f.read(struct.unpack('>I', f.read(4))[0])).get('state')
end = time.monotonic() + float(seconds)
while True:
    try: state = ask()
    except (OSError, ValueError, struct.error): state = None
    if state in serving or time.monotonic() > end: break
    time.sleep(0.05)
print(state or '')
`.trim();

/** What a daemon says of itself when it does what it is for. */
const states: Readonly<Record<Exclude<DaemonKind, 'mgr'>, { readonly question: string; readonly serving: readonly string[]; readonly means: string }>> = {
  mon: { question: 'mon_status', serving: ['leader', 'peon'], means: 'in the quorum' },
  osd: { question: 'status', serving: ['active'], means: 'up' },
  mds: { question: 'status', serving: ['up:active', 'up:standby'], means: 'active or standing by' },
};

/** What the daemon says that its state is, if need be after so many seconds in which it is none of those that it should be; '' when it does not answer. */
async function stateOf(context: ActionContext, kind: keyof typeof states, seconds: number): Promise<string> {
  const { question, serving } = states[kind];
  return (await context.ask(['/usr/bin/python3', '-c', daemonQuestion, `${context.path}/asok`, question, String(seconds), ...serving])).stdout.trim();
}

/** Starts a daemon again that is gone: its host may have been booted since it was started, and a retry is of the transition that waits. */
export async function ensureAlive(context: ActionContext, kind: DaemonKind, ...more: readonly string[]): Promise<void> {
  if ((await context.pollScript(kind)).kind !== 'alive') await startDaemon(context, kind, ...more);
}

/** Waits until the daemon says that it serves; one that ends meanwhile is a failure at once. */
export async function untilServing(context: ActionContext, kind: keyof typeof states, ...more: readonly string[]): Promise<void> {
  const { serving, means } = states[kind];
  await ensureAlive(context, kind, ...more);
  await context.waitUntil(`${kind}.${daemonId(context, kind)} is ${means}`, async () => serving.includes(await stateOf(context, kind, 2)), { timeoutMs: 240_000, alive: kind });
}

/** Throws when the daemon is gone, or does not say that it serves. */
export async function probeServing(context: ActionContext, kind: keyof typeof states): Promise<void> {
  await probeAlive(context, kind);
  const state = await stateOf(context, kind, 0);
  if (!states[kind].serving.includes(state)) throw new Error(`${kind}.${daemonId(context, kind)} is not ${states[kind].means}: ${state || 'it does not answer'}.`);
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

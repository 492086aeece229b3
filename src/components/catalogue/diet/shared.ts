import type { Command } from '../../../orchestrapi/host.ts';
import type { ActionContext, Parameter, Value } from '../../model.ts';

/** What fits what: two components of the hierarchy are joined by naming them, `la1 -> ma1`, and each of them with the naming service, `la1 -> ns`. */
export const interfaces = {
  namingHostname: 'diet/naming-hostname',
  namingService: 'diet/naming-service',
  parentName: 'diet/parent-name',
  parentService: 'diet/parent-service',
} as const;

/** What every one of DIET's components may be told about the programs it runs. */
export const programParameters = {
  naming: { type: 'string', default: '', about: "Folder of omniORB's programs on the host. Default: the one on the host's PATH, else the double's." },
  double: { type: 'string', default: '', about: 'Folder of the double of DIET on the controller, sent to hosts where the real programs are not installed. Without it that is an error.' },
} as const satisfies Readonly<Record<string, Parameter>>;

/** As `programParameters`, for who runs DIET's programs. */
export const dietParameters = {
  bin: { type: 'string', default: '', about: "Folder of DIET's programs on the host. Default: the one on the host's PATH, else the double." },
  ...programParameters,
} as const satisfies Readonly<Record<string, Parameter>>;

/** What an agent and a Server Daemon may be told. */
export const elementParameters = {
  name: { type: 'string', default: '', about: "Its name in DIET. Default: the component's, without brackets." },
  host: { type: 'string', default: '', about: "dietHostname: what the other hosts call this one. Default: the host's address." },
  port: { type: 'number', default: 5001, about: 'dietPort: where it listens; on one machine each element needs its own.' },
  ...dietParameters,
} as const satisfies Readonly<Record<string, Parameter>>;

/** The programs an assembly needs from DIET, in one folder: `connect` alone would find many a stranger. */
const dietPrograms = ['dietAgent', 'connect', 'disconnect'];

/** Time for an admin program, in milliseconds: 20 ms on a quiet machine, 700 ms on a loaded one. */
export const adminTimeoutMs = 10_000;
/** Time for a daemon to be ready, or to end, in milliseconds. */
export const daemonTimeoutMs = 10_000;

/** What dp_NS_hostname carries. `double` is there when the double's own naming service plays: then its `nameclt` is needed everywhere. */
export interface NamingAddress {
  readonly host: string;
  readonly port: number;
  readonly double: boolean;
}

/** The naming service's address as du_NS_hostname gives it. */
export function readNaming(context: ActionContext): NamingAddress {
  const { host, port, double = false } = context.read('du_NS_hostname') as { host: string; port: number; double?: boolean };
  return { host, port, double };
}

/** A parameter that is a text; '' when it was left out. */
export function text(context: ActionContext, parameter: string): string {
  return String(context.parameters[parameter] ?? '');
}

/**
 * Name of a component in DIET: its `name`, or that of the component without brackets (`sed[1]` is `sed1`).
 * @throws Error for a name with characters that naming service, configuration files or shell read in their own way
 */
export function dietName(context: ActionContext): string {
  const name = text(context, 'name') || context.component.replaceAll(/[[\]]/g, '');
  if (!/^[A-Za-z0-9_-]+$/.test(name)) throw new Error(`"${name}" cannot be a name in DIET. Give "name:" with letters, digits, "_" and "-" only.`);
  return name;
}

/** What the other hosts call the one of this component. */
export function hostname(context: ActionContext): string {
  return text(context, 'host') || context.address;
}

/** The content of omniORB4.cfg, the same for every program but the naming service itself. */
export function omniOrbConfiguration({ host, port }: { readonly host: string; readonly port: number }): string {
  return lines(
    `InitRef = NameService=corbaname::${host}:${port}`,
    'giopMaxMsgSize = 33554432',
    'maxGIOPConnectionPerServer = 1000',
    'maxServerThreadPoolSize = 1000',
  );
}

/** Lines of a text file. */
export function lines(...all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

/**
 * The environment of DIET's and omniORB's programs. OMNIORB_BIN is for the double, which calls `nameclt`; nobody else looks at it.
 * Two folders of the component are links to the programs that `configure` found: `bin` (DIET) and `naming` (omniORB).
 */
export function environment(context: ActionContext): Readonly<Record<string, string>> {
  return { OMNIORB_CONFIG: `${context.path}/omniORB4.cfg`, OMNIORB_BIN: `${context.path}/naming` };
}

/** Where a kind of program is on the host. `double`: the real one is not installed, and its double is used, said on the operator's screen. */
export interface Programs {
  readonly folder: string;
  readonly double: boolean;
}

/** Where the naming service's own programs are: `naming`, or on the host's PATH, or the double's. @throws Error when there are none */
export async function findNamingService(context: ActionContext): Promise<Programs> {
  return find(context, { parameter: 'naming', programs: ['omniNames', 'nameclt'], doubleFolder: `${context.path}/double/naming`, of: "omniORB's naming service" });
}

/**
 * Where DIET's programs are, and `nameclt` for the naming service that runs.
 * @throws Error when there are none, or when they do not speak with the naming service
 */
export async function findDiet(context: ActionContext, naming: NamingAddress): Promise<{ readonly diet: Programs; readonly naming: Programs }> {
  const diet = await find(context, { parameter: 'bin', programs: dietPrograms, doubleFolder: `${context.path}/double`, of: 'DIET' });
  if (naming.double) {
    if (!diet.double) throw new Error(`The programs in ${diet.folder} on ${context.hostname} need omniORB's naming service, but its double runs. Install omniORB on the host of the naming service.`);
    return { diet, naming: { folder: `${context.path}/double/naming`, double: true } };
  }
  const folder = text(context, 'naming') || (await folderOnPath(context, ['nameclt', 'genior', 'catior']));
  if (!folder) throw new Error(`omniORB's naming service runs, but nameclt is not on the PATH of ${context.hostname}. Install omniORB there (Debian: omniorb), or say "naming:".`);
  return { diet, naming: { folder, double: false } };
}

async function find(
  context: ActionContext,
  { parameter, programs, doubleFolder, of }: { readonly parameter: string; readonly programs: readonly string[]; readonly doubleFolder: string; readonly of: string },
): Promise<Programs> {
  const folder = text(context, parameter) || (await folderOnPath(context, programs));
  if (folder) return { folder, double: false };
  if (!text(context, 'double')) throw new Error(`${programs[0]} is not on the PATH of ${context.hostname}. Install it there, or say where it is with "${parameter}:", or give "double:" to play without.`);
  context.warn(`${of} is not installed on ${context.hostname}: its double plays. The life cycle is true, the computing is not.`);
  return { folder: doubleFolder, double: true };
}

/** The first folder on the host's PATH that holds all the programs, or ''. */
async function folderOnPath(context: ActionContext, programs: readonly string[]): Promise<string> {
  const search = 'IFS=:; for folder in $PATH; do for program; do [ -x "$folder/$program" ] || continue 2; done; echo "$folder"; exit; done; exit 1';
  const found = await context.run(['sh', '-c', search, 'sh', ...programs], { allowFailure: true, idempotent: true });
  return found.exitCode === 0 ? found.stdout.trim() : '';
}

/** Makes folders of the component, and in it links of these names to folders of programs. */
export async function prepareFolder(context: ActionContext, folders: readonly string[], links: Readonly<Record<string, Programs>>): Promise<void> {
  for (const folder of folders) await context.run(['mkdir', '-p', `${context.path}/${folder}`], { idempotent: true });
  for (const [link, { folder }] of Object.entries(links)) await context.run(['ln', '-sfn', folder, `${context.path}/${link}`], { idempotent: true });
}

/** Sends the queued files, and the double with them where it plays. */
export async function sendFiles(context: ActionContext, programs: readonly Programs[]): Promise<void> {
  if (programs.some(({ double }) => double)) context.queueTransfer(text(context, 'double'), 'double');
  await context.flushTransfers();
}

/**
 * Starts a daemon of the component and waits until it is ready. While one of an earlier start lives this is refused (by `startScript`): a second one
 * would take over the first one's name or port. One that does not get ready is ended, so that whoever tries again finds none.
 */
export async function startDaemon(
  context: ActionContext,
  { daemon, command, env = {}, what, isReady }: { readonly daemon: string; readonly command: Command; readonly env?: Readonly<Record<string, string>>; readonly what: string; readonly isReady: () => Promise<boolean> },
): Promise<void> {
  await context.startScript(daemon, command, { env });
  try {
    await context.waitUntil(what, isReady, { alive: daemon, timeoutMs: daemonTimeoutMs });
  } catch (error) {
    // Why it did not get ready is worth more than why it could not be ended.
    await context.killScript(daemon, { graceMs: daemonTimeoutMs }).catch(() => {});
    throw error;
  }
}

/** Throws when the daemon of this name is not alive: a bound name would be no proof. */
export async function probeDaemon(context: ActionContext, daemon: string): Promise<void> {
  const status = await context.pollScript(daemon);
  if (status.kind !== 'alive') throw new Error(`${daemon} of ${context.component} is not running (${status.kind}).`);
}

/** The text that a data-use port gave. */
export function readText(context: ActionContext, port: string): string {
  return String(context.read(port) satisfies Value | undefined);
}

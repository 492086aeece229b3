import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { parse, type ScalarTag } from 'yaml';
import { didYouMean } from '../../diagnostic.ts';
import { HostError, type Host } from '../host.ts';
import { sshNetwork, type SshNetwork } from '../ssh-connection.ts';
import type { SshTarget } from '../ssh-config.ts';
import { sshHost } from '../ssh.ts';
import { folderOf } from './local.ts';

/** How one machine is reached; what is left out is the ssh configuration's, or the `defaults` of the file. */
export type Machine = SshTarget & {
  readonly workFolder?: string;
  /** Where the other hosts find it. Default: where ssh does. */
  readonly address?: string;
};

/** What a hosts file says: a machine for each role instance, `head` or `worker[2]`. */
export type Inventory = ReadonlyMap<string, Machine>;

/** What was read of a hosts file. */
export interface InventoryFile {
  readonly machines: Inventory;
  /** What it says beyond the roles that were asked for: a file may serve several assemblies. */
  readonly unused: readonly string[];
}

/** A hosts file that does not say where its hosts are; every problem of it at once. */
export class InventoryError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'InventoryError';
    this.problems = problems;
  }
}

/** NixOS Compose's number of machines "at least": nobody here could give a role more than that. */
const defaultRole: ScalarTag = { tag: '!DefaultRole', resolve: Number };

const reserved = new Set(['machines', 'defaults', 'hosts', 'roles']);
const machineKeys = new Set(['address', 'user', 'port', 'config', 'key', 'knownHosts', 'via', 'workFolder']);

/**
 * Reads a hosts file. A role is one machine, a list of machines, or (as in the roles files of NixOS Compose, where the number may be tagged `!DefaultRole`) a number of
 * them, dealt out from `machines` in order. A machine is
 * `[user@]name[:port]`, where the name may be an alias of the ssh configuration, or `{ address, user, port, config, key, knownHosts, via, workFolder }`.
 * @param folder what relative paths in it are relative to
 * @throws InventoryError
 * @example readInventory('machines: [n1, n2, n3]\nhead: 1\nworker: 2', ['head', 'worker[1]', 'worker[2]'], '.').machines.get('worker[2]') // { destination: 'n3' }
 */
export function readInventory(text: string, names: readonly string[], folder: string): InventoryFile {
  const problems: string[] = [];
  const file = ((): Record<string, unknown> => {
    try {
      const found: unknown = parse(text, { customTags: [defaultRole] }) ?? {};
      if (isRecord(found)) return found;
      problems.push('It must say which machine each role is on: "role: machine"');
    } catch (cause) {
      // The parser's first line; the others draw its place.
      problems.push((cause as Error).message.split('\n')[0]!.replace(/:$/, ''));
    }
    return {};
  })();
  const machineOf = (what: string, value: unknown, defaults: Partial<Machine>): Machine | undefined => {
    if (typeof value === 'string') return { ...defaults, ...shortMachine(what, value, problems) };
    if (isRecord(value)) return { ...defaults, ...longMachine(what, value, folder, problems) } as Machine;
    problems.push(`${what}: ${JSON.stringify(value)} is no machine: write a name, or { address: … }`);
    return undefined;
  };
  const defaults = file['defaults'] === undefined ? {} : isRecord(file['defaults']) ? longMachine('defaults', file['defaults'], folder, problems) : {};
  const machines = Array.isArray(file['machines']) ? file['machines'].map((one, i) => machineOf(`machines[${i + 1}]`, one, defaults)) : [];
  const roles = isRecord(file['hosts'] ?? file['roles']) ? ((file['hosts'] ?? file['roles']) as Record<string, unknown>) : Object.fromEntries(Object.entries(file).filter(([key]) => !reserved.has(key)));

  const given = new Map<string, readonly (Machine | undefined)[]>();
  let dealt = 0;
  for (const [role, value] of Object.entries(roles)) {
    const isCount = typeof value === 'number';
    const list = isCount ? machines.slice(dealt, (dealt += value)) : (Array.isArray(value) ? value : [value]).map((one, i) => machineOf(Array.isArray(value) ? `${role}[${i + 1}]` : role, one, defaults));
    if (isCount && (!Number.isInteger(value) || value < 0)) problems.push(`${role}: ${value} is no number of machines`);
    else if (isCount && list.length < value) problems.push(`${role}: wants ${value} of "machines", which has ${Math.max(0, list.length)} left`);
    if (names.includes(role) && list.length !== 1 && !problems.some((p) => p.startsWith(`${role}:`))) problems.push(`${role}: is one host, and ${list.length} machines are given`);
    given.set(role, list);
  }
  const { inventory, missing, unknown, surplus } = dealOut(given, names);
  if (missing.length > 0 && problems.length === 0) problems.push([`No machine is given for ${missing.join(', ')}`, ...unknown].join('; '));
  if (problems.length > 0) throw new InventoryError(problems);
  return { machines: inventory, unused: [...unknown, ...surplus, ...(machines.length > dealt ? [leftOver(machines.length - dealt, '"machines"')] : [])] };
}

/** Deals the machines of each role out to its instances, in order, and says what does not come out even. */
export function dealOut(given: ReadonlyMap<string, readonly (Machine | undefined)[]>, names: readonly string[]): { inventory: Inventory; missing: readonly string[]; unknown: readonly string[]; surplus: readonly string[] } {
  const wanted = Map.groupBy(names, (name) => name.replace(/\[\d+\]$/, ''));
  const inventory = new Map<string, Machine>();
  for (const [role, instances] of wanted) {
    for (const [i, name] of instances.entries()) {
      // One instance may be named alone: "worker[2]: n3".
      const machine = (given.get(name) ?? given.get(role)?.slice(i))?.[0];
      if (machine) inventory.set(name, machine);
    }
  }
  return {
    inventory, missing: names.filter((name) => !inventory.has(name)),
    unknown: [...given.keys()].filter((role) => !wanted.has(role) && !names.includes(role)).map((role) => `"${role}" is no role of this assembly${didYouMean(role, wanted.keys()).replace(' Did', ', did')}`),
    surplus: [...wanted].map(([role, { length }]) => ({ role, n: (given.get(role)?.length ?? 0) - length })).filter(({ n }) => n > 0).map(({ role, n }) => leftOver(n, `the machines of "${role}"`)),
  };
}

function leftOver(n: number, of: string): string {
  return `${n} of ${of} ${n === 1 ? 'is' : 'are'} left over`;
}

function shortMachine(what: string, text: string, problems: string[]): Pick<Machine, 'destination' | 'user' | 'port'> {
  const match = /^(?:([^@\s]+)@)?(?:\[([^\]\s]+)\]|([^\s@:[\]-][^\s@:[\]]*))(?::(\d+))?$/.exec(text);
  if (!match) problems.push(`${what}: "${text}" is no machine: write [user@]name[:port]`);
  return { destination: match?.[2] ?? match?.[3] ?? '', ...(match?.[1] === undefined ? {} : { user: match[1] }), ...(match?.[4] === undefined ? {} : { port: portOf(what, Number(match[4]), problems) }) };
}

function portOf(what: string, port: unknown, problems: string[]): number {
  if (!(Number.isInteger(port) && (port as number) > 0 && (port as number) < 65_536)) problems.push(`${what}: ${JSON.stringify(port)} is no port`);
  return port as number;
}

function longMachine(what: string, value: Record<string, unknown>, folder: string, problems: string[]): Partial<Machine> {
  for (const key of Object.keys(value)) if (!machineKeys.has(key)) problems.push(`${what}: "${key}" says nothing of a machine; known: ${[...machineKeys].join(', ')}`);
  const text = (key: string): string | undefined => {
    const found = value[key];
    if (found === undefined || typeof found === 'string') return found;
    problems.push(`${what}: ${key} must be a text`);
    return undefined;
  };
  const path = (key: string): string | undefined => {
    const found = text(key);
    return found === undefined || found.startsWith('~') ? found : resolve(folder, found);
  };
  const [address, user, config, key, known, via, workFolder, port] = [text('address'), text('user'), path('config'), path('key'), path('knownHosts'), text('via'), text('workFolder'), value['port']];
  if (workFolder !== undefined && (!isAbsolute(workFolder) || normalize(workFolder) === '/')) problems.push(`${what}: workFolder must be an absolute path below "/", and is "${workFolder}"`);
  if (what !== 'defaults' && address === undefined) problems.push(`${what}: has no address`);
  return {
    ...(address === undefined ? {} : shortMachine(what, address, problems)), ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port: portOf(what, port, problems) }),
    ...(config === undefined ? {} : { configFile: config }), ...(key === undefined ? {} : { identityFiles: [key] }), ...(known === undefined ? {} : { knownHostsFiles: [known] }),
    ...(via === undefined ? {} : { proxyJump: via }), ...(workFolder === undefined ? {} : { workFolder }),
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface SshFlavourOptions {
  readonly inventory: Inventory;
  /** Each role instance works in a folder whose name begins with this one, `<workFolder>.<role>`; where the inventory names a folder, in it. */
  readonly workFolder: string;
  readonly network?: SshNetwork;
  /** Hears of each connection to the machine of a role, before anything is done there. */
  readonly onReached?: (role: string) => void;
  /** Hears of roles whose configuration ssh refuses, or that cannot be worked on; they are left out. Default: the first one is thrown. */
  readonly onRefused?: (role: string, why: Error) => void;
}

/** Every role instance is a machine that is reached by SSH. Nothing is connected to yet; the ssh configuration is asked for addresses. @throws HostError REFUSED, RangeError for a folder that none may work in */
export async function sshFlavour(roles: readonly string[], { inventory, workFolder, network = sshNetwork(), onReached = () => {}, onRefused = (_, why) => { throw why; } }: SshFlavourOptions): Promise<Map<string, Host>> {
  const hosts = new Map<string, Host>();
  const heard: SshNetwork = {
    settings: (target) => network.settings(target),
    async connect(role, ...how) {
      const client = await network.connect(role, ...how);
      onReached(role);
      return client;
    },
  };
  const open = async (role: string): Promise<void> => {
    try {
      const machine = inventory.get(role);
      if (!machine) throw new HostError('REFUSED', role, `${role}: nobody says which machine it is on`);
      const { workFolder: own, address, ...target } = machine;
      const { hostname } = await heard.settings(target);
      hosts.set(role, sshHost({ ...target, name: role, address: address ?? hostname, workFolder: roleFolder(workFolder, role, own), network: heard }));
    } catch (refused) {
      onRefused(role, refused as Error);
    }
  };
  // A process each: some at a time.
  for (let from = 0; from < roles.length; from += 8) await Promise.all(roles.slice(from, from + 8).map(open));
  return new Map(roles.flatMap((role) => (hosts.has(role) ? [[role, hosts.get(role)!] as const] : [])));
}

/** The folder of a role instance on its machine. @param own the folder that the inventory names @example roleFolder('/var/tmp/tutti-0a1b', 'worker[2]', '/srv') // '/srv/tutti-0a1b.worker.2' */
export function roleFolder(workFolder: string, role: string, own: string | undefined): string {
  return `${own === undefined ? workFolder : join(own, basename(workFolder))}.${folderOf(role)}`;
}

/**
 * Where an assembly works on hosts of others: in folders whose names begin with `/var/tmp/tutti-<id>`. The id is kept in the state folder, so that a controller that was moved elsewhere
 * together with its state folder finds what runs.
 */
export async function remoteWorkFolder(stateFolder: string): Promise<string> {
  const path = join(stateFolder, 'id');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${randomBytes(6).toString('hex')}\n`, { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => { if (cause.code !== 'EEXIST') throw cause; });
  const id = (await readFile(path, 'utf8')).trim();
  if (!/^[0-9a-f]{12}$/.test(id)) throw new RangeError(`${path} does not hold the id of an assembly`);
  return `/var/tmp/tutti-${id}`;
}

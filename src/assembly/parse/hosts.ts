import { didYouMean } from '../../diagnostic.ts';
import { readReference, several } from './names.ts';
import { report, type Reading } from './reading.ts';
import type { Path } from './source.ts';

/** The hosts of an assembly: `head`, `worker[1]`, `worker[2]`. */
export interface Hosts {
  readonly all: string[];
  /** Role -> its instances, in order. */
  readonly roles: ReadonlyMap<string, readonly string[]>;
}

/** `head: {}` is the host `head`; `worker: {count: 2}` the hosts `worker[1]` and `worker[2]`. */
export function readHosts(reading: Reading): Hosts {
  const roles = new Map<string, readonly string[]>();
  for (const [role, body] of Object.entries(reading.file.hosts ?? {})) {
    reading.where.add(`host:${role}`, ['hosts', role]);
    const count = reading.broken.has(`hosts/${role}`) ? undefined : body?.count;
    const names = count === undefined ? [role] : Array.from({ length: count }, (_, i) => `${role}[${i + 1}]`);
    for (const name of names) reading.where.add(`host:${name}`, ['hosts', role]);
    roles.set(role, names);
  }
  return { all: [...roles.values()].flat(), roles };
}

/**
 * The hosts that `on:` names, to be dealt out in turn: one for `head` and `worker[2]`, all of them for a bare `worker`. Reports UNKNOWN_HOST, and
 * answers undefined. `local` is always there.
 */
export function hostsOf(reading: Reading, hosts: Hosts, on: string, path: Path): readonly string[] | undefined {
  const reference = readReference(on);
  const role = reference && hosts.roles.get(reference.base);
  if (reference && role) {
    if (reference.index === undefined || (reference.index === '*' && role[0] !== reference.base)) return role;
    const one = `${reference.base}[${reference.index}]`;
    if (role.includes(one)) return [one];
    const has = role[0] === reference.base ? `"${reference.base}" is one host: write "${reference.base}".` : `There are ${role.length} of "${reference.base}".`;
    report(reading, 'UNKNOWN_HOST', 'Unknown host', `No host is named "${on}". ${has}`, path);
    return undefined;
  }
  if (on === 'local') return ['local'];
  const known = hosts.roles.size === 0 ? ` The file declares none: hosts: { ${reference?.base ?? 'head'}: {} }.` : didYouMean(on, hosts.roles.keys()) || ` Hosts: ${several(hosts.roles.keys())}.`;
  report(reading, 'UNKNOWN_HOST', 'Unknown host', `No host is named "${on}".${known}`, path);
  return undefined;
}

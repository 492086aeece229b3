import type { ComponentType, Port, PortKind } from '../../components/model.ts';
import { didYouMean, warning } from '../../diagnostic.ts';
import type { Connection, PortRef } from '../model.ts';
import type { ConnectionEntry } from '../schema.ts';
import { select, type Names } from './components.ts';
import { readArrow, readEnd, several, type End } from './names.ts';
import { report, type Reading } from './reading.ts';
import type { Path } from './source.ts';

/** `a.parent->b.agent`: what makes two connections the same. */
export function connectionKey({ use, provide }: Connection): string {
  return `${use.component}.${use.port}->${provide.component}.${provide.port}`;
}

/** What each kind of port is connected to, and the words for it. */
const partner: Readonly<Record<PortKind, PortKind>> = { use: 'provide', provide: 'use', 'data-use': 'data-provide', 'data-provide': 'data-use' };
const does: Readonly<Record<PortKind, string>> = { use: 'uses a service', provide: 'provides a service', 'data-use': 'reads data', 'data-provide': 'gives data' };

export const isUser = (kind: PortKind): boolean => kind === 'use' || kind === 'data-use';
/** What is offered or asked for at a port: its interface, or else its name. */
export const interfaceOf = (name: string, port: Port): string => port.interface ?? name;

/** Whether a user's port can be connected to a provider's without being told so by name. */
function fits(useName: string, use: Port, provideName: string, provide: Port): boolean {
  return partner[use.kind] === provide.kind && interfaceOf(useName, use) === interfaceOf(provideName, provide);
}

/** All connections of the file; one that is said twice is kept once, with a warning DUPLICATE_CONNECTION. */
export function readConnections(reading: Reading, names: Names): Connection[] {
  const found = new Map<string, Connection>();
  for (const [i, entry] of (reading.file.connections ?? []).entries()) {
    const path: Path = ['connections', i];
    if (reading.broken.has(`connections/${i}`)) continue;
    for (const connection of readConnection(reading, names, entry, path)) {
      const key = connectionKey(connection);
      if (found.has(key)) reading.diagnostics.push(warning('DUPLICATE_CONNECTION', 'Connected twice', `"${key.replace('->', ' -> ')}" is there already; it is kept once. Remove one of the two.`, reading.source.at(path)));
      else {
        found.set(key, connection);
        reading.where.add(`connection:${key}`, path, false);
      }
    }
  }
  return [...found.values()];
}

/**
 * The connections that one entry stands for. Reports BAD_CONNECTION (it cannot be read), UNKNOWN_COMPONENT, UNKNOWN_PORT, PORT_KIND_MISMATCH,
 * NO_COMMON_INTERFACE and PATTERN_MISMATCH, and answers with what is left.
 */
export function readConnection(reading: Reading, names: Names, entry: ConnectionEntry, path: Path): Connection[] {
  const sides = typeof entry === 'string' ? readArrow(entry) : ([entry[0]!, entry[1]!] as const);
  const left = sides && readEnd(sides[0]);
  const right = sides && readEnd(sides[1]);
  if (!left || !right) {
    const why = sides ? `"${left ? sides[1] : sides[0]}" is neither a component nor a port.` : `"${String(entry)}" has no arrow.`;
    report(reading, 'BAD_CONNECTION', 'Not a connection', `${why} Write a -> b, a.port -> b.port or a[*].port -> b[*].port.`, path, sides ? (left ? sides[1] : sides[0]) : undefined);
    return [];
  }
  const from = select(reading, names, left.component, path);
  const to = select(reading, names, right.component, path);
  if (!from || !to) return [];
  if (from.length !== to.length && from.length !== 1 && to.length !== 1) {
    report(reading, 'PATTERN_MISMATCH', 'Patterns of different length', `"${left.component}" means ${from.length} components and "${right.component}" ${to.length}: one to one goes only with as many on both sides, or with a single one on one side.`, path);
    return [];
  }
  const connections: Connection[] = [];
  // A pattern whose types do not fit says so once, not for each of its thousand pairs.
  const told = new Set<string>();
  for (let i = 0; i < Math.max(from.length, to.length); i++) {
    const a = { name: from[from.length === 1 ? 0 : i]!, end: left };
    const b = { name: to[to.length === 1 ? 0 : i]!, end: right };
    const typeA = names.components.get(a.name);
    const typeB = names.components.get(b.name);
    if (!typeA || !typeB) continue;
    const pairing = `${typeA.name} ${typeB.name}`;
    if (told.has(pairing)) continue;
    const found = connect(reading, { ...a, type: typeA }, { ...b, type: typeB }, path);
    if (found) connections.push(...found);
    else told.add(pairing);
  }
  return connections;
}

interface Side {
  readonly name: string;
  readonly end: End;
  readonly type: ComponentType;
}

/** The connections between two components; undefined when there was something to report. */
function connect(reading: Reading, a: Side, b: Side, path: Path): Connection[] | undefined {
  const portA = a.end.port === undefined ? undefined : portOf(reading, a, a.end.port, path);
  const portB = b.end.port === undefined ? undefined : portOf(reading, b, b.end.port, path);
  if ((a.end.port !== undefined && !portA) || (b.end.port !== undefined && !portB)) return undefined;
  if (portA && portB) {
    if (partner[portA.kind] !== portB.kind) {
      const meant = Object.entries(b.type.ports).filter(([, port]) => port.kind === partner[portA.kind]);
      const best = meant.find(([name, port]) => interfaceOf(name, port) === interfaceOf(a.end.port!, portA)) ?? (meant.length === 1 ? meant[0] : undefined);
      const hint = best ? ` Did you mean "${b.name}.${best[0]}"?` : '';
      report(reading, 'PORT_KIND_MISMATCH', 'Incompatible ports', `"${a.name}.${a.end.port}" ${does[portA.kind]} and "${b.name}.${b.end.port}" ${does[portB.kind]}.${hint}`, path);
      return undefined;
    }
    return isUser(portA.kind) ? withCompanions(a, a.end.port!, b, b.end.port!) : withCompanions(b, b.end.port!, a, a.end.port!);
  }
  const found = bundle(a, b);
  if (found.length > 0) return found;
  const backwards = bundle(b, a);
  if (backwards.length > 0 && (portA === undefined) === (portB === undefined)) {
    report(reading, 'NO_COMMON_INTERFACE', 'Nothing to connect', `"${a.name}" uses nothing of "${b.name}"; the arrow goes from the user to the provider. Did you mean "${b.end.text} -> ${a.end.text}"?`, path);
    return undefined;
  }
  if (backwards.length > 0) return backwards;
  report(reading, 'NO_COMMON_INTERFACE', 'Nothing to connect', `"${a.end.port === undefined ? a.name : `${a.name}.${a.end.port}`}" (${a.type.name}) uses ${interfaces(a, true)}; "${b.end.port === undefined ? b.name : `${b.name}.${b.end.port}`}" (${b.type.name}) provides ${interfaces(b, false)}. Ports with different interfaces are connected by name: a.port -> b.port.`, path);
  return undefined;
}

function interfaces(side: Side, ofUser: boolean): string {
  const ports = Object.entries(side.type.ports).filter(([name, port]) => isUser(port.kind) === ofUser && (side.end.port === undefined || side.end.port === name));
  return ports.length === 0 ? 'nothing' : several(new Set(ports.map(([name, port]) => interfaceOf(name, port))));
}

/** Every pair of ports with the same interface, from `a`'s use ports to `b`'s provide ports. */
function bundle(a: Side, b: Side): Connection[] {
  const pairs: Connection[] = [];
  for (const [useName, use] of Object.entries(a.type.ports)) {
    if (!isUser(use.kind) || !isMeant(a.end, useName)) continue;
    for (const [provideName, provide] of Object.entries(b.type.ports)) {
      if (!isMeant(b.end, provideName)) continue;
      if (fits(useName, use, provideName, provide)) pairs.push({ use: { component: a.name, port: useName }, provide: { component: b.name, port: provideName } });
    }
  }
  return pairs;
}

/** Whether an end means this port: it names none, this one, or the service that this one's data go along with. */
const isMeant = (end: End, port: string): boolean => end.port === undefined || end.port === port || port.startsWith(`${end.port}.`);

/** A pair by name, and the data that go along with the service: `db` brings `db.url`. */
function withCompanions(a: Side, usePort: string, b: Side, providePort: string): Connection[] {
  const connections: Connection[] = [pair(a.name, usePort, b.name, providePort)];
  for (const name of Object.keys(a.type.ports)) {
    if (!name.startsWith(`${usePort}.`)) continue;
    const other = providePort + name.slice(usePort.length);
    if (Object.hasOwn(b.type.ports, other) && partner[a.type.ports[name]!.kind] === b.type.ports[other]!.kind) connections.push(pair(a.name, name, b.name, other));
  }
  return connections;
}

const pair = (user: string, usePort: string, provider: string, providePort: string): Connection => ({ use: { component: user, port: usePort }, provide: { component: provider, port: providePort } });

function portOf(reading: Reading, side: Side, name: string, path: Path): Port | undefined {
  if (Object.hasOwn(side.type.ports, name)) return side.type.ports[name];
  const known = Object.keys(side.type.ports);
  const hint = known.length === 0 ? ' It has no ports.' : didYouMean(name, known) || ` Ports: ${several(known)}.`;
  report(reading, 'UNKNOWN_PORT', 'Unknown port', `"${side.name}" (${side.type.name}) has no port "${name}".${hint}`, path, side.end.text);
  return undefined;
}

/** A port by its component and name, for a sentence. */
export const portText = ({ component, port }: PortRef): string => `${component}.${port}`;

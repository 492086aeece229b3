import type { ComponentType, PortKind } from '../../components/model.ts';
import type { ComponentSpec, Connection, PortRef } from '../model.ts';
import { interfaceOf, isUser } from './connections.ts';

/** Every provider of an assembly by what it provides. */
export type Providers = ReadonlyMap<string, readonly PortRef[]>;

const offer = (kind: PortKind, what: string): string => `${kind === 'use' || kind === 'provide' ? 'service' : 'data'} ${what}`;

export function providersOf(components: readonly ComponentSpec[], types: ReadonlyMap<string, ComponentType | null>): Providers {
  const providers = new Map<string, PortRef[]>();
  for (const { name, type } of components) {
    for (const [port, { kind, ...rest }] of Object.entries(types.get(type)?.ports ?? {})) {
      if (isUser(kind)) continue;
      const key = offer(kind, rest.interface ?? port);
      const list = providers.get(key);
      if (list) list.push({ component: name, port });
      else providers.set(key, [{ component: name, port }]);
    }
  }
  return providers;
}

/** The first `atMost` providers that fit one use port; nobody provides for itself. */
export function fitting(providers: Providers, type: ComponentType, use: PortRef, atMost: number): readonly PortRef[] {
  const port = type.ports[use.port]!;
  const found: PortRef[] = [];
  for (const ref of providers.get(offer(port.kind, interfaceOf(use.port, port))) ?? []) {
    if (found.length === atMost) break;
    if (ref.component !== use.component) found.push(ref);
  }
  return found;
}

/** The use ports that have no connection, optional ones left out. */
export function leftOver(components: readonly ComponentSpec[], types: ReadonlyMap<string, ComponentType | null>, connections: Iterable<Connection>): { type: ComponentType; use: PortRef }[] {
  const connected = new Set<string>();
  for (const { use } of connections) connected.add(`${use.component}.${use.port}`);
  return components.flatMap(({ name, type: typeName }) => {
    const type = types.get(typeName);
    if (!type) return [];
    return Object.entries(type.ports).flatMap(([port, { kind, optional }]) => (isUser(kind) && optional !== true && !connected.has(`${name}.${port}`) ? [{ type, use: { component: name, port } }] : []));
  });
}

/**
 * `wire: unique`: a connection for each use port left over that exactly one provider of the assembly fits. The others are left to `check`, which says
 * whether none or several fit.
 */
export function wireUnique(components: readonly ComponentSpec[], types: ReadonlyMap<string, ComponentType | null>, connections: readonly Connection[]): Connection[] {
  const providers = providersOf(components, types);
  return leftOver(components, types, connections).flatMap(({ type, use }) => {
    const found = fitting(providers, type, use, 2);
    return found.length === 1 ? [{ use, provide: found[0]! }] : [];
  });
}

import type { Assembly, ComponentSpec } from '../../assembly/model.ts';

/** What is drawn of an assembly: a box for a component, or for many alike. */
export interface Box {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly host: string;
  /** How many components it stands for. */
  readonly count: number;
}

/** All service connections, or all data connections, from one box to another. */
export interface Bundle {
  readonly from: string;
  readonly to: string;
  readonly kind: 'service' | 'data';
  /** `parent → agent`, or the port's name when both ends have the same; with ` ×n` when the boxes stand for many. */
  readonly labels: readonly string[];
}

export interface AssemblyPicture {
  readonly boxes: readonly Box[];
  readonly bundles: readonly Bundle[];
}

/**
 * The boxes and lines of an assembly. With more than `limit` components, those that were counted (`sed[1]` to `sed[200]`) are one box; if these are still
 * too many, all components of a type are.
 */
export function assemblyPicture(assembly: Assembly, limit: number): AssemblyPicture {
  const { components } = assembly;
  let groups = Map.groupBy(components, (component) => component.name);
  if (groups.size > limit) groups = Map.groupBy(components, ({ name, type }) => `${counted(name)?.base ?? name}\n${type}`);
  if (groups.size > limit) groups = Map.groupBy(components, ({ type }) => type);

  const boxOf = new Map<string, Box>();
  const boxes = [...groups.values()].map((members, i) => {
    const box = boxFor(`c${i + 1}`, members);
    for (const { name } of members) boxOf.set(name, box);
    return box;
  });
  return { boxes, bundles: bundlesOf(assembly, boxOf) };
}

function boxFor(id: string, members: readonly ComponentSpec[]): Box {
  const { name, type, on } = members[0]!;
  if (members.length === 1) return { id, name, type, host: on, count: 1 };
  const hosts = [...new Set(members.map((member) => member.on))];
  return {
    id, type, count: members.length,
    name: rangeOf(members.map((member) => member.name)) ?? `${members.length} components`,
    host: hosts.length === 1 ? hosts[0]! : (rangeOf(hosts) ?? `${hosts.length} hosts`),
  };
}

/** The parts of a name with a number: `sed[12]`. */
function counted(name: string): { readonly base: string; readonly index: number } | undefined {
  const match = /^(.+)\[(\d+)\]$/s.exec(name);
  return match ? { base: match[1]!, index: Number(match[2]) } : undefined;
}

/** `sed[1..200]` for names that differ in their number only; `sed[1..200] (180 of them)` where some are missing. */
export function rangeOf(names: readonly string[]): string | undefined {
  const parts = names.map(counted);
  const base = parts[0]?.base;
  if (!parts.every((part) => part !== undefined && part.base === base)) return undefined;
  const indexes = parts.map((part) => part!.index);
  const from = indexes.reduce((a, b) => Math.min(a, b));
  const to = indexes.reduce((a, b) => Math.max(a, b));
  return `${base}[${from}..${to}]${to - from + 1 === names.length ? '' : ` (${names.length} of them)`}`;
}

function bundlesOf(assembly: Assembly, boxOf: ReadonlyMap<string, Box>): Bundle[] {
  const typeOf = new Map(assembly.components.map(({ name, type }) => [name, assembly.types.get(type)]));
  const bundles = new Map<string, { from: Box; to: Box; kind: Bundle['kind']; counts: Map<string, number> }>();
  for (const { use, provide } of assembly.connections) {
    const [from, to] = [boxOf.get(use.component), boxOf.get(provide.component)];
    if (!from || !to) continue;
    const kind = typeOf.get(use.component)?.ports[use.port]?.kind === 'data-use' ? 'data' : 'service';
    const key = `${from.id} ${to.id} ${kind}`;
    const bundle = bundles.get(key) ?? { from, to, kind, counts: new Map<string, number>() };
    bundles.set(key, bundle);
    const label = use.port === provide.port ? use.port : `${use.port} → ${provide.port}`;
    bundle.counts.set(label, (bundle.counts.get(label) ?? 0) + 1);
  }
  return [...bundles.values()].map(({ from, to, kind, counts }) => ({
    from: from.id, to: to.id, kind, labels: [...counts].map(([label, n]) => (n === 1 ? label : `${label} ×${n}`)),
  }));
}

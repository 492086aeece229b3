import type { ComponentType, PortKind } from '../../components/model.ts';

/** What is drawn of a component type. Ids are short and unique over places, transitions, groups and ports; names are as declared. */
export interface NetPicture {
  readonly name: string;
  readonly behaviours: readonly string[];
  readonly places: readonly { readonly id: string; readonly name: string; readonly initial: boolean; /** Set for a switch: the data port that chooses. */ readonly choosesBy?: string; readonly group?: string; readonly tags: readonly string[] }[];
  readonly transitions: readonly { readonly id: string; readonly name: string; readonly behaviour: string; readonly from: string; readonly to: string; /** It ends in a place declared before the one it leaves. */ readonly isBack: boolean; readonly dockSet?: string; readonly group?: string }[];
  /** Enclosures, outer ones first; `parent` is the enclosure around it. */
  readonly groups: readonly { readonly id: string; readonly name: string; readonly parent?: string }[];
  readonly ports: readonly { readonly id: string; readonly name: string; readonly kind: PortKind; readonly about: string; /** Ids of places, transitions and groups. */ readonly boundTo: readonly string[] }[];
}

/**
 * The picture of a component type. Groups are drawn as enclosures where they nest; one that overlaps another without containing it
 * is written at its places (`tags`) instead, since an enclosure around them would take in others.
 */
export function netPicture(type: ComponentType): NetPicture {
  const names = Object.keys(type.groups);
  const members = new Map(names.map((name) => [name, new Set(type.groups[name]!)]));
  // Largest first: whatever is around a group comes before it.
  const bySize = [...names].sort((a, b) => members.get(b)!.size - members.get(a)!.size);
  const enclosures: string[] = [];
  for (const name of bySize) {
    const own = members.get(name)!;
    const nests = enclosures.every((other) => isWithin(own, members.get(other)!) || !overlaps(own, members.get(other)!));
    if (own.size > 0 && nests) enclosures.push(name);
  }
  const idOf = new Map<string, string>([
    ...type.places.map((name, i) => [name, `p${i + 1}`] as const),
    ...Object.keys(type.transitions).map((name, i) => [name, `t${i + 1}`] as const),
    ...names.map((name, i) => [name, `g${i + 1}`] as const),
  ]);
  /** The innermost enclosure that holds all these places. */
  const around = (places: readonly string[]): { readonly group: string } | object => {
    const innermost = enclosures.findLast((name) => places.every((place) => members.get(name)!.has(place)));
    return innermost === undefined ? {} : { group: idOf.get(innermost)! };
  };
  const tagGroups = names.filter((name) => !enclosures.includes(name));

  return {
    name: type.name,
    behaviours: type.behaviours,
    places: type.places.map((name) => {
      const choice = type.switches[name];
      return {
        id: idOf.get(name)!, name, initial: name === type.initialPlace, ...around([name]), ...(choice ? { choosesBy: choice.port } : {}),
        tags: tagGroups.filter((group) => members.get(group)!.has(name)),
      };
    }),
    transitions: Object.entries(type.transitions).map(([name, { from, to, behaviour, dockSet }]) => ({
      id: idOf.get(name)!, name, behaviour, from: idOf.get(from)!, to: idOf.get(to)!, isBack: type.places.indexOf(to) < type.places.indexOf(from), ...around([from, to]), ...(dockSet === undefined ? {} : { dockSet }),
    })),
    groups: enclosures.map((name, i) => {
      const outer = enclosures.slice(0, i).findLast((other) => isWithin(members.get(name)!, members.get(other)!));
      return { id: idOf.get(name)!, name, ...(outer === undefined ? {} : { parent: idOf.get(outer)! }) };
    }),
    ports: Object.entries(type.ports).map(([name, { kind, boundTo, interface: offered, optional, atLeast }], i) => ({
      id: `port${i + 1}`, name, kind,
      about: [
        kind,
        ...(offered === undefined || offered === name ? [] : [`interface ${offered}`]),
        ...(optional ? ['optional'] : []),
        ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
      ].join(', '),
      boundTo: boundTo.flatMap((element) => (tagGroups.includes(element) ? type.groups[element]!.map((place) => idOf.get(place)!) : (idOf.get(element) ?? []))),
    })),
  };
}

export const isUsed = (kind: PortKind): boolean => kind === 'use' || kind === 'data-use';
export const isData = (kind: PortKind): boolean => kind === 'data-use' || kind === 'data-provide';

function isWithin(inner: ReadonlySet<string>, outer: ReadonlySet<string>): boolean {
  return [...inner].every((place) => outer.has(place));
}

function overlaps(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return [...a].some((place) => b.has(place));
}

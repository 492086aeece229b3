import type { ComponentType, Switch } from '../../components/model.ts';
import { warning, type Where } from '../../diagnostic.ts';
import { several } from '../parse/names.ts';
import { note, type TypeCheck } from './named.ts';

/** Tokens on docks that nothing will ever complete: where a behaviour hangs by its own shape. */
interface Stuck {
  readonly behaviour: string;
  /** Where the component stood when the behaviour began. */
  readonly from: readonly string[];
  readonly place: string;
  /** The transitions that arrived. */
  readonly arrived: readonly string[];
  /** Those that would complete the dock set; none when the place is held already. */
  readonly missing: readonly string[];
}

/** Everything that one component of the type can do by itself, with every port served. */
export interface LifeCycle {
  /** False when there was too much to look at: nothing can be said then of what does *not* happen. */
  readonly complete: boolean;
  readonly entered: ReadonlySet<string>;
  /** Places that hold a token when a behaviour is over. */
  readonly rests: ReadonlySet<string>;
  /** Behaviours that moved something. */
  readonly moves: ReadonlySet<string>;
  readonly stuck: readonly Stuck[];
}

const playsAtMost = 2000;

/** A behaviour while it is played. */
interface Play {
  readonly held: Set<string>;
  readonly left: Set<string>;
  /** Place -> transitions whose token is on its input dock. */
  readonly docks: Map<string, Set<string>>;
}

const cycles = new WeakMap<ComponentType, LifeCycle>();

/**
 * Plays every behaviour from every set of places in which the component can come to rest, beginning with its initial place: R1, R2 and R6 with all ports
 * served, and each way out of a switch.
 */
export function lifeCycle(type: ComponentType): LifeCycle {
  const known = cycles.get(type);
  if (known) return known;
  const made = explore(type);
  cycles.set(type, made);
  return made;
}

function explore(type: ComponentType): LifeCycle {
  const entered = new Set([type.initialPlace]);
  const rests = new Set([type.initialPlace]);
  const moves = new Set<string>();
  const stuck = new Map<string, Stuck>();
  const seen = new Set([type.initialPlace]);
  const waiting: string[][] = [[type.initialPlace]];
  // behaviour -> place -> transitions that leave it
  const ways = new Map(type.behaviours.map((behaviour) => [behaviour, new Map<string, string[]>()]));
  // behaviour -> place -> its dock sets
  const docks = new Map(type.behaviours.map((behaviour) => [behaviour, new Map<string, Map<string, string[]>>()]));
  for (const [name, { from, to, behaviour, dockSet = '' }] of Object.entries(type.transitions)) {
    const leaving = ways.get(behaviour)!;
    leaving.set(from, [...(leaving.get(from) ?? []), name]);
    const sets = docks.get(behaviour)!.get(to) ?? new Map<string, string[]>();
    docks.get(behaviour)!.set(to, sets.set(dockSet, [...(sets.get(dockSet) ?? []), name]));
  }
  let plays = 0;

  const play = (behaviour: string, from: readonly string[], state: Play): void => {
    if (++plays > playsAtMost) return;
    const leaving = ways.get(behaviour)!;
    const sets = docks.get(behaviour)!;
    for (;;) {
      if (enterOne(type, sets, state, entered)) continue;
      const place = [...state.held].find((held) => !state.left.has(held) && leaving.has(held));
      if (place === undefined) break;
      const all = leaving.get(place)!;
      const chooser = (type.switches as Readonly<Record<string, Switch>>)[place];
      const choices = chooser ? waysOut(chooser).map((take) => all.filter((name) => take.includes(name))) : [all];
      const last = choices.pop() ?? [];
      // Every choice but the last is played by itself, on a copy.
      for (const taken of choices) {
        const copy: Play = { held: new Set(state.held), left: new Set(state.left), docks: new Map([...state.docks].map(([key, set]) => [key, new Set(set)])) };
        leave(type, place, taken, copy);
        if (taken.length > 0) moves.add(behaviour);
        play(behaviour, from, copy);
      }
      leave(type, place, last, state);
      if (last.length > 0) moves.add(behaviour);
    }
    const hanging = [...state.docks].filter(([, arrived]) => arrived.size > 0);
    for (const [place, arrived] of hanging) {
      const key = `${behaviour} ${place}`;
      if (stuck.has(key)) continue;
      const isHeld = state.held.has(place);
      const wanted = [...sets.get(place)!.values()].filter((set) => set.some((name) => arrived.has(name))).flat();
      stuck.set(key, { behaviour, from, place, arrived: [...arrived], missing: isHeld ? [] : wanted.filter((name) => !arrived.has(name)) });
    }
    // A behaviour that hangs is never over: nothing follows it.
    if (hanging.length > 0) return;
    const marking = type.places.filter((place) => state.held.has(place));
    for (const place of marking) rests.add(place);
    const key = marking.join(' ');
    if (!seen.has(key)) {
      seen.add(key);
      waiting.push(marking);
    }
  };

  for (let from = waiting.shift(); from && plays <= playsAtMost; from = waiting.shift()) {
    for (const behaviour of type.behaviours) play(behaviour, from, { held: new Set(from), left: new Set(), docks: new Map() });
  }
  return { complete: plays <= playsAtMost, entered, rests, moves, stuck: [...stuck.values()] };
}

/** What a switch may choose; nothing is a choice when no case covers the rest. */
function waysOut({ cases }: Switch): (readonly string[])[] {
  const ways = cases.map((one) => ('otherwise' in one ? one.otherwise : one.take));
  return cases.some((one) => 'otherwise' in one) ? ways : [...ways, []];
}

function leave(type: ComponentType, place: string, taken: readonly string[], state: Play): void {
  state.left.add(place);
  if (taken.length === 0) return;
  state.held.delete(place);
  for (const name of taken) {
    const { to } = type.transitions[name]!;
    const arrived = state.docks.get(to) ?? new Set<string>();
    state.docks.set(to, arrived.add(name));
  }
}

/** R1, for the first place that can be entered. */
function enterOne(type: ComponentType, sets: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>, state: Play, entered: Set<string>): boolean {
  for (const place of type.places) {
    const arrived = state.docks.get(place);
    if (!arrived?.size || state.held.has(place)) continue;
    const complete = [...(sets.get(place)?.values() ?? [])].find((set) => set.every((name) => arrived.has(name)));
    if (!complete) continue;
    for (const name of complete) arrived.delete(name);
    state.held.add(place);
    entered.add(place);
    return true;
  }
  return false;
}

const typeWhere = (where: ReadonlyMap<string, Where>, type: ComponentType, kind: string, name: string): Where | undefined => where.get(`${kind}:${type.name}.${name}`) ?? where.get(`type:${type.name}`);

/** What is odd about how a type moves. None of these stops anything. */
export const lifeCycleChecks: readonly TypeCheck[] = [
  {
    name: 'joins',
    about: 'a place that several transitions enter together is entered from wherever the component may stand',
    run: (type, where) =>
      lifeCycle(type).stuck.map(({ behaviour, from, place, arrived, missing }) => {
        const why =
          missing.length === 0
            ? `"${place}" holds a token still and cannot be entered again by ${several(arrived)}. Let them arrive together (one dockSet), or leave it before.`
            : `${several(arrived)} ${arrived.length === 1 ? 'waits' : 'wait'} there for ${several(missing)}, which ${missing.length === 1 ? 'does' : 'do'} not start from ${several(from)}. Give ${several(missing)} another behaviour or dockSet, or a way from there.`;
        return warning('INCOMPLETE_JOIN', 'A place that is never entered', `"${behaviour}" of "${type.name}", pushed when it stands in ${several(from)}, never enters "${place}": ${why}`, where.get(`transition:${type.name}.${missing[0] ?? arrived[0]}`) ?? where.get(`type:${type.name}`));
      }),
  },
  {
    name: 'unreachable places',
    about: 'every place can be entered from the initial one',
    run: (type, where) => {
      const { complete, entered } = lifeCycle(type);
      const never = complete ? type.places.filter((place) => !entered.has(place)) : [];
      return never.length === 0 ? [] : [warning('UNREACHABLE_PLACE', 'A place without a way to it', `${several(never)} of "${type.name}" ${never.length === 1 ? 'is' : 'are'} never entered, whatever is pushed. Add a transition, or remove the place.`, typeWhere(where, type, 'place', never[0]!))];
    },
  },
  {
    name: 'places that are passed',
    about: 'a service is provided somewhere where the component stays: a place that every behaviour leaves as it enters serves nobody (R2)',
    run: (type, where) => {
      const { complete, entered, rests } = lifeCycle(type);
      if (!complete) return [];
      return Object.entries(type.ports).flatMap(([name, { kind, boundTo }]) => {
        const isPassed = kind === 'provide' && boundTo.length > 0 && boundTo.every((element) => type.places.includes(element) && entered.has(element) && !rests.has(element) && !Object.hasOwn(type.switches, element));
        if (!isPassed) return [];
        return [warning('NEVER_SERVES', 'A service that nobody can use', `"${name}" of "${type.name}" is provided in ${several(boundTo)} only, and every behaviour that enters ${boundTo.length === 1 ? 'this place' : 'these places'} leaves at once. Bind it to a place where it stays, or to a group.`, typeWhere(where, type, 'port', name))];
      });
    },
  },
  {
    name: 'behaviours that move nothing',
    about: 'R7: a behaviour has something to do from some place where the component may stand',
    run: (type, where) => {
      const { complete, moves } = lifeCycle(type);
      if (!complete) return [];
      return type.behaviours
        .filter((behaviour) => !moves.has(behaviour))
        .map((behaviour) => note('NOTHING_TO_DO', 'A behaviour that moves nothing', `Pushing "${behaviour}" to a "${type.name}" does nothing: it never stands where one of the transitions of that behaviour begins.`, where.get(`type:${type.name}`)));
    },
  },
];

import type { ComponentType, Port, PortKind } from '../../components/model.ts';
import { didYouMean, error, warning, type Diagnostic, type Where } from '../../diagnostic.ts';
import { several } from '../parse/names.ts';
import type { TypeCheck } from './named.ts';

/** What an element of a type is. A switch is a place, too. */
type Element = 'place' | 'group' | 'transition' | 'switch';

/** Semantics §1: where a port may be bound. */
const bindings: Readonly<Record<PortKind, readonly Element[]>> = {
  provide: ['place', 'group'],
  use: ['place', 'transition', 'group'],
  'data-provide': ['place', 'group'],
  'data-use': ['transition', 'switch'],
};

const places = (type: ComponentType): ReadonlySet<string> => new Set(type.places);
const whereOf = (where: ReadonlyMap<string, Where>, type: ComponentType, kind: string, name: string): Where | undefined => where.get(`${kind}:${type.name}.${name}`) ?? where.get(`type:${type.name}`);

/** What is wrong with a type by itself, before anything moves. All of these are errors but one. */
export const structureChecks: readonly TypeCheck[] = [
  {
    name: 'names',
    about: 'places, transitions and groups share one name space, in which each name stands once',
    run: (type, where) => {
      const problems: Diagnostic[] = [];
      const seen = new Map<string, string>();
      const all = [...type.places.map((name) => ['place', name] as const), ...Object.keys(type.groups).map((name) => ['group', name] as const), ...Object.keys(type.transitions).map((name) => ['transition', name] as const)];
      for (const [kind, name] of all) {
        const before = seen.get(name);
        if (before !== undefined) problems.push(error('SAME_NAME', 'One name for two things', `"${name}" of "${type.name}" is a ${before} and a ${kind}: a port bound to it could mean either. Rename one.`, whereOf(where, type, kind, name)));
        else seen.set(name, kind);
      }
      return problems;
    },
  },
  {
    name: 'places',
    about: 'the initial place, the ends of transitions and the members of groups are places of the type',
    run: (type, where) => {
      const known = places(type);
      const problems: Diagnostic[] = [];
      const unknown = (place: string, what: string, at: Where | undefined): void => {
        if (!known.has(place)) problems.push(error('UNKNOWN_PLACE', 'Unknown place', `${what} "${place}", which is no place of "${type.name}".${didYouMean(place, known) || ` Places: ${several(known)}.`}`, at));
      };
      unknown(type.initialPlace, `"${type.name}" begins in`, where.get(`initial:${type.name}`));
      for (const [name, { from, to }] of Object.entries(type.transitions)) {
        unknown(from, `"${name}" leaves`, whereOf(where, type, 'from', name));
        unknown(to, `"${name}" enters`, whereOf(where, type, 'to', name));
      }
      for (const [name, members] of Object.entries(type.groups)) for (const place of members as readonly string[]) unknown(place, `The group "${name}" holds`, whereOf(where, type, 'group', name));
      return problems;
    },
  },
  {
    name: 'behaviours',
    about: 'every transition belongs to a behaviour of the type',
    run: (type, where) =>
      Object.entries(type.transitions).flatMap(([name, { behaviour }]) =>
        type.behaviours.includes(behaviour) ? [] : [error('UNKNOWN_BEHAVIOUR', 'Unknown behaviour', `"${name}" belongs to "${behaviour}", which is no behaviour of "${type.name}".${didYouMean(behaviour, type.behaviours)}`, whereOf(where, type, 'transition', name))],
      ),
  },
  {
    name: 'bindings',
    about: 'ports are bound to elements of the right kind (semantics §1), and to at least one',
    run: (type, where) => Object.entries(type.ports).flatMap(([name, port]) => bindingProblems(type, name, port, whereOf(where, type, 'port', name))),
  },
  {
    name: 'switches',
    about: 'a switch is a place, reads a data-use port that is bound to it or a data-provide port of its own, and takes transitions that leave it',
    run: (type, where) => Object.keys(type.switches).flatMap((place) => switchProblems(type, place, whereOf(where, type, 'switch', place))),
  },
];

function elementsOf(type: ComponentType): Map<string, Element[]> {
  const elements = new Map<string, Element[]>();
  for (const place of type.places) elements.set(place, Object.hasOwn(type.switches, place) ? ['place', 'switch'] : ['place']);
  for (const group of Object.keys(type.groups)) elements.set(group, ['group']);
  for (const transition of Object.keys(type.transitions)) elements.set(transition, ['transition']);
  return elements;
}

function bindingProblems(type: ComponentType, name: string, port: Port, where: Where | undefined): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const elements = elementsOf(type);
  const allowed = bindings[port.kind];
  const goesTo = `A ${port.kind} port goes to ${allowed.map((kind) => (kind === 'switch' ? 'switches' : `${kind}s`)).join(', ').replace(/, ([^,]*)$/, ' and $1')}.`;
  if (port.boundTo.length === 0) problems.push(error('UNBOUND_PORT', 'Port bound to nothing', `"${name}" of "${type.name}" would never be in use or active. ${goesTo}`, where));
  for (const element of port.boundTo) {
    const kinds = elements.get(element);
    if (!kinds) {
      const fitting = [...elements].filter(([, all]) => all.some((kind) => allowed.includes(kind))).map(([other]) => other);
      problems.push(error('UNKNOWN_ELEMENT', 'Bound to an unknown element', `"${name}" is bound to "${element}", which is no place, group or transition of "${type.name}".${didYouMean(element, fitting)}`, where));
    } else if (!kinds.some((kind) => allowed.includes(kind))) {
      problems.push(error('PORT_BINDING', 'Bound to the wrong kind of element', `"${name}" of "${type.name}" is a ${port.kind} port and "${element}" a ${kinds[0]}. ${goesTo}`, where));
    }
  }
  if ((port.atLeast !== undefined || port.optional !== undefined) && (port.kind === 'provide' || port.kind === 'data-provide')) {
    problems.push(warning('PORT_OPTION', 'An option without effect', `"optional" and "atLeast" say how much a user needs; "${name}" of "${type.name}" provides. Move them to the user's port.`, where));
  }
  return problems;
}

function switchProblems(type: ComponentType, place: string, where: Where | undefined): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const { port, cases } = (type.switches as ComponentType['switches'])[place]!;
  if (!type.places.includes(place)) problems.push(error('UNKNOWN_PLACE', 'Unknown place', `The switch "${place}" is no place of "${type.name}".${didYouMean(place, type.places)}`, where));
  const found = Object.hasOwn(type.ports, port) ? type.ports[port] : undefined;
  const readable = Object.keys(type.ports).filter((name) => type.ports[name]!.kind.startsWith('data-'));
  if (!found) problems.push(error('SWITCH_PORT', 'A switch without its data', `The switch "${place}" reads "${port}", which is no port of "${type.name}".${didYouMean(port, readable)}`, where));
  else if (!found.kind.startsWith('data-')) problems.push(error('SWITCH_PORT', 'A switch without its data', `The switch "${place}" reads "${port}", which is a ${found.kind} port: it needs a data-use port, or a data-provide port.`, where));
  else if (found.kind === 'data-use' && !found.boundTo.includes(place)) problems.push(error('SWITCH_PORT', 'A switch without its data', `The switch "${place}" reads "${port}", which is not bound to it. Add "${place}" to the port's boundTo.`, where));
  const leaving = Object.keys(type.transitions).filter((name) => type.transitions[name]!.from === place);
  const taken = new Set<string>();
  let otherwise = false;
  let below = -Infinity;
  for (const [i, one] of cases.entries()) {
    const take = 'otherwise' in one ? one.otherwise : one.take;
    for (const transition of take) {
      taken.add(transition);
      if (!leaving.includes(transition)) problems.push(error('SWITCH_TAKE', 'A switch cannot take that', `Case ${i + 1} of the switch "${place}" takes "${transition}", which ${Object.hasOwn(type.transitions, transition) ? `leaves "${type.transitions[transition]!.from}"` : 'is no transition'}.${didYouMean(transition, leaving) || (leaving.length === 0 ? ` No transition leaves "${place}".` : ` Those that leave "${place}": ${several(leaving)}.`)}`, where));
    }
    if (otherwise || ('below' in one && one.below <= below)) problems.push(warning('SWITCH_CASE', 'A case that never applies', `Case ${i + 1} of the switch "${place}" comes after one that applies whenever it would. Put it before.`, where));
    if ('otherwise' in one) otherwise = true;
    if ('below' in one) below = Math.max(below, one.below);
  }
  if (taken.size === 0) problems.push(error('SWITCH_TAKE', 'A switch cannot take that', `No case of the switch "${place}" takes a transition: the place would never be left.`, where));
  else for (const name of leaving) if (!taken.has(name)) problems.push(warning('SWITCH_CASE', 'A case that never applies', `No case of the switch "${place}" takes "${name}", so it never starts. Add it to a case, or let it leave another place.`, where));
  return problems;
}

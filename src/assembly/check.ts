import type { ComponentType } from '../components/model.ts';
import type { Diagnostic, Where } from '../diagnostic.ts';
import { lifeCycleChecks } from './check/life-cycle.ts';
import type { NamedCheck, TypeCheck } from './check/named.ts';
import { programChecks } from './check/programs.ts';
import { structureChecks } from './check/structure.ts';
import { wiringChecks } from './check/wiring.ts';
import type { Assembly } from './model.ts';

export { checkProgram, expandCalls, instructionsFor, type Situation } from './check/programs.ts';
export { lifeCycle } from './check/life-cycle.ts';
export type { NamedCheck, TypeCheck } from './check/named.ts';

/**
 * What is looked at in each component type. `structureChecks` ask whether it makes sense at all; `lifeCycleChecks` play its behaviours, which needs a type that does.
 */
export const typeChecks: readonly TypeCheck[] = [...structureChecks, ...lifeCycleChecks];

/**
 * What is looked at in an assembly, in this order; all of them run, so that a file is repaired in one go. A catalogue adds its own (no DIET agent is its own
 * ancestor) as the second argument of `check`, and so does whoever can play programs (deadlocks): a check is a name, what it is about, and a function.
 */
export const checks: readonly NamedCheck[] = [
  { name: 'types', about: 'the component types in use, and those of the file', run: (assembly) => checkTypes(typesInQuestion(assembly), assembly.where) },
  // Components, connections, use ports nobody serves, hosts nobody uses.
  ...wiringChecks,
  // I7 for every program of the file.
  ...programChecks,
];

/**
 * Every problem of an assembly at once: errors stop it, warnings and notes do not.
 *
 * @example check(assembly, [noAgentIsItsOwnAncestor]).filter(({ severity }) => severity === 'error')
 */
export function check(assembly: Assembly, more: readonly NamedCheck[] = []): Diagnostic[] {
  return [...checks, ...more].flatMap(({ run }) => run(assembly));
}

/** The problems of component types by themselves; `where` knows their places in a text, if they have some. */
export function checkTypes(types: Iterable<ComponentType>, where: ReadonlyMap<string, Where> = new Map()): Diagnostic[] {
  return [...types].flatMap((type) => {
    const problems = structureChecks.flatMap(({ run }) => run(type, where));
    // A net with a hole cannot be played.
    const isSound = problems.every(({ severity }) => severity !== 'error');
    return isSound ? [...problems, ...lifeCycleChecks.flatMap(({ run }) => run(type, where))] : problems;
  });
}

/** Types that components have or may get, and all that the file declares; the rest of the catalogue is not this file's business. */
function typesInQuestion(assembly: Assembly): ComponentType[] {
  const names = new Set(assembly.components.map(({ type }) => type));
  for (const { instructions } of assembly.programs.values()) for (const instruction of instructions) if (instruction.kind === 'add') names.add(instruction.component.type);
  return [...assembly.types.values()].filter(({ name }) => names.has(name) || assembly.where.has(`type:${name}`));
}

import type { Assembly } from '../../src/assembly/model.ts';
import type { AssemblyState, Member } from '../../src/assembly/state.ts';
import type { ComponentType } from '../../src/components/model.ts';
import type { ComponentState, Surroundings } from '../../src/components/net.ts';
import { trueRules, type Rules } from './play.ts';

/** Broken rules, each by one change around the true ones: what a property must find out to be worth its time. */

/** The components are told something else about the world than is so. */
export function toldOtherwise(change: (around: Surroundings, member: Member) => Partial<Surroundings>): Rules {
  const told = new WeakSet<Member>();
  const tell = (state: AssemblyState) => {
    for (const member of state.members.values()) {
      if (told.has(member)) continue;
      told.add(member);
      const { isServed, isHeld, isAvailable, read } = member;
      const truth: Surroundings = { isServed: isServed.bind(member), isHeld: isHeld.bind(member), isAvailable: isAvailable.bind(member), read: read.bind(member) };
      Object.assign(member, change(truth, member));
    }
  };
  return {
    createAssembly: (assembly) => {
      const step = trueRules.createAssembly(assembly);
      tell(step.state);
      return step;
    },
    step: (state, event) => {
      tell(state);
      return trueRules.step(state, event);
    },
  };
}

/** The rules read other types than those that are written. */
export function readOtherwise(change: (type: ComponentType) => ComponentType): Rules {
  const types = (assembly: Pick<Assembly, 'types'>) => new Map([...assembly.types].map(([name, type]) => [name, change(type)]));
  return { createAssembly: (assembly) => trueRules.createAssembly({ ...assembly, types: types(assembly) }), step: trueRules.step };
}

/** A component's state is something else after a step than it should be. */
export function endsOtherwise(change: (state: ComponentState) => ComponentState): Rules {
  return {
    createAssembly: trueRules.createAssembly,
    step: (state, event) => {
      const result = trueRules.step(state, event);
      for (const member of state.members.values()) {
        const changed = change(member.state);
        if (changed !== member.state) state.set(member, changed);
      }
      return result;
    },
  };
}

/** The object without one of its keys. */
export function without<T extends object, K extends keyof T>(object: T, key: K): Omit<T, K> {
  const { [key]: _gone, ...rest } = object;
  return rest;
}

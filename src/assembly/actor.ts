import type { ActorLogic, Snapshot } from 'xstate';
import { markingOf, type Marking } from '../components/actor.ts';
import type { Assembly, Effect, Event, Happening } from './model.ts';
import { restore, snapshot, type AssemblySnapshot, type AssemblyState } from './state.ts';
import { createAssembly, refuse, step, type Step } from './step.ts';

type Named<E> = E extends { readonly kind: infer K } ? { readonly type: K } & Omit<E, 'kind'> : never;

/** An `Event` as xstate spells it: `type` for `kind`. @example { type: 'program', name: 'deploy', instructions: [] } */
export type AssemblyEvent = Named<Event>;

export interface AssemblyContext {
  readonly assembly: AssemblySnapshot;
  /** What the last event asks of the shell. The actor runs nothing by itself, and a restored one asks for nothing: `inFlight` says what runs. */
  readonly effects: readonly Effect[];
  /** What the last event led to, in order. */
  readonly happenings: readonly Happening[];
  /** Why the last event was not taken (a `retry` of what has not failed ...). */
  readonly refused?: string;
}

/** The parent of all: component -> its marking. */
export interface AssemblyActorSnapshot extends Extract<Snapshot<undefined>, { status: 'active' }> {
  readonly value: Readonly<Record<string, Marking>>;
  readonly context: AssemblyContext;
}

export type AssemblyLogic = ActorLogic<AssemblyActorSnapshot, AssemblyEvent>;

/**
 * An assembly as xstate actor logic over `step`, for the inspector and for machines of which an assembly is a part. Each snapshot is plain data
 * (JSON as it is) and stays true when later events come. That costs a copy of the list of components an event; the engine, which has
 * no use for old snapshots, calls `step` itself.
 *
 * @example
 * const actor = createActor(fromAssembly(assembly), { inspect }).start();
 * actor.send({ type: 'program', name: 'deploy', instructions });
 * actor.getSnapshot().value; // { web: { off: 'held' }, db: { start: 'running' } }
 */
export function fromAssembly(assembly: Pick<Assembly, 'types' | 'components' | 'connections'>): AssemblyLogic {
  // `step` advances a state in place: the state belongs to the newest snapshot, and an older one that is asked again is restored from its data.
  const states = new WeakMap<AssemblyActorSnapshot, AssemblyState>();
  const stateOf = (s: AssemblyActorSnapshot): AssemblyState => {
    const state = states.get(s) ?? restore(s.context.assembly, assembly.types);
    states.delete(s);
    return state;
  };
  const show = ({ state, effects, happenings }: Step): AssemblyActorSnapshot => {
    const shown = snapshotOf({ assembly: snapshot(state), effects, happenings }, state);
    states.set(shown, state);
    return shown;
  };
  return {
    config: assembly,
    getInitialSnapshot: () => show(createAssembly(assembly)),
    transition: (before, event) => {
      const told = toEvent(event);
      if (!told) return before;
      const state = stateOf(before);
      const why = refuse(state, told);
      if (why === undefined) return show(step(state, told));
      const refused = snapshotOf({ assembly: before.context.assembly, effects: [], happenings: [], refused: why }, state);
      states.set(refused, state);
      return refused;
    },
    getPersistedSnapshot: (s) => s,
    restoreSnapshot: (persisted) => {
      const { assembly } = (persisted as AssemblyActorSnapshot).context;
      return { ...(persisted as AssemblyActorSnapshot), context: { assembly, effects: [], happenings: [] } };
    },
  };
}

function snapshotOf(context: AssemblyContext, state: AssemblyState): AssemblyActorSnapshot {
  const value = Object.fromEntries([...state.members].map(([name, member]) => [name, markingOf(member.state)]));
  return { status: 'active', output: undefined, error: undefined, value, context };
}

const kinds: Readonly<Record<Event['kind'], true>> = { program: true, instruct: true, ended: true, retry: true, skip: true, abort: true, cancel: true, probed: true };

/** undefined for xstate's own events (`xstate.stop`). */
function toEvent({ type, ...rest }: AssemblyEvent): Event | undefined {
  return Object.hasOwn(kinds, type) ? ({ kind: type, ...rest } as Event) : undefined;
}

import type { AssemblyState } from '../assembly/state.ts';
import { didYouMean, error, exitCodes, TuttiError } from '../diagnostic.ts';
import { failedTransitions } from '../session/recorded.ts';
import { listSome } from '../view/text.ts';

/** Sees to it that there is such a component now. @throws TuttiError UNKNOWN_COMPONENT */
export function requireComponent(state: AssemblyState, name: string): void {
  const names = [...state.members.keys()];
  if (names.includes(name)) return;
  throw new TuttiError(error('UNKNOWN_COMPONENT', 'Unknown component', `No component is named "${name}".${didYouMean(name, names) || ` There are: ${listSome(names, 12) || 'none'}.`}`));
}

/** The failed transitions that `which` names (a component, component.transition, or all). @throws TuttiError NOTHING_FAILED, UNKNOWN_COMPONENT */
export function chosenFailures(state: AssemblyState, which: string | undefined): { component: string; transition: string }[] {
  const all = failedTransitions(state);
  const chosen = all.filter((f) => which === undefined || f.component === which || `${f.component}.${f.transition}` === which);
  if (chosen.length > 0) return chosen;
  const names = all.map((f) => `${f.component}.${f.transition}`);
  const isTransition = which?.includes('.') && state.members.has(which.slice(0, which.lastIndexOf('.')));
  if (which !== undefined && !isTransition) requireComponent(state, which);
  throw new TuttiError(error('NOTHING_FAILED', 'Nothing of that name has failed',
    names.length > 0 ? `${which === undefined ? '' : didYouMean(which, names).trimStart()} Failed: ${listSome(names, 12)}.`.trimStart() : 'No transition is failed. "tutti status" shows what there is.'), exitCodes.failed);
}

/** Failed transitions that the operator killed by a second Ctrl-C. */
export function killedTransitions(state: AssemblyState): { component: string; transition: string }[] {
  return failedTransitions(state).filter(({ component, transition }) => state.member(component).failures.get(transition)?.reason === 'interrupted');
}

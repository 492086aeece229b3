import type { AssemblyState } from '../assembly/state.ts';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { failedTransitions } from '../session/recorded.ts';

/** The failed transitions that `which` names (a component, component.transition, or all). @throws TuttiError NOTHING_FAILED */
export function chosenFailures(state: AssemblyState, which: string | undefined): { component: string; transition: string }[] {
  const all = failedTransitions(state);
  const chosen = all.filter((f) => which === undefined || f.component === which || `${f.component}.${f.transition}` === which);
  if (chosen.length > 0) return chosen;
  const names = all.map((f) => `${f.component}.${f.transition}`);
  throw new TuttiError(error('NOTHING_FAILED', 'Nothing of that name has failed', names.length > 0 ? `Failed: ${names.join(', ')}.` : 'No transition is failed.'), exitCodes.failed);
}

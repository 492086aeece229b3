import { VirtualClock } from '../../src/assembly/clock.ts';
import type { Event } from '../../src/assembly/model.ts';
import type { AssemblyState } from '../../src/assembly/state.ts';
import { createAssembly, refuse, step, type Step } from '../../src/assembly/step.ts';
import { fate, lot, type Scenario } from './scenarios.ts';

/** What a property puts to the test. A mutant wraps the two functions; the product has no seam for it. */
export interface Rules {
  readonly createAssembly: typeof createAssembly;
  readonly step: typeof step;
}

export const trueRules: Rules = { createAssembly, step };

interface Observer {
  /** `event` is undefined for the assembly's creation. */
  (step: Step, event: Event | undefined): void;
}

/** More than any valid scenario needs: a mutant may run for ever. */
const maxEvents = 2_000;

/** Plays all programs of a scenario on the virtual clock, an operator repairing what fails, and shows every step. A program that is stuck ends the play. */
export function play(scenario: Scenario, rules: Rules, observe: Observer = () => {}): AssemblyState {
  const clock = new VirtualClock();
  const first = rules.createAssembly(scenario);
  const { state } = first;
  let events = 0;
  const send = (event: Event): void => {
    if (++events > maxEvents) throw new Error('it never ends');
    const result = rules.step(state, event);
    observe(result, event);
    for (const effect of result.effects) {
      if (effect.kind === 'retryLater') clock.schedule(effect.delayMs, effect.action);
      else {
        const { durationMs, outcome } = fate(scenario, state.member(effect.action.component).net.type, effect.action);
        clock.schedule(durationMs, effect.action, outcome);
      }
    }
  };
  observe(first, undefined);
  for (const [i, instructions] of scenario.programs.entries()) {
    send({ kind: 'program', name: `program ${i}`, instructions });
    for (let repairs = 0; ; repairs++) {
      while (!clock.isEmpty) send(clock.advance());
      const repair = state.program?.outcome === 'failed' && repairs < 4 ? operator(scenario, state, repairs) : undefined;
      if (!repair) break;
      send(repair);
    }
    if (state.program?.outcome !== 'done') break;
  }
  return state;
}

/** What the operator does about the first failed transition. */
function operator(scenario: Scenario, state: AssemblyState, repairs: number): Event | undefined {
  for (const member of state.members.values()) {
    const token = member.state.moving.find((m) => m.status === 'failed');
    if (!token) continue;
    const component = member.spec.name;
    const kind = (['retry', 'skip', 'abort'] as const)[lot(scenario.luck, `repair ${repairs} ${component}`, 3)]!;
    const event: Event = kind === 'abort' ? { kind, component } : { kind, component, transition: token.transition };
    return refuse(state, event) === undefined ? event : undefined;
  }
  return undefined;
}

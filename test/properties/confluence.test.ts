import { describe, test } from 'vitest';
import { markingOf } from '../../src/components/actor.ts';
import type { AssemblyState } from '../../src/assembly/state.ts';
import { readOtherwise, toldOtherwise } from './mutants.ts';
import { play, trueRules, type Rules } from './play.ts';
import { calmScenario, type Scenario } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed } from './tape.ts';

const scenarios = drawn(calmScenario);

const endOf = (state: AssemblyState): string => JSON.stringify([...state.members].map(([name, { state: c }]) => [name, Object.entries(markingOf(c)).sort(), c.behaviour, c.queue, c.published]));

/** Actions that take other times end in another order (R4): the only freedom there is. */
function isConfluent(scenario: Scenario, rules: Rules = trueRules): void {
  const ends = [0, 1, 2].map((i) => endOf(play({ ...scenario, luck: scenario.luck + i }, rules)));
  for (const end of ends) if (end !== ends[0]) throw new Error(`two ends:\n${ends[0]}\n${end}`);
}

describe(`confluence (SEED=${seed} RUNS=${runs})`, () => {
  test('without races, every interleaving ends in the same marking', () => holds(scenarios, (s) => isConfluent(s)), 120_000);

  test.each<[string, Rules]>([
    ['a place is entered by the first token that comes', readOtherwise((type) => ({ ...type, transitions: Object.fromEntries(Object.entries(type.transitions).map(([n, t]) => [n, { ...t, dockSet: n }])) }))],
    ['a switch does not wait for its data', toldOtherwise(() => ({ isAvailable: () => true }))],
  ])('test of the test: it is found out when %s', (_, rules) => isCaught(scenarios, (s) => isConfluent(s, rules), /two ends/), 120_000);
});

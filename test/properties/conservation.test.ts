import { describe, test } from 'vitest';
import type { ComponentState } from '../../src/components/net.ts';
import { endsOtherwise } from './mutants.ts';
import { Oracle } from './oracle.ts';
import { play, trueRules, type Rules } from './play.ts';
import { anyScenario, type Scenario } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed } from './tape.ts';

const scenarios = drawn(anyScenario);

/** See `Oracle.weigh` for what a cut is. */
function isConserved(scenario: Scenario, rules: Rules = trueRules): void {
  const oracle = new Oracle(scenario);
  play(scenario, rules, (step, event) => {
    if (!event) oracle.connected(scenario.connections);
    oracle.follow(step, event);
    oracle.weigh(step.state);
  });
}

const without = (state: ComponentState, status: string): ComponentState =>
  state.moving.some((m) => m.status === status) ? { ...state, moving: state.moving.filter((m) => m !== state.moving.find((o) => o.status === status)) } : state;

describe(`conservation (SEED=${seed} RUNS=${runs})`, () => {
  test('the tokens of a component are always a cut of its net', () => holds(scenarios, (s) => isConserved(s)), 120_000);

  test.each<[string, Rules]>([
    ['a token that waits at a join is dropped', endsOtherwise((state) => without(state, 'ended'))],
    ['a token that waits for a port is dropped', endsOtherwise((state) => without(state, 'ready'))],
    ['a token appears from nowhere', endsOtherwise((state) => (state.places.length === 2 ? { ...state, places: [...state.places, 'p0', 'p1', 'p2'].slice(0, 3) } : state))],
    ['a place forgets its token', endsOtherwise((state) => (state.places.length > 1 ? { ...state, places: state.places.slice(1) } : state))],
  ])('test of the test: it is found out when %s', (_, rules) => isCaught(scenarios, (s) => isConserved(s, rules), /conservation/), 120_000);
});

import { describe, test } from 'vitest';
import { readOtherwise, toldOtherwise, without } from './mutants.ts';
import { Oracle } from './oracle.ts';
import { play, trueRules, type Rules } from './play.ts';
import { anyScenario, type Scenario } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed } from './tape.ts';

const scenarios = drawn(anyScenario);

function isSafe(scenario: Scenario, rules: Rules = trueRules): void {
  const oracle = new Oracle(scenario);
  play(scenario, rules, (step, event) => {
    if (!event) oracle.connected(scenario.connections);
    oracle.follow(step, event);
    oracle.compare(step.state);
  });
}

describe(`safety (SEED=${seed} RUNS=${runs})`, () => {
  test('no transition starts and no place is entered on a port that is not served; no held provide port stops being active; nothing is done out of turn or forgotten', () => {
    holds(scenarios, (s) => isSafe(s));
  }, 120_000);

  test.each<[string, Rules, RegExp]>([
    ['every use port is served', toldOtherwise(() => ({ isServed: () => true })), /is not served/],
    ['all data is there', toldOtherwise(() => ({ isAvailable: () => true })), /^\w+: /],
    ['no provide port is held', toldOtherwise(() => ({ isHeld: () => false })), /ports are held/],
    ['only ports that are active alone count as held', toldOtherwise((around) => ({ isHeld: (ports) => ports.length === 1 && around.isHeld(ports) })), /ports are held/],
    ['groups do not count', readOtherwise((type) => ({ ...type, groups: Object.fromEntries(Object.keys(type.groups).map((g) => [g, []])) })), /^\w+: /],
    ['one provider is always enough', readOtherwise((type) => ({ ...type, ports: Object.fromEntries(Object.entries(type.ports).map(([n, p]) => [n, without(p, 'atLeast')])) })), /^\w+: /],
    ['what is declared first comes last', readOtherwise((type) => ({ ...type, places: [...type.places].reverse(), transitions: Object.fromEntries(Object.entries(type.transitions).reverse()) })), /order/],
  ])('test of the test: it is found out when %s', (_, rules, why) => isCaught(scenarios, (s) => isSafe(s, rules), why), 120_000);
});

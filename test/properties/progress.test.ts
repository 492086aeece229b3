import { describe, test } from 'vitest';
import { check } from '../../src/assembly/check.ts';
import { foresee } from '../../src/assembly/foresee.ts';
import type { Assembly } from '../../src/assembly/model.ts';
import { toldOtherwise } from './mutants.ts';
import { play, trueRules, type Rules } from './play.ts';
import { wholeScenario, type Scenario } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed } from './tape.ts';

function assemblyOf({ types, components, connections, programs }: Scenario): Assembly {
  return {
    name: 'any', folder: '.', types, hosts: ['local'], components, connections, where: new Map(),
    programs: new Map(programs.map((instructions, i) => [`program ${i}`, { name: `program ${i}`, instructions }])),
  };
}

/** `tutti check` says nothing worse than a note. */
function isAccepted(scenario: Scenario): boolean {
  const assembly = assemblyOf(scenario);
  return [...check(assembly), ...foresee(assembly, () => [])].every(({ severity }) => severity !== 'error' && severity !== 'warning');
}

const scenarios = drawn(wholeScenario).filter(isAccepted);

function progresses(scenario: Scenario, rules: Rules = trueRules): void {
  const { outcome } = play(scenario, rules).program!;
  if (outcome !== 'done') throw new Error(`it ends as ${outcome}`);
}

describe(`progress (SEED=${seed} RUNS=${runs})`, () => {
  test('what `check` accepts without a warning does not deadlock, whatever its actions take', () => holds(scenarios, (s) => progresses(s)), 120_000);

  test.each<[string, Rules]>([
    ['a port that asks for a number is never served', toldOtherwise((around, member) => ({ isServed: (port) => member.net.ports.get(port)!.atLeast === undefined && around.isServed(port) }))],
    ['data never comes', toldOtherwise(() => ({ isAvailable: () => false }))],
  ])('test of the test: it is found out when %s', (_, rules) => isCaught(scenarios, (s) => progresses(s, rules), /deadlock/), 120_000);
});

import { describe, expect, test } from 'vitest';
import { check } from '../../src/assembly/check.ts';
import { foresee } from '../../src/assembly/foresee.ts';
import type { Assembly } from '../../src/assembly/model.ts';
import { toldOtherwise } from './mutants.ts';
import { play, trueRules, type Rules } from './play.ts';
import { calmScenario, type Scenario } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed } from './tape.ts';

// A switch chooses by data that nobody knows beforehand: what `check` foresees of it is one case of many.
const scenarios = drawn(calmScenario({ switches: false }));

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

let accepted = 0;

function progresses(scenario: Scenario, rules: Rules = trueRules): void {
  if (!isAccepted(scenario)) return;
  accepted++;
  const { outcome } = play(scenario, rules).program!;
  if (outcome !== 'done') throw new Error(`it ends as ${outcome}`);
}

describe(`progress (SEED=${seed} RUNS=${runs})`, () => {
  test('what `check` accepts without a warning does not deadlock, whatever its actions take', () => {
    accepted = 0;
    holds(scenarios, (s) => progresses(s), { runs: runs * 5 });
    expect(accepted).toBeGreaterThan(runs / 4);
  }, 120_000);

  test.each<[string, Rules]>([
    ['a port that asks for a number is never served', toldOtherwise((around, member) => ({ isServed: (port) => member.net.ports.get(port)!.atLeast === undefined && around.isServed(port) }))],
    ['data never comes', toldOtherwise(() => ({ isAvailable: () => false }))],
  ])('test of the test: it is found out when %s', (_, rules) => isCaught(scenarios, (s) => progresses(s, rules), /deadlock/), 120_000);
});

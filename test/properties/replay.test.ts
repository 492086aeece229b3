import { describe, test } from 'vitest';
import { fold } from '../../src/assembly/engine.ts';
import type { JournalRecord } from '../../src/assembly/journal.ts';
import type { Event } from '../../src/assembly/model.ts';
import { restore, snapshot, type AssemblySnapshot, type AssemblyState } from '../../src/assembly/state.ts';
import { createAssembly, step } from '../../src/assembly/step.ts';
import { play, trueRules } from './play.ts';
import { anyScenario, lot, type Scenario } from './scenarios.ts';
import { drawn, holds, isCaught, runs, seed } from './tape.ts';

const scenarios = drawn(anyScenario);
const text = (state: AssemblyState): string => JSON.stringify(snapshot(state));

function journalOf(scenario: Scenario): { records: JournalRecord[]; end: string } {
  const records: JournalRecord[] = [{ kind: 'assembly', format: 1, name: 'any', atMs: 0, components: scenario.components, connections: scenario.connections, hosts: [], nets: {} }];
  const end = play(scenario, trueRules, (_, event) => void (event && records.push({ kind: 'event', atMs: 0, event: JSON.parse(JSON.stringify(event)) as Event })));
  return { records, end: text(end) };
}

function isReplayed(scenario: Scenario, kept: (records: readonly JournalRecord[]) => readonly JournalRecord[] = (r) => r): void {
  const { records, end } = journalOf(scenario);
  const { state } = fold(kept(records), (first) => createAssembly({ types: scenario.types, components: first.components, connections: first.connections }).state);
  if (text(state) !== end) throw new Error(`the journal leads elsewhere:\n${end}\n${text(state)}`);
}

/** Saves and restores at some event; from there on both must do the same, happening by happening. */
function isRestored(scenario: Scenario, saved: (s: AssemblySnapshot) => AssemblySnapshot = (s) => s): void {
  const events = journalOf(scenario).records.flatMap((r) => (r.kind === 'event' ? [r.event] : []));
  const at = lot(scenario.luck, 'save', events.length + 1);
  const state = createAssembly(scenario).state;
  for (const event of events.slice(0, at)) step(state, event);
  const restored = restore(JSON.parse(JSON.stringify(saved(snapshot(state)))) as AssemblySnapshot, scenario.types);
  if (text(restored) !== text(state)) throw new Error(`restored elsewhere:\n${text(state)}\n${text(restored)}`);
  for (const event of events.slice(at)) {
    const [a, b] = [state, restored].map((s) => {
      const { effects, happenings } = step(s, event);
      return JSON.stringify([effects, happenings, snapshot(s)]);
    });
    if (a !== b) throw new Error(`restored elsewhere:\n${a}\n${b}`);
  }
}

const forgetLeft = (s: AssemblySnapshot): AssemblySnapshot => ({ ...s, members: s.members.map((m) => ({ ...m, state: { ...m.state, left: [] } })) });

describe(`replay (SEED=${seed} RUNS=${runs})`, () => {
  test('D1: the state is the fold of the journal', () => holds(scenarios, (s) => isReplayed(s)), 120_000);

  test('D1: a state that was saved and restored goes on as if nothing had been', () => holds(scenarios, (s) => isRestored(s)), 120_000);

  test.each<[string, (records: readonly JournalRecord[]) => readonly JournalRecord[], RegExp]>([
    ['the replay drops its last event', (r) => r.slice(0, -1), /leads elsewhere/],
    // What follows may not even fit.
    ['the replay drops one on the way', (r) => r.filter((_, i) => i !== Math.ceil(r.length / 2) || i === 0), /leads elsewhere|undefined|no component/],
  ])('test of the test: it is found out when %s', (_, kept, why) => isCaught(scenarios, (s) => isReplayed(s, kept), why), 120_000);

  test('test of the test: it is found out when a snapshot forgets which places were left', () => isCaught(scenarios, (s) => isRestored(s, forgetLeft), /restored elsewhere/), 120_000);
});

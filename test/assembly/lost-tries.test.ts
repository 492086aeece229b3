import { expect, test } from 'vitest';
import { Engine, fold } from '../../src/assembly/engine.ts';
import { memoryJournal, type JournalRecord } from '../../src/assembly/journal.ts';
import type { Failure } from '../../src/assembly/model.ts';
import { performer, stepsKey, type StageOptions } from '../../src/assembly/perform.ts';
import { createAssembly } from '../../src/assembly/step.ts';
import { defineComponent } from '../../src/components/define.ts';
import type { Orchestrapi } from '../../src/orchestrapi/host.ts';
import { ManualClock } from '../view/manual-clock.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Plays one transition whose tries end as `fates` say; each try is known by where it keeps its steps, and whether it looks for them first. */
async function played(fates: readonly (Partial<Failure> | undefined)[]) {
  const type = defineComponent({
    name: 'job', places: ['idle', 'done'], initialPlace: 'idle', behaviours: ['go'],
    transitions: { build: { from: 'idle', to: 'done', behaviour: 'go', retry: { times: 1, delayMs: 100 }, action: async ({ run }) => void (await run(['make'])) } },
  });
  const make = () => createAssembly({ types: new Map([['job', type]]), components: [{ name: 'j', type: 'job', on: 'here', with: {} }], connections: [] }).state;
  const tries: Pick<StageOptions, 'id' | 'found' | 'since'>[] = [];
  const left = [...fates];
  const state = make(), clock = new ManualClock(), journal = memoryJournal();
  const engine = new Engine({
    state, journal, clock, hasAction: () => true,
    perform: performer({
      state, clock, log: () => {}, warn: () => {},
      failureOf: (thrown) => thrown as Failure,
      orchestrapi: ({ id, found, since }) => {
        tries.push({ id, found, since });
        const fate = left.shift();
        return { run: () => (fate ? Promise.reject({ reason: 'unreachable', message: '', ...fate }) : Promise.resolve({})) } as unknown as Orchestrapi;
      },
    }),
  });
  let ending = engine.play('go', [{ kind: 'pushBehaviour', component: 'j', behaviour: 'go' }, { kind: 'waitAll' }]);
  for (let i = 1; i < fates.length; i++) {
    for (let k = 0; k < 20; k++) await settle();
    clock.advance(100);
    for (let k = 0; k < 20; k++) await settle();
    if (state.program?.outcome !== 'failed') continue;
    expect(await ending).toBe('failed');
    await engine.send({ kind: 'retry', component: 'j', transition: 'build' });
    ending = engine.ended();
  }
  await ending;
  const records: readonly JournalRecord[] = [{ kind: 'assembly' } as Extract<JournalRecord, { kind: 'assembly' }>, ...journal.appended];
  /** Where the try that began last keeps its steps, by the journal alone. */
  const folded = () => {
    const upTo = records.findLastIndex((record) => record.kind === 'began');
    const began = records[upTo] as Extract<JournalRecord, { kind: 'began' }>;
    return stepsKey(fold(records.slice(0, upTo + 1), make).state.member('j').state, began.actions[0]!);
  };
  return { tries, folded };
}

const lost = { unsettled: true } as const;

test('an automatic and an operator’s retry take up the try whose host was lost, and so would a controller that knows the journal alone', async () => {
  const { tries, folded } = await played([lost, lost, undefined]);
  expect(tries).toEqual([{ id: 'j/build.1.1', found: false, since: 1 }, { id: 'j/build.1.1', found: true, since: 1 }, { id: 'j/build.1.1', found: true, since: 1 }]);
  expect(folded()).toBe('j/build.1.1');
});

test('behind a try of known fate the next one begins anew', async () => {
  const { tries, folded } = await played([lost, { reason: 'exit-code' }, undefined]);
  expect(tries).toEqual([{ id: 'j/build.1.1', found: false, since: 1 }, { id: 'j/build.1.1', found: true, since: 1 }, { id: 'j/build.2.1', found: false, since: 1 }]);
  expect(folded()).toBe('j/build.2.1');
});

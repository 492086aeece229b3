import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { snapshot } from '../../src/assembly/state.ts';
import { readRecorded } from '../../src/session/recorded.ts';
import { bin, omniOrb, Playground, until, witnesses } from './playground.ts';

/*
 * D2 from end to end: the controller of the DIET story is killed at every record of its journal, and at every thing that it does to a host; another one
 * goes on. What was run how often is told by the programs themselves, which note each call in a file of their own.
 */

const story = ['deploy', 'call', 'bypass-la1', 'call', 'stop'];
const controller = join(import.meta.dirname, 'controller-that-dies.ts');
/** Stories played side by side: each one waits for processes most of its time. */
const atOnce = 4;

const folder = mkdtempSync(join(tmpdir(), 'tutti-witness-'));
const paths = { quick: witnesses(join(folder, 'quick'), { quick: true }), true: witnesses(join(folder, 'true')) };
afterAll(() => rmSync(folder, { recursive: true }));

/** What the story leads to, and what it runs, when nobody dies. */
interface Outcome {
  readonly end: unknown;
  readonly ran: readonly string[];
  readonly processes: readonly string[];
}
let expected: Outcome;
let counts: { readonly records: number; readonly ends: number };

beforeAll(async () => {
  await using play = await open('quick');
  const { code, out, err } = await play.node([controller, play.file, 'never', '0', ...story]).ending;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expected = await outcomeOf(play);
  counts = JSON.parse(out) as typeof counts;
  expect(counts.records).toBeGreaterThan(40);
  expect(counts.ends).toBeGreaterThan(25);
  expect(expected.ran.filter((line) => line.startsWith('connect'))).toHaveLength(7);
  expect(expected.processes).toEqual([]);
});

describe('kill -9 of the controller, then tutti resume', { timeout: 600_000 }, () => {
  test.each([
    ['right after each record of the journal', 'written', 'records'],
    ['before each record of actions that ended', 'unwritten', 'ends'],
  ] as const)('D2: %s the story comes to the same end, and nothing is run twice', async (_, death, of) => {
    const problems: string[] = [];
    let deaths = 0, next = 1, isOver = false;
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (!isOver) {
        const nth = next++;
        await using play = await open('quick');
        const { signal, err } = await play.node([controller, play.file, death, String(nth), ...story]).ending;
        if (signal !== 'SIGKILL') {
          isOver = true;
          if (err !== '') problems.push(`${death} ${nth}: ${err}`);
          break;
        }
        deaths++;
        problems.push(...[...(await goOn(play)), ...differences(await outcomeOf(play))].map((problem) => `${death} ${nth}: ${problem}`));
      }
    }));
    expect(problems).toEqual([]);
    // What ends in one instant is one record: how many there are differs by a few.
    expect(deaths).toBeGreaterThan(counts[of] * 0.8);
  });

  test('a last record torn by the crash is as if it had not been written', async () => {
    for (const torn of ['{"kind":"event","atMs":1,"event":{"kind":"ended","outc', '{"kind":"event","atMs":1,"event":{"kind":"ended","outcomes":[]}}']) {
      await using play = await open('quick');
      expect(await play.node([controller, play.file, 'unwritten', '12', ...story]).ending).toMatchObject({ signal: 'SIGKILL' });
      appendFileSync(play.journalFile, torn);
      expect([...(await goOn(play)), ...differences(await outcomeOf(play))]).toEqual([]);
    }
  });

  test('a first record torn by the crash is a story that has not begun', async () => {
    await using play = await open('quick');
    mkdirSync(play.stateFolder, { recursive: true });
    writeFileSync(play.journalFile, '{"kind":"assembly","for');
    expect([...(await goOn(play)), ...differences(await outcomeOf(play))]).toEqual([]);
  });

  test('a journal broken elsewhere is refused with its line, and nothing is run', async () => {
    await using play = await open('quick');
    await play.node([controller, play.file, 'written', '8', ...story]).ending;
    const lines = readFileSync(play.journalFile, 'utf8').split('\n');
    const broken = lines.with(4, lines[4]!.slice(0, -9)).join('\n');
    writeFileSync(play.journalFile, broken);
    const mend = () => writeFileSync(play.journalFile, lines.join('\n'));
    expect(await play.tutti('resume')).toMatchObject({ code: 3, err: expect.stringMatching(/journal\.jsonl:5:1\s+JOURNAL_CORRUPT/) });
    // What is run is written down first; what the dead controller had begun may still come to its end.
    expect(readFileSync(play.journalFile, 'utf8')).toBe(broken);
    mend();
    expect([...(await goOn(play)), ...differences(await outcomeOf(play))]).toEqual([]);
  });
});

describe(`kill -9 of every controller, over ${omniOrb ? "omniORB's naming service" : "the double's own naming service (omniORB is not installed)"}`, { timeout: 600_000 }, () => {
  test.concurrent.each([
    ['right after its first record is durable', 'written', 1, 40],
    ['before it writes its second record of actions that ended', 'unwritten', 2, 15],
    ['right after it has done its first new thing to a host', 'after-act', 1, 50],
    ['before its second new thing to a host', 'before-act', 2, 25],
  ] as const)('D2: when each one dies %s, the story comes to the same end, and nothing is run twice', async (_, death, nth, least) => {
    await using play = await open('true');
    let deaths = 0;
    for (; deaths < 200; deaths++) {
      const { signal, code, err } = await play.node([controller, play.file, death, String(nth), ...story]).ending;
      if (signal === 'SIGKILL') continue;
      expect({ code, err }).toEqual({ code: 0, err: '' });
      break;
    }
    expect(differences(await outcomeOf(play))).toEqual([]);
    expect(deaths).toBeGreaterThan(least);
  });
});

/** Two transitions, the first of which waits for the file `gate`. */
const gated = (idempotent: boolean) => `
assembly: gated
hosts: { head: {} }
types:
  job:
    places: [waiting, half, over]
    transitions:
      first: { from: waiting, to: half, behaviour: go, idempotent: ${idempotent}, run: 'echo first began >>$WITNESS; while [ ! -e $REGISTRY/gate ]; do sleep 0.02; done; echo first ended >>$WITNESS' }
      second: { from: half, to: over, behaviour: go, run: 'echo second >>$WITNESS' }
components: { job: { type: job, on: head } }
programs:
  go: [{ push: go }, { wait: all }]
`;

describe('a controller that is gone, or is not', () => {
  /** The story when its first action has begun; its controller waits for it. */
  async function begin(idempotent = false) {
    const play = await Playground.open({ change: () => gated(idempotent) });
    const first = play.node([bin, 'run', play.file, 'go', '--plain']);
    await until('the first action has begun', () => play.witnessed.includes('first began'));
    return { play, first, open: () => writeFileSync(join(play.folder, 'registry/gate'), '') };
  }

  test('D2: an action that goes on without its controller is found again, and waited for', async () => {
    const { play, first, open } = await begin();
    await using _ = play;
    first.kill('SIGKILL');
    await first.ending;
    const second = play.node([bin, 'resume', play.file, '--plain']);
    await until('it is found', () => play.log('job.first').includes('found again'));
    open();
    expect(await second.ending).toMatchObject({ code: 0 });
    expect(play.witnessed).toEqual(['first began', 'first ended', 'second']);
  });

  test('D2: an action that died together with its controller is failed, and said to be of unknown fate', async () => {
    const { play, first, open } = await begin();
    await using _ = play;
    first.kill('SIGKILL');
    await first.ending;
    play.killStep('head', 'job/first.1.1/0');
    const resumed = await play.tutti('resume');
    expect(resumed).toMatchObject({ code: 1, out: expect.stringMatching(/FAILED +job\.first.*whether it was done is unknown/) });
    expect(play.witnessed).toEqual(['first began']);
    expect((await play.status()).members[0]!.failures).toMatchObject({ first: { reason: 'unknown-fate' } });
    // Who knows better says so.
    open();
    expect(await play.tutti('skip', 'job.first')).toMatchObject({ code: 0 });
    expect(play.witnessed).toEqual(['first began', 'second']);
  });

  test('D2: one that is declared idempotent is run again instead', async () => {
    const { play, first, open } = await begin(true);
    await using _ = play;
    first.kill('SIGKILL');
    await first.ending;
    play.killStep('head', 'job/first.1.1/0');
    open();
    expect(await play.tutti('resume')).toMatchObject({ code: 0 });
    expect(play.witnessed).toEqual(['first began', 'first began', 'first ended', 'second']);
  });

  test('D3: while a controller lives, whoever else would conduct is refused and told who it is; it is not disturbed', async () => {
    const { play, first, open } = await begin();
    await using _ = play;
    for (const command of [['run', play.file, 'go'], ['resume', play.file], ['push', play.file, 'job', 'go'], ['abort', play.file], ['destroy', play.file]]) {
      const refused = await play.node([bin, ...command]).ending;
      expect(refused, command[0]).toMatchObject({ code: 1, err: expect.stringMatching(new RegExp(`JOURNAL_LOCKED[^]*Process ${first.pid} on `)) });
    }
    // Looking is free.
    expect(await play.tutti('status')).toMatchObject({ code: 0, out: expect.stringContaining('first running') });
    open();
    expect(await first.ending).toMatchObject({ code: 0 });
    expect(play.witnessed).toEqual(['first began', 'first ended', 'second']);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s once: what runs ends, nothing more is started, and resume goes on', async (signal) => {
    const { play, first, open } = await begin();
    await using _ = play;
    first.kill(signal);
    await first.said('Interrupted: nothing more is started');
    open();
    expect(await first.ending).toMatchObject({ code: 130, err: expect.stringContaining('tutti resume') });
    expect(play.witnessed).toEqual(['first began', 'first ended']);
    expect(await play.tutti('resume')).toMatchObject({ code: 0 });
    expect(play.witnessed).toEqual(['first began', 'first ended', 'second']);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s twice: what runs is killed, and its fate is in the journal', async (signal) => {
    const { play, first, open } = await begin();
    await using _ = play;
    first.kill(signal);
    await first.said('Interrupted: nothing more is started');
    first.kill(signal);
    expect((await first.ending).code).not.toBe(0);
    expect(play.alive).toEqual([]);
    expect(play.witnessed).toEqual(['first began']);
    expect((await play.status()).members[0]!.failures).toMatchObject({ first: { reason: 'interrupted' } });
    open();
    expect(await play.tutti('retry')).toMatchObject({ code: 0 });
    expect(play.witnessed).toEqual(['first began', 'first began', 'first ended', 'second']);
  });

  test('the journal of another assembly is refused, and nothing is run', async () => {
    await using play = await Playground.open({ change: () => gated(false) });
    writeFileSync(join(play.folder, 'registry/gate'), '');
    expect(await play.tutti('run', 'go')).toMatchObject({ code: 0 });
    const before = play.witnessed;
    const another = gated(false).replace('assembly: gated', 'assembly: another');
    const otherTypes = gated(false).replace('to: half', 'to: over');
    for (const [text, why] of [[another, 'The journal is of another assembly'], [otherTypes, 'A component type changed']] as const) {
      writeFileSync(play.file, text);
      for (const command of [['run', play.file, 'go'], ['resume', play.file]]) {
        expect(await play.node([bin, ...command]).ending, `${command[0]}: ${why}`).toMatchObject({ code: 3, err: expect.stringMatching(new RegExp(`ASSEMBLY_CHANGED +${why}`)) });
      }
    }
    expect(play.witnessed).toEqual(before);
  });
});

/** `tutti resume`, and then the programs that were not begun. @returns what went wrong */
async function goOn(play: Playground): Promise<readonly string[]> {
  const begun = play.journal.filter((record) => record.kind === 'event' && record.event.kind === 'program').length;
  const resumed = await play.tutti('resume');
  const problems: string[] = [];
  if (begun === 0 ? !resumed.err.includes('NOT_RUNNING') : resumed.code !== 0) problems.push(`resume ended with ${resumed.code}: ${resumed.out}${resumed.err}`);
  if (begun < story.length) {
    const rest = await play.tutti('run', `after-${begun}`);
    if (rest.code !== 0) problems.push(`the rest ended with ${rest.code}: ${rest.out}${rest.err}`);
  }
  return problems;
}

/** In what an outcome differs from that of the story in which nobody dies. */
function differences({ end, ran, processes }: Outcome): readonly string[] {
  const often = (lines: readonly string[], line: string) => lines.filter((one) => one === line).length;
  return [
    ...(isDeepStrictEqual(end, expected.end) ? [] : [`it ended in ${JSON.stringify(end)} instead of ${JSON.stringify(expected.end)}`]),
    ...[...new Set([...expected.ran, ...ran])].filter((line) => often(ran, line) !== often(expected.ran, line))
      .map((line) => `"${line}" was run ${often(ran, line)} times instead of ${often(expected.ran, line)}`),
    ...processes.map((name) => `${name} lives`),
  ];
}

/** The shipped assembly, and beside its programs those that play the rest of the story: `after-2` is what comes after its second program. */
function open(programs: keyof typeof paths): Promise<Playground> {
  const rests = story.map((_, begun) => `  after-${begun}:\n${story.slice(begun).map((name) => `    - call: ${name}\n`).join('')}`);
  return Playground.open({ path: paths[programs], change: (text) => `${text.trimEnd()}\n${rests.join('')}` });
}

/** Where everybody stands, who is connected with whom, what was published, how often each one acted, and what was run; without what differs from story to story. */
async function outcomeOf(play: Playground): Promise<Outcome> {
  const { program, ...rest } = snapshot((await readRecorded(play.stateFolder)).state);
  const text = JSON.stringify({ ...rest, outcome: program?.outcome });
  const end = JSON.parse(Object.entries(play.ports).reduce((all, [name, port]) => all.replaceAll(String(port), `"${name}"`), text)) as unknown;
  const ran = play.witnessed.map((line) => line.replace(/-start \d+/, '-start').replaceAll('/.tutti/diet/hosts/', ''))
    // A step that finds its folder missing makes it: whichever comes first.
    .filter((line) => !/^mkdir -p [\w.]+\/\w+$/.test(line)).toSorted();
  return { end, ran, processes: Object.keys(play.processes) };
}

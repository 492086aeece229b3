import { describe, expect, test } from 'vitest';
import { fold } from '../../src/assembly/engine.ts';
import type { JournalRecord } from '../../src/assembly/journal.ts';
import type { Event } from '../../src/assembly/model.ts';
import { snapshot } from '../../src/assembly/state.ts';
import { createAssembly, step } from '../../src/assembly/step.ts';
import { readAssembly, Stage } from '../scenarios/language.ts';

/** A provider and a user of it, with what else a test needs. */
const provider = `type p: off run
  up: off -> run by deploy 1
  down: run -> off by stop 1
  s: provide run`;
const user = `type u: off run
  go: off -> run by deploy 2
  home: run -> off by stop 1
  s: use go run home`;
const pair = `${provider}\n${user}\np: p\nu: u\nu.s -> p.s`;

/** The lines of what happened that say one of the words, in order. */
function story(stage: Stage, commands: string, words: readonly string[]): string[] {
  return stage.tell(commands).split('\n').filter((line) => words.some((w) => line.includes(w)));
}

const after = (assembly: string, ...blocks: string[]): Stage => {
  const stage = new Stage(assembly);
  for (const block of blocks) stage.tell(block);
  return stage;
};

const push = (stage: Stage, ...pushes: string[]) => stage.tell([...pushes.map((p) => `push ${p}`), 'wait'].join('\n'));
const last = (trace: string) => trace.split('\n').filter((l) => !l.startsWith('  ')).at(-1);

describe('rules, between components', () => {
  test('R1: a place is entered when its use port is served, at that instant', () => {
    const stage = new Stage(`${provider}\ntype w: off on\n  go: off -> on by deploy 0\n  s: use on\np: p\nw: w\nw.s -> p.s`);
    expect(story(stage, 'push w deploy\npush p deploy\nwait', ['enters'])).toEqual(['1 p enters run', '1 w enters on']);
  });

  test('R2: a provide port in use keeps its place from being left', () => {
    const stage = after(pair, 'push p deploy\npush u deploy\nwait');
    expect(last(push(stage, 'p stop'))).toBe('0 deadlock');
  });

  test('R2: it is left as soon as the last user is gone', () => {
    const stage = after(pair, 'push p deploy\npush u deploy\nwait');
    expect(story(stage, 'push p stop\npush u stop\nwait', ['leaves'])).toEqual(['0 u leaves run', '1 p leaves run']);
  });

  test('R2: a user without atLeast holds all the providers it is connected to, whichever served it', () => {
    const stage = after(`${pair}\nq: p\nu.s -> q.s`, 'push p deploy\npush u deploy\nwait', 'push q deploy\nwait');
    expect(last(push(stage, 'q stop'))).toBe('0 deadlock');
  });

  test.each([['1', '1 done'], ['2', '0 deadlock'], ['all', '0 deadlock']])('R2: with two providers and atLeast %s, one of them stops: %s', (atLeast, end) => {
    const stage = after(`${provider}\n${user} atLeast=${atLeast}\np: p\nq: p\nu: u\nu.s -> p.s\nu.s -> q.s`, 'push p deploy\npush q deploy\npush u deploy\nwait');
    expect(last(push(stage, 'p stop'))).toBe(end);
  });

  test('R2: two providers of one user with atLeast 1 do not go at the same time', () => {
    const stage = after(`${provider}\n${user} atLeast=1\np: p\nq: p\nu: u\nu.s -> p.s\nu.s -> q.s`, 'push p deploy\npush q deploy\npush u deploy\nwait');
    expect(story(stage, 'push p stop\npush p deploy\npush q stop\nwait', ['leaves'])).toEqual(['0 p leaves run', '1 p leaves off', '2 q leaves run']);
  });

  test('R2: what withdraws serves nobody new who would hold it, a port with atLeast that would not is served', () => {
    const late = 'type a: off on\n  go: off -> on by deploy 1\n  s: use go atLeast=1\ntype b: off on\n  go: off -> on by deploy 1\n  s: use go';
    const stage = after(`${pair}\n${late}\nq: p\na: a\nb: b\na.s -> p.s\na.s -> q.s\nb.s -> p.s\nb.s -> q.s`, 'push p deploy\npush q deploy\npush u deploy\nwait');
    expect(story(stage, 'push p stop\npush a deploy\npush b deploy\nwait', ['starts', 'deadlock'])).toEqual(['0 a starts go', '1 deadlock']);
  });

  test('R2: a connection more may let a provider go that was waiting', () => {
    const clock = 'type c: off on\n  tick: off -> on by tick 5\nc: c';
    const stage = after(`${provider}\n${user} atLeast=1\n${clock}\np: p\nq: p\nu: u\nu.s -> p.s`, 'push p deploy\npush q deploy\npush u deploy\nwait');
    expect(story(stage, 'push p stop\npush c tick\nwait c\nu.s -> q.s\nwait', ['p leaves'])).toEqual(['5 p leaves run']);
  });

  test('R2: a provider connected to a port in use is held by it, also when it was withdrawing', () => {
    const other = 'type o: off run\n  go: off -> run by deploy 3\n  s: use go';
    const clock = 'type c: off on\n  tick: off -> on by tick 1\nc: c';
    const stage = after(`${pair}\n${other}\n${clock}\nq: p\no: o\no.s -> q.s`, 'push p deploy\npush q deploy\npush u deploy\nwait');
    expect(last(stage.tell('push o deploy\npush c tick\nwait c\npush q stop\nu.s -> q.s\nwait'))).toBe('3 deadlock');
  });

  test('R3: a transition starts when its use port is served', () => {
    const stage = new Stage(pair);
    expect(story(stage, 'push u deploy\npush p deploy\nwait', ['starts'])).toEqual(['0 p starts up', '1 u starts go']);
  });

  test('R3: a port that asks for all is served when every connected provider is active, one that is optional when there is none', () => {
    const stage = new Stage(`${provider}\n${user} atLeast=all\ntype o: off on\n  go: off -> on by deploy 1\n  s: use go optional\np: p\nq: p\nu: u\no: o\nu.s -> p.s\nu.s -> q.s`);
    expect(story(stage, 'push u deploy\npush o deploy\npush p deploy\nwait p\npush q deploy\nwait', ['u starts', 'o starts'])).toEqual(['0 o starts go', '2 u starts go']);
  });

  test('R3: an optional port is an ordinary one from when it is connected', () => {
    const stage = new Stage(`${provider}\n${user} optional\np: p\nu: u`);
    expect(story(stage, 'push u deploy\nwait\nu.s -> p.s\npush u stop\npush p deploy\nwait', ['u starts'])).toEqual(['0 u starts go', '2 u starts home']);
    expect(last(stage.tell('push u deploy\npush p stop\nwait'))).toBe('1 deadlock');
  });

  const teller = 'type d: off known\n  find: off -> known by deploy 1 writes v=1\n  change: known -> known by change 2 writes v=2\n  v: data-provide known';
  const reader = 'type r: off done\n  ask: off -> done by deploy 1\n  again: done -> done by again 1\n  v: data-use ask again';
  test('R4: a value is read from when it is published, and until the next entry readers see the one before', () => {
    const stage = new Stage(`${teller}\n${reader}\nd: d\nr: r\nr.v -> d.v`);
    expect(story(stage, 'push r deploy\npush d deploy\nwait', ['r starts'])).toEqual(['1 r starts ask v=1']);
    expect(story(stage, 'push d change\npush r again\nwait\npush r again\nwait', ['r starts'])).toEqual(['0 r starts again v=1', '2 r starts again v=2']);
  });

  test.each([['', 'v=1'], [' atLeast=all', 'v=[2,1]']])('R4: with several connections a data-use port%s reads %s', (more, read) => {
    const stage = new Stage(`${teller}\n${reader}${more}\nd: d\ne: d\nr: r\nr.v -> e.v\nr.v -> d.v`);
    const commands = more === '' ? 'push d deploy\npush r deploy\nwait' : 'push d deploy\npush e deploy\nwait\npush e change\nwait\npush r deploy\nwait';
    expect(story(stage, commands, ['r starts']).at(-1)).toContain(read);
  });

  test('R5: who waited for a service is served before its provider\'s next behaviour begins', () => {
    const stage = new Stage(pair);
    expect(story(stage, 'push p deploy\npush p stop\npush u deploy\npush u stop\nwait', ['starts'])).toEqual(['0 p starts up', '1 u starts go', '3 u starts home', '4 p starts down']);
  });

  test('R5: all whose behaviour is over begin the next one together: a stop comes before a new use, whoever is declared first', () => {
    const first = 'type u: off a run\n  one: off -> a by one 1\n  go: a -> run by deploy 1\n  s: use go';
    for (const order of ['u: u\np: p', 'p: p\nu: u']) {
      const stage = new Stage(`${provider}\n${first}\n${order}\nu.s -> p.s`);
      expect(story(stage, 'push u one\npush u deploy\npush p deploy\npush p stop\npush p deploy\nwait', ['u starts go', 'down'])).toEqual(['1 p starts down', '2 p has done down', '3 u starts go']);
    }
  });

  test('R6: a place is left at most once per behaviour, and again under the next', () => {
    const stage = new Stage('type t: a b\n  x: a -> b by go 1\n  y: b -> a by go 1\nt: t');
    expect(story(stage, 'push t go\npush t go\nwait', ['leaves'])).toEqual(['0 t leaves a', '1 t leaves b', '2 t leaves a', '3 t leaves b']);
  });

  test('R7: a behaviour with nothing to do ends at once, and the next begins in its place', () => {
    const stage = after(pair, 'push p deploy\nwait');
    expect(story(stage, 'push p deploy\npush p nothing\npush p stop\nwait', ['begins', 'ends'])).toEqual([
      '0 p begins deploy', '0 p ends deploy, nothing to do', '0 p begins nothing', '0 p ends nothing, nothing to do', '0 p begins stop', '1 p ends stop',
    ]);
  });

  test('R8: a place\'s provide ports are active from its entry, and no more from the moment it is left', () => {
    const stage = new Stage(`${provider}\n  more: provide off\ntype w: off on\n  go: off -> on by deploy 0\n  s: use on\np: p\nw: w\nx: w\nw.s -> p.s\nx.s -> p.more`);
    expect(story(stage, 'push w deploy\npush p deploy\nwait p', ['enters'])).toEqual(['1 p enters run', '1 w enters on']);
    expect(last(stage.tell('push x deploy\nwait x'))).toBe('0 deadlock');
  });
});

describe('order within an instant', () => {
  test.each([['push u deploy\npush p stop'], ['push p stop\npush u deploy']])('a withdrawal asked for at an instant comes before a new use of the same instant: %j', (pushes) => {
    const stage = after(pair, 'push p deploy\nwait');
    expect(story(stage, `${pushes}\npush p deploy\nwait`, ['starts'])).toEqual(['0 p starts down', '1 p starts up', '2 u starts go']);
  });

  test('an action of no seconds ends in the instant it began, after everything else of that instant', () => {
    const stage = new Stage('type t: a b c\n  x: a -> b by go 0\n  y: b -> c by go 0\nt: t\nv: t');
    expect(stage.tell('push t go\npush v go\nwait').split('\n').filter((l) => /starts|done/.test(l)).map((l) => l.slice(2))).toEqual([
      't starts x', 'v starts x', 't has done x', 'v has done x', 't starts y', 'v starts y', 't has done y', 'v has done y', 'done',
    ]);
  });
});

describe('instructions', () => {
  test('I1: add creates a component that enters its initial place by R1, and is not idle before', () => {
    const stage = new Stage(`${provider}\ntype w: here there\n  go: here -> there by go 1\n  s: use here\np: p`);
    expect(story(stage, 'add w: w\nw.s -> p.s\npush w go\npush p deploy\nwait w', ['w '])).toEqual([
      '0 w is added', '1 w enters here', '1 w begins go', '1 w leaves here', '1 w starts go', '2 w has done go', '2 w enters there', '2 w ends go',
    ]);
  });

  test('I2: connect takes effect at once', () => {
    const stage = after(`${provider}\n${user}\np: p\nu: u`, 'push p deploy\nwait');
    expect(story(stage, 'push u deploy\nu.s -> p.s\nwait', ['starts'])).toEqual(['0 u starts go']);
  });

  test('I3: disconnect waits until the use port is not in use', () => {
    const stage = after(pair, 'push p deploy\npush u deploy\nwait');
    expect(story(stage, 'push u stop\ndisconnect u.s -> p.s\npush p stop\nwait', ['disconnect', 'p starts'])).toEqual(['1 > disconnect u.s -> p.s', '1 p starts down']);
  });

  test.each([['1', '0'], ['2', '5'], ['all', '0']])('I3: with atLeast %s of two, a new one coming at 5, one is disconnected under its running user at %s', (atLeast, second) => {
    const slow = 'type slow: off run\n  up: off -> run by deploy 5\n  s: provide run';
    const stage = after(`${provider}\n${slow}\n${user} atLeast=${atLeast}\np: p\nq: p\nr: slow\nu: u\nu.s -> p.s\nu.s -> q.s`, 'push p deploy\npush q deploy\npush u deploy\nwait');
    const connect = atLeast === 'all' ? '' : 'u.s -> r.s\n';
    expect(story(stage, `${connect}push r deploy\ndisconnect u.s -> p.s\nwait`, ['disconnect'])).toEqual([`${second} > disconnect u.s -> p.s`]);
  });

  test('I3: with all, a new provider that is not active yet counts among those that must serve', () => {
    const stage = after(`${provider}\n${user} atLeast=all\np: p\nq: p\nu: u\nu.s -> p.s`, 'push p deploy\npush u deploy\nwait');
    expect(story(stage, 'u.s -> q.s\npush q deploy\ndisconnect u.s -> p.s\nwait', ['disconnect'])).toEqual(['1 > disconnect u.s -> p.s']);
  });

  test('I3: a port in use is never left without any', () => {
    const stage = after(`${provider}\n${user} atLeast=all\np: p\nu: u\nu.s -> p.s`, 'push p deploy\npush u deploy\nwait');
    expect(last(stage.tell('disconnect u.s -> p.s'))).toBe('0 deadlock');
  });

  test('I3: a data-use port is in use while its transition runs', () => {
    const stage = new Stage('type d: off on\n  w: off -> on by deploy 1 writes v=1\n  v: data-provide on\ntype r: off on\n  a: off -> on by deploy 3\n  v: data-use a\nd: d\nr: r\nr.v -> d.v');
    expect(story(stage, 'push d deploy\nwait\npush r deploy\nwait d\ndisconnect r.v -> d.v', ['disconnect'])).toEqual(['1 > disconnect r.v -> d.v']);
    const busy = after('type d: off on\n  w: off -> on by deploy 1 writes v=1\n  v: data-provide on\ntype c: off on\n  t: off -> on by deploy 1\ntype r: off on\n  a: off -> on by deploy 3\n  v: data-use a\nd: d\nr: r\nc: c\nr.v -> d.v', 'push d deploy\nwait');
    expect(story(busy, 'push r deploy\npush c deploy\nwait c\ndisconnect r.v -> d.v', ['disconnect'])).toEqual(['3 > disconnect r.v -> d.v']);
  });

  test('I4: delete waits until the component is idle; its name may be used again in the same instant', () => {
    const stage = new Stage(`${provider}\np: p`);
    expect(story(stage, 'push p deploy\ndelete p\nadd p: p\npush p deploy\nwait', ['added', 'deleted', 'done up'])).toEqual(['1 p has done up', '1 p is deleted', '1 p is added', '2 p has done up']);
  });

  test('I4: disconnected and deleted in one instant', () => {
    const stage = after(pair, 'push p deploy\nwait');
    expect(stage.tell('disconnect u.s -> p.s\ndelete p\npush u stop\nwait').split('\n').at(-1)).toBe('0 done');
    expect([...stage.state.members.keys()]).toEqual(['u']);
  });

  test('I5: pushBehaviour queues and does not wait', () => {
    const stage = new Stage(`${provider}\np: p`);
    expect(story(stage, 'push p deploy\npush p stop\npush p deploy', ['>', 'begins'])).toEqual([
      '0 > push deploy to p', '0 p begins deploy', '0 > push stop to p', '0 > push deploy to p', '1 p begins stop', '2 p begins deploy',
    ]);
  });

  test('I6: wait waits for one, waitAll for all', () => {
    const stage = new Stage(`${provider}\ntype slow: off on\n  up: off -> on by deploy 4\np: p\nq: slow`);
    expect(story(stage, 'push q deploy\npush p deploy\nwait p\nwait', ['wait'])).toEqual(['1 > wait for p', '4 > wait for all']);
  });

  test('I7: a program is taken to be valid here; what names nobody throws and is no state', () => {
    const stage = new Stage(`${provider}\np: p`);
    expect(() => stage.tell('push nobody deploy')).toThrow('no component "nobody"');
  });

  test('I8: a program is over when its instructions are done and every component is idle', () => {
    const stage = new Stage(`${provider}\np: p`);
    expect(last(stage.tell('push p deploy\npush p stop'))).toBe('2 done');
    expect(last(stage.tell('wait'))).toBe('0 done');
  });
});

describe('failure', () => {
  test('F1: a transition is tried again, and then its token and its ports stay', () => {
    const stage = after(pair.replace('stop 1\n  s: use', 'stop 1 retry=1\n  s: use'), 'push p deploy\npush u deploy\nwait', 'fails u.home 2');
    expect(story(stage, 'push u stop\npush p stop\nwait', ['home', 'fail', 'waits'])).toEqual([
      '0 u starts home', '1 u fails home, tries again after 1 s', '2 u starts home, try 2', '3 u fails home: exit code 1', '3 failed',
      '  p waits: R2 run at s, for u.s', '  program waits: wait for all, for p, u',
    ]);
    expect(stage.state.member('u').failures.get('home')).toMatchObject({ exitCode: 1 });
  });

  test('F2: every other component goes on as far as it can, and the program ends with the error when nothing moves', () => {
    const stage = new Stage(`${pair}\ntype slow: off on\n  up: off -> on by deploy 9\nslow: slow`);
    expect(story(stage, 'fails p.up 1\npush p deploy\npush u deploy\npush slow deploy\nwait', ['fail', 'done'])).toEqual(['1 p fails up: exit code 1', '9 slow has done up', '9 failed']);
  });

  test.each<[string, string, string[]]>([
    ['retry runs the failed transition again, and the program goes on', 'retry p.up', ['1 p starts up', '2 p enters run', '2 u starts go', '4 done']],
    ['skip takes it as ended', 'skip p.up', ['1 p enters run', '1 u starts go', '3 done']],
    ['abort puts the token back and clears the behaviour: nobody serves u', 'abort p', ['1 deadlock']],
  ])('F3: %s', (_, command, expected) => {
    const stage = after(pair, 'fails p.up 1\npush p deploy\npush u deploy\nwait');
    expect(story(stage, command, ['p starts', 'p enters', 'u starts', ' done', 'deadlock']).filter((l) => !l.includes('has done'))).toEqual(expected);
  });

  test('F3: what is not so cannot be repaired, and abort waits for what runs', () => {
    const stage = new Stage(pair);
    expect(stage.tell('retry p.up\nskip p.nothing\nabort q\nabort p').split('\n')).toEqual([
      'refused: "p.up" is idle, not failed', 'refused: "p" has no transition "nothing"', 'refused: there is no component "q"', 'refused: "p" is idle: there is nothing to abort',
    ]);
  });

  test('F3: a program that the operator dropped ends as cancelled, once, whatever is aborted then', () => {
    const stage = after(pair, 'fails p.up 1\npush p deploy\npush u deploy\nwait');
    const ends = ([{ kind: 'cancel' }, { kind: 'abort', component: 'p' }, { kind: 'abort', component: 'u' }] as const)
      .flatMap((event) => step(stage.state, event).happenings.flatMap((h) => (h.kind === 'programEnded' ? [h.outcome] : [])));
    expect([ends, stage.state.program!.outcome, stage.state.member('u').state.places]).toEqual([['cancelled'], 'cancelled', ['off']]);
  });

  test('F4: nothing runs and something is unfinished: the deadlock is told at once, with who waits for whom', () => {
    expect(new Stage(pair).tell('push u deploy\nwait').split('\n').slice(-3)).toEqual(['0 deadlock', '  u waits: R3 go at s, for p.s', '  program waits: wait for all, for u']);
  });

  test('F5: a probe that fails makes the component degraded, its users are told, and nothing moves', () => {
    const stage = after(pair, 'push p deploy\npush u deploy\nwait');
    expect(stage.tell('probe p run slow').split('\n')).toEqual([expect.stringMatching(/p is degraded in run: slow \(users: u\)$/)]);
    expect(stage.tell('probe p run slow\nprobe p off slow')).toBe('');
    expect(stage.tell('probe p run well')).toMatch(/p is healthy in run$/);
  });

  test('F5: a place that is left is not degraded any more', () => {
    const stage = after(pair, 'push p deploy\nwait', 'probe p run slow');
    stage.tell('push p stop\nwait');
    expect(stage.state.member('p').degraded.size).toBe(0);
  });
});

describe('durability', () => {
  test('D1: the same journal leads to the same state', () => {
    const cast = readAssembly(pair);
    const done = (component: string, transition: string): Event => ({ kind: 'ended', outcomes: [{ action: { component, transition, execution: 1, attempt: 1 }, outcome: { kind: 'done', writes: {} } }] });
    const events: Event[] = [
      { kind: 'program', name: 'deploy', instructions: [{ kind: 'pushBehaviour', component: 'p', behaviour: 'deploy' }, { kind: 'pushBehaviour', component: 'u', behaviour: 'deploy' }, { kind: 'waitAll' }] },
      done('p', 'up'), done('u', 'go'),
    ];
    const { state } = createAssembly(cast);
    for (const event of events) step(state, event);
    const records: JournalRecord[] = [
      { kind: 'assembly', format: 1, name: 'pair', atMs: 0, components: cast.components, connections: cast.connections, hosts: [], nets: {} },
      ...events.map((event) => ({ kind: 'event', atMs: 0, event }) as const),
    ];
    expect(snapshot(fold(records, () => createAssembly(cast).state).state)).toEqual(snapshot(state));
    expect(state.program?.outcome).toBe('done');
  });

  test('D1: a state that was saved and restored goes on', () => {
    const stage = after(pair, 'push p deploy\nwait', 'fails u.go 1\npush u deploy\npush u stop\nwait', 'restart');
    expect(story(stage, 'skip u.go', ['u enters', '3 done'])).toEqual(['2 u enters run', '3 u enters off', '3 done']);
  });
});

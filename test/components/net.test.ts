import { describe, expect, test } from 'vitest';
import {
  aborted, applyMove, blocks, choose, ended, failed, groupHolds, initialState, isActive, isFinished, isIdle, isInUse, isRead, netOf, nextBehaviour, nextMove, pushed, restarted,
  retrying, tried, withdrawing, type ComponentState, type MovingToken, type Net, type Rule, type Surroundings,
} from '../../src/components/net.ts';
import type { Value } from '../../src/components/model.ts';
import { readType } from '../scenarios/language.ts';

/** `off` for a token on a place, `up:running` for one in a transition; `deploy` is the behaviour unless said otherwise. */
function at(marking: string, more: Partial<ComponentState> = {}): ComponentState {
  const words = marking.split(' ').filter(Boolean);
  const moving = words.filter((w) => w.includes(':')).map((w): MovingToken => ({ transition: w.split(':')[0]!, status: w.split(':')[1] as MovingToken['status'], execution: 1, attempt: 1 }));
  return { ...initialState(), entered: true, behaviour: 'deploy', places: words.filter((w) => !w.includes(':')), moving, ...more };
}

/** The inverse of `at`. */
const marking = (s: ComponentState): string => [...s.places, ...s.moving.map((m) => `${m.transition}:${m.status}`)].join(' ');

/** A world in which only what is named is served, held or known. */
function world({ served = '', held = '', values = {} }: { served?: string; held?: string; values?: Record<string, Value> } = {}): Surroundings {
  return {
    isServed: (port) => served.split(' ').includes(port),
    isHeld: (ports) => ports.some((p) => held.split(' ').includes(p)),
    isAvailable: (port) => port in values,
    read: (port) => values[port],
  };
}

/** What a rule allows, in words, and nothing when it does not apply. */
function move(net: Net, rule: Rule, state: ComponentState, around = world()): string | undefined {
  const found = nextMove(net, state, around, rule);
  switch (found?.rule) {
    case 'R1': return `enter ${[found.place, ...found.docks.map((t) => t.name)].join(' ')}`;
    case 'R2': return `leave ${[found.place, ...found.transitions.map((t) => t.name)].join(' ')}`;
    case 'R3': return `start ${found.transition.name}`;
    case undefined: return undefined;
  }
}

const net = (text: string) => netOf(readType(text));

describe('R1 enter', () => {
  const join = net(`type t: off on
  a: off -> on by deploy 1
  b: off -> on by deploy 1
  c: off -> on by deploy 1 set=c
  d: off -> on by other 1
  s: use on`);
  test.each<[string, string, string, string | undefined]>([
    ['R1: a place is entered when every dock of a set holds a token', 'a:ended b:ended', 's', 'enter on a b'],
    ['R1: one dock of the set is missing', 'a:ended b:running', 's', undefined],
    ['R1: any complete set is enough', 'a:ended c:ended', 's', 'enter on c'],
    ['R1: of several complete sets the first declared enters', 'c:ended b:ended a:ended', 's', 'enter on a b'],
    ['R1: the place holds a token already', 'on a:ended b:ended', 's', undefined],
    ['R1: a use port of the place is not served', 'a:ended b:ended', '', undefined],
  ])('%s', (_, from, served, expected) => expect(move(join, 'R1', at(from), world({ served }))).toBe(expected));

  const alternatives = net(`type t: off on
  a: off -> on by deploy 1 set=x
  b: off -> on by deploy 1
  s: use on b`);
  test.each<[string, string, string, string | undefined]>([
    ['R1: a set whose token carries the use over enters', 'b:ended', '', 'enter on b'],
    ['R1: the first complete set enters or none does: a later one that carries the use over does not pass it', 'a:ended b:ended', '', undefined],
  ])('%s', (_, from, served, expected) => expect(move(alternatives, 'R1', at(from), world({ served }))).toBe(expected));

  const grouped = net(`type t: off a b
  in: off -> a by deploy 1
  on: a -> b by deploy 1
  beside: off -> b by deploy 1 set=beside
  g: group a b
  s: use g`);
  test.each<[string, string, string, string | undefined]>([
    ['R1: the first token of a group asks for the ports of the group', 'in:ended', '', undefined],
    ['R1: and enters when they are served', 'in:ended', 's', 'enter a in'],
    ['R1: a group that holds a token does not ask again', 'on:ended', '', 'enter b on'],
    ['R1: nor does another token that comes to it', 'a beside:ended', '', 'enter b beside'],
  ])('%s', (_, from, served, expected) => expect(move(grouped, 'R1', at(from), world({ served }))).toBe(expected));

  const carrying = net(`type t: off on
  up: off -> on by deploy 1
  s: use up on`);
  test('R1: a use that is carried over is not asked for again', () => expect(move(carrying, 'R1', at('up:ended'))).toBe('enter on up'));

  const both = net(`type t: off on
  up: off -> on by deploy 1
  g: group on
  s: use on g`);
  test('R1: a port bound to a place and to its group is asked for once', () => {
    expect(blocks(both, at('up:ended'), world())).toEqual([{ rule: 'R1', place: 'on', ports: ['s'], occupied: false, missing: [] }]);
  });

  test('R1: entering makes one token of those on the docks, and leaves the other sets alone', () => {
    const state = at('a:ended b:ended c:ended');
    expect(marking(applyMove(join, state, nextMove(join, state, world({ served: 's' }), 'R1')!))).toBe('on c:ended');
  });

  const initial = net(`type t: off on
  up: off -> on by deploy 1
  s: use off`);
  test.each<[string, string, string | undefined]>([
    ['I1: the initial place is entered by R1', 's', 'enter off'],
    ['I1: and waits for its use port', '', undefined],
  ])('%s', (_, served, expected) => expect(move(initial, 'R1', initialState(), world({ served }))).toBe(expected));
});

describe('R2 leave', () => {
  const fork = net(`type t: off a b
  x: off -> a by deploy 1
  y: off -> b by deploy 1
  z: off -> a by other 1
  s: provide off`);
  test.each<[string, ComponentState, string, string | undefined]>([
    ['R2: a place is left by all transitions of the behaviour at once, whether or not they can start', at('off'), '', 'leave off x y'],
    ['R2: a provide port in use keeps its place from being left', at('off'), 's', undefined],
    ['R2: another behaviour takes other transitions', at('off', { behaviour: 'other' }), '', 'leave off z'],
    ['R2: without a behaviour nothing is left', at('off', { behaviour: null }), '', undefined],
    ['R6: a place is left at most once per behaviour', at('off', { left: ['off'] }), '', undefined],
  ])('%s', (_, state, held, expected) => expect(move(fork, 'R2', state, world({ held }))).toBe(expected));

  test('R2: leaving gives each transition a token on its output dock', () => {
    const state = at('off');
    const after = applyMove(fork, state, nextMove(fork, state, world(), 'R2')!);
    expect([marking(after), after.left]).toEqual(['x:ready y:ready', ['off']]);
  });

  const grouped = net(`type t: off one two
  up: off -> one by deploy 1
  on: one -> two by deploy 1
  away: two -> off by deploy 1
  g: group one two
  s: provide g
  r: provide one two`);
  test.each<[string, string, string, string | undefined]>([
    ['R8: a transition inside a group keeps the group\'s ports active, so its place may be left', 'one', 's', 'leave one on'],
    ['R8: but not a port that is bound to the places', 'one', 'r', undefined],
    ['R2: leaving the group would deactivate them', 'two', 's', undefined],
  ])('%s', (_, place, held, expected) => expect(move(grouped, 'R2', at(place), world({ held }))).toBe(expected));

  test.each<[string, string, string[]]>([
    ['R2: what leaving would deactivate is withdrawing', 'two', ['s', 'r']],
    ['R2: what stays active by the group is not', 'one', ['r']],
    ['R2: nor what another place keeps active', 'one two', []],
    ['R2: nor what is not active', 'off', []],
  ])('%s', (_, places, expected) => expect([...withdrawing(grouped, at(places), world()).keys()]).toEqual(expected));

  test('R2: nothing withdraws once there is nothing to be left', () => expect([...withdrawing(grouped, at('two', { left: ['two'] }), world()).keys()]).toEqual([]));

  test('R2: two ports of one leave are asked for together', () => {
    const around: Surroundings = { ...world(), isHeld: (ports) => ports.length === 2 };
    expect(move(grouped, 'R2', at('two'), around)).toBeUndefined();
    expect(blocks(grouped, at('two'), around)).toEqual([{ rule: 'R2', place: 'two', ports: ['s', 'r'] }]);
  });

  const choosing = net(`type t: off small big
  s: off -> small by deploy 1
  b: off -> big by deploy 1
  v: data-use off
  here: provide off
  off: switch v below 5 s, equals 7, otherwise b s`);
  test.each<[string, Record<string, Value>, string | undefined, boolean]>([
    ['R2: a switch takes the transitions of the first case that holds', { v: 3 }, 'leave off s', false],
    ['R2: it may take several', { v: 6 }, 'leave off s b', false],
    ['R2: it may take none, and stays', { v: 7 }, undefined, true],
    ['R5: it waits for its data, and the behaviour is not over', {}, undefined, false],
  ])('%s', (_, values, expected, over) => {
    const around = world({ values });
    expect([move(choosing, 'R2', at('off'), around), isFinished(choosing, at('off'), around)]).toEqual([expected, over]);
    expect(withdrawing(choosing, at('off'), around).has('here')).toBe(expected !== undefined);
  });

  test.each<[Value | undefined, readonly string[]]>([[4, ['low']], [5, ['rest']], ['4', ['rest']], ['x', ['word']], [[1, 'a'], ['list']], [null, ['rest']], [undefined, ['rest']]])('a switch that reads %j takes %j', (value, expected) => {
    expect(choose([{ below: 5, take: ['low'] }, { equals: 'x', take: ['word'] }, { equals: [1, 'a'], take: ['list'] }, { otherwise: ['rest'] }], value)).toEqual(expected);
  });

  const own = net(`type t: off small big
  s: off -> small by deploy 1
  b: off -> big by deploy 1
  v: data-provide off
  off: switch v equals 7 s, otherwise b`);
  test.each<[string, Record<string, Value>, string | undefined]>([
    ['R2: a switch reads what its own component published', { v: 7 }, 'leave off s'],
    ['R2: which may be something else', { v: 8 }, 'leave off b'],
    ['R5: and waits while there is nothing', {}, undefined],
  ])('%s', (_, published, expected) => {
    expect(move(own, 'R2', at('off', { published }), world())).toBe(expected);
  });

  test('a switch without a case that holds takes nothing', () => expect(choose([{ below: 5, take: ['low'] }], 7)).toEqual([]));
});

describe('R3 start', () => {
  const type = net(`type t: off mid on
  up: off -> on by deploy 1
  too: off -> on by deploy 1
  go: mid -> on by deploy 1
  s: use up go
  d: data-use up
  m: use mid go`);
  test.each<[string, string, string, Record<string, Value>, string | undefined]>([
    ['R3: a ready transition starts when its use ports are served and its data is there', 'up:ready', 's', { d: 1 }, 'start up'],
    ['R3: a use port is not served', 'up:ready', '', { d: 1 }, undefined],
    ['R3: a data-use port is not available', 'up:ready', 's', {}, undefined],
    ['R3: another one may start meanwhile', 'up:ready too:ready', '', {}, 'start too'],
    ['R3: ties go by order of declaration', 'too:ready up:ready', 's', { d: 1 }, 'start up'],
    ['R3: a use that is carried over from the place is not asked for again', 'go:ready', 's', {}, 'start go'],
    ['R3: what runs, failed or ended does not start', 'up:running too:failed go:ended', 's', { d: 1 }, undefined],
  ])('%s', (_, from, served, values, expected) => expect(move(type, 'R3', at(from), world({ served, values }))).toBe(expected));
});

describe('use ports', () => {
  const type = net(`type t: off on out
  up: off -> on by deploy 1
  away: on -> out by deploy 1
  byTransition: use up
  byPlace: use on
  over: use up on away
  g: group on out
  byGroup: use g
  grouped: use up g`);
  test.each<[string, string[]]>([
    ['off', []],
    ['up:ready', []],
    ['up:running', ['byTransition', 'over', 'grouped']],
    ['up:retrying', ['byTransition', 'over', 'grouped']],
    ['up:failed', ['byTransition', 'over', 'grouped']],
    ['up:ended', ['over', 'grouped']],
    ['on', ['byPlace', 'over', 'byGroup', 'grouped']],
    ['away:ready', ['over', 'byGroup', 'grouped']],
    ['away:running', ['over', 'byGroup', 'grouped']],
    ['away:ended', ['byGroup', 'grouped']],
    ['out', ['byGroup', 'grouped']],
  ])('§2: with a token on %s, %j are in use', (from, expected) => expect(type.usePorts.filter((p) => isInUse(type, at(from), p)).map((p) => p.name)).toEqual(expected));

  test.each(['ready', 'ended', 'running', 'retrying', 'failed'])('§2: a data-use port of a transition that is %s', (status) => {
    const reading = net('type t: off on\n  up: off -> on by deploy 1\n  v: data-use up');
    expect(isRead(at(`up:${status}`), reading.dataUsePorts[0]!)).toBe(!['ready', 'ended'].includes(status));
  });
});

describe('R4 end, and data', () => {
  const type = net(`type t: off on run
  up: off -> on by deploy 1
  go: on -> run by deploy 1
  g: group on
  a: data-provide run
  b: data-provide g`);
  const enter = (state: ComponentState) => applyMove(type, state, nextMove(type, state, world(), 'R1')!);

  test('R4: the transition is ended and its data written, and nobody reads it yet', () => {
    const state = ended(at('up:running'), 'up', { a: 1, b: 2 });
    expect([marking(state), state.written, state.published]).toEqual(['up:ended', { a: 1, b: 2 }, {}]);
  });

  test('R4: a value is published by the next entry of one of the port\'s places, or of a place of its groups', () => {
    const state = enter(ended(at('up:running'), 'up', { a: 1, b: 2 }));
    expect([state.written, state.published]).toEqual([{ a: 1 }, { b: 2 }]);
    const later = enter(ended({ ...state, places: [], moving: at('go:running').moving }, 'go', {}));
    expect([later.written, later.published]).toEqual([{}, { a: 1, b: 2 }]);
  });

  test('R4: until then readers see the one before, and after the place was left the last one', () => {
    const state = ended(at('up:running', { published: { b: 1 } }), 'up', { b: 2 });
    expect(state.published).toEqual({ b: 1 });
    const entered = enter(state);
    expect(applyMove(type, entered, nextMove(type, entered, world(), 'R2')!).published).toEqual({ b: 2 });
  });

  test('R4: entering without a new value publishes nothing', () => expect(enter(ended(at('up:running'), 'up', {})).published).toEqual({}));
});

describe('R5 behaviour done, R6, R7', () => {
  const type = net(`type t: off on
  up: off -> on by deploy 1
  back: on -> off by deploy 1 set=back
  s: provide off`);
  test.each<[string, ComponentState, boolean]>([
    ['R5: a place still to be left', at('off'), false],
    ['R5: a token in a transition', at('up:failed'), false],
    ['R5: a place whose port is held is still to be left', at('off'), false],
    ['R6: what was left once does not count', at('off', { left: ['off', 'on'] }), true],
    ['R7: nothing to take from where it stands', at('on', { behaviour: 'other' }), true],
    ['R5: no behaviour at all is none that is over', at('on', { behaviour: null }), false],
  ])('%s', (_, state, expected) => expect(isFinished(type, state, world({ held: 's' }))).toBe(expected));

  test('R6: a cycle is gone round once', () => {
    let state = nextBehaviour(pushed(at('off', { behaviour: null }), 'deploy'));
    const trail: string[] = [];
    for (let m = nextMove(type, state, world(), 'R2'); m; m = nextMove(type, state, world(), 'R2')) {
      state = applyMove(type, state, m);
      state = ended(applyMove(type, state, nextMove(type, state, world(), 'R3')!), state.moving[0]!.transition, {});
      state = applyMove(type, state, nextMove(type, state, world(), 'R1')!);
      trail.push(marking(state));
    }
    expect([trail, isFinished(type, state, world())]).toEqual([['on', 'off'], true]);
  });

  test('R5: the next behaviour of the queue begins with nothing left yet; without one the component is idle', () => {
    const state = at('on', { left: ['off'], queue: ['stop'] });
    expect(nextBehaviour(state)).toMatchObject({ behaviour: 'stop', queue: [], left: [] });
    expect([isIdle(state), isIdle(nextBehaviour(state)), isIdle(nextBehaviour(nextBehaviour(state)))]).toEqual([false, false, true]);
    expect(isIdle(initialState())).toBe(false);
  });
});

describe('R8 order', () => {
  const type = net(`type t: off on
  up: off -> on by deploy 1
  down: on -> off by stop 1
  g: group off on
  s: provide on
  all: provide g`);
  test.each<[string, string[]]>([['up:running', ['all']], ['up:ended', ['all']], ['on', ['s', 'all']], ['down:ready', ['all']]])('R8: with a token on %s, %j are active', (from, expected) => {
    expect(type.providePorts.filter((p) => isActive(type, at(from), p)).map((p) => p.name)).toEqual(expected);
    expect(groupHolds(type, at(from), 'g')).toBe(true);
  });
});

describe('F1, F3: failures', () => {
  const type = net(`type t: off a b on
  x: off -> a by deploy 1
  y: off -> b by deploy 1
  z: a -> on by deploy 1`);
  test('F1: a failed transition keeps its token; its tries are counted, its next execution is another one', () => {
    const one = at('x:running', { executions: 1 });
    expect(tried(retrying(one, 'x'), 'x').moving).toEqual([{ transition: 'x', status: 'running', execution: 1, attempt: 2 }]);
    expect(restarted(failed(one, 'x'), 'x').moving).toEqual([{ transition: 'x', status: 'running', execution: 2, attempt: 1, since: 1 }]);
  });

  test('F1, F3: what a failed try has left unsettled is taken up by the tries after it, until one knows its fate', () => {
    const x = { transition: 'x', status: 'running' };
    const lost = restarted(failed(at('x:running', { executions: 1 }), 'x', true), 'x');
    expect(lost.moving).toEqual([{ ...x, execution: 2, attempt: 1, since: 1, takesUp: { execution: 1, attempt: 1 } }]);
    const lostAgain = tried(retrying(lost, 'x', true), 'x');
    expect(lostAgain.moving).toEqual([{ ...x, execution: 2, attempt: 2, since: 1, takesUp: { execution: 1, attempt: 1 } }]);
    expect(restarted(failed(lostAgain, 'x'), 'x').moving).toEqual([{ ...x, execution: 3, attempt: 1, since: 1 }]);
  });

  test.each<[string, string, string]>([
    ['F3: abort puts a token back on its source place', 'z:failed', 'a'],
    ['F3: a fork goes back as one token', 'x:failed y:ended', 'off'],
    ['F3: what was entered meanwhile stays', 'a y:failed', 'a off'],
    ['F3: what waits goes back too', 'z:ready y:failed', 'a off'],
  ])('%s', (_, from, to) => {
    const state = aborted(type, at(from, { queue: ['stop'], left: ['off'] }));
    expect(marking(state)).toBe(to);
    expect(state).toMatchObject({ behaviour: null, queue: [], left: [] });
  });
});

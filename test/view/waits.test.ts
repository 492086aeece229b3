import { describe, expect, test } from 'vitest';
import type { Wait } from '../../src/assembly/waits.ts';
import { alike, explain, sentence, sentenceOf } from '../../src/view/waits.ts';

/** `a>b`: a waits for b. */
const waits = (text: string): Wait[] => text.split(' ').map((pair): Wait => {
  const [component = '', other = ''] = pair.split('>');
  const why = { component: other, port: 'out', why: 'is not active' };
  return component === '' ? { component, what: 'wait for all', rule: 'instruction', for: [{ component: other, why: 'is not idle' }] } : { component, what: 'go', rule: 'R3', port: 'in', for: [why] };
});
const order = (text: string) => explain(waits(text)).map((line) => (line.startsWith('These') ? line.slice(27) : line.split(' ')[0] === 'the' ? 'program' : line.split(' ')[0]));

describe('sentence', () => {
  test.each<[Wait, string]>([
    [{ component: 'la1', what: 'connect', rule: 'R3', port: 'parent', for: [{ component: 'ma1', port: 'agent', why: 'is not active: in absent, no behaviour' }] }, 'la1 waits to start connect, port parent: ma1.agent is not active: in absent, no behaviour'],
    [{ component: 'la1', what: 'ready', rule: 'R1', for: [{ component: 'la1', why: 'fetch is running' }] }, 'la1 waits to enter ready: fetch is running'],
    [{ component: 'la1', what: 'connect', rule: 'R3', port: 'parent', for: [{ component: 'la1', port: 'parent', why: 'is connected to nobody' }] }, 'la1 waits to start connect, port parent: la1.parent is connected to nobody'],
    [{ component: '', what: 'wait for all', rule: 'instruction', for: ['a', 'b', 'c', 'd', 'e'].map((component) => ({ component, why: 'is not idle' })) }, 'the program waits at "wait for all": a is not idle; b is not idle; and 3 more'],
    [{ component: 'a\nb', what: 'up', rule: 'R2', port: 'x', for: [] }, 'a b waits to leave up, port x: nobody is there to release it'],
  ])('%j', (wait, text) => expect(sentence(wait)).toBe(text));
});

describe('waits that are alike', () => {
  test('are one sentence, in the order of the first of each', () => {
    const groups = alike(waits('a>p b>p c>q d>p e>p f>p >a'));
    expect(groups.map((group) => sentenceOf(group, 100))).toEqual([
      'a, b, d and 2 more wait to start go, port in: p.out is not active', 'c waits to start go, port in: q.out is not active', 'the program waits at "wait for all": a is not idle',
    ]);
  });
  test('few columns: who and whom they wait for come first', () => {
    const [many, one, program] = alike(waits('a>p b>p d>p c>q >a'));
    expect([many!, one!, program!].map((group) => sentenceOf(group, 40))).toEqual(['a and 2 more: start go: p.out is not active', 'c: start go: q.out is not active', 'wait for all: a is not idle']);
  });
  test('two that wait for different things are not alike', () => {
    const [wait] = waits('a>p');
    const others: Wait[] = [{ ...wait!, port: 'other' }, { ...wait!, what: 'leave' }, { ...wait!, for: [] }, { ...wait!, for: [{ ...wait!.for[0]!, why: 'is withdrawing' }] }];
    expect(alike([wait!, ...others])).toHaveLength(5);
  });
});

describe('explain follows the chain from who waits to whom it waits for', () => {
  test.each([
    ['a chain given backwards', 'b>c a>b >a', ['program', 'a', 'b']],
    ['two chains with one end', 'd>c a>d b>d', ['a', 'd', 'b']],
    ['a circle is said to be one', 'a>b b>c c>a', ['a', 'b', 'c', 'a -> b -> c -> a']],
    ['a circle at the end of a chain', 'b>c c>b a>b', ['a', 'b', 'c', 'b -> c -> b']],
    ['waiting for something of its own is no circle', 'a>a', ['a']],
  ])('%s', (_, text, expected) => expect(order(text)).toEqual(expected));

  test('many waits are counted, and a chain of 20,000 is no harder than one of two', () => {
    const chain = Array.from({ length: 20_000 }, (_, i) => `c${i}>c${i + 1}`).join(' ');
    const lines = explain(waits(chain));
    expect(lines.length).toBe(21);
    expect(lines.at(-1)).toBe('... and 19980 more waits');
  });

  test('of a long circle the beginning is told', () => {
    const circle = Array.from({ length: 100 }, (_, i) => `c${i}>c${(i + 1) % 100}`).join(' ');
    expect(explain(waits(circle)).at(-1)).toBe('These wait for each other: c0 -> c1 -> c2 -> c3 -> c4 -> c5 -> c6 -> 93 more -> c0');
  });
});

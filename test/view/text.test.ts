import { describe, expect, test } from 'vitest';
import { columnsOf, count, fit, listSome, oneLine, padEnd, safeLines } from '../../src/view/text.ts';
import { cpuMs } from '../cpu-time.ts';

test.each([
  ['plain', 'plain'],
  ['\u001b[31mred\u001b[0m', 'red'],
  ['title\u001b]0;own\u0007ed', 'titleed'],
  ['two\r\nlines', 'two lines'],
  ['a\u202eb\u2066c', 'a b c'],
  ['\u009b2Jx', 'x'],
])('oneLine(%j) is %j', (text, safe) => expect(oneLine(text)).toBe(safe));

test('safeLines keeps the lines apart and the tabs visible', () => expect(safeLines('a\tb\r\n\u001b[1mc\n\n')).toEqual(['a    b', 'c']));

describe('fit', () => {
  test.each([
    ['short', 10, 'short'], ['exactly', 7, 'exactly'], ['too long', 5, 'too …'], ['組み合わせ', 10, '組み合わせ'], ['組み合わせ', 9, '組み合わ…'], ['組み合わせ', 4, '組…'],
    ['👩‍👩‍👧‍👦👩‍👩‍👧‍👦', 3, '👩‍👩‍👧‍👦…'], ['e\u0301e\u0301e\u0301', 2, 'e\u0301…'], ['ab', 1, '…'], ['ab', 0, ''], ['', 3, ''],
  ])('%j in %d columns is %j', (text, columns, shown) => expect(fit(text, columns)).toBe(shown));

  test('a name of ten megabytes is cut as quickly as one of a line', () => {
    const long = '組'.repeat(5e6);
    expect(cpuMs(() => expect(columnsOf(fit(long, 80))).toBeLessThanOrEqual(80))).toBeLessThan(100);
  });
});

test.each([['ab', 4, 'ab  '], ['組', 4, '組  '], ['long', 2, 'long']])('padEnd(%j, %d) is %j', (text, columns, padded) => expect(padEnd(text, columns)).toBe(padded));

test.each([
  [[], ''], [['a'], 'a'], [['a', 'b'], 'a and b'], [['a', 'b', 'c', 'd'], 'a, b, c and d'], [['a', 'b', 'c', 'd', 'e'], 'a, b, c and 2 more'],
])('listSome(%j) is %j', (items, text) => expect(listSome(items)).toBe(text));

test.each([[1, '1 user'], [0, '0 users'], [2, '2 users']])('count(%d) is %s', (n, text) => expect(count(n, 'user')).toBe(text));

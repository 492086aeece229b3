import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { argvOf, quote, shown } from '../../src/orchestrapi/quote.ts';

/** What /bin/sh makes of quoted words: each one back, with a NUL behind it. */
function throughShell(words: readonly string[]): string[] {
  const out = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${words.map(quote).join(' ')}`], { encoding: 'utf8' });
  return out.split('\0').slice(0, -1);
}

test('every character but NUL goes through /bin/sh as it is, alone and between letters', () => {
  const characters = Array.from({ length: 255 }, (_, i) => String.fromCodePoint(i + 1));
  const words = characters.flatMap((c) => [c, `a${c}b`, c + c]);
  expect(throughShell(words)).toEqual(words);
});

test.each(['', "'", "''", "'\\''", '$(echo no)', '`echo no`', '${HOME}', '-n', '--', '\n', 'a\n\n', '!!', '~', '*', '#', '{a,b}', '\\', '"', 'é∀😀'])('%j goes through /bin/sh as it is', (word) => {
  expect(throughShell([word])).toEqual([word]);
});

test('any list of words goes through /bin/sh as it is', () => {
  const word = fc.string({ unit: fc.oneof(fc.constantFrom("'", '"', '\\', '$', '(', ')', '`', '\n', ' ', '-', '*'), fc.string({ minLength: 1, maxLength: 1, unit: 'grapheme' })) }).filter((w) => !w.includes('\0'));
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
    expect(throughShell(words)).toEqual(words);
  }), { numRuns: 200 });
});

test('a NUL is refused, since no argument can hold one', () => {
  expect(() => quote('a\0b')).toThrow(RangeError);
});

test('a plain word stays as a person would write it', () => {
  expect(shown(['cp', '-r', '/etc/x.conf', "it's here"])).toBe(String.raw`cp -r /etc/x.conf 'it'\''s here'`);
});

test('a text is for /bin/sh, a list for nobody', () => {
  expect(argvOf('a | b')).toEqual(['/bin/sh', '-c', 'a | b']);
  expect(argvOf(['a', '|', 'b'])).toEqual(['a', '|', 'b']);
});

import { createRequire } from 'node:module';
import { stripVTControlCharacters } from 'node:util';
import type StringWidth from 'string-width';

/** Control characters (which move cursors) and bidirectional overrides (which make a text read as another one). */
// oxlint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;

/** Makes a text of unknown origin one line that a terminal shows as it is: no escape sequence, no control character, no line break. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text).replace(unsafe, ' ');
}

/** Lines of an output of unknown origin, each one made safe as by `oneLine`; empty lines at the end are dropped. */
export function safeLines(text: string): string[] {
  return text.trimEnd().split(/\r\n|\n|\r/).map((line) => oneLine(line.replaceAll('\t', '    ')));
}

/** Columns that a text without control characters takes in a terminal: 2 for a wide character, 0 for a combining one. */
export function columnsOf(text: string): number {
  if (simple.test(text)) return text.length;
  stringWidth ??= (createRequire(import.meta.url)('string-width') as { default: typeof StringWidth }).default;
  return stringWidth(text);
}

/** What is a column each. The tables for all the rest take a quarter of the time that `tutti status` has: they are loaded when they are needed. */
const simple = /^[ -~]*$/;
let stringWidth: typeof StringWidth | undefined;
let graphemes: Intl.Segmenter | undefined;

/** The text in at most `columns` columns; where something is cut off the last column is `…`. */
export function fit(text: string, columns: number): string {
  if (columns <= 0) return '';
  // Nobody sees what is far beyond the edge: a name of a megabyte costs no more than one of a line.
  const cut = text.length > 16 * columns;
  const seen = cut ? text.slice(0, 16 * columns) : text;
  if (!cut && columnsOf(seen) <= columns) return seen;
  if (simple.test(seen)) return `${seen.slice(0, columns - 1)}…`;
  let kept = '';
  let used = 0;
  graphemes ??= new Intl.Segmenter();
  for (const { segment } of graphemes.segment(seen)) {
    const width = columnsOf(segment);
    if (used + width > columns - 1) break;
    kept += segment;
    used += width;
  }
  return `${kept}…`;
}

/** The text with spaces behind it up to `columns`; a longer one stays as it is. */
export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)));
}

/** `one, two, three and 12 more`: the first `limit` items and the number of the others. */
export function listSome(items: readonly string[], limit = 3): string {
  if (items.length > limit + 1) return `${items.slice(0, limit).join(', ')} and ${items.length - limit} more`;
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** `1 failure`, `3 failures`: the plural by an `s`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

import type { Command } from './host.ts';

/** One word for a POSIX shell: whatever it holds arrives as it is. @throws RangeError for a NUL, which no argument can hold @example quote("it's") // `'it'\''s'` */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError(`${JSON.stringify(word)} holds a NUL, which no argument of a command can`);
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * As `quote`, but on one line, for a shell that reads its commands line by line and has a newline in the variable `tutti_n`.
 * @throws RangeError for a NUL @example quoteOnOneLine('a\nb') // `'a'"$tutti_n"'b'`
 */
export function quoteOnOneLine(word: string): string {
  const quoted = quote(word);
  return quoted.includes('\n') ? quoted.replaceAll('\n', `'"$tutti_n"'`) : quoted;
}

/** The program and arguments that run a command: a text is read by `/bin/sh`. */
export function argvOf(command: Command): readonly [string, ...string[]] {
  return typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
}

/** A command as a person reads it. */
export function shown(command: Command): string {
  return typeof command === 'string' ? command : command.map((word) => (word.includes('\0') ? JSON.stringify(word) : quote(word))).join(' ');
}

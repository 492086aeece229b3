import type { Command } from './host.ts';

/** One word for a POSIX shell: whatever it holds arrives as it is. @throws RangeError for a NUL, which no argument can hold @example quote("it's") // `'it'\''s'` */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError(`${JSON.stringify(word)} holds a NUL, which no argument of a command can`);
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The program and arguments that run a command: a text is read by `/bin/sh`. */
export function argvOf(command: Command): readonly [string, ...string[]] {
  return typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
}

/** A command as a person reads it. */
export function shown(command: Command): string {
  return typeof command === 'string' ? command : command.map(quote).join(' ');
}

import type { HostErrorCode } from './host.ts';

/** What an error of the operating system means for a host. */
export function codeOf(cause: unknown): HostErrorCode {
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'ENOSPC': case 'EDQUOT': return 'NO_SPACE';
    case 'EROFS': return 'READ_ONLY';
    case 'ENOENT': return 'NOT_FOUND';
    default: return 'REFUSED';
  }
}

/** An error of the operating system in words, with the path it is about; any other error's own message. */
export function inWords(cause: unknown): string {
  const { code, message, path } = cause as NodeJS.ErrnoException;
  const at = path === undefined ? '' : `: ${path}`;
  switch (code) {
    case 'ENOSPC': case 'EDQUOT': return 'no space is left on the device';
    case 'EROFS': return 'the file system is read-only';
    case 'EACCES': case 'EPERM': return `permission denied${at}`;
    case 'ENOTDIR': case 'EEXIST': return `a part of the path is a file, not a folder${at}`;
    case 'EISDIR': return `it is a folder${at}`;
    case 'ENOENT': return `it is not there${at}`;
    case 'ENAMETOOLONG': return `the name is too long${at}`;
    case 'ELOOP': return `its links lead in a circle${at}`;
    case 'E2BIG': return 'its arguments are too long for this system';
    default: return message;
  }
}

const saidBySystem: readonly (readonly [pattern: RegExp, code: string])[] = [
  [/No space left on device|Disk quota exceeded/, 'ENOSPC'], [/Read-only file system/, 'EROFS'], [/Permission denied|Operation not permitted/, 'EACCES'],
  [/Not a directory|File exists/, 'ENOTDIR'], [/Is a directory|with non-directory/, 'EISDIR'], [/No such file or directory/, 'ENOENT'], [/File name too long/, 'ENAMETOOLONG'],
  [/Too many levels of symbolic links/, 'ELOOP'], [/Argument list too long/, 'E2BIG'],
];

/** What a program said when the system refused it something, as an error of the system; its own words where they tell no more. */
export function errnoIn(text: string): NodeJS.ErrnoException {
  const code = saidBySystem.find(([pattern]) => pattern.test(text))?.[1];
  return Object.assign(new Error(text.trim() || 'it failed without a word'), code === undefined ? {} : { code });
}

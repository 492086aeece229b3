import { error, type Diagnostic } from '../diagnostic.ts';
import { inWords } from '../orchestrapi/errno.ts';

/** Why a file that the operator named cannot be read. */
export function unreadable(file: string, cause: unknown): Diagnostic {
  const why = {
    ENOENT: 'There is no such file. "tutti init" writes one to begin with.',
    EISDIR: 'It is a folder; name the file in it.',
    ENOTDIR: 'A part of its path is a file, not a folder.',
    EACCES: 'It may not be read by this user: change its rights (chmod), or name another file.',
  }[(cause as NodeJS.ErrnoException).code ?? ''];
  return error('FILE_UNREADABLE', 'The file cannot be read', why ?? `${inWords(cause)}.`, { file });
}

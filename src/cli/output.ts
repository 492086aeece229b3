import { writeFileSync } from 'node:fs';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { inWords } from '../orchestrapi/errno.ts';
import { sentence } from './diagnostics.ts';

/** Writes what a command made to the file that the operator named. @throws TuttiError OUTPUT_UNWRITABLE */
export function writeOutput(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'its folder is not there' : inWords({ code, message });
    throw new TuttiError(error('OUTPUT_UNWRITABLE', 'The output cannot be written', `${sentence(why)} Name another file.`, { file: path }), exitCodes.failed, cause);
  }
}

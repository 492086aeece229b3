import { isUtf8 } from 'node:buffer';
import { readdir, readlink } from 'node:fs/promises';

/** What is in a folder of this machine: its name, or, where that cannot be sent, how it is shown and why. */
export type Entry = { readonly name: string; readonly isLink: boolean; readonly refused?: undefined } | { readonly name: string; readonly refused: string };

/** The entries of a folder. To hosts go names of text: one that is not UTF-8 would arrive as another. */
export async function entriesOf(folder: string): Promise<Entry[]> {
  const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
  return entries.map((entry) => (isUtf8(entry.name)
    ? { name: entry.name.toString(), isLink: entry.isSymbolicLink() }
    : { name: shown(entry.name), refused: `its name is not UTF-8: rename it (in ${folder})` }));
}

/** Where a link leads. @throws Error for a path that is not UTF-8 */
export async function targetOf(link: string): Promise<string> {
  const target = await readlink(link, { encoding: 'buffer' });
  if (!isUtf8(target)) throw new Error(`it is a link to "${shown(target)}", which is not UTF-8: rename what it leads to (${link})`);
  return target.toString();
}

/** Bytes as bash takes them in $'…'. */
function shown(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll(/[^ -[\]-~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

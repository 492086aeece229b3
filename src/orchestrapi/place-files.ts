import { randomUUID } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, open, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inWords } from './errno.ts';
import type { FileToPut, PutReport } from './host.ts';
import { entriesOf, targetOf } from './read-folder.ts';

/** Bytes that were sent, or that there was nothing to send. */
type Outcome = number | 'unchanged';

/** A file of a batch, or a file in a folder of one. */
type Wanted = { readonly to: string; readonly path: string } & ({ readonly text: string; readonly mode: number } | { readonly from: string; readonly mode?: number } | { readonly link: string } | { readonly refused: string });

/**
 * Places a batch on this machine, in its order: what is there with the same bytes and mode stays untouched, anything else is written beside it and
 * renamed over it. A folder is placed with all that is in it, its links as links; what else is at its destination stays. A file that cannot be placed
 * names itself (in a folder: the folder's `to` and its path in it), and the others go on. Without `mode`: the source's; a text gets 0644. A folder's `mode`
 * is its own, not that of what is in it.
 */
export async function placeFiles(batch: readonly FileToPut[], at: (to: string) => string): Promise<PutReport> {
  const failed: { to: string; reason: string }[] = [];
  let sent = 0, unchanged = 0, sentBytes = 0;
  const place = async (wanted: Wanted): Promise<void> => {
    try {
      const outcome = await placeOne(wanted, place);
      if (outcome === undefined) return;
      if (outcome === 'unchanged') return void unchanged++;
      sent++;
      sentBytes += outcome;
    } catch (cause) {
      failed.push({ to: wanted.to, reason: inWords(cause) });
    }
  };
  for (const file of batch) {
    const { to, mode } = file;
    const path = at(to);
    await place('text' in file ? { to, path, text: file.text, mode: mode ?? 0o644 } : { to, path, from: file.from, ...(mode === undefined ? {} : { mode }) });
  }
  return { sent, unchanged, sentBytes, failed };
}

async function placeOne(wanted: Wanted, place: (inside: Wanted) => Promise<void>): Promise<Outcome | undefined> {
  const { path } = wanted;
  if ('text' in wanted) {
    const bytes = Buffer.from(wanted.text);
    if ((await modeIfSame(path, bytes.length, async () => bytes.equals(await readFile(path)))) === wanted.mode) return 'unchanged';
    return replace(path, wanted.mode, bytes.length, (beside) => writeFile(beside, bytes, { mode: 0o600 }));
  }
  if ('refused' in wanted) throw new Error(wanted.refused);
  if ('link' in wanted) return placeLink(wanted.link, path);
  const { from } = wanted;
  const source = await stat(from);
  if (source.isDirectory()) return placeFolder(wanted.to, from, path, wanted.mode ?? source.mode & 0o7777, place);
  if (!source.isFile()) throw new Error(`it is neither a file nor a folder: ${from}`);
  const mode = wanted.mode ?? source.mode & 0o7777;
  if ((await modeIfSame(path, source.size, () => isSameFile(from, path, source.size))) === mode) return 'unchanged';
  return replace(path, mode, source.size, (beside) => copyFile(from, beside));
}

async function placeFolder(to: string, from: string, path: string, mode: number, place: (inside: Wanted) => Promise<void>): Promise<undefined> {
  await mkdir(path, { recursive: true });
  for (const { name, ...entry } of await entriesOf(from)) {
    const source = join(from, name);
    await place({ to: `${to}/${name}`, path: join(path, name), ...(entry.refused !== undefined ? entry : entry.isLink ? { link: source } : { from: source }) });
  }
  // Last: it may forbid writing.
  await chmod(path, mode);
}

async function placeLink(from: string, path: string): Promise<Outcome> {
  const target = await targetOf(from);
  if ((await readlink(path).catch(() => undefined)) === target) return 'unchanged';
  return replace(path, undefined, 0, (beside) => symlink(target, beside));
}

/** Never half a file: it is complete before it has its name. The name beside is short, whatever the name is. */
async function replace(path: string, mode: number | undefined, sizeBytes: number, write: (beside: string) => Promise<void>): Promise<Outcome> {
  await mkdir(dirname(path), { recursive: true });
  const beside = join(dirname(path), `.tutti-${randomUUID()}`);
  try {
    await write(beside);
    if (mode !== undefined) await chmod(beside, mode);
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    throw cause;
  }
  return sizeBytes;
}

/** The mode of the file at `path` if it has the same content. */
async function modeIfSame(path: string, sizeBytes: number, hasSameBytes: () => Promise<boolean>): Promise<number | undefined> {
  try {
    const found = await lstat(path);
    return found.isFile() && found.size === sizeBytes && (await hasSameBytes()) ? found.mode & 0o7777 : undefined;
  } catch {
    return undefined;
  }
}

/** Compares two files of one size in pieces of 1 MiB. */
async function isSameFile(a: string, b: string, sizeBytes: number): Promise<boolean> {
  await using left = await open(a, 'r');
  await using right = await open(b, 'r');
  const [mine, theirs] = [Buffer.alloc(Math.min(sizeBytes, 1 << 20)), Buffer.alloc(Math.min(sizeBytes, 1 << 20))];
  for (let at = 0; at < sizeBytes;) {
    const [x, y] = await Promise.all([left.read(mine, 0, mine.length, at), right.read(theirs, 0, theirs.length, at)]);
    if (x.bytesRead === 0 || x.bytesRead !== y.bytesRead || mine.compare(theirs, 0, y.bytesRead, 0, x.bytesRead) !== 0) return false;
    at += x.bytesRead;
  }
  return true;
}

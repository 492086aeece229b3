import { chmod, copyFile, lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { FileToPut, PutReport } from './host.ts';

type Outcome = { readonly kind: 'sent'; readonly bytes: number } | { readonly kind: 'unchanged' };

/**
 * Places a batch on this machine: what is there with the same bytes and mode stays untouched, anything else is written beside it and renamed over it.
 * A folder is placed with all that is in it. A file that cannot be placed names itself, and the others go on.
 */
export async function placeFiles(batch: readonly FileToPut[], at: (to: string) => string): Promise<PutReport> {
  const failed: { to: string; reason: string }[] = [];
  let sent = 0, unchanged = 0, sentBytes = 0;
  for (const file of batch) {
    try {
      for await (const outcome of placeOne(file, at(file.to))) {
        if (outcome.kind === 'unchanged') unchanged++;
        else {
          sent++;
          sentBytes += outcome.bytes;
        }
      }
    } catch (cause) {
      failed.push({ to: file.to, reason: inWords(cause as NodeJS.ErrnoException) });
    }
  }
  return { sent, unchanged, sentBytes, failed };
}

async function* placeOne(file: FileToPut, path: string): AsyncGenerator<Outcome> {
  if ('text' in file) {
    yield await replace(path, file.mode ?? 0o644, Buffer.from(file.text));
    return;
  }
  const source = await stat(file.from);
  if (!source.isDirectory()) {
    yield await replace(path, file.mode ?? source.mode & 0o7777, await readFile(file.from), file.from);
    return;
  }
  await mkdir(path, { recursive: true });
  for (const name of await readdir(file.from)) yield* placeOne({ to: '', from: join(file.from, name) }, join(path, name));
}

async function replace(path: string, mode: number, bytes: Buffer, from?: string): Promise<Outcome> {
  if (await isThere(path, mode, bytes)) return { kind: 'unchanged' };
  await mkdir(dirname(path), { recursive: true });
  const beside = join(dirname(path), `.tutti-${randomUUID()}`);
  try {
    if (from === undefined) await writeFile(beside, bytes, { mode });
    else await copyFile(from, beside);
    await chmod(beside, mode);
    await rename(beside, path);
  } catch (cause) {
    await rm(beside, { force: true });
    throw cause;
  }
  return { kind: 'sent', bytes: bytes.length };
}

async function isThere(path: string, mode: number, bytes: Buffer): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isFile() && found.size === bytes.length && (found.mode & 0o7777) === mode && bytes.equals(await readFile(path));
  } catch {
    return false;
  }
}

function inWords({ code, message, path }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOSPC': case 'EDQUOT': return 'no space is left on the device';
    case 'EROFS': return 'the file system is read-only';
    case 'EACCES': case 'EPERM': return `permission denied${path === undefined ? '' : `: ${path}`}`;
    case 'ENOTDIR': return `a part of the path is a file, not a folder${path === undefined ? '' : `: ${path}`}`;
    case 'EISDIR': return 'there is a folder of that name';
    case 'ENOENT': return `there is no "${path ?? ''}"`;
    default: return message;
  }
}

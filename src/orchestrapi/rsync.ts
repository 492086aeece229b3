import { spawn, type ChildProcess } from 'node:child_process';
import { copyFile, constants, chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { semaphore } from '../semaphore.ts';

/** A file of a batch that rsync is to send. */
export interface RsyncFile {
  /** Absolute, on the host. */
  readonly path: string;
  /** Its bytes, or the path of a file of this machine. */
  readonly source: Buffer | string;
  readonly mode: number;
  /** The mode of the source, where that is a file. */
  readonly sourceMode: number | undefined;
}

export interface RsyncEnd {
  /** 0: everything arrived. `missing`: there is no rsync on this machine. */
  readonly exitCode: number | 'missing';
  readonly stderr: string;
}

/** Where an interrupted file waits for the next try, beside its place. */
export const partialFolder = '.tutti-partial';
/** A transfer in which nothing moves for so long has failed. */
const stallSeconds = 30;

/** Each keeps a processor busy with enciphering: more of them at once only take each other's time and memory. */
const turn = semaphore(Math.max(4, Math.min(16, 2 * availableParallelism())));

/** What rsync is given: a constant, but for `-e` and the destination, which a person configured, and the names of folders that we made. File names go on its standard input. */
export function rsyncArguments({ ssh, destination, folder }: { readonly ssh: readonly string[]; readonly destination: string; readonly folder: string }): string[] {
  return [
    '--files-from=-', '--from0', '--secluded-args', '--copy-links', '--perms', '--ignore-times', '--no-implied-dirs', `--partial-dir=${partialFolder}`,
    '--info=progress2', '--no-human-readable', `--timeout=${stallSeconds}`, '-e', rshText(ssh), '--', `${folder}/`, `${destination.includes(':') ? `[${destination}]` : destination}:/`,
  ];
}

/** Whether rsync reads a destination as a host and nothing else. */
export function isPlainDestination(destination: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@%-]*$/.test(destination) || /^[0-9A-Fa-f:]+(%[A-Za-z0-9]+)?$/.test(destination);
}

/** `-e` is one text that rsync itself takes apart, at spaces that are not in quotes; within quotes a doubled one stands for itself. No shell reads it. */
export function rshText(words: readonly string[]): string {
  return words.map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `"${word.replaceAll('"', '""')}"`)).join(' ');
}

/** A list for `--files-from --from0`: each name begins with `./`, since rsync passes over names that begin with `#` or `;`. */
export function filesFrom(files: readonly Pick<RsyncFile, 'path'>[]): string {
  return files.map(({ path }) => `.${path}\0`).join('');
}

/**
 * Sends files of one host in one call. They are staged in a private folder that is laid out as the host is: a link to each source, and the texts. Files that
 * were sent in part go on where they stopped. What failed is to be looked for on the host: of rsync's words only the gist can be relied on.
 */
export async function rsync(files: readonly RsyncFile[], { ssh, destination, onProgress }: { readonly ssh: readonly string[]; readonly destination: string; readonly onProgress?: (sentBytes: number) => void }): Promise<RsyncEnd> {
  const release = await turn();
  try {
    const folder = await mkdtemp(join(tmpdir(), 'tutti-staged-'));
    try {
      for (const file of files) await stage(file, join(folder, file.path));
      return await call(rsyncArguments({ ssh, destination, folder }), filesFrom(files), onProgress);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } finally {
    release();
  }
}

async function stage({ source, mode, sourceMode }: RsyncFile, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (typeof source === 'string' && mode === sourceMode) return symlink(resolve(source), path);
  if (typeof source === 'string') await copyFile(source, path, constants.COPYFILE_FICLONE);
  else await writeFile(path, source, { mode: 0o600 });
  await chmod(path, mode);
}

/** What runs now ends with this process, however many there are: they share one listener. */
const going = new Set<ChildProcess>();
const endAll = (): void => going.forEach((child) => void child.kill());

function call(args: readonly string[], input: string, onProgress: ((sentBytes: number) => void) | undefined): Promise<RsyncEnd> {
  // Whatever RSYNC_* a user has set is about transfers of his own.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RSYNC_')));
  // In a group of its own: a Ctrl-C is the controller's to understand.
  const child = spawn('rsync', args, { env: { ...env, LC_ALL: 'C' }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  if (going.size === 0) process.on('exit', endAll);
  going.add(child);
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr = (stderr + text).slice(-20_000); });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const bytes = [...text.matchAll(/([\d,]+)\s+\d+%/g)].at(-1)?.[1];
    if (bytes !== undefined) onProgress?.(Number(bytes.replaceAll(',', '')));
  });
  child.stdin.on('error', () => {}).end(input);
  return new Promise<RsyncEnd>((done) => {
    child.once('error', (failed: NodeJS.ErrnoException) => done({ exitCode: failed.code === 'ENOENT' ? 'missing' : 1, stderr: failed.message }));
    child.once('close', (code) => done({ exitCode: code ?? 20, stderr }));
  }).finally(() => {
    going.delete(child);
    if (going.size === 0) process.off('exit', endAll);
  });
}

/** Exit codes that tell of a connection or of the far rsync's end, not of a file: to be tried again. */
export function isLostConnection({ exitCode }: RsyncEnd): boolean {
  return [10, 12, 20, 30, 35, 255].includes(exitCode as number);
}

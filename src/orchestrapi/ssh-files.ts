import { createHash } from 'node:crypto';
import { closeSync, createReadStream, fchmodSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { errnoIn, inWords } from './errno.ts';
import type { FileToPut, PutOptions, PutReport } from './host.ts';
import { quoteOnOneLine as quote } from './quote.ts';
import { entriesOf, targetOf, type Entry } from './read-folder.ts';
import { isLostConnection, isPlainDestination, rsync } from './rsync.ts';
import { sshArguments } from './ssh-config.ts';
import { SshMaster } from './ssh-master.ts';
import { ChannelLost } from './ssh-shell.ts';
import type { FarSide, SshHostOptions } from './ssh.ts';

/** One thing of a batch, or one in a folder of it. */
export type Wanted = { readonly to: string; readonly path: string } & (
  | { readonly kind: 'file'; readonly sizeBytes: number; readonly mode: number; readonly source: Buffer | string; readonly sourceMode: number | undefined; readonly seconds: number | undefined }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'folder'; readonly mode: number }
);
type File = Extract<Wanted, { kind: 'file' }>;

/** What is on the host where a thing is to be. */
interface Had {
  readonly kind: '-' | 'f' | '=' | 'l' | 'd' | 'p' | 'o';
  readonly mode?: number;
  /** The bytes are those of the file to be placed. */
  readonly isSame?: boolean;
}

type Failed = { to: string; reason: string };
type OnProgress = PutOptions['onProgress'];

/** Up to this size bytes are compared; above it a file of the same size and time counts as the same. */
const comparedBytes = 1024 * 1024;
/** A file that was written so recently may still be written within the same second: its time says nothing. */
const settledMs = 2_000;
/** Below this an rsync, with a connection of its own, costs more than it saves. */
const rsyncAboveBytes = 1024 * 1024;
/** A file that rsync could not bring is sent through a shell up to this size: that tells, file by file, why it cannot be. */
const streamedBytes = 64 * 1024 * 1024;
const rsyncTries = 3;
/** How many things one line tells of. */
const perLine = 400;

/** Files to and from a host that is reached by SSH. */
export class SshFiles {
  readonly #far: FarSide;
  readonly #options: SshHostOptions;
  #isRsyncThere: boolean | undefined;
  #master: SshMaster | undefined;

  constructor(far: FarSide, options: SshHostOptions) {
    this.#far = far;
    this.#options = options;
  }

  close(): void {
    this.#master?.close();
  }

  async get(shownPath: string, path: string): Promise<string> {
    const { header, exitCode, out } = await this.#far.call(`tutti_get ${quote(path)}`);
    switch (header) {
      case 'file': if (exitCode === 0) return out.toString(); throw this.#far.error('REFUSED', `"${shownPath}" cannot be read`);
      case 'folder': throw this.#far.error('REFUSED', `"${shownPath}" cannot be read: it is a folder`);
      case 'denied': throw this.#far.error('REFUSED', `"${shownPath}" cannot be read: permission denied`);
      default: throw this.#far.error('NOT_FOUND', `"${shownPath}" cannot be read: it is not there`);
    }
  }

  /** A lost connection is made anew, and the file begun again. */
  async fetch(shownPath: string, path: string, to: string): Promise<void> {
    const file = openSync(to, 'w', 0o600);
    try {
      let position = 0;
      const { header, err } = await this.#far.call(`tutti_fetch ${quote(path)}`, {
        takesMs: 3_600_000,
        onBegin: () => { position = 0; },
        onOut: (bytes) => { position += writeSync(file, bytes, 0, bytes.length, position); },
      });
      const [kind, mode, size] = header.split(' ');
      if (kind === '') throw this.#far.error('NOT_FOUND', `"${shownPath}" cannot be read: it is not there`);
      if (kind !== 'file') throw this.#far.error('REFUSED', `"${shownPath}" cannot be read: it is no file`);
      if (position !== Number(size)) throw this.#far.error('REFUSED', `"${shownPath}" cannot be read: ${err.length > 0 ? inWords(errnoIn(err.toString())) : 'it was changed meanwhile'}`);
      ftruncateSync(file, position);
      fchmodSync(file, Number.parseInt(mode!, 8));
    } finally {
      closeSync(file);
    }
  }

  /** Looks at what is there, then sends what differs: small batches through a shell of ours, large ones by rsync. */
  async put(batch: readonly FileToPut[], at: (to: string) => string, onProgress: OnProgress): Promise<PutReport> {
    const failed: Failed[] = [];
    const wanted = lastOfEach(await expand(batch, at, failed));
    const had = await this.#lookAt(wanted);
    const toSend: File[] = [];
    const operations: { readonly wanted: Wanted; readonly words: readonly string[] }[] = [];
    let unchanged = 0;
    for (const [i, one] of wanted.entries()) {
      const there = had[i]!;
      const obstacle = there.kind === 'p' ? 'a part of the path is a file, not a folder' : there.kind === 'd' && one.kind !== 'folder' ? `it is a folder: ${one.path}` : undefined;
      if (obstacle) failed.push({ to: one.to, reason: obstacle });
      else if (one.kind === 'folder') operations.push({ wanted: one, words: ['folder', one.path] });
      else if (one.kind === 'link') {
        if (there.kind === '=') unchanged++;
        else operations.push({ wanted: one, words: ['link', one.target, one.path] });
      } else if (!there.isSame) toSend.push(one);
      else if (there.mode === one.mode) unchanged++;
      else operations.push({ wanted: one, words: ['mode', octal(one.mode), one.path] });
    }
    // Folders first, for what is in them; their modes last, since they may forbid writing.
    const folders = operations.filter((o) => o.wanted.kind === 'folder');
    failed.push(...await this.#place(folders));
    const lost = await this.#send(toSend.filter((file) => !failed.some((f) => f.to === file.to)), onProgress);
    failed.push(...lost);
    const rest = operations.filter((o) => o.wanted.kind !== 'folder');
    const refused = await this.#place(rest);
    failed.push(...refused);
    failed.push(...await this.#place(folders.filter((o) => !failed.some((f) => f.to === o.wanted.to)).toReversed().map(({ wanted: folder }) => ({ wanted: folder, words: ['mode', octal((folder as { mode: number }).mode), folder.path] }))));
    const notSent = new Set(lost.map((f) => f.to));
    const sentFiles = toSend.filter((file) => !notSent.has(file.to));
    return { sent: sentFiles.length + rest.length - refused.length, unchanged, sentBytes: sentFiles.reduce((sum, file) => sum + file.sizeBytes, 0), failed };
  }

  /** What the host has of each thing; one call for some hundred. */
  async #lookAt(wanted: readonly Wanted[]): Promise<Had[]> {
    const had: Had[] = [];
    for (let from = 0; from < wanted.length; from += perLine) {
      const some = wanted.slice(from, from + perLine);
      const words = some.flatMap((one) => (one.kind === 'file' ? [String(one.sizeBytes), String(one.seconds ?? '-'), one.path] : one.kind === 'link' ? ['l', one.target, one.path] : ['-', '-', one.path]));
      const { header, out } = await this.#far.call(`tutti_have ${words.map(quote).join(' ')}`, { takesMs: 600_000 });
      had.push(...await readHad(some, header, out.toString('latin1').split('\n')));
    }
    return had;
  }

  /** By rsync what is large; what rsync did not bring (there is none, or it stumbled over what a login prints) through a shell of ours. */
  async #send(files: readonly File[], onProgress: OnProgress): Promise<Failed[]> {
    const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    if (total <= (this.#options.rsyncAboveBytes ?? rsyncAboveBytes) || !(await this.#hasRsync())) return this.#stream(files, onProgress);
    const { left, reason } = await this.#rsync(files, total, onProgress);
    const [hopeless, others] = [left.filter((file) => reason !== undefined && file.sizeBytes > streamedBytes), left.filter((file) => reason === undefined || file.sizeBytes <= streamedBytes)];
    return [...hopeless.map(({ to }) => ({ to, reason: reason! })), ...(await this.#stream(others, onProgress))];
  }

  async #hasRsync(): Promise<boolean> {
    if (!isPlainDestination(this.#options.destination)) return false;
    this.#isRsyncThere ??= (await this.#far.call('command -v rsync >/dev/null && tutti_header yes')).header === 'yes';
    return this.#isRsyncThere;
  }

  /** What did not arrive, and why as far as rsync tells. A lost connection is made anew, and what arrived in part goes on. */
  async #rsync(files: readonly File[], totalBytes: number, onProgress: OnProgress): Promise<{ readonly left: readonly File[]; readonly reason?: string }> {
    this.#master ??= new SshMaster(['ssh', ...sshArguments(this.#options), '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3', '-T', '-x', '-a'], this.#options.destination);
    // Of the files of one folder one speaks for all.
    const firsts = new Map(files.map((file) => [dirname(file.path), file]));
    const noFolder = new Set((await this.#place([...firsts.values()].map((file) => ({ wanted: file, words: ['above', file.path] })))).map(({ to }) => to));
    const hasFolder = (file: File): boolean => !noFolder.has(firsts.get(dirname(file.path))!.to);
    let left = files.filter(hasFolder);
    for (let tries = 0; ; tries++) {
      if (left.length === 0) break;
      const some = left;
      const end = await this.#master.through((ssh) => rsync(some, { ssh, destination: this.#options.destination, ...(onProgress ? { onProgress: (sentBytes) => onProgress({ sentBytes, totalBytes }) } : {}) }));
      if (end.exitCode === 'missing') {
        this.#isRsyncThere = false;
        break;
      }
      if (end.exitCode === 0) {
        left = [];
        break;
      }
      const had = await this.#lookAt(left);
      left = left.filter((file, i) => !(had[i]!.isSame && had[i]!.mode === file.mode));
      if (isLostConnection(end) && tries < rsyncTries) {
        this.#master.close();
        continue;
      }
      const errno = errnoIn(end.stderr);
      // What arrived in part would go on to take the room that others need.
      await this.#place(left.map((file) => ({ wanted: file, words: ['whole', file.path] })));
      if (errno.code === undefined) errno.message = `rsync: ${end.stderr.trim().split('\n')[0] ?? ''}`;
      return { left: [...left, ...files.filter((file) => !hasFolder(file))], reason: inWords(errno) };
    }
    await this.#place(files.filter((file) => file.seconds !== undefined && !left.includes(file)).map((file) => ({ wanted: file, words: ['time', String(file.seconds), file.path] })));
    return { left: [...left, ...files.filter((file) => !hasFolder(file))] };
  }

  /** Sends files one behind the other through the standard input of one shell. One that cannot be read ends the stream; the others go in another. */
  async #stream(files: readonly File[], onProgress: OnProgress): Promise<Failed[]> {
    const failed: Failed[] = [];
    const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    let doneBytes = 0;
    let left = files.slice();
    let lostAt: number | undefined;
    while (left.length > 0) {
      const some = left.slice(0, perLine);
      const words = some.flatMap((file) => ['file', String(file.sizeBytes), octal(file.mode), String(file.seconds ?? '-'), file.path]);
      let unreadable: { readonly file: File; readonly reason: string } | undefined;
      const answers = await this.#exchange(`(tutti_place ${words.map(quote).join(' ')})`, (to, stop) => {
        void feed(to, some, (sentBytes) => onProgress?.({ sentBytes: doneBytes + sentBytes, totalBytes })).catch((failure: { file: File; reason: string }) => {
          unreadable = failure;
          stop();
        });
      });
      const isDone = (i: number): boolean => answers[i] !== undefined;
      some.forEach((file, i) => {
        if (answers[i]?.startsWith('!')) failed.push({ to: file.to, reason: inWords(errnoIn(answers[i]!.slice(1))) });
      });
      if (unreadable) failed.push({ to: unreadable.file.to, reason: unreadable.reason });
      else if (some.every((_, i) => isDone(i))) lostAt = undefined;
      else {
        // What has not arrived goes through the next connection.
        lostAt ??= performance.now();
        if (performance.now() - lostAt > this.#far.patienceMs) throw this.#far.error('UNREACHABLE', 'the connection was lost while files were sent');
      }
      doneBytes += some.reduce((sum, file, i) => sum + (isDone(i) ? file.sizeBytes : 0), 0);
      left = left.filter((file, i) => !(i < some.length && isDone(i)) && file !== unreadable?.file);
    }
    return failed;
  }

  /** Small things, in their order; what of them failed. */
  async #place(operations: readonly { readonly wanted: Wanted; readonly words: readonly string[] }[]): Promise<Failed[]> {
    const failed: Failed[] = [];
    for (let from = 0; from < operations.length; from += perLine) {
      const some = operations.slice(from, from + perLine);
      const { out } = await this.#far.call(`tutti_place ${some.flatMap((o) => o.words).map(quote).join(' ')}`);
      const answers = out.toString().split('\x1e');
      some.forEach(({ wanted }, i) => {
        if (answers[i] !== 'ok') failed.push({ to: wanted.to, reason: inWords(errnoIn((answers[i] ?? '').replace(/^!/, ''))) });
      });
    }
    return failed;
  }

  /** An exchange with input; its answers as far as they came. */
  async #exchange(body: string, input: (to: ClientChannel, stop: () => void) => void): Promise<string[]> {
    const lease = await this.#far.lease('fresh');
    let text = '';
    try {
      await lease.shell.exchange(body, { onOut: (bytes) => { text += bytes.toString(); } }, (to) => input(to, () => lease.shell.close()));
    } catch (lost) {
      if (!(lost instanceof ChannelLost)) throw lost;
    } finally {
      lease.release('used');
    }
    return text.split('\x1e').slice(0, -1);
  }
}

/** A batch, one thing after the other; a folder with all that is in it. What cannot be read is noted as failed. */
async function expand(batch: readonly FileToPut[], at: (to: string) => string, failed: Failed[]): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  const add = async (to: string, path: string, from: string, mode: number | undefined): Promise<void> => {
    const source = await stat(from);
    if (source.isFile()) wanted.push({ kind: 'file', to, path, sizeBytes: source.size, mode: mode ?? source.mode & 0o7777, source: from, sourceMode: source.mode & 0o7777, seconds: secondsOf(source) });
    else if (!source.isDirectory()) throw new Error(`it is neither a file nor a folder: ${from}`);
    else {
      wanted.push({ kind: 'folder', to, path, mode: mode ?? source.mode & 0o7777 });
      for (const entry of await entriesOf(from)) await noting(`${to}/${entry.name}`, (inside) => addEntry(inside, join(path, entry.name), join(from, entry.name), entry));
    }
  };
  const addEntry = async (to: string, path: string, from: string, entry: Entry): Promise<void> => {
    if (entry.refused !== undefined) throw new Error(entry.refused);
    if (entry.isLink) wanted.push({ kind: 'link', to, path, target: await targetOf(from) });
    else await add(to, path, from, undefined);
  };
  const noting = async (to: string, act: (to: string) => Promise<void>): Promise<void> => {
    try {
      await act(to);
    } catch (cause) {
      failed.push({ to, reason: inWords(cause) });
    }
  };
  for (const file of batch) {
    const path = at(file.to);
    if ('text' in file) {
      const source = Buffer.from(file.text);
      wanted.push({ kind: 'file', to: file.to, path, sizeBytes: source.length, mode: file.mode ?? 0o644, source, sourceMode: undefined, seconds: undefined });
    } else await noting(file.to, (to) => add(to, path, file.from, file.mode));
  }
  return wanted;
}

/** The time by which a large file is known again; undefined for one that is compared, or whose time says nothing yet. */
function secondsOf({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }): number | undefined {
  return size > comparedBytes && Date.now() - mtimeMs > settledMs ? Math.floor(mtimeMs / 1000) : undefined;
}

/** Of several things for one path the last one counts. */
function lastOfEach(wanted: readonly Wanted[]): Wanted[] {
  const last = new Map(wanted.map((one) => [one.path, one]));
  return wanted.filter((one) => last.get(one.path) === one);
}

async function readHad(wanted: readonly Wanted[], kinds: string, lines: readonly string[]): Promise<Had[]> {
  const files = [...kinds].filter((kind) => kind === 'f').length;
  let [stats, sums] = [0, files];
  const had: Had[] = [];
  for (const [i, one] of wanted.entries()) {
    const kind = (kinds[i] ?? '-') as Had['kind'];
    if (kind !== 'f') {
      had.push({ kind });
      continue;
    }
    const [size, time, mode] = (lines[stats++] ?? '').split(' ');
    const isFile = one.kind === 'file' && size === String(one.sizeBytes);
    const isSame = isFile && (time === String(one.seconds) || (lines[sums++] ?? '').replace(/^\\/, '').startsWith(await checksum(one.source, one.sizeBytes)));
    had.push({ kind, mode: Number.parseInt(mode ?? '', 8), isSame });
  }
  return had;
}

async function checksum(source: Buffer | string, sizeBytes: number): Promise<string> {
  const hash = createHash('sha256');
  if (typeof source !== 'string') return hash.update(source).digest('hex');
  try {
    // For a small one a stream costs more than its bytes.
    if (sizeBytes <= comparedBytes) return hash.update(readFileSync(source)).digest('hex');
    for await (const piece of createReadStream(source, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  } catch {
    return 'unreadable here';
  }
  return hash.digest('hex');
}

/** Writes files one behind the other, no faster than they are taken. Rejects with the one that is not as it was when the batch was made. */
async function feed(to: ClientChannel, files: readonly File[], onSent: (bytes: number) => void): Promise<void> {
  let sentBytes = 0;
  const write = async (bytes: Buffer): Promise<void> => {
    if (!to.write(bytes)) await new Promise<void>((resolve) => {
      const goOn = (): void => {
        to.off('drain', goOn).off('close', goOn);
        resolve();
      };
      to.on('drain', goOn).on('close', goOn);
    });
    sentBytes += bytes.length;
    onSent(sentBytes);
  };
  for (const file of files) {
    if (to.destroyed || !to.writable) return;
    if (typeof file.source !== 'string') {
      if (file.source.length > 0) await write(file.source);
      continue;
    }
    let left = file.sizeBytes;
    try {
      for await (const piece of createReadStream(file.source, { highWaterMark: 256 * 1024 }) as Readable & AsyncIterable<Buffer>) {
        left -= piece.length;
        if (left < 0) break;
        await write(piece);
      }
    } catch (cause) {
      throw { file, reason: inWords(cause) };
    }
    if (left !== 0) throw { file, reason: `it was changed while it was sent: ${file.source}` };
  }
  to.end();
}

function octal(mode: number): string {
  return mode.toString(8);
}

import type { ClientChannel } from 'ssh2';
import { farSide } from './ssh-far-side.ts';
import { frame, newMark } from './ssh-frames.ts';

/** So long a login shell may take until it has become our shell. */
const helloMs = 20_000;

/** What became of one exchange. */
export interface Answer {
  /** What the far side said before the output; undefined when the exchange ended without. */
  readonly header: string | undefined;
  readonly exitCode: number;
  /** Somebody of the command is still there, who may write where the next answer would be. */
  readonly hasLeft: boolean;
}

export interface Listener {
  onHeader?(header: string): void;
  onOut?(bytes: Buffer): void;
  onErr?(bytes: Buffer): void;
}

/** The channel ended before the exchange did: what became of the command is unknown. */
export class ChannelLost extends Error {
  constructor() {
    super('the connection was lost');
  }
}

/** The login did not give us a shell: what it said instead. */
export class NoShell extends Error {}

/** The work folder belongs to somebody else, who could change what is run there. */
export class ForeignFolder extends Error {}

/** A standing `/bin/sh` on a host, which does one thing at a time. */
export class Shell {
  /** Its own process on the host. */
  pid = 0;
  readonly #channel: ClientChannel;
  #current: { end(answer: Answer): void; lost(): void; out(piece: Buffer): void; err(piece: Buffer): void } | undefined;
  #isClosed = false;
  /** Resolves when the host has closed the channel, too. */
  readonly closed: Promise<void>;

  private constructor(channel: ClientChannel) {
    this.#channel = channel;
    channel.on('data', (piece: Buffer) => this.#current?.out(piece));
    channel.stderr.on('data', (piece: Buffer) => this.#current?.err(piece));
    channel.on('error', () => {});
    channel.stderr.on('error', () => {});
    this.closed = new Promise((resolve) => {
      channel.once('close', () => {
        this.#isClosed = true;
        this.#current?.lost();
        resolve();
      });
    });
  }

  /** Turns the channel of `exec /bin/sh` into one. @throws NoShell | ForeignFolder | ChannelLost */
  static async open(channel: ClientChannel, workFolder: string): Promise<Shell> {
    const shell = new Shell(channel);
    const hello = newMark();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    // The end of what a login says is what matters in it.
    const said: string[] = [];
    const hear = (piece: Buffer): void => void (said.push(piece.toString()) > 20 && said.shift());
    const find = frame(hello, { onHeader: resolve, onBytes() {}, onEnd() {} });
    const lost = (why: string) => () => {
      const text = said.join('').trim();
      reject(new NoShell(text === '' ? why : `${why}. It said: ${text.slice(-2_000)}`));
    };
    shell.#current = { end() {}, lost: lost('it ended at once'), err: hear, out(piece) { hear(piece); find(piece); } };
    const timer = setTimeout(lost(`no answer within ${helloMs / 1000} s`), helloMs);
    channel.write(farSide(workFolder, hello));
    try {
      const header = await promise;
      if (header === 'foreign') throw new ForeignFolder();
      shell.#current = undefined;
      shell.pid = Number(header.replace('ready ', ''));
      return shell;
    } catch (failed) {
      shell.#current = undefined;
      shell.close();
      throw failed;
    } finally {
      clearTimeout(timer);
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Has one thing done. `body` is text for the far side, on one line. With `input` the shell is used up: what follows on its standard input is the body's
   * until it ends. Bytes are given on as they come. @throws ChannelLost
   */
  exchange(body: string, { onHeader, onOut, onErr }: Listener = {}, input?: (to: ClientChannel) => void): Promise<Answer> {
    const id = newMark();
    return new Promise((resolve, reject) => {
      let header: string | undefined;
      let trailer: string | undefined;
      let isErrAtEnd = false;
      const settle = (): void => {
        if (trailer === undefined || !isErrAtEnd) return;
        this.#current = undefined;
        resolve({ header, exitCode: Number.parseInt(trailer, 10), hasLeft: trailer.endsWith(' left') });
      };
      const out = frame(id, {
        onHeader(text) { header = text; onHeader?.(text); },
        onBytes(bytes) { onOut?.(bytes); },
        onEnd(text) { trailer = text; settle(); },
      });
      const err = frame(id, { onBytes(bytes) { onErr?.(bytes); }, onEnd() { isErrAtEnd = true; settle(); } });
      if (this.#isClosed) return reject(new ChannelLost());
      this.#current = { end: resolve, out, err, lost: () => reject(new ChannelLost()) };
      const line = `tutti_id=${id}; ${body}; tutti_end $?`;
      if (line.includes('\n')) throw new RangeError('an exchange is one line');
      this.#channel.write(`${line}${input ? '; exit' : ''}\n`);
      input?.(this.#channel);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    // In this order: the far side ends by the end of its input; the rest is the channel's.
    this.#channel.end();
    this.#channel.close();
  }
}

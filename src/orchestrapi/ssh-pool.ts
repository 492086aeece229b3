import type { Client, ClientChannel } from 'ssh2';
import { HostError, type Silence } from './host.ts';
import { ConnectError, type ConnectOptions } from './ssh-connection.ts';
import { ChannelLost, ForeignFolder, NoShell, Shell } from './ssh-shell.ts';

export interface PoolOptions {
  readonly host: string;
  readonly workFolder: string;
  readonly connect: (options: ConnectOptions) => Promise<Client>;
  /** sshd's MaxSessions is 10, and it refuses channels from about 8 at once on. */
  readonly channelsPerConnection: number;
  readonly connections: number;
  /** So long a host that was reached once is tried again. */
  readonly patienceMs: number;
}

/** `reusable`: a standing shell; `fresh`: one that will be used up; `urgent`: beyond our own limit, to end what occupies the others. */
export type LeaseKind = 'reusable' | 'fresh' | 'urgent';

/** A shell lent by the pool. */
export interface Lease {
  readonly shell: Shell;
  /** Gives it back: to be used again, or as used up. */
  release(how: 'reusable' | 'used'): void;
}

interface Link {
  readonly client: Client;
  open: number;
  limit: number;
  readonly idle: Shell[];
  tidy: NodeJS.Timeout | undefined;
}

/** What is not used for so long is closed: shells beyond the first of a connection, connections beyond the first of a host. */
const idleMs = 10_000;
/** The same for all of a host that was closed. */
const closedIdleMs = 500;
/** A host that was never reached gets as long for what may pass, such as an sshd that is asked by too many at once. */
const firstPatienceMs = 5_000;
/** So long a connection is made without a word about it. */
const quietMs = 5_000;
/** So long nobody may wait for a host before its silence is of no interest any more: who tries again begins within that. */
const uninterestedMs = 1_000;

/**
 * The connections to one host and the standing shells on them: opened when they are needed, lent to one at a time. A channel that the host refuses lowers
 * the limit of its connection, and whoever wanted it gets one elsewhere, or waits for one to come back.
 */
export class ShellPool {
  readonly #options: PoolOptions;
  readonly #links = new Set<Link>();
  #connecting: Promise<Link> | undefined;
  #waiting: (() => void)[] = [];
  #wasReached = false;
  #wasClosed = false;
  #closing = new AbortController();
  #lent = 0;
  #heardMs = Date.now();
  #silentSinceMs: number | undefined;
  #onSilence: (silence: Silence) => void = () => {};

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Aborted by the next close: who asked before it gets nothing after it, and nothing is opened for him. */
  get life(): AbortSignal {
    return this.#closing.signal;
  }

  onSilence(listener: (silence: Silence) => void): void {
    this.#onSilence = listener;
  }

  /** @throws HostError UNREACHABLE | REFUSED */
  async lease(kind: LeaseKind = 'reusable', signal: AbortSignal = this.life): Promise<Lease> {
    for (;;) {
      if (signal.aborted) throw this.#closed();
      const idle = kind === 'fresh' ? undefined : this.#takeIdle();
      if (idle) return this.#leaseOf(idle.link, idle.shell);
      const link = [...this.#links].find((one) => one.open < one.limit + (kind === 'urgent' ? 4 : 0));
      if (link) {
        const shell = await this.#open(link).catch((failed: unknown) => { throw signal.aborted ? this.#closed() : failed; });
        if (shell) return this.#leaseOf(link, shell);
        continue;
      }
      if (this.#links.size < this.#options.connections) await this.#connect();
      else {
        if (kind === 'fresh') this.#closeIdle();
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    }
  }

  /** Closes everything. What is asked for later opens it again, until that is not used any more. */
  close(): void {
    this.#wasClosed = true;
    // Nor is it tried for long, should anybody still ask for it.
    this.#wasReached = false;
    this.#closing.abort();
    this.#closing = new AbortController();
    for (const { client, tidy } of this.#links) {
      clearTimeout(tidy);
      // One that is cut off would not hear the other end's goodbye for minutes.
      const patience = setTimeout(() => client.destroy(), 500);
      client.once('close', () => clearTimeout(patience));
      client.end();
    }
    this.#links.clear();
    this.#wake();
  }

  #takeIdle(): { link: Link; shell: Shell } | undefined {
    for (const link of this.#links) {
      const shell = link.idle.pop();
      if (shell?.isClosed === false) return { link, shell };
    }
    return undefined;
  }

  /** Makes room for a fresh shell. */
  #closeIdle(): void {
    this.#takeIdle()?.shell.close();
  }

  #leaseOf(link: Link, shell: Shell): Lease {
    let isOut = true;
    this.#lent++;
    return {
      shell,
      release: (how) => {
        if (!isOut) return;
        isOut = false;
        this.#lent--;
        this.#mayLoseInterest();
        if (how === 'reusable' && !shell.isClosed && this.#links.has(link)) link.idle.push(shell);
        else shell.close();
        link.tidy ??= setTimeout(() => this.#tidyUp(link), this.#wasClosed ? closedIdleMs : idleMs).unref();
        this.#wake();
      },
    };
  }

  #tidyUp(link: Link): void {
    link.tidy = undefined;
    const isFirst = this.#links.values().next().value === link;
    const isUnused = link.idle.length === link.open;
    if (isUnused && (!isFirst || this.#wasClosed)) return void link.client.end();
    for (const shell of link.idle.splice(0, link.idle.length - (isFirst ? 1 : 0))) shell.close();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Undefined when the host has no channel to give on this connection, or when that was lost: then the caller looks elsewhere. */
  async #open(link: Link): Promise<Shell | undefined> {
    link.open++;
    try {
      const channel = await openChannel(link.client);
      // The host counts a channel until it is closed at both ends.
      channel.once('close', () => {
        link.open--;
        this.#wake();
      });
      return await Shell.open(channel, this.#options.workFolder);
    } catch (failed) {
      if (failed instanceof ChannelRefused) link.open--;
      if (failed instanceof ChannelRefused) {
        if (!this.#links.has(link)) return undefined;
        if (link.open === 0) throw this.#refused(`lets us log in, but gives us no session: ${failed.message}`, failed);
        link.limit = Math.max(1, link.open);
        return undefined;
      }
      if (failed instanceof ForeignFolder) throw this.#refused(`the work folder ${this.#options.workFolder} belongs to another user, who could change what is run there. Remove it, or choose another one`, failed);
      if (failed instanceof NoShell && this.#links.has(link)) {
        throw this.#refused(`lets us log in, but its login shell does not run /bin/sh: ${failed.message}. Is a command forced on this key, is the account's shell a shell, and does its profile wait for something?`, failed);
      }
      if (failed instanceof NoShell || failed instanceof ChannelLost) return undefined;
      throw failed;
    }
  }

  #connect(): Promise<Link> {
    this.#connecting ??= this.#connectPatiently().finally(() => {
      this.#connecting = undefined;
      this.#mayLoseInterest();
    });
    return this.#connecting;
  }

  async #connectPatiently(): Promise<Link> {
    const { signal } = this.#closing;
    const begin = performance.now();
    for (let pauseMs = 100; ; pauseMs = Math.min(2_000, pauseMs * 2)) {
      try {
        const client = await this.#connectOnce(signal);
        if (signal.aborted) {
          client.end();
          throw this.#closed();
        }
        return this.#linkTo(client);
      } catch (failed) {
        const patienceMs = this.#wasReached ? this.#options.patienceMs : isBusy(failed) ? firstPatienceMs : 0;
        if (!(failed instanceof ConnectError && failed.mayPass) || performance.now() - begin + pauseMs > patienceMs) throw failed;
        await pause(pauseMs * (0.5 + Math.random()), signal);
        if (signal.aborted) throw this.#closed();
      }
    }
  }

  async #connectOnce(signal: AbortSignal): Promise<Client> {
    const silence = setTimeout(() => this.#silent(), quietMs);
    const onHeard = (): void => this.#heard();
    try {
      const client = await this.#options.connect({ signal, onHeard, onSilent: () => { if (this.#lent > 0) this.#silent(); } });
      onHeard();
      return client;
    } finally {
      clearTimeout(silence);
    }
  }

  #heard(): void {
    this.#heardMs = Date.now();
    if (this.#silentSinceMs !== undefined) this.#endSilence('answers');
  }

  #silent(): void {
    if (this.#silentSinceMs !== undefined) return;
    this.#silentSinceMs = this.#heardMs;
    this.#onSilence({ sinceMs: this.#heardMs });
  }

  #endSilence(over: 'answers' | 'given-up'): void {
    const sinceMs = this.#silentSinceMs!;
    this.#silentSinceMs = undefined;
    this.#onSilence({ sinceMs, over });
  }

  #mayLoseInterest(): void {
    if (this.#silentSinceMs === undefined) return;
    setTimeout(() => {
      if (this.#silentSinceMs !== undefined && this.#lent === 0 && !this.#connecting) this.#endSilence('given-up');
    }, uninterestedMs).unref();
  }

  #linkTo(client: Client): Link {
    const link: Link = { client, open: 0, limit: this.#options.channelsPerConnection, idle: [], tidy: undefined };
    this.#wasReached = true;
    this.#links.add(link);
    client.on('error', () => {});
    client.once('close', () => {
      clearTimeout(link.tidy);
      this.#links.delete(link);
      this.#wake();
    });
    return link;
  }

  #refused(what: string, cause: unknown): HostError {
    return new HostError('REFUSED', this.#options.host, `${this.#options.host}: ${what}`, cause);
  }

  #closed(): HostError {
    return new HostError('UNREACHABLE', this.#options.host, `${this.#options.host}: its connection was closed`);
  }
}

/** Too many at once: it passes by itself. */
function isBusy(failed: unknown): boolean {
  return failed instanceof ConnectError && /closed the connection before|reset the connection|lost before handshake/i.test(failed.message);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}

class ChannelRefused extends Error {}

function openChannel(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new ChannelRefused('the connection was lost'));
    client.once('close', onClose);
    try {
      client.exec('exec /bin/sh', (failed, channel) => {
        client.removeListener('close', onClose);
        if (failed) reject(new ChannelRefused(failed.message.replace(/^\(SSH\) /, ''), { cause: failed }));
        else resolve(channel);
      });
    } catch (cause) {
      reject(new ChannelRefused('the connection was lost', { cause }));
    }
  });
}

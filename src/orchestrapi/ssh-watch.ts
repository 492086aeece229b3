import { quoteOnOneLine as quote } from './quote.ts';
import { scriptFolder } from './script.ts';
import type { FarSide } from './ssh.ts';
import type { Lease } from './ssh-pool.ts';

/** How often scripts that are waited for are looked at although nothing was heard: one that was killed together with its keeper says nothing. */
const glanceMs = 1_000;
/** The same on a host that cannot tell of ends at all (its file system has no FIFOs). */
const deafMs = 100;

interface Waiter {
  readonly id: string;
  readonly wake: () => void;
  readonly fail: (why: Error) => void;
}

/**
 * Hears of the ends of scripts on one host: a shell there reads from a FIFO to which every keeper writes its id, for all that are waited for together. So a
 * wait costs nothing while it lasts, and ends when the script does.
 */
export class SshWatch {
  readonly #far: FarSide;
  readonly #waiters = new Set<Waiter>();
  #listening: Promise<void> | undefined;
  #lease: Lease | undefined;
  #token: unknown;
  #isDeaf = false;
  #timer: NodeJS.Timeout | undefined;
  /** Scripts that were alive while we listened, whose end was not heard yet. */
  readonly #expected = new Set<string>();
  /** Ends that were heard and that nobody expected yet: the start that will do so is under way. */
  readonly #heard = new Set<string>();

  constructor(far: FarSide) {
    this.#far = far;
  }

  /** The listening that goes on, as a token; undefined while none does. */
  get listening(): unknown {
    return this.#token;
  }

  /** A script is alive now, and we have listened since before that. */
  expect(id: string, listening: unknown): void {
    if (listening === this.listening && !this.#heard.delete(id)) this.#expected.add(id);
  }

  /**
   * A promise of the next change of a script, once nothing is missed any more; it may resolve without one. `isExpected`: it has not ended so far.
   */
  async changeOf(id: string, signal?: AbortSignal): Promise<{ readonly promise: Promise<void>; readonly isExpected: boolean; close(): void }> {
    const isExpected = this.#expected.delete(id);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {});
    const waiter: Waiter = { id, wake: resolve, fail: reject };
    this.#waiters.add(waiter);
    if (signal?.aborted) resolve();
    signal?.addEventListener('abort', waiter.wake, { once: true });
    const close = (): void => {
      this.#waiters.delete(waiter);
      signal?.removeEventListener('abort', waiter.wake);
      if (this.#waiters.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
    try {
      if (!this.#isDeaf) await (this.#listening ??= this.#listen());
    } catch (failed) {
      close();
      throw failed;
    }
    this.#timer ??= setTimeout(() => void this.#glance(), this.#isDeaf ? deafMs : glanceMs);
    return { promise, isExpected, close };
  }

  /** Whoever waits is told why he no longer does. */
  close(why: Error): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#lease?.release('used');
    this.#lease = undefined;
    this.#listening = undefined;
    this.#forgetWhatWasHeard();
    for (const waiter of this.#waiters) waiter.fail(why);
  }

  /** Resolves when the far side listens. */
  async #listen(): Promise<void> {
    const lease = await this.#far.lease('urgent');
    this.#lease = lease;
    const { promise, resolve } = Promise.withResolvers<void>();
    let rest = '';
    lease.shell.exchange('tutti_watch', {
      onHeader: (header) => {
        this.#isDeaf = header === 'blocked';
        if (header === 'listening' && this.#lease === lease) this.#token = lease;
        resolve();
      },
      onOut: (bytes) => {
        const lines = (rest + bytes.toString()).split('\n');
        rest = lines.pop()!;
        for (const id of lines) if (!this.#expected.delete(id)) this.#heard.add(id);
        if (this.#heard.size > 10_000) this.#heard.clear();
        for (const waiter of this.#waiters) if (lines.includes(waiter.id)) waiter.wake();
      },
      // Its standard input is the channel's: that ends when we close it, or are gone.
    }, () => {}).catch(() => {}).finally(() => {
      resolve();
      lease.release('used');
      if (this.#lease !== lease) return;
      this.#lease = undefined;
      this.#listening = undefined;
      this.#forgetWhatWasHeard();
      this.#wakeAll();
    });
    await promise;
  }

  async #glance(): Promise<void> {
    this.#timer = undefined;
    const ids = [...new Set([...this.#waiters].map((waiter) => waiter.id))];
    if (ids.length === 0) return;
    let changed: readonly string[] = ids;
    try {
      const { header } = await this.#far.call(`tutti_glance ${ids.map((id) => quote(scriptFolder(this.#far.workFolder, id))).join(' ')}`);
      const words = header.trim().split(' ');
      changed = ids.filter((_, i) => words[i] !== 'alive');
    } catch {
      // Whoever waits looks for itself, and is told why it cannot.
    }
    for (const waiter of this.#waiters) if (changed.includes(waiter.id)) waiter.wake();
    if (this.#waiters.size > 0) this.#timer ??= setTimeout(() => void this.#glance(), this.#isDeaf ? deafMs : glanceMs);
  }

  #forgetWhatWasHeard(): void {
    this.#token = undefined;
    this.#expected.clear();
    this.#heard.clear();
  }

  #wakeAll(): void {
    for (const waiter of this.#waiters) waiter.wake();
  }
}

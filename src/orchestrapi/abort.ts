import { HostError } from './host.ts';

/** The life of one wait: aborted with the outer signal, or when its block is left; then its timers are gone too. */
export interface Cancellable extends Disposable {
  readonly signal: AbortSignal;
  /** Resolves after so many milliseconds, or at once when the life is over; never rejects. */
  after(ms: number): Promise<void>;
}

/** @example using life = cancellable(signal); await Promise.race([life.after(50), event]) */
export function cancellable(outer: AbortSignal): Cancellable {
  const controller = new AbortController();
  const { signal } = controller;
  const onAbort = (): void => controller.abort(outer.reason);
  if (outer.aborted) onAbort();
  outer.addEventListener('abort', onAbort, { once: true });
  const pending = new Map<NodeJS.Timeout, () => void>();
  signal.addEventListener('abort', () => {
    for (const [timer, resolve] of pending) {
      clearTimeout(timer);
      resolve();
    }
    pending.clear();
  }, { once: true });
  return {
    signal,
    after(ms) {
      if (signal.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(() => {
        pending.delete(timer);
        resolve();
      }, ms);
      pending.set(timer, resolve);
      return promise;
    },
    [Symbol.dispose]() {
      outer.removeEventListener('abort', onAbort);
      controller.abort();
    },
  };
}

/** So long after it was interrupted an action waits for an answer of a host. */
const answerMs = 8_000;

/** What a host was asked for in an action; soon after an interruption no answer is an answer, too. `takesMs`: what it takes by its nature. @throws HostError UNREACHABLE */
export async function answerOf<T>(asked: Promise<T>, on: { readonly name: string }, signal: AbortSignal, takesMs = 0): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => reject(new HostError('UNREACHABLE', on.name, `it could not be told to ${on.name}, which does not answer`)), answerMs + takesMs);
  };
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([asked, silence]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** As a promise that can be let go: a signal that outlives a thousand waits must not keep a thousand listeners. */
export function whenAborted(signal: AbortSignal | undefined): { readonly promise: Promise<void>; close(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  if (signal?.aborted) resolve();
  signal?.addEventListener('abort', onAbort, { once: true });
  return { promise, close: () => signal?.removeEventListener('abort', onAbort) };
}

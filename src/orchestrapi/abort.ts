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

/** As a promise that can be let go: a signal that outlives a thousand waits must not keep a thousand listeners. */
export function whenAborted(signal: AbortSignal | undefined): { readonly promise: Promise<void>; close(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  if (signal?.aborted) resolve();
  signal?.addEventListener('abort', onAbort, { once: true });
  return { promise, close: () => signal?.removeEventListener('abort', onAbort) };
}

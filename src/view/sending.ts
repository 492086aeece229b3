/** How far a batch of files for one host is. */
export interface Sending {
  readonly host: string;
  readonly sentBytes: number;
  readonly totalBytes: number;
  /** Nothing more of it is sent. */
  readonly isOver: boolean;
}

/** Smaller batches are over before anybody has read of them. */
const leastBytes = 8 * 1024 * 1024;
/** From one line about a host to the next. */
const everyMs = 2_000;

export function isLarge({ totalBytes }: Pick<Sending, 'totalBytes'>): boolean {
  return totalBytes >= leastBytes;
}

/** Says whether a line about this progress is due: for large batches every 2 s, and at the end of those that were told of. */
export function sendingPace(now: () => number): (progress: Sending) => boolean {
  const batches = new Map<string, { readonly atMs: number; readonly isTold: boolean }>();
  return (progress) => {
    const before = batches.get(progress.host);
    if (progress.isOver) {
      batches.delete(progress.host);
      return before?.isTold ?? false;
    }
    if (!isLarge(progress)) return false;
    if (before && now() - before.atMs < everyMs) return false;
    batches.set(progress.host, { atMs: now(), isTold: before !== undefined });
    return before !== undefined;
  };
}

/** @example sentOf({ sentBytes: 21e6, totalBytes: 52.4e6 }) // '21.0 of 52.4 MB' */
export function sentOf({ sentBytes, totalBytes }: Pick<Sending, 'sentBytes' | 'totalBytes'>): string {
  return `${(sentBytes / 1e6).toFixed(1)} of ${(totalBytes / 1e6).toFixed(1)} MB`;
}

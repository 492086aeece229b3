import { duration } from './time.ts';

/** A host that does not answer although somebody waits for it, and when it was heard last. */
export interface SilentHost {
  readonly host: string;
  readonly sinceMs: number;
  /** It answers again, or nobody waits for it any more. */
  readonly over?: 'answers' | 'given-up';
}

/** @example silenceOf({ host: 'worker[1]', sinceMs: 0 }, 7_000) // 'worker[1] does not answer since 7.0s, trying again' */
export function silenceOf({ host, sinceMs }: SilentHost, nowMs: number): string {
  return `${host} does not answer since ${duration(nowMs - sinceMs)}, trying again`;
}

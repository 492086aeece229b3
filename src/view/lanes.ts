/** Anything from an instant to an instant; without an end it lasts. */
export interface Interval {
  readonly startMs: number;
  readonly endMs?: number;
}

/**
 * Puts intervals side by side that overlap (a component's parallel transitions): the lane of each one, 0 for the first. Takes the fewest
 * lanes; intervals must come in the order of their starts. One that ends when the next begins shares its lane.
 */
export function lanesOf(intervals: readonly Interval[]): number[] {
  const freeFromMs: number[] = [];
  return intervals.map(({ startMs, endMs = Infinity }) => {
    const free = freeFromMs.findIndex((freeMs) => freeMs <= startMs);
    const lane = free === -1 ? freeFromMs.length : free;
    freeFromMs[lane] = endMs;
    return lane;
  });
}

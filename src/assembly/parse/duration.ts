const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A number and its unit: `200ms`, `30s`, `1.5m`, `2h`. */
export const durationPattern = /^([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h)$/;

/** Milliseconds of `5m`, `30s`, `200ms`, `2h`; undefined for anything else, a bare number too: 5 what? */
export function readDuration(text: string): number | undefined {
  const match = durationPattern.exec(text.trim());
  return match ? Math.round(Number(match[1]) * unitMs[match[2] as keyof typeof unitMs]) : undefined;
}

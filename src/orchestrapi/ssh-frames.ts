import { randomUUID } from 'node:crypto';

/** A name for one exchange that no output holds by accident, and none can foresee. */
export const newMark = (): string => randomUUID();

const recordSeparator = 0x1e;

export interface FrameEvents {
  /** The rest of the line that opened the frame. Not called on a stream without headers. */
  onHeader?(header: string): void;
  onBytes(bytes: Buffer): void;
  /** The rest of the line that closed the frame. */
  onEnd(trailer: string): void;
}

/**
 * Finds one exchange in a stream of any bytes: what comes before its opening line is somebody else's and is dropped, what comes between is passed on as
 * soon as it cannot be the beginning of the closing line. Lines are `RS mark SP text LF`; `hasHeader: false` for a stream that has only a closing one.
 * @returns the function that takes the next piece
 */
export function frame(mark: string, hasHeader: boolean, events: FrameEvents): (piece: Buffer) => void {
  const line = Buffer.from(`\x1e${mark} `);
  let state: 'before' | 'within' | 'after' = hasHeader ? 'before' : 'within';
  let held: Buffer | undefined;

  return (piece) => {
    let rest = held ? Buffer.concat([held, piece]) : piece;
    held = undefined;
    while (state !== 'after') {
      const at = rest.indexOf(line);
      if (at < 0) {
        const from = possibleBeginning(rest, line);
        if (state === 'within' && from > 0) events.onBytes(rest.subarray(0, from));
        if (from < rest.length) held = rest.subarray(from);
        return;
      }
      if (state === 'within' && at > 0) events.onBytes(rest.subarray(0, at));
      const end = rest.indexOf(0x0a, at + line.length);
      if (end < 0) {
        held = rest.subarray(at);
        return;
      }
      const text = rest.toString('utf8', at + line.length, end);
      rest = rest.subarray(end + 1);
      if (state === 'before') {
        state = 'within';
        events.onHeader?.(text);
      } else {
        state = 'after';
        events.onEnd(text);
      }
    }
  };
}

/** Where the last bytes may be the beginning of the line; the length when they cannot. */
function possibleBeginning(bytes: Buffer, line: Buffer): number {
  for (let at = bytes.indexOf(recordSeparator, Math.max(0, bytes.length - line.length + 1)); at >= 0; at = bytes.indexOf(recordSeparator, at + 1)) {
    if (line.compare(bytes, at, bytes.length, 0, bytes.length - at) === 0) return at;
  }
  return bytes.length;
}

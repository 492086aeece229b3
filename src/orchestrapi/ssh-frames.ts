import { randomUUID } from 'node:crypto';

/** A name for one exchange that no output holds by accident, and none can foresee. */
export const newMark = (): string => randomUUID();

const recordSeparator = 0x1e;
const colon = 0x3a;

export interface FrameEvents {
  /** What the far side says about what it does; at most once, before any bytes that belong to it. */
  onHeader?(header: string): void;
  onBytes(bytes: Buffer): void;
  /** The rest of the line that closed the frame. */
  onEnd(trailer: string): void;
}

/**
 * Finds one exchange in a stream of any bytes. Lines of ours are `RS mark : header LF` and `RS mark = trailer LF`; all else are bytes, which are passed on as
 * soon as they cannot be the beginning of such a line.
 * @returns the function that takes the next piece
 */
export function frame(mark: string, events: FrameEvents): (piece: Buffer) => void {
  const line = Buffer.from(`\x1e${mark}`);
  let isOver = false;
  let held: Buffer | undefined;

  return (piece) => {
    let rest = held ? Buffer.concat([held, piece]) : piece;
    held = undefined;
    while (!isOver && rest.length > 0) {
      const at = rest.indexOf(line);
      const until = at < 0 ? possibleBeginning(rest, line) : at;
      if (until > 0) events.onBytes(rest.subarray(0, until));
      const end = at < 0 ? -1 : rest.indexOf(0x0a, at + line.length);
      if (end < 0) {
        if (until < rest.length) held = rest.subarray(until);
        return;
      }
      const kind = rest[at + line.length];
      const text = rest.toString('utf8', at + line.length + 1, end);
      rest = rest.subarray(end + 1);
      if (kind === colon) events.onHeader?.(text);
      else {
        isOver = true;
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

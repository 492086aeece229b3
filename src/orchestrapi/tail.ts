import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { keptBytes } from './script.ts';

/** Keeps the last 1 MiB of what is added. */
export function tail(): { add(bytes: Buffer): void; text(): string } {
  let chunks: Buffer[] = [];
  let size = 0;
  return {
    add(bytes) {
      chunks.push(bytes);
      size += bytes.length;
      // Many small pieces would cost more in their headers than in their bytes.
      if (size > 2 * keptBytes || chunks.length > 1_000) {
        chunks = [Buffer.concat(chunks).subarray(-keptBytes)];
        size = chunks[0]!.length;
      }
    },
    text: () => lastText(Buffer.concat(chunks)),
  };
}

/** The last 1 MiB of a file; empty when it is not there. From the page cache: quicker than to ask a thread of the pool four times. */
export function readTail(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const from = Math.max(0, size - keptBytes);
    const bytes = Buffer.allocUnsafe(size - from);
    return withoutHalfCharacter(bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from)), from > 0);
  } finally {
    closeSync(file);
  }
}

/** The last 1 MiB, as text. */
export function lastText(bytes: Buffer): string {
  return withoutHalfCharacter(bytes.subarray(-keptBytes), bytes.length > keptBytes);
}

/** A cut may have gone through a character: its rest is dropped. */
function withoutHalfCharacter(bytes: Buffer, isCut: boolean): string {
  let from = 0;
  while (isCut && from < 3 && (bytes[from]! & 0xc0) === 0x80) from++;
  return bytes.toString('utf8', from);
}

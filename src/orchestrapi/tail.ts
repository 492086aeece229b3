import { open } from 'node:fs/promises';
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

/** The last 1 MiB of a file; empty when it is not there. */
export async function readTail(path: string): Promise<string> {
  let file;
  try {
    file = await open(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return '';
    const from = Math.max(0, size - keptBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return withoutHalfCharacter(buffer.subarray(0, bytesRead), from > 0);
  } finally {
    await file.close();
  }
}

function lastText(bytes: Buffer): string {
  return withoutHalfCharacter(bytes.subarray(-keptBytes), bytes.length > keptBytes);
}

/** A cut may have gone through a character: its rest is dropped. */
function withoutHalfCharacter(bytes: Buffer, isCut: boolean): string {
  let from = 0;
  while (isCut && from < 3 && (bytes[from]! & 0xc0) === 0x80) from++;
  return bytes.toString('utf8', from);
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** One measurement in a process of its own, so that neither a warm compiler nor another case's memory counts. */
export async function oneProcess<Line>(args: readonly string[]): Promise<Line> {
  const { stdout } = await promisify(execFile)(process.execPath, [new URL('./main.ts', import.meta.url).pathname, ...args], { maxBuffer: 1 << 24 });
  return JSON.parse(stdout) as Line;
}

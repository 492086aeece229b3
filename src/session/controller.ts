import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Owner } from '../orchestrapi/lock-file.ts';
import { isAlive } from '../orchestrapi/process.ts';
import { journalPath } from './folder.ts';

/** Who conducts an assembly, or did. `alive` is what can be seen from here: a controller on another machine counts as living. */
export interface Controller {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
  readonly alive: boolean;
}

/** The controller that holds the lock of a journal; undefined when none does: it was given back, or cannot be read. */
export function controllerOf(stateFolder: string): Controller | undefined {
  try {
    const owner = JSON.parse(readFileSync(`${journalPath(stateFolder)}.lock`, 'utf8')) as Owner;
    return { pid: owner.pid, host: owner.host, since: owner.since, alive: owner.host !== hostname() || isAlive(owner) };
  } catch {
    return undefined;
  }
}

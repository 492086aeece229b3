import { readdirSync, readFileSync } from 'node:fs';
import { mark } from './script.ts';

/** Start time (clock ticks since boot) of a process of this machine, which tells it from a later one of the same pid; undefined when it is gone or a zombie. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return words[0] === 'Z' || words[0] === 'X' ? undefined : words[19];
  } catch {
    return undefined;
  }
}

/** Names this boot of this machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Processes of this machine that belong to the group of a script, its leader dead or alive: known by group and by the mark in their environment. */
export function groupMembers(group: number, folder: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
      if (words[0] === 'Z' || words[0] === 'X' || Number(words[2]) !== group) return false;
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${mark}=${Buffer.from(folder).toString('latin1')}`);
    } catch {
      return false;
    }
  });
}

/** Sends a signal to a process group; gone already is success. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

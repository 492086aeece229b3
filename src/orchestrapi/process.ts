import { openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { mark, type ProcessIdentity } from './script.ts';

/** Fields of /proc/PID/stat from the third (the state) on; undefined when the process is gone or a zombie. */
function statOf(pid: number | string): string[] | undefined {
  try {
    const words = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ');
    return words[0] === 'Z' || words[0] === 'X' ? undefined : words;
  } catch {
    return undefined;
  }
}

/** Start time (clock ticks since boot) of a process of this machine, which tells it from a later one of the same pid; undefined when it is gone. */
export function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** Whether a process of this machine leads its process group. */
export function leadsGroup(pid: number): boolean {
  return Number(statOf(pid)?.[2]) === pid;
}

let boot: string | undefined;

/** Names this boot of this machine. */
export function bootId(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

/** Whether this very process lives on this machine. */
export function isAlive({ pid, startTime, bootId: itsBoot }: ProcessIdentity): boolean {
  return itsBoot === bootId() && startTimeOf(pid) === startTime;
}

/** Processes of this machine that are in a process group; zombies do not count. */
function groupMembers(group: number): number[] {
  // Most groups that are asked about are gone: the kernel says so without a look at every process.
  if (!signalGroup(group, 0)) return [];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(statOf(name)?.[2]) === group).map(Number);
}

/** Whether a group is still the one of the script in `folder`: by its leader, or by the mark in the environment of a member. */
export function isGroupOf(leader: ProcessIdentity, folder: string): boolean {
  if (isAlive(leader)) return true;
  if (leader.bootId !== bootId()) return false;
  const entry = `${mark}=${Buffer.from(folder).toString('latin1')}`;
  return groupMembers(leader.pid).some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(entry);
    } catch {
      return false;
    }
  });
}

/** Sends a signal to a process group, or with 0 only asks for it; gone already is success. False when there is no such group (any more). */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ESRCH') return false;
    // It is somebody else's by now.
    if (code === 'EPERM' && signal === 0) return true;
    throw cause;
  }
}

/** Ends a process group: the signal, then KILL after the grace time; resolves when nobody is left in it. The caller knows whose group it is. */
export async function endGroup(group: number, signal: NodeJS.Signals, graceMs: number): Promise<void> {
  signalGroup(group, signal);
  if (await isEmptyWithin(group, graceMs)) return;
  signalGroup(group, 'SIGKILL');
  // What sleeps in the kernel (a dead disk) does not hear KILL: no reason to wait for ever.
  await isEmptyWithin(group, 5_000);
}

async function isEmptyWithin(group: number, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  for (let pauseMs = 1; groupMembers(group).length > 0; pauseMs = Math.min(50, pauseMs * 2)) {
    if (performance.now() >= deadline) return false;
    await sleep(pauseMs);
  }
  return true;
}

let detached: readonly ('ignore' | number)[] | undefined;

/**
 * The `stdio` of a process that is to share nothing with this one. What this process itself inherited above its standard streams (the pipe of a CI job, say,
 * which would then wait for every daemon) cannot be closed from here, and no POSIX shell can close descriptors of two digits: it becomes /dev/null.
 */
export function detachedStdio(): ('ignore' | number)[] {
  if (!detached) {
    const stdio: ('ignore' | number)[] = ['ignore', 'ignore', 'ignore'];
    const inherited = readdirSync('/proc/self/fdinfo').map(Number).filter((fd) => fd > 2 && !closesOnExec(fd));
    const nowhere = inherited.length > 0 ? openSync('/dev/null', 'r+') : -1;
    for (let fd = 3; fd <= Math.max(...inherited, 2); fd++) stdio[fd] = inherited.includes(fd) ? nowhere : 'ignore';
    detached = stdio;
  }
  return [...detached];
}

function closesOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & 0o2000000) !== 0;
  } catch {
    return true;
  }
}

let lastTurn = Promise.resolve();

/**
 * Resolves when it is this caller's turn to start a process: one in each turn of the event loop. Starting one takes milliseconds in which nothing else is heard;
 * a thousand at once would leave the terminal, the journal and Ctrl-C waiting for seconds.
 */
export function turnToSpawn(): Promise<void> {
  lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
  return lastTurn;
}

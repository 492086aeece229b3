import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { bootId, isAlive, startTimeOf } from './process.ts';

/** Who holds a lock. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks since boot: with `bootId` it tells the process from a later one of the same pid. */
  readonly startTime: string;
  readonly bootId: string;
  readonly host: string;
  /** ISO 8601. */
  readonly since: string;
  /** Names this one taking of the lock. */
  readonly token: string;
}

/**
 * Takes a lock: a file that names its owner. The lock of a dead owner is taken over. An owner on another machine counts as living, since nobody can look.
 *
 * A file cannot be replaced on the condition that it is still the same. So whoever wants to take over from a dead owner first makes the *claim* on that
 * owner, a file named by the owner's token, which only one can make; when the claimant dies too, the next claim is on the claimant. Only the last one in
 * this chain, once it has seen that the lock is still the one the chain begins at, replaces it.
 * @returns the function that gives it back; or who holds it ('unknown': its file cannot be read)
 */
export async function takeLock(path: string): Promise<(() => Promise<void>) | Owner | 'unknown'> {
  const me: Owner = { pid: process.pid, startTime: startTimeOf(process.pid)!, bootId: bootId(), host: hostname(), since: new Date().toISOString(), token: randomUUID() };
  // A link is made whole or not at all, and never over another file.
  const mine = `${path}.${me.token}`;
  await writeDurably(mine, JSON.stringify(me));
  const release = async (): Promise<void> => {
    if (tokenOf(await ownerIn(path)) === me.token) await rm(path, { force: true });
  };
  const claims: string[] = [];
  try {
    for (;;) {
      if (await linked(mine, path)) return release;
      const first = await ownerIn(path);
      if (first === 'absent') continue;
      if (first === 'unknown') return first;
      let last: Owner | 'unknown' = first;
      claims.length = 0;
      for (;;) {
        if (last === 'unknown' || isLiving(last)) return last;
        const claim = `${path}.after-${last.token}`;
        claims.push(claim);
        if (await linked(mine, claim)) break;
        const claimant = await ownerIn(claim);
        // Done or given up in this moment: look again from the beginning.
        if (claimant === 'absent') break;
        last = claimant;
      }
      const isMine = tokenOf(await ownerIn(claims.at(-1)!)) === me.token;
      if (isMine && tokenOf(await ownerIn(path)) === first.token) {
        await rename(mine, path);
        // After the rename: who finds no claim now finds another lock, too.
        for (const claim of claims) await rm(claim, { force: true });
        return release;
      }
      if (isMine) await rm(claims.at(-1)!, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

function isLiving(owner: Owner): boolean {
  return owner.host !== hostname() || isAlive(owner);
}

function tokenOf(owner: Owner | 'absent' | 'unknown'): string | undefined {
  return typeof owner === 'object' ? owner.token : undefined;
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

async function ownerIn(path: string): Promise<Owner | 'absent' | 'unknown'> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
    throw cause;
  }
  try {
    const owner = JSON.parse(text) as Partial<Owner>;
    return typeof owner.pid === 'number' && typeof owner.token === 'string' && /^[\w-]+$/.test(owner.token) && typeof owner.host === 'string' ? (owner as Owner) : 'unknown';
  } catch {
    return 'unknown';
  }
}

/** After a crash of the machine the lock must name its owner, or nobody could tell that this one is dead. */
async function writeDurably(path: string, text: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600);
  await file.writeFile(text);
  await file.sync();
}

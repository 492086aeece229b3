import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, watch } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Script, ScriptStatus } from './host.ts';
import { whenAborted } from './abort.ts';
import { detachedStdio, endGroup, isAlive, isGroupOf, leadsGroup, turnToSpawn } from './process.ts';
import { commandText, fateOf, mark, parseExit, parseIdentity, readText, scriptFiles as files, scriptFolder, textVariable, unwrittenMs, wrapper, type Presence, type ProcessIdentity } from './script.ts';
import { readTail } from './tail.ts';

type Ended = Exclude<ScriptStatus, { kind: 'alive' }>;

/** What the files of a script say at one instant. `unwritten`: the file is there, its content is not yet. */
interface Look {
  readonly keeper: ProcessIdentity | 'absent' | 'unwritten';
  readonly leader: ProcessIdentity | 'absent' | 'unwritten';
  readonly exitCode: number | undefined;
}

/** The detached scripts of a work folder of this machine. Errors are those of node:fs; the host puts its words to them. */
export class LocalScripts {
  readonly #workFolder: string;
  /** The end of each keeper that this very process started. */
  readonly #keepers = new Map<string, Promise<void>>();

  constructor(workFolder: string) {
    this.#workFolder = workFolder;
  }

  /** @throws RangeError for an id, variable or argument that cannot be */
  async start(script: Script, place: { readonly cwd: string; readonly env: NodeJS.ProcessEnv }): Promise<ScriptStatus> {
    const folder = this.folder(script.id);
    const found = await this.poll(script.id);
    if (found.kind !== 'absent') return found;
    const text = commandText(script, { folder, workFolder: this.#workFolder, cwd: place.cwd });
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if (script.input !== undefined) await writeWhole(join(folder, files.input), script.input);
    await writeWhole(join(folder, files.command), text);
    const limit = script.timeoutMs === undefined ? '' : String(Math.max(1, script.timeoutMs) / 1000);
    await turnToSpawn();
    const keeper = spawn('/bin/sh', ['-c', readText, 'tutti-script', folder, limit], { cwd: this.#workFolder, env: { ...place.env, [mark]: folder, [textVariable]: wrapper }, detached: true, stdio: detachedStdio() });
    const failed = new Promise<never>((_, reject) => keeper.once('error', reject));
    const gone = new Promise<void>((resolve) => keeper.once('exit', () => resolve()));
    const known = gone.then(() => { if (this.#keepers.get(script.id) === known) this.#keepers.delete(script.id); });
    // Of two starts at once the first one's keeper has, as a rule, the lock; a wrong guess only costs an event.
    if (!this.#keepers.has(script.id)) this.#keepers.set(script.id, known);
    keeper.unref();
    return Promise.race([failed, this.#whenStarted(script.id, () => keeper.exitCode !== null || keeper.signalCode !== null)]);
  }

  async poll(id: string): Promise<ScriptStatus> {
    const folder = this.folder(id);
    const deadline = performance.now() + unwrittenMs;
    for (;;) {
      const look = lookAt(folder);
      const { exitCode } = look;
      const [keeper, leader] = [presenceOf(look.keeper), presenceOf(look.leader)];
      const fate = fateOf({ exitCode, keeper, leader });
      if (fate === 'ended') return { kind: fate, exitCode: exitCode!, ...outputOf(folder), timedOut: existsSync(join(folder, files.late)) };
      if (fate === 'absent') return { kind: fate };
      if (fate === 'alive') return { kind: fate, pid: ((leader === 'alive' ? look.leader : look.keeper) as ProcessIdentity).pid };
      if (fate === 'undecided' && performance.now() < deadline) await sleep(5);
      // It may have ended between the two looks.
      else if (lookAt(folder).exitCode === undefined) return { kind: 'vanished', ...outputOf(folder) };
    }
  }

  /** Resolves when the script is no longer alive, or with its last status when the signal is aborted. */
  async wait(id: string, signal?: AbortSignal): Promise<ScriptStatus> {
    const abort = whenAborted(signal);
    // The keepers are no reason for this process to go on, but who waits for one is.
    const stay = setInterval(() => {}, 2 ** 30);
    try {
      const keeper = this.#keepers.get(id);
      if (keeper) {
        await Promise.race([keeper, abort.promise]);
        const status = await this.poll(id);
        if (status.kind !== 'alive') return status;
      }
      for (;;) {
        const change = changeIn(this.folder(id));
        try {
          const status = await this.poll(id);
          if (status.kind !== 'alive' || signal?.aborted) return status;
          await Promise.race([change.promise, abort.promise]);
        } finally {
          change.close();
        }
      }
    } finally {
      clearInterval(stay);
      abort.close();
    }
  }

  async kill(id: string, signal: NodeJS.Signals, graceMs: number): Promise<ScriptStatus> {
    const folder = this.folder(id);
    const { keeper, leader } = await this.#whenLed(folder);
    // The leader may be dead and its children not: the group is ended, whatever the exit code says.
    if (typeof leader === 'object' && isGroupOf(leader, folder)) await endGroup(leader.pid, signal, graceMs);
    if (typeof keeper === 'object' && isAlive(keeper)) {
      await Promise.race([this.#keepers.get(id) ?? this.wait(id), sleep(unwrittenMs, undefined, { ref: false })]);
    }
    // A keeper that was killed outright has left its watch over the time limit behind.
    if (typeof keeper === 'object' && isGroupOf(keeper, folder)) await endGroup(keeper.pid, 'SIGKILL', 0);
    return this.poll(id);
  }

  async forget(id: string): Promise<void> {
    await rm(this.folder(id), { recursive: true, force: true });
  }

  /** Every script that was started here, by its id. */
  async ids(): Promise<string[]> {
    const root = join(this.#workFolder, 'scripts');
    if (!existsSync(root)) return [];
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    return entries.filter((e) => e.isFile() && e.name === files.lock).map((e) => e.parentPath.slice(root.length + 1));
  }

  folder(id: string): string {
    return scriptFolder(this.#workFolder, id);
  }

  /** The status once it is known who leads, so that a signal sent right after a start arrives. */
  async #whenStarted(id: string, isKeeperGone: () => boolean): Promise<ScriptStatus> {
    for (let pauseMs = 1; ; pauseMs = Math.min(50, pauseMs * 2)) {
      const wasGone = isKeeperGone();
      const { keeper, leader } = lookAt(this.folder(id));
      if (typeof leader === 'object' || wasGone) {
        const status = await this.poll(id);
        if (status.kind !== 'absent') return status;
        if (keeper === 'absent' && wasGone) throw Object.assign(new Error('its folder cannot be written'), { code: 'EACCES' });
      }
      await sleep(pauseMs);
    }
  }

  async #whenLed(folder: string): Promise<Look> {
    const deadline = performance.now() + unwrittenMs;
    for (;;) {
      const look = lookAt(folder);
      const isStarting = typeof look.leader === 'object' ? isAlive(look.leader) && !leadsGroup(look.leader.pid)
        : look.exitCode === undefined && (look.keeper === 'unwritten' || (typeof look.keeper === 'object' && isAlive(look.keeper)));
      if (!isStarting || performance.now() >= deadline) return look;
      await sleep(2);
    }
  }
}

function lookAt(folder: string): Look {
  const exit = readSmall(join(folder, files.exit));
  return { exitCode: exit === undefined ? undefined : parseExit(exit), keeper: identityIn(join(folder, files.lock)), leader: identityIn(join(folder, files.pid)) };
}

function presenceOf(who: Look['keeper']): Presence {
  return typeof who === 'string' ? who : isAlive(who) ? 'alive' : 'dead';
}

function identityIn(path: string): ProcessIdentity | 'absent' | 'unwritten' {
  const text = readSmall(path);
  return text === undefined ? 'absent' : (parseIdentity(text) ?? 'unwritten');
}

// A few bytes from the page cache: asking a thread of the pool for them costs several times more.
function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

function outputOf(folder: string): { stdout: string; stderr: string } {
  return { stdout: readTail(join(folder, files.out)), stderr: readTail(join(folder, files.err)) };
}

/** Two starters of one id write the same; a shell must not read half of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, text, { mode: 0o600 });
  await rename(beside, path);
}

/** Resolves when something changes in a folder, and after a second in any case: a script killed together with its keeper changes nothing. */
function changeIn(folder: string): { readonly promise: Promise<void>; close(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, 1_000);
  let watcher: ReturnType<typeof watch> | undefined;
  try {
    watcher = watch(folder, () => resolve()).on('error', () => {});
  } catch {
    // Not there (then the next look says so), or no watch left in this machine: then the second has to do.
  }
  return { promise, close: () => { clearTimeout(timer); watcher?.close(); } };
}

/** The status of a script that is no longer alive; undefined for one that is. */
export function ended(status: ScriptStatus): Ended | undefined {
  return status.kind === 'alive' ? undefined : status;
}

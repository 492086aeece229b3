import { setTimeout as sleep } from 'node:timers/promises';
import { HostError, type Script, type ScriptStatus } from './host.ts';
import { quoteOnOneLine as quote } from './quote.ts';
import { commandText, fateOf, scriptFolder, unwrittenMs, type Presence } from './script.ts';
import { whenAborted } from './abort.ts';
import { ChannelLost } from './ssh-shell.ts';
import { SshWatch } from './ssh-watch.ts';
import type { Lease } from './ssh-pool.ts';
import { escaped, type CallOptions, type FarSide } from './ssh.ts';
import { lastText } from './tail.ts';

/** A text or an input beyond this is placed as a file before the script is started. */
const lineBytes = 64 * 1024;
/** So many scripts of a host are attended at once: fewer than a connection has channels, so that one is left for all else. */
const attendedAtOnce = 3;
/** One that has gone on for so long leaves its place to another. */
const attendedMs = 5_000;
/** So long an attended script goes on without a guard on its host over its time limit: most have ended before. */
const guardedAfterMs = 3_000;
/** So long the far side may take to say what becomes of a start. */
const startMs = 60_000;

/** A script whose keeper is a shell of ours, which tells of its end by itself. */
interface Attended {
  readonly since: number;
  /** Its end; undefined when the shell was lost before that. Never rejects. */
  readonly end: Promise<Ended | undefined>;
  /** Its shell is free again. It is still known for a moment, to who has just been told that it was started. */
  isOver: boolean;
  /** Lets it go on alone. */
  release(): void;
  /** Why nobody is to wait for it any more. */
  closed?: Error;
}
type Ended = Exclude<ScriptStatus, { kind: 'alive' }>;

/**
 * The detached scripts of a host that is reached by SSH: the same files and texts as on this machine, looked at through the far side's functions.
 *
 * A script with a time limit is, as a rule, short: a standing shell is its keeper, so that it costs one exchange and few processes, and goes on being so when its
 * channel is closed. One without a limit, or when too many are attended, gets a keeper of its own, whose word about the end `SshWatch` hears.
 */
export class SshScripts {
  readonly #far: FarSide;
  readonly #env: Readonly<Record<string, string>>;
  readonly #watch: SshWatch;
  readonly #attended = new Map<string, Attended>();
  /** Counts the closings. */
  #life = 0;

  constructor(far: FarSide, env: Readonly<Record<string, string>>) {
    this.#far = far;
    this.#env = env;
    this.#watch = new SshWatch(far);
  }

  /** @throws RangeError for an id, variable or argument that cannot be */
  async start(script: Script, cwd: string): Promise<ScriptStatus> {
    const { id, timeoutMs, input } = script;
    const { workFolder } = this.#far;
    const folder = scriptFolder(workFolder, id);
    const text = commandText(script, { folder, workFolder, cwd, env: this.#env });
    const limit = timeoutMs === undefined ? '' : String(Math.max(1, timeoutMs) / 1000);
    const isLong = input !== undefined && input.length > lineBytes;
    const words = [folder, limit, id, text, ...(input === undefined || isLong ? [] : [escaped(input)])].map(quote).join(' ');
    if (timeoutMs !== undefined && timeoutMs > guardedAfterMs && !isLong && this.#hasPlace()) {
      const status = await this.#attend({ id, folder, timeoutMs, words });
      if (status) return status;
    }
    if (isLong) {
      const found = await this.poll(id);
      if (found.kind !== 'absent') return found;
      await this.#placeInput(folder, input);
    }
    const listening = this.#watch.listening;
    const status = await this.#look(`tutti_start ${words}`, { takesMs: 10_000 });
    if (status.kind === 'absent') throw new Error('its folder cannot be written');
    // Its end will be heard: a wait need not look first.
    if (status.kind === 'alive' && listening) this.#watch.expect(id, listening);
    return status;
  }

  #hasPlace(): boolean {
    const going = [...this.#attended.values()].filter(({ isOver }) => !isOver);
    if (going.length < attendedAtOnce) return true;
    if (performance.now() - going[0]!.since < attendedMs) return false;
    going[0]!.release();
    return true;
  }

  /** Undefined when the shell was lost before it said anything: whether it was started is to be looked at. */
  async #attend({ id, folder, timeoutMs, words }: { readonly id: string; readonly folder: string; readonly timeoutMs: number; readonly words: string }): Promise<ScriptStatus | undefined> {
    const begun = Promise.withResolvers<string | undefined>();
    const headers: string[] = [];
    const [out, err]: [Buffer[], Buffer[]] = [[], []];
    let lease: Lease | undefined;
    const play = async (): Promise<Ended | undefined> => {
      let isReusable = false;
      let silence: NodeJS.Timeout | undefined;
      let guard: NodeJS.Timeout | undefined;
      try {
        lease = await this.#far.lease('reusable');
        silence = setTimeout(() => lease!.shell.close(), startMs);
        await lease.shell.exchange(`tutti_attend ${words}`, {
          onHeader: (header) => {
            clearTimeout(silence);
            if (headers.length === 0) guard = setTimeout(() => void this.#far.call(`cd ${quote(folder)} && tutti_arm ${(timeoutMs - guardedAfterMs) / 1000}`).catch(() => {}), guardedAfterMs);
            headers.push(header);
            begun.resolve(header);
          },
          onOut: (bytes) => void out.push(bytes), onErr: (bytes) => void err.push(bytes),
        });
        isReusable = true;
        const [exitCode, late] = headers[1]?.split(' ') ?? [];
        return exitCode === undefined ? undefined : { kind: 'ended', exitCode: Number(exitCode), stdout: lastText(Buffer.concat(out)), stderr: lastText(Buffer.concat(err)), timedOut: late === 'late' };
      } catch (failed) {
        if (!(failed instanceof ChannelLost)) begun.reject(failed);
        return undefined;
      } finally {
        clearTimeout(silence);
        clearTimeout(guard);
        lease?.release(isReusable ? 'reusable' : 'used');
        attended.isOver = true;
        setImmediate(forget);
        begun.resolve(undefined);
      }
    };
    const forget = (): void => {
      if (this.#attended.get(id) === attended) this.#attended.delete(id);
    };
    const attended: Attended = {
      since: performance.now(), end: play(), isOver: false,
      release: () => {
        forget();
        lease?.shell.close();
      },
    };
    // Of two starts of one id the other finds that it is taken.
    if (!this.#attended.has(id)) this.#attended.set(id, attended);
    const header = await begun.promise;
    if (header?.startsWith('led ')) return { kind: 'alive', pid: Number(header.slice('led '.length)) };
    await attended.end;
    if (header === 'blocked') throw this.#far.said('the folder of the script cannot be made', Buffer.concat(out).toString());
    return header === 'taken' ? this.poll(id) : undefined;
  }

  poll(id: string): Promise<ScriptStatus> {
    return this.#look(`tutti_look ${quote(scriptFolder(this.#far.workFolder, id))}`);
  }

  /** Resolves when the script is no longer alive, or with its last status when the signal is aborted. */
  async wait(id: string, signal?: AbortSignal): Promise<ScriptStatus> {
    const attended = this.#attended.get(id);
    if (attended) {
      const abort = whenAborted(signal);
      const end = await Promise.race([attended.end, abort.promise]).finally(abort.close);
      if (end) return end;
      if (attended.closed) throw attended.closed;
    }
    const life = this.#life;
    for (;;) {
      // Listened for before it is looked at: what happens in between is not missed.
      const change = await this.#watch.changeOf(id, signal);
      try {
        // Else who waits would open the host again.
        if (life !== this.#life) throw this.#far.error('UNREACHABLE', 'its connection was closed');
        if (!change.isExpected) {
          const status = await this.poll(id);
          if (status.kind !== 'alive' || signal?.aborted) return status;
        }
        await change.promise;
      } finally {
        change.close();
      }
    }
  }

  kill(id: string, signal: 'TERM' | 'INT' | 'HUP' | 'KILL', graceMs: number): Promise<ScriptStatus> {
    return this.#look(`tutti_kill ${quote(scriptFolder(this.#far.workFolder, id))} ${signal} ${Math.ceil(graceMs / 50)}`, { takesMs: graceMs + 10_000, isUrgent: true });
  }

  async forget(ids: readonly string[]): Promise<void> {
    const { header, out } = await this.#far.call(`tutti_forget ${ids.map((id) => quote(scriptFolder(this.#far.workFolder, id))).join(' ')}`);
    if (header === 'blocked') throw this.#far.said(`the script "${ids.join('", "')}" cannot be forgotten`, out.toString());
    if (header === 'alive') throw this.#far.error('BUSY', `the script "${out.toString()}" is alive`);
  }

  /** Waits end with an error. */
  close(): void {
    const why = this.#far.error('UNREACHABLE', 'its connection was closed');
    for (const attended of this.#attended.values()) attended.closed = why;
    this.#attended.clear();
    this.#life++;
    this.#watch.close(why);
  }

  async #look(functions: string, options?: CallOptions): Promise<ScriptStatus> {
    const deadline = performance.now() + unwrittenMs;
    for (;;) {
      const { header, out, err } = await this.#far.call(functions, options);
      if (header === 'blocked') throw this.#far.said('the folder of the script cannot be made', out.toString());
      const status = statusOf(header, () => ({ stdout: lastText(out), stderr: lastText(err) }), performance.now() >= deadline);
      if (status) return status;
      await sleep(20);
    }
  }

  async #placeInput(folder: string, input: string): Promise<void> {
    const lease = await this.#far.lease('fresh');
    try {
      const path = quote(`${folder}/input`);
      let text = '';
      const body = `(umask 077; mkdir -p -- ${quote(folder)} && cat >${path}."$tutti_id" && [ "$(stat -c %s -- ${path}."$tutti_id")" = ${Buffer.byteLength(input)} ] && mv -f -- ${path}."$tutti_id" ${path}) 2>&1; tutti_header $?`;
      const { header } = await lease.shell.exchange(body, { onOut: (bytes) => { text += bytes.toString(); } }, (to) => to.end(input));
      if (header !== '0') throw this.#far.said('its input cannot be written', text);
    } catch (failed) {
      throw failed instanceof HostError ? failed : this.#far.error('UNREACHABLE', 'the connection was lost', failed);
    } finally {
      lease.release('used');
    }
  }
}

/** What a header of the far side's `tutti_look` means; undefined to look again. */
export function statusOf(header: string, output: () => { stdout: string; stderr: string }, isLast: boolean): ScriptStatus | undefined {
  const [exit, late, keeper, keeperPid, leader, leaderPid] = header.split(' ') as [string, string, Presence, string, Presence, string];
  const fate = fateOf({ exitCode: exit === '-' ? undefined : Number(exit), keeper, leader });
  switch (fate) {
    case 'absent': return { kind: fate };
    case 'alive': return { kind: fate, pid: Number(leader === 'alive' ? leaderPid : keeperPid) };
    case 'ended': return { kind: fate, exitCode: Number(exit), ...output(), timedOut: late === 'late' };
    case 'vanished': return { kind: fate, ...output() };
    case 'undecided': return isLast ? { kind: 'vanished', ...output() } : undefined;
    default: return fate satisfies never;
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { HostError, type Script, type ScriptStatus } from './host.ts';
import { quoteOnOneLine as quote } from './quote.ts';
import { commandText, fateOf, scriptFolder, unwrittenMs, type Presence } from './script.ts';
import { SshWatch } from './ssh-watch.ts';
import { escaped, type CallOptions, type FarSide } from './ssh.ts';
import { lastText } from './tail.ts';

/** An input beyond this is placed as a file before the script is started. */
const lineInputBytes = 64 * 1024;

/** The detached scripts of a host that is reached by SSH: the same files and texts as on this machine, looked at through the far side's functions. */
export class SshScripts {
  readonly #far: FarSide;
  readonly #env: Readonly<Record<string, string>>;
  readonly #watch: SshWatch;

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
    const isLong = input !== undefined && input.length > lineInputBytes;
    if (isLong) {
      const found = await this.poll(id);
      if (found.kind !== 'absent') return found;
      await this.#placeInput(folder, input);
    }
    const listening = this.#watch.listening;
    const words = [folder, limit, id, text, ...(input === undefined || isLong ? [] : [escaped(input)])];
    const status = await this.#look(`tutti_start ${words.map(quote).join(' ')}`, { takesMs: 10_000 });
    if (status.kind === 'absent') throw new Error('its folder cannot be written');
    // Its end will be heard: a wait need not look first.
    if (status.kind === 'alive' && listening) this.#watch.expect(id, listening);
    return status;
  }

  poll(id: string): Promise<ScriptStatus> {
    return this.#look(`tutti_look ${quote(scriptFolder(this.#far.workFolder, id))}`);
  }

  /** Resolves when the script is no longer alive, or with its last status when the signal is aborted. */
  async wait(id: string, signal?: AbortSignal): Promise<ScriptStatus> {
    for (;;) {
      // Listened for before it is looked at: what happens in between is not missed.
      const change = await this.#watch.changeOf(id, signal);
      try {
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

  async forget(id: string): Promise<void> {
    const { header, out } = await this.#far.call(`tutti_forget ${quote(scriptFolder(this.#far.workFolder, id))}`);
    if (header === 'alive') throw this.#far.error('BUSY', `the script "${id}" is alive`);
    if (header === 'blocked') throw this.#far.said(`the script "${id}" cannot be forgotten`, out.toString());
  }

  /** Waits end with an error. */
  close(): void {
    this.#watch.close(this.#far.error('UNREACHABLE', 'its connection was closed'));
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

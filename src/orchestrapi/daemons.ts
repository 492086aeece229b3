import { HostError, NotReadyError, UnknownFateError, type Host, type Script, type ScriptStatus } from './host.ts';
import { shown } from './quote.ts';
import { scriptFiles, scriptFolder } from './script.ts';

/** Tells which act of which action started a daemon: `la1/start.2.1#0`. */
const startedBy = 'TUTTI_STARTED_BY';

type Ended = Exclude<ScriptStatus, { kind: 'alive' }>;

interface DaemonsOptions {
  readonly host: Host;
  readonly component: string;
  readonly action: string;
  readonly since?: number;
  readonly idempotent: boolean;
  readonly onOutput: (text: string) => void;
  readonly stopIfAborted: () => void;
}

/** A daemon that is being looked after: `end` is set, and `changed` resolves, when it is no longer alive or cannot be looked at. */
interface Watched {
  readonly end?: Ended | Error;
  readonly changed: Promise<void>;
}

interface Daemons {
  start(name: string, script: Omit<Script, 'id'>): Promise<void>;
  poll(name: string): Promise<ScriptStatus>;
  kill(name: string, options?: Parameters<Host['kill']>[1]): Promise<ScriptStatus>;
  watch(name: string, signal: AbortSignal): Watched;
  failure(what: string, name: string, end: Ended | Error): Error;
  lastOutput(name: string): Promise<string>;
}

/**
 * The daemons of one component as one action sees them: scripts `daemons/<component>/<name>` that go on when the action has ended.
 *
 * Acts on a daemon (start, kill) are numbered within the action, and a daemon carries the act that started it. So an action that is played again after
 * a crash knows which of its acts were done: not only a start, also the kill before a start of the same name.
 */
export function daemons({ host, component, action, since, idempotent, onOutput, stopIfAborted }: DaemonsOptions): Daemons {
  const acts = new Map<string, number>();
  const idOf = (name: string): string => `daemons/${component}/${name}`;
  const nextAct = (name: string): number => {
    const act = acts.get(name) ?? 0;
    acts.set(name, act + 1);
    return act;
  };

  return {
    async start(name, script) {
      const id = idOf(name);
      const act = nextAct(name);
      stopIfAborted();
      const before = await host.poll(id);
      if (before.kind !== 'absent') {
        const starter = await starterOf(host, id);
        if (starter?.action === action && starter.act >= act) {
          // Started by this very act before the controller died, or by a later one, which ended it in between.
          if (before.kind !== 'vanished' || starter.act > act) return;
          if (!idempotent) throw new UnknownFateError(host.name, shown(script.command), 'it was killed, or its host went down');
        } else if (before.kind === 'alive') {
          // A try that failed may have left its daemon: the next try begins where that one did.
          if (starter === undefined || !isEarlierTry(starter.action, action, since)) throw livesAlready(host, component, name, before.pid, starter?.action);
          await host.kill(id);
        }
        await host.forget(id);
        stopIfAborted();
      }
      const status = await host.start({ ...script, id, env: { ...script.env, [startedBy]: `${action}#${act}` } });
      if (status.kind === 'alive') return;
      const starter = await starterOf(host, id);
      if (starter?.action !== action) throw new HostError('BUSY', host.name, `${host.name}: "${name}" of ${component} was started by another at the same time`);
    },

    poll: (name) => host.poll(idOf(name)),

    async kill(name, options) {
      const id = idOf(name);
      const act = nextAct(name);
      const starter = await starterOf(host, id);
      // Played again: this kill was done, and the daemon there now is the one that this action started after it.
      if (starter?.action === action && starter.act > act) return host.poll(id);
      return host.kill(id, options);
    },

    watch(name, signal) {
      const { promise: changed, resolve } = Promise.withResolvers<void>();
      const watched: { end?: Ended | Error; changed: Promise<void> } = { changed };
      const end = (how: Ended | Error): void => {
        if (signal.aborted) return;
        watched.end = how;
        resolve();
      };
      host.wait(idOf(name), signal).then(end, end);
      return watched;
    },

    failure(what, name, end) {
      if (end instanceof Error) return end;
      const output = end.kind === 'absent' ? '' : outputOf(end);
      if (output !== '') onOutput(`${output}\n`);
      const how = end.kind === 'ended' ? `ended with exit code ${end.exitCode}` : end.kind === 'absent' ? 'was not started' : 'was killed';
      return new NotReadyError(host.name, `${what}: "${name}" ${how}`, output);
    },

    async lastOutput(name) {
      const status = await host.poll(idOf(name)).catch(() => undefined);
      return status?.kind === 'ended' || status?.kind === 'vanished' ? outputOf(status) : '';
    },
  };
}

function outputOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): string {
  return [stdout.trimEnd(), stderr.trimEnd()].filter((text) => text !== '').join('\n');
}

function livesAlready(host: Host, component: string, name: string, pid: number, starter: string | undefined): HostError {
  const by = starter === undefined ? '' : `, started by ${starter}`;
  return new HostError('BUSY', host.name, `${host.name}: "${name}" of ${component} lives already (pid ${pid}${by}); end it first, with killScript or by hand`);
}

/** `la1/start.2.1` came before `la1/start.2.2`; and before `la1/start.4.1`, where the operator has had execution 2 tried again. */
function isEarlierTry(before: string, now: string, since?: number): boolean {
  const [a, b] = [before, now].map((action) => /^(?<what>.*)\.(?<execution>\d+)\.(?<attempt>\d+)$/.exec(action)?.groups);
  if (!a || !b || a['what'] !== b['what']) return false;
  const [executionOfA, executionOfB] = [Number(a['execution']), Number(b['execution'])];
  return executionOfA === executionOfB ? Number(a['attempt']) < Number(b['attempt']) : executionOfA >= (since ?? executionOfB) && executionOfA < executionOfB;
}

/** Which act of which action started the script; undefined for one that no action of ours started. */
async function starterOf(host: Host, id: string): Promise<{ readonly action: string; readonly act: number } | undefined> {
  let text: string;
  try {
    text = await host.get(`${scriptFolder(host.workFolder, id)}/${scriptFiles.command}`);
  } catch (failure) {
    if (failure instanceof HostError && failure.code === 'NOT_FOUND') return undefined;
    throw failure;
  }
  const match = new RegExp(`^export ${startedBy}='?(.*?)#(\\d+)'?$`, 'm').exec(text);
  return match ? { action: match[1]!, act: Number(match[2]) } : undefined;
}

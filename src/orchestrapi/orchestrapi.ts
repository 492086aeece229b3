import { isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CommandError, HostError, NotReadyError, UnknownFateError,
  type Command, type CommandResult, type FileToPut, type Host, type Orchestrapi, type ScriptStatus, type StepOptions,
} from './host.ts';
import { shown } from './quote.ts';
import { recordOf } from './script.ts';
import type { Transfers } from './transfers.ts';

export interface OrchestrapiOptions {
  readonly host: Host;
  /** The hosts of the assembly, for `on:`. */
  readonly hosts: ReadonlyMap<string, Host>;
  readonly component: string;
  /** Names the action for all time: `la1/connect.3.1`. Its steps are kept under this name. */
  readonly action: string;
  readonly transfers: Transfers;
  readonly signal: AbortSignal;
  /** For steps that name none. */
  readonly timeoutMs: number;
  /** For steps that name none: a step whose fate is unknown is run again. */
  readonly idempotent: boolean;
  readonly onOutput: (text: string) => void;
  /** Folder of the controller that relative sources of transfers are relative to. */
  readonly folder: string;
}

/** Gives an action its door to a machine. Its methods may be taken apart: `({ run, writeFile }) => …`. */
export function createOrchestrapi(options: OrchestrapiOptions): Orchestrapi {
  const { host, hosts, component, action, signal, onOutput } = options;
  const path = join(host.workFolder, component);
  const inPath = (to: string) => (isAbsolute(to) ? to : join(path, to));
  let queued: FileToPut[] = [];
  let steps = 0;
  let made: Promise<unknown> | undefined;

  /** The component's folder is there before the first command runs in it. */
  const ready = () => (made ??= host.run(['mkdir', '-p', path], { cwd: '/', signal }));
  const hostNamed = (name: string | undefined): Host => {
    const found = name === undefined ? host : hosts.get(name);
    if (!found) throw new TypeError(`there is no host "${name}"`);
    return found;
  };
  const stopIfAborted = () => {
    if (signal.aborted) throw new HostError('INTERRUPTED', host.name, `${host.name}: interrupted`);
  };
  const place = (on: Host, cwd: string | undefined) => (cwd === undefined ? (on === host ? path : on.workFolder) : isAbsolute(cwd) ? cwd : join(path, cwd));

  /** Runs a command as a durable step: found by its id, it is not run a second time. */
  const step = async (command: Command, stepOptions: StepOptions): Promise<CommandResult> => {
    const on = hostNamed(stepOptions.on);
    const id = `steps/${action}/${steps++}`;
    const timeoutMs = stepOptions.timeoutMs ?? options.timeoutMs;
    await ready();
    stopIfAborted();
    const script = { id, command, timeoutMs, cwd: place(on, stepOptions.cwd), ...(stepOptions.env ? { env: stepOptions.env } : {}), ...(stepOptions.input === undefined ? {} : { input: stepOptions.input }) };
    if ((await on.poll(id)).kind !== 'absent' && (await on.get(`scripts/${id}/command`)) !== recordOf(command)) {
      throw new UnknownFateError(on.name, shown(command), 'another command stands in its place from before the controller ended');
    }
    const onAbort = () => void on.kill(id, { graceMs: 2_000 }).catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await on.start(script);
      let status = await on.wait(id);
      if (status.kind === 'vanished' && !signal.aborted && (stepOptions.idempotent ?? options.idempotent)) {
        await on.forget(id);
        await on.start(script);
        status = await on.wait(id);
      }
      stopIfAborted();
      if (status.kind !== 'ended') throw new UnknownFateError(on.name, shown(command), status.kind === 'vanished' ? 'it was killed, or its host went down,' : 'it left no trace');
      if (status.stdout) onOutput(status.stdout);
      if (status.stderr) onOutput(status.stderr);
      if (status.timedOut) throw new HostError('TIMEOUT', on.name, `${on.name}: "${shown(command)}" ran past its time limit of ${timeoutMs} ms; its process group was killed`);
      if (status.exitCode !== 0 && stepOptions.allowFailure !== true) throw new CommandError(on.name, shown(command), status);
      return { exitCode: status.exitCode, stdout: status.stdout, stderr: status.stderr };
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };

  const daemonId = (name: string) => `daemons/${component}/${name}`;
  const ownerPath = (name: string) => join('owners', component, name);

  const orchestrapi: Orchestrapi = {
    path, hostname: host.name, address: host.address,
    run: (command, stepOptions = {}) => step(command, stepOptions),
    async ask(command, stepOptions = {}) {
      const on = hostNamed(stepOptions.on);
      await ready();
      return on.run(command, { timeoutMs: stepOptions.timeoutMs ?? 30_000, signal, cwd: place(on, stepOptions.cwd), ...(stepOptions.env ? { env: stepOptions.env } : {}), ...(stepOptions.input === undefined ? {} : { input: stepOptions.input }) });
    },
    async startScript(name, command, daemonOptions = {}) {
      await ready();
      stopIfAborted();
      const id = daemonId(name);
      const before = await host.poll(id);
      // An action that is played again after a crash finds the daemon that it started itself.
      const mine = before.kind !== 'absent' && (await ownerOf(host, ownerPath(name))) === action;
      if (mine) return;
      if (before.kind === 'alive') throw new NotReadyError(host.name, `"${name}" of ${component} lives already, with pid ${before.pid}`);
      await host.forget(id);
      const { failed } = await host.put([{ to: ownerPath(name), text: action, mode: 0o600 }]);
      if (failed[0]) throw new HostError('REFUSED', host.name, `${host.name}: "${failed[0].to}" was not placed: ${failed[0].reason}`);
      await host.start({ id, command, cwd: place(host, daemonOptions.cwd), ...(daemonOptions.env ? { env: daemonOptions.env } : {}) });
    },
    pollScript: (name) => host.poll(daemonId(name)),
    killScript: (name, killOptions) => host.kill(daemonId(name), killOptions),
    async waitUntil(what, probe, { timeoutMs = 60_000, everyMs = 50, alive } = {}) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        stopIfAborted();
        if (await probe()) return;
        if (alive !== undefined) failIfEnded(what, alive, await host.poll(daemonId(alive)));
        if (performance.now() >= deadline) throw new NotReadyError(host.name, `${what}: not within ${timeoutMs} ms`);
        await sleep(everyMs, undefined, { signal }).catch(() => {});
      }
    },
    writeFile(to, text, { mode = 0o644 } = {}) {
      queued.push({ to: inPath(to), text, mode });
    },
    queueTransfer(source, destination) {
      queued.push({ to: inPath(destination), from: isAbsolute(source) ? source : join(options.folder, source) });
    },
    async flushTransfers() {
      stopIfAborted();
      const files = queued;
      queued = [];
      await options.transfers.send(host, files);
    },
    async transfer(source, destination) {
      orchestrapi.queueTransfer(source, destination);
      await orchestrapi.flushTransfers();
    },
    readFile: (file) => host.get(inPath(file)),
  };

  const failIfEnded = (what: string, name: string, status: ScriptStatus) => {
    if (status.kind === 'alive') return;
    const output = status.kind === 'absent' ? '' : `${status.stdout}\n${status.stderr}`;
    if (output.trim()) onOutput(output);
    throw new NotReadyError(host.name, `${what}: "${name}" ${status.kind === 'ended' ? `ended with exit code ${status.exitCode}` : status.kind === 'absent' ? 'is not there' : 'is gone'}`, output);
  };
  return orchestrapi;
}

async function ownerOf(host: Host, path: string): Promise<string | undefined> {
  try {
    return await host.get(path);
  } catch (failure) {
    if (failure instanceof HostError && failure.code === 'NOT_FOUND') return undefined;
    throw failure;
  }
}

/** Forgets the steps of an action whose outcome is in the journal. */
export async function cleanSteps(host: Host, action: string): Promise<void> {
  await host.forget(`steps/${action}`);
}

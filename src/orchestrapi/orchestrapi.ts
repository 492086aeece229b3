import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { answerOf, cancellable, whenAborted } from './abort.ts';
import { daemons } from './daemons.ts';
import { factsOf } from './facts.ts';
import { HostError, NotReadyError, type FileToPut, type Host, type Orchestrapi } from './host.ts';
import { steps } from './steps.ts';
import type { Transfers } from './transfers.ts';

export interface OrchestrapiOptions {
  readonly host: Host;
  /** The hosts of the assembly, for `on:`. */
  readonly hosts: ReadonlyMap<string, Host>;
  readonly component: string;
  /** Names the action for all time: component, transition, execution and attempt, as `la1/connect.3.1`. Its steps are kept under this name. */
  readonly action: string;
  /** The first of the executions that the operator has had tried again for this one. Default: this one. */
  readonly since?: number;
  readonly transfers: Transfers;
  /** Aborting kills the step that runs; a daemon that was started goes on. */
  readonly signal: AbortSignal;
  /** For steps that name none. */
  readonly timeoutMs: number;
  /** For steps that say nothing: a step whose fate is unknown is run again. */
  readonly idempotent: boolean;
  /** The action may have been played before, by a controller that died or until its host was lost: its steps are looked for before they are begun. Default: true. */
  readonly found?: boolean;
  /** Gets what each step put out when it has ended, and the last output of a daemon that ended when it should not have. */
  readonly onOutput: (text: string) => void;
  /** Folder of the controller that relative sources of transfers are relative to. */
  readonly folder: string;
}

/** As `Host.kill` has it. */
const killGraceMs = 10_000;

/**
 * Gives one action its door to its machine. Its methods may be taken apart: `({ run, writeFile }) => …`.
 * @example const { run } = createOrchestrapi({ host, hosts, component: 'la1', action: 'la1/start.1.1', transfers: transfers(), signal, timeoutMs: 600_000, idempotent: false, onOutput: () => {}, folder: '.' })
 */
export function createOrchestrapi(options: OrchestrapiOptions): Orchestrapi {
  const { host, hosts, component, signal } = options;
  const path = join(host.workFolder, component);
  const inPath = (to: string): string => (isAbsolute(to) ? to : join(path, to));
  let queued: FileToPut[] = [];
  let remote: { readonly on: Host; readonly path: string; readonly destination: string }[] = [];

  const hostNamed = (name: string | undefined): Host => {
    const found = name === undefined ? host : hosts.get(name);
    if (!found) throw new TypeError(`there is no host "${name}"`);
    return found;
  };
  const stopIfAborted = (): void => {
    if (signal.aborted) throw new HostError('INTERRUPTED', host.name, `${host.name}: ${signal.reason instanceof Error ? signal.reason.message : 'interrupted'}`);
  };
  /** Where a command runs: in the component's folder, also on another host. */
  const place = (on: Host, cwd = ''): string => (isAbsolute(cwd) ? cwd : join(on.workFolder, component, cwd));

  const step = steps({ ...options, stopIfAborted });
  const daemon = daemons({ ...options, stopIfAborted });

  const orchestrapi: Orchestrapi = {
    path, hostname: host.name, address: host.address, ...(host.ssh ? { ssh: host.ssh } : {}),
    async run(command, { on, cwd, ...rest } = {}) {
      const there = hostNamed(on);
      return step(there, command, { ...rest, cwd: place(there, cwd) });
    },
    async ask(command, { on, cwd, env, input, timeoutMs = 30_000 } = {}) {
      const there = hostNamed(on);
      return answerOf(there.run(command, { timeoutMs, signal, isQuestion: true, cwd: place(there, cwd), ...(env ? { env } : {}), ...(input === undefined ? {} : { input }) }), there, signal);
    },
    async startScript(name, command, { env, cwd } = {}) {
      await answerOf(daemon.start(name, { command, cwd: place(host, cwd), ...(env ? { env } : {}) }), host, signal);
    },
    pollScript: async (name) => answerOf(daemon.poll(name), host, signal),
    killScript: async (name, killOptions) => answerOf(daemon.kill(name, killOptions), host, signal, killOptions?.graceMs ?? killGraceMs),
    async waitUntil(what, probe, { timeoutMs = 60_000, everyMs = 50, alive } = {}) {
      using over = cancellable(signal);
      const watched = alive === undefined ? undefined : daemon.watch(alive, over.signal);
      const late = over.after(timeoutMs).then((): 'late' => 'late');
      for (;;) {
        stopIfAborted();
        const probed = await Promise.race([late, probe()]);
        stopIfAborted();
        // A probe may be answered by somebody else, so a daemon that ended counts first.
        if (watched?.end) throw daemon.failure(what, alive!, watched.end);
        if (probed === true) return;
        if (probed === 'late') throw new NotReadyError(host.name, `${what}: not within ${timeoutMs} ms`, alive === undefined ? '' : await daemon.lastOutput(alive));
        await Promise.race([late, over.after(everyMs), ...(watched ? [watched.changed] : [])]);
      }
    },
    writeFile(to, text, { mode = 0o644 } = {}) {
      queued.push({ to: inPath(to), text, mode });
    },
    queueTransfer(source, destination) {
      if (typeof source === 'string') queued.push({ to: inPath(destination), from: isAbsolute(source) ? source : join(options.folder, source) });
      else remote.push({ on: hostNamed(source.on), path: place(hostNamed(source.on), source.path), destination: inPath(destination) });
    },
    async flushTransfers() {
      stopIfAborted();
      const [files, others] = [queued, remote];
      [queued, remote] = [[], []];
      if (others.length === 0) return answerOf(options.transfers.send(host, files), host, signal);
      const staged = await mkdtemp(join(tmpdir(), 'tutti-relayed-'));
      try {
        await Promise.all(others.map(async ({ on, path: from, destination }, i) => {
          await answerOf(on.fetch(from, join(staged, String(i))), on, signal);
          files.push({ to: destination, from: join(staged, String(i)) });
        }));
        stopIfAborted();
        await answerOf(options.transfers.send(host, files), host, signal);
      } finally {
        await rm(staged, { recursive: true, force: true });
      }
    },
    async transfer(source, destination) {
      orchestrapi.queueTransfer(source, destination);
      await orchestrapi.flushTransfers();
    },
    readFile: async (file) => answerOf(host.get(inPath(file)), host, signal),
    async facts(on) {
      // Others may wait for the same answer: who no longer does goes alone.
      const abort = whenAborted(signal);
      const facts = await Promise.race([factsOf(hostNamed(on)), abort.promise]).finally(abort.close);
      stopIfAborted();
      return facts!;
    },
  };
  return orchestrapi;
}

export { StepCleaner } from './steps.ts';

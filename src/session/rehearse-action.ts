import { actionKey, Interruption } from '../assembly/engine.ts';
import type { ActionRef, Assembly } from '../assembly/model.ts';
import { performer } from '../assembly/perform.ts';
import { dataFor, type AssemblyState } from '../assembly/state.ts';
import type { Value } from '../components/model.ts';
import { catalogue } from '../components/catalogue/index.ts';
import { failureOf } from '../orchestrapi/failure.ts';
import type { Command, CommandResult, Orchestrapi } from '../orchestrapi/host.ts';
import { createOrchestrapi } from '../orchestrapi/orchestrapi.ts';
import { quote, shown } from '../orchestrapi/quote.ts';
import { recordingHost, type Recorded } from '../orchestrapi/recording.ts';
import { transfers } from '../orchestrapi/transfers.ts';
import { realClock } from './stage.ts';

/** What an action asks of a machine, as far as that is known before the machine was asked. */
export interface ActionRehearsal {
  readonly does: readonly RehearsedDeed[];
  /** Why there may be more, or other things, than `does` says. */
  readonly unsure?: string;
  /** What it would write to its data ports. */
  readonly writes?: Readonly<Record<string, Value>>;
}

/** One thing asked of a machine: a command as a person reads it, a file's path, a daemon's name, or what is waited for. */
export interface RehearsedDeed {
  readonly kind: 'run' | 'ask' | 'file' | 'read' | 'start' | 'kill' | 'wait';
  readonly what: string;
  /** When that is another host than the component's own. */
  readonly on?: string;
}

/** An action that neither ends nor asks for anything more is given up after so long. */
const giveUpMs = 2_000;

/** The work folder of a host is known when the host is. */
const workFolder = '<work>';

/**
 * Plays one action on hosts that only note what they are asked: every command succeeds at once and prints nothing. Components of types that are written in
 * YAML or stand in the catalogue do all they do through their hosts; the code of a module may reach for anything, and is not played. Takes what it needs of
 * `state` before it returns; undefined when the transition has no action. Never rejects.
 */
export function rehearseAction(assembly: Assembly, action: ActionRef, state: AssemblyState): Promise<ActionRehearsal> | undefined {
  const member = state.member(action.component);
  const { type } = member.net;
  if (type.transitions[action.transition]!.action === undefined) return undefined;
  const isYaml = assembly.where.has(`type:${type.name}`);
  if (!isYaml && !catalogue.includes(type)) return Promise.resolve({ does: [], unsure: `"${type.name}" comes from a module, whose code is not played here` });

  const does: RehearsedDeed[] = [];
  /** Whether the action looked at what a host said. YAML does so for `writes` alone, which changes no command of its own. */
  let looked: string | undefined;
  const hosts = new RecordingHosts(assembly.hosts);
  // A component may be on a host that the file has no longer.
  const host = hosts.get(member.spec.on) ?? recordingHost({ name: member.spec.on, workFolder });
  const interruption = new Interruption();
  /** With the values that a shell text finds in its environment, and what it reads. */
  const told = (command: Command, { env = {}, input }: { readonly env?: Readonly<Record<string, string>>; readonly input?: string } = {}): string =>
    [shown(command), ...Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`), ...(input === undefined ? [] : [`<<< ${quote(input)}`])].join('  ');
  const note = (deed: RehearsedDeed, on?: string) => void does.push({ ...deed, ...(on === undefined || on === host.name ? {} : { on }) });
  const watched = (command: string, { exitCode, ...said }: CommandResult): CommandResult => {
    const look = (key: 'stdout' | 'stderr') => ({ enumerable: true, get: () => {
      if (!isYaml) looked ??= command;
      return said[key];
    } });
    return Object.defineProperties({ exitCode } as CommandResult, { stdout: look('stdout'), stderr: look('stderr') });
  };
  const perform = performer({
    state, failureOf, log: () => {}, warn: () => {},
    clock: { now: () => 0, after: (_, late) => realClock.after(giveUpMs, late) },
    orchestrapi: ({ spec, id, ...options }) => {
      const door = createOrchestrapi({ ...options, host, hosts, component: spec.name, action: id, transfers: transfers({ windowMs: 0 }), folder: assembly.folder });
      return {
        ...door,
        async run(command, step = {}) {
          note({ kind: 'run', what: told(command, step) }, step.on);
          return watched(shown(command), await door.run(command, step));
        },
        async ask(command, step = {}) {
          note({ kind: 'ask', what: told(command, step) }, step.on);
          return watched(shown(command), await door.ask(command, step));
        },
        async startScript(name, command, script) {
          note({ kind: 'start', what: `${name}: ${told(command, script)}` });
          await door.startScript(name, command, script);
        },
        // Whatever was to be started by then is taken to run.
        pollScript: async () => ({ kind: 'alive', pid: 1 }),
        async killScript(name, how) {
          note({ kind: 'kill', what: name });
          return door.killScript(name, how);
        },
        async waitUntil(what, probe) {
          note({ kind: 'wait', what });
          // Once, for what it asks; the answer says nothing about the machine.
          await probe();
        },
        async flushTransfers() {
          const before = host.log.length;
          await door.flushTransfers();
          for (const file of filesOf(host.log.slice(before))) note({ kind: 'file', what: file });
        },
        queueTransfer(source, destination) {
          if (typeof source === 'string') door.queueTransfer(source, destination);
          else note({ kind: 'file', what: `${destination} (from ${source.path} on ${source.on})` });
        },
        async transfer(source, destination) {
          note({ kind: 'file', what: `${destination} (from ${typeof source === 'string' ? source : `${source.path} on ${source.on}`})` });
          if (typeof source === 'string') await door.transfer(source, destination);
        },
        async readFile(path) {
          note({ kind: 'read', what: path });
          looked ??= path;
          return door.readFile(path);
        },
        async facts(on) {
          looked ??= 'what are you?';
          return { address: hosts.get(on ?? host.name)?.address ?? host.address, hostname: on ?? host.name, cores: 1, memoryBytes: 2 ** 30, disks: [] };
        },
      } satisfies Orchestrapi;
    },
  });
  const data = dataFor(member, action.transition);
  return Promise.resolve(perform({ ...action }, data, { interruption, found: false })).then((outcome): ActionRehearsal => {
    if (outcome.kind === 'failed') return { does, unsure: `from here on it depends on what the host answers; to silence: ${outcome.failure.message.replace(actionKey(action), action.transition)}` };
    const { writes } = outcome;
    return looked === undefined ? { does, writes } : { does, writes, unsure: `it looks at what the host answers to "${looked.length > 60 ? `${looked.slice(0, 60)}…` : looked}"` };
  });
}

/** Made as they are asked for: each action has its own, and an assembly may have a thousand. */
class RecordingHosts extends Map<string, ReturnType<typeof recordingHost>> {
  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    super();
    this.#names = names;
  }

  override get(name: string): ReturnType<typeof recordingHost> | undefined {
    if (!this.has(name) && this.#names.includes(name)) this.set(name, recordingHost({ name, workFolder }));
    return super.get(name);
  }
}

function filesOf(log: readonly Recorded[]): string[] {
  return log.flatMap((one) => (one.kind !== 'put' ? [] : one.files.map((file) => `${file.to} (${'text' in file ? `${Buffer.byteLength(file.text)} bytes` : `from ${file.from}`})`)));
}

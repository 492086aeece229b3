import type { ActionContext, ComponentType, Value } from '../../../src/components/model.ts';
import type { Command, CommandResult, ScriptStatus, SshRoute, TransferSource } from '../../../src/orchestrapi/host.ts';

/** What a scripted host answers to a command: part of a result; success and silence where nothing is said. */
export type Answers = (command: string) => Partial<CommandResult> | undefined;

/** A context of an action that touches nothing: it writes down what is asked of it, in order, and answers from a script. */
export interface ScriptedContext extends ActionContext {
  /** `run mkdir -p x`, `ask ...`, `start NAME ...`, `kill NAME INT`, `poll NAME`, `flush`: one line each. */
  readonly did: string[];
  readonly files: Map<string, string>;
  readonly transferred: Map<string, string>;
  readonly written: Map<string, Value>;
  readonly warnings: string[];
}

/** An exit code other than 0 where none is allowed: as the real thing throws it. */
export class CommandFailed extends Error {}

export function scriptedContext(options: {
  readonly type: ComponentType;
  readonly component: string;
  readonly with?: Readonly<Record<string, Value>>;
  readonly data?: Readonly<Record<string, Value>>;
  readonly answers?: Answers;
  readonly script?: ScriptStatus;
  /** How the controller reaches the host. Default: it is a folder of the controller. */
  readonly ssh?: SshRoute;
}): ScriptedContext {
  const { type, component, answers = () => undefined, script = { kind: 'alive', pid: 4711 } } = options;
  const did: string[] = [];
  const files = new Map<string, string>();
  const transferred = new Map<string, string>();
  const written = new Map<string, Value>();
  const warnings: string[] = [];
  const text = (command: Command) => (typeof command === 'string' ? command : command.join(' '));
  const answer = (command: Command): CommandResult => ({ exitCode: 0, stdout: '', stderr: '', ...answers(text(command)) });
  const defaults = Object.fromEntries(Object.entries(type.parameters).flatMap(([name, { default: value }]) => (value === undefined ? [] : [[name, value]])));
  const environment = (env?: Readonly<Record<string, string>>) => Object.entries(env ?? {}).map(([key, value]) => `${key}=${value} `).join('');
  const context: ScriptedContext = {
    did,
    files,
    transferred,
    written,
    warnings,
    path: '/w',
    hostname: 'worker[1]',
    address: '10.0.0.1',
    ...(options.ssh && { ssh: options.ssh }),
    component,
    transition: 'any',
    attempt: 1,
    parameters: { ...defaults, ...options.with },
    signal: new AbortController().signal,
    read: (port) => options.data?.[port],
    write: (port, value) => void written.set(port, value),
    log: () => {},
    warn: (warning) => void warnings.push(warning),
    run: async (command, { allowFailure = false, env } = {}) => {
      did.push(`run ${environment(env)}${text(command)}`);
      const result = answer(command);
      if (result.exitCode !== 0 && !allowFailure) throw new CommandFailed(`${text(command)}: ${result.exitCode}`);
      return result;
    },
    ask: async (command, { env } = {}) => {
      did.push(`ask ${environment(env)}${text(command)}`);
      return answer(command);
    },
    startScript: async (name, command, { env } = {}) => void did.push(`start ${name}: ${environment(env)}${text(command)}`),
    pollScript: async () => script,
    killScript: async (name, { signal = 'TERM' } = {}) => {
      did.push(`kill ${name} ${signal}`);
      return script;
    },
    waitUntil: async (what, probe) => {
      if (script.kind !== 'alive') throw new Error(`${what}: ended`);
      if (!(await probe())) throw new Error(`${what}: time is over`);
    },
    writeFile: (path, content) => void files.set(path, content),
    queueTransfer: (source, destination) => void transferred.set(destination, inWords(source)),
    flushTransfers: async () => void did.push('flush'),
    transfer: async (source, destination) => void transferred.set(destination, inWords(source)),
    readFile: async (path) => files.get(path) ?? '',
    facts: async () => ({ address: '10.0.0.1', hostname: 'scripted', cores: 4, memoryBytes: 8 * 2 ** 30, disks: [] }),
  };
  return context;
}

function inWords(source: TransferSource): string {
  return typeof source === 'string' ? source : `${source.on}:${source.path}`;
}

import type { ActionContext, ComponentType, Value } from '../components/model.ts';
import type { Orchestrapi } from '../orchestrapi/host.ts';
import { actionKey, Interruption, type Clock, type Perform } from './engine.ts';
import type { ActionRef, ComponentSpec, Failure, Outcome } from './model.ts';
import { tokenIn, type ComponentState } from '../components/net.ts';
import type { AssemblyState, Member } from './state.ts';

/** Default time limit of an action: 10 minutes. */
const defaultTimeoutMs = 600_000;

/** What an action reaches its machine through. */
export interface StageOptions {
  readonly spec: ComponentSpec;
  /** Names its durable steps: the action's own name, or that of the earlier try that it takes up. */
  readonly id: string;
  /** The first execution that was for this token, when the operator had it tried again. */
  readonly since: number;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  /** It had begun before the controller died, or takes up an earlier try: what was done is looked for. */
  readonly found: boolean;
  readonly onOutput: (text: string) => void;
}

export interface PerformOptions {
  readonly state: AssemblyState;
  readonly clock: Clock;
  readonly orchestrapi: (options: StageOptions) => Orchestrapi;
  /** What an error of the layer below means; undefined for any other. */
  readonly failureOf: (error: unknown) => Failure | undefined;
  readonly log: (action: ActionRef, line: string) => void;
  readonly warn: (action: ActionRef, text: string) => void;
  /** Where secret parameters are kept. Default: nowhere, and they are just named. */
  readonly secrets?: Secrets;
}

/** What performing asks of the place where secrets are kept. */
export interface Secrets {
  /** A text that stands for a secret. */
  seal(name: string, source: Value): string;
  /** Undefined when all secrets are known, and can be taken out of any text. */
  learn(): Promise<void> | undefined;
  redact(text: string): string;
  /** The name of a secret that is in a text. */
  nameIn(text: string): string | undefined;
}

/** Runs actions: gives each its context, holds it to its time limit, and says in one `Failure` why it did not end well. */
export function performer(options: PerformOptions): Perform {
  return (action, data, { interruption, found }): Outcome | Promise<Outcome> => {
    const member = options.state.member(action.component);
    const transition = member.net.type.transitions[action.transition]!;
    const timeoutMs = transition.timeoutMs ?? defaultTimeoutMs;
    const context = new Context(options, { member, action, data, interruption, timeoutMs, idempotent: transition.idempotent ?? false, found });
    const act = (): Outcome | Promise<Outcome> => {
      let ending: Promise<void> | void;
      try {
        ending = transition.action!(context as unknown as ActionContext);
      } catch (thrown) {
        return failed(options, action, thrown, interruption, undefined);
      }
      return ending === undefined ? { kind: 'done', writes: context.writes } : ended(options, action, context, ending, interruption, timeoutMs);
    };
    const learning = options.secrets?.learn();
    return learning === undefined ? act() : learning.then(act);
  };
}

async function ended(options: PerformOptions, action: ActionRef, context: Context, ending: Promise<void>, interruption: Interruption, timeoutMs: number): Promise<Outcome> {
  let late: Error | undefined;
  const forget = options.clock.after(timeoutMs, () => interruption.interrupt((late = new Error(`its time limit of ${timeoutMs} ms is over`))));
  try {
    await ending;
    return { kind: 'done', writes: context.writes };
  } catch (thrown) {
    return failed(options, action, thrown, interruption, late !== undefined && interruption.reason === late ? timeoutMs : undefined);
  } finally {
    forget();
  }
}

/** Where the steps of a running action are kept: under its own name, or that of the earlier try that it takes up. */
export function stepsKey(state: ComponentState, action: ActionRef): string {
  return actionKey({ ...action, ...tokenIn(state, action.transition)?.takesUp });
}

/** Where the executions that the operator had tried again kept their steps: what has an unknown fate is left there, to be looked at. */
export function earlierStepsKeys({ net, state }: Pick<Member, 'net' | 'state'>, action: ActionRef): string[] {
  const tries = (net.type.transitions[action.transition]!.retry?.times ?? 0) + 1;
  const { since = action.execution } = tokenIn(state, action.transition) ?? {};
  return Array.from({ length: (action.execution - since) * tries }, (_, i) => actionKey({ ...action, execution: since + Math.floor(i / tries), attempt: 1 + (i % tries) }));
}

/** Why an action did not end well. `lateMs`: its time limit, when that is what ended it. */
function failed(options: PerformOptions, action: ActionRef, thrown: unknown, { reason: why }: Interruption, lateMs: number | undefined): Outcome {
  const failure = failureOf(options, thrown);
  if (lateMs !== undefined) {
    const was = `"${actionKey(action)}" ran past its time limit of ${lateMs} ms`;
    return { kind: 'failed', failure: { ...failure, reason: 'timeout', message: failure.unsettled ? `${was}: ${failure.message}` : `${was} and was killed` } };
  }
  if (why) return { kind: 'failed', final: true, failure: failure.unsettled ? { ...failure, reason: 'interrupted', message: `${why.message}: ${failure.message}` } : { reason: 'interrupted', message: why.message } };
  return { kind: 'failed', failure, ...(failure.reason === 'unknown-fate' ? { final: true } : {}) };
}

/** Asks one probe; gives the reason why the place is no longer true, or undefined. Never rejects. */
export type Probing = (component: string, place: string, interruption: Interruption) => Promise<string | undefined>;

/** Time limit of a probe: 30 seconds. */
const probeTimeoutMs = 30_000;

/** Asks whether held places are still true (F5). A probe's `run` is a question: nothing it does is kept as a step. */
export function prober(options: PerformOptions): Probing {
  return async (component, place, stopped) => {
    const member = options.state.member(component);
    // Its own time limit must not end the other probes.
    const interruption = new Interruption();
    const stop = (): void => interruption.interrupt(stopped.reason!);
    stopped.signal.addEventListener('abort', stop, { once: true });
    const forget = options.clock.after(probeTimeoutMs, () => interruption.interrupt(new Error(`its probe did not answer within ${probeTimeoutMs} ms`)));
    const data = Object.fromEntries(member.dataUses.map((end) => [end.port.name, member.read(end.port.name)]));
    const orchestrapi = (stage: StageOptions): Orchestrapi => {
      const door = options.orchestrapi(stage);
      return { ...door, run: door.ask };
    };
    const scene = { member, action: { component, transition: place, execution: 0, attempt: 1 }, data, interruption, timeoutMs: probeTimeoutMs, idempotent: true, found: false };
    try {
      await options.secrets?.learn();
      await member.net.type.probes[place]!(new Context({ ...options, orchestrapi }, scene) as unknown as ActionContext);
      return undefined;
    } catch (thrown) {
      const { message, output } = failureOf(options, thrown);
      const last = output?.trimEnd().split('\n').at(-1);
      return interruption.reason?.message ?? (last ? `${message}: ${last}` : message);
    } finally {
      forget();
      stopped.signal.removeEventListener('abort', stop);
    }
  };
}

interface Scene {
  readonly member: Member;
  readonly action: ActionRef;
  readonly data: Readonly<Record<string, Value | undefined>>;
  readonly interruption: Interruption;
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  readonly found: boolean;
}

const noWrites: Readonly<Record<string, Value>> = {};

/** What an action sees: an `ActionContext`. The door to its machine is opened when it is first used; its methods may be taken apart. */
class Context implements Omit<ActionContext, keyof Orchestrapi> {
  readonly component: string;
  readonly transition: string;
  readonly attempt: number;
  writes = noWrites;
  readonly #options: PerformOptions;
  readonly #scene: Scene;
  #stage: Orchestrapi | undefined;

  constructor(options: PerformOptions, scene: Scene) {
    this.component = scene.action.component;
    this.transition = scene.action.transition;
    this.attempt = scene.action.attempt;
    this.#options = options;
    this.#scene = scene;
  }

  get parameters(): Readonly<Record<string, Value>> {
    return parametersOf(this.#scene.member.net.type, this.#scene.member.spec, this.#options.secrets);
  }

  get signal(): AbortSignal {
    return this.#scene.interruption.signal;
  }

  get read() {
    return (port: string): Value | undefined => {
      const { data } = this.#scene;
      if (!(port in data)) throw new TypeError(`"${this.transition}" does not use the data port "${port}"`);
      return data[port];
    };
  }

  get write() {
    return (port: string, value: Value): void => {
      const { net } = this.#scene.member;
      if (net.ports.get(port)?.kind !== 'data-provide') throw new TypeError(`"${net.type.name}" has no data-provide port "${port}"`);
      const secret = this.#options.secrets?.nameIn(textsIn(value).join('\0'));
      if (secret !== undefined) throw new TypeError(`"${port}" would put the secret "${secret}" into the journal: give both components the same source instead`);
      this.writes = { ...this.writes, [port]: value };
    };
  }

  get log() {
    return (text: string): void => this.#options.log(this.#scene.action, text);
  }

  get warn() {
    return (text: string): void => this.#options.warn(this.#scene.action, text);
  }

  get stage(): Orchestrapi {
    const { member: { spec, state }, action, timeoutMs, idempotent, found, interruption } = this.#scene;
    const { since = action.execution, takesUp } = tokenIn(state, action.transition) ?? {};
    return (this.#stage ??= this.#options.orchestrapi({
      spec, id: stepsKey(state, action), since, signal: interruption.signal, timeoutMs, idempotent, found: found || takesUp !== undefined, onOutput: this.log,
    }));
  }
}

const doors: Readonly<Record<keyof Orchestrapi, true>> = {
  path: true, hostname: true, address: true, ssh: true, run: true, ask: true, startScript: true, pollScript: true, killScript: true, waitUntil: true, writeFile: true,
  queueTransfer: true, flushTransfers: true, transfer: true, readFile: true, facts: true,
};
for (const door of Object.keys(doors) as (keyof Orchestrapi)[]) {
  Object.defineProperty(Context.prototype, door, { enumerable: true, get(this: Context) { return this.stage[door]; } });
}

function failureOf({ failureOf: known, secrets }: PerformOptions, thrown: unknown): Failure {
  const failure = known(thrown) ?? { reason: 'error', message: thrown instanceof Error ? thrown.message : String(thrown) };
  if (!secrets) return failure;
  return { ...failure, message: secrets.redact(failure.message), ...(failure.output === undefined ? {} : { output: secrets.redact(failure.output) }) };
}

/** All texts in a value, keys among them. */
function textsIn(value: Value): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)];
  return Array.isArray(value) ? value.flatMap(textsIn) : Object.entries(value).flatMap(([key, inner]) => [key, ...textsIn(inner)]);
}

/** What `with:` says, and the declared defaults for the rest. A secret is a text that stands for it. */
function parametersOf({ parameters }: Pick<ComponentType, 'parameters'>, spec: Pick<ComponentSpec, 'name' | 'with'>, secrets: Pick<Secrets, 'seal'> | undefined): Readonly<Record<string, Value>> {
  const values: Record<string, Value> = { ...spec.with };
  for (const name in parameters) {
    const { type, default: value } = parameters[name]!;
    if (type === 'secret' && name in values) values[name] = secrets?.seal(`${name} of ${spec.name}`, values[name]!) ?? `<secret ${name} of ${spec.name}>`;
    else if (value !== undefined && !(name in values)) values[name] = value;
  }
  return values;
}

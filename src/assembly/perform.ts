import type { ActionContext, ComponentType, Parameter, Value } from '../components/model.ts';
import type { Orchestrapi } from '../orchestrapi/host.ts';
import { actionKey, interrupted, type Perform } from './engine.ts';
import type { ActionRef, ComponentSpec, Failure, Outcome } from './model.ts';
import type { AssemblyState } from './state.ts';

/** Default time limit of an action: 10 minutes. */
const defaultTimeoutMs = 600_000;

/** What an action reaches its machine through. */
export interface StageOptions {
  readonly spec: ComponentSpec;
  /** The action's own name, for its durable steps: the same again when it is found after a crash. */
  readonly id: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly idempotent: boolean;
  readonly onOutput: (text: string) => void;
}

export interface PerformOptions {
  readonly state: AssemblyState;
  readonly orchestrapi: (options: StageOptions) => Orchestrapi;
  /** What an error of the layer below means; undefined for any other. */
  readonly failureOf: (error: unknown) => Failure | undefined;
  readonly log: (action: ActionRef, line: string) => void;
  readonly warn: (action: ActionRef, text: string) => void;
}

/** Runs actions: gives each its context, holds it to its time limit, and says in one `Failure` why it did not end well. */
export function performer(options: PerformOptions): Perform {
  return async (action, data, { signal }): Promise<Outcome> => {
    const { spec, net } = options.state.member(action.component);
    const transition = net.type.transitions[action.transition]!;
    const timeoutMs = transition.timeoutMs ?? defaultTimeoutMs;
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new Error(`its time limit of ${timeoutMs} ms is over`)), timeoutMs);
    const writes: Record<string, Value> = {};
    try {
      const stage = options.orchestrapi({
        spec, id: actionKey(action), signal: AbortSignal.any([signal, limit.signal]), timeoutMs, idempotent: transition.idempotent ?? false,
        onOutput: (text) => options.log(action, text),
      });
      const context: ActionContext = Object.assign(Object.create(stage) as Orchestrapi, {
        component: spec.name, transition: action.transition, attempt: action.attempt, parameters: parametersOf(net.type, spec),
        signal: AbortSignal.any([signal, limit.signal]),
        read: (port: string) => {
          if (!(port in data)) throw new TypeError(`"${action.transition}" does not use the data port "${port}"`);
          return data[port];
        },
        write: (port: string, value: Value) => {
          if (net.ports.get(port)?.kind !== 'data-provide') throw new TypeError(`"${net.type.name}" has no data-provide port "${port}"`);
          writes[port] = value;
        },
        log: (text: string) => options.log(action, text),
        warn: (text: string) => options.warn(action, text),
      });
      await transition.action!(context);
      return { kind: 'done', writes };
    } catch (thrown) {
      if (signal.aborted) return { kind: 'failed', final: true, failure: { reason: 'interrupted', message: interrupted.message } };
      if (limit.signal.aborted) return { kind: 'failed', failure: { ...options.failureOf(thrown), reason: 'timeout', message: `"${actionKey(action)}" ran past its time limit of ${timeoutMs} ms and was killed` } };
      const failure = options.failureOf(thrown) ?? { reason: 'error' as const, message: thrown instanceof Error ? thrown.message : String(thrown) };
      return { kind: 'failed', failure, ...(failure.reason === 'unknown-fate' ? { final: true } : {}) };
    } finally {
      clearTimeout(timer);
    }
  };
}

/** What `with:` says, and the declared defaults for the rest. */
export function parametersOf(type: Pick<ComponentType, 'parameters'>, spec: Pick<ComponentSpec, 'with'>): Record<string, Value> {
  const defaults = Object.entries<Parameter>(type.parameters).flatMap(([name, p]) => (p.default === undefined ? [] : [[name, p.default] as const]));
  return { ...Object.fromEntries(defaults), ...spec.with };
}

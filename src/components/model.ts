import type { Orchestrapi } from '../orchestrapi/host.ts';

export type PortKind = 'use' | 'provide' | 'data-use' | 'data-provide';

/** What a data port carries: anything that JSON can hold. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** What the action of a transition sees: the host through `Orchestrapi`, the data ports, its own name and parameters. */
export interface ActionContext extends Orchestrapi {
  readonly component: string;
  readonly transition: string;
  /** 1 for the first try. */
  readonly attempt: number;
  /** The component's `with:`, defaults filled in. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** The value of a data-use port as it was when the transition started; a list for a port with `atLeast: all`; undefined for an optional port without connection. */
  read(port: string): Value | undefined;
  /** Gives a data-provide port its next value; published when one of the port's places is entered. */
  write(port: string, value: Value): void;
  /** Aborted when the transition's time is over or the operator interrupts. */
  readonly signal: AbortSignal;
  /** A line in the log of this transition. */
  log(text: string): void;
  /** As `log`, and shown to the operator. */
  warn(text: string): void;
}

export type Action = (context: ActionContext) => Promise<void> | void;

/** How often a failed action is tried again by itself: `times` more, after `delayMs`, then `delayMs * factor` and so on. */
export interface Retry {
  readonly times: number;
  /** Default 1,000. */
  readonly delayMs?: number;
  /** Default 1. */
  readonly factor?: number;
}

export interface Transition<P extends string = string, B extends string = string> {
  readonly from: P;
  readonly to: P;
  readonly behaviour: B;
  /** Transitions of one behaviour that end in one place and have the same dock set must all arrive. Default: the set ''. */
  readonly dockSet?: string;
  /** Without one the transition ends as soon as it started. */
  readonly action?: Action;
  /** What `simulate` takes when nothing was recorded. Default: 1,000. */
  readonly durationMs?: number;
  /** Default 600,000. */
  readonly timeoutMs?: number;
  readonly retry?: Retry;
  /** The action may be run again when its fate is unknown. Default false. */
  readonly idempotent?: boolean;
}

export interface Port<E extends string = string> {
  readonly kind: PortKind;
  readonly boundTo: readonly E[];
  /** What is offered here; ports with the same interface fit each other. Default: the port's name. */
  readonly interface?: string;
  /** A use or data-use port that is served while it has no connection. */
  readonly optional?: boolean;
  /** How many connected providers must be active. Default: 1, and then the user holds every provider it is connected to. */
  readonly atLeast?: number | 'all';
}

/** One way out of a switch: the first case whose condition holds gives tokens to the transitions of `take`. */
export type SwitchCase<T extends string = string> =
  | { readonly below: number; readonly take: readonly T[] }
  | { readonly equals: Value; readonly take: readonly T[] }
  | { readonly otherwise: readonly T[] };

export interface Switch<T extends string = string> {
  /** A data-use port bound to the switch, or a data-provide port of the component itself: then what its own action found out decides. */
  readonly port: string;
  readonly cases: readonly SwitchCase<T>[];
}

/** Throws when the held place is no longer true. */
export type Probe = (context: ActionContext) => Promise<void> | void;

/** A value that `with:` may or must give. */
export interface Parameter {
  /** A `secret` comes from a file, the environment or a command of the controller; what an action gets is a text that stands for it in files and inputs. */
  readonly type: 'string' | 'number' | 'boolean' | 'list' | 'map' | 'secret';
  /** Without a default the parameter is compulsory. */
  readonly default?: Value;
  readonly about?: string;
}

/** The kind of a component: places, transitions, groups, switches and ports. Plain data, plus one action a transition. */
export interface ComponentType<P extends string = string, G extends string = string, T extends string = string, B extends string = string> {
  /** As written in an assembly file: `diet/naming-service`. */
  readonly name: string;
  readonly about?: string;
  readonly places: readonly P[];
  readonly initialPlace: P;
  readonly groups: Readonly<Record<G, readonly P[]>>;
  readonly behaviours: readonly B[];
  readonly transitions: Readonly<Record<T, Transition<P, B>>>;
  readonly switches: Readonly<Partial<Record<P, Switch<T>>>>;
  readonly ports: Readonly<Record<string, Port<P | G | T>>>;
  readonly probes: Readonly<Partial<Record<P, Probe>>>;
  readonly parameters: Readonly<Record<string, Parameter>>;
}

import type { ComponentType, Value } from '../components/model.ts';
import type { Where } from '../diagnostic.ts';

/** One end of a connection. */
export interface PortRef {
  readonly component: string;
  readonly port: string;
}

/** One use port to one provide port, or one data-use port to one data-provide port. */
export interface Connection {
  readonly use: PortRef;
  readonly provide: PortRef;
}

/** A component of the assembly: its name, its type's name, its host's name and what `with:` says. */
export interface ComponentSpec {
  readonly name: string;
  readonly type: string;
  /** Name of a host role instance: `head`, `worker[2]`. Default: `local`. */
  readonly on: string;
  readonly with: Readonly<Record<string, Value>>;
}

/** What a program says, one variant an instruction (I1 to I6). `where` points at its text. */
export type Instruction = (
  | { readonly kind: 'add'; readonly component: ComponentSpec }
  | { readonly kind: 'delete'; readonly component: string }
  | { readonly kind: 'connect'; readonly connection: Connection }
  | { readonly kind: 'disconnect'; readonly connection: Connection }
  | { readonly kind: 'pushBehaviour'; readonly component: string; readonly behaviour: string }
  | { readonly kind: 'wait'; readonly component: string }
  | { readonly kind: 'waitAll' }
  /** Plays another program of the assembly in this place. */
  | { readonly kind: 'call'; readonly program: string }
) & { readonly where?: Where };

export interface Program {
  readonly name: string;
  readonly instructions: readonly Instruction[];
  readonly where?: Where;
}

/** Components, connections and programs, with every name resolved. What `parse` gives and the engine takes. */
export interface Assembly {
  readonly name: string;
  /** Folder that relative paths of the file are relative to. */
  readonly folder: string;
  readonly types: ReadonlyMap<string, ComponentType>;
  /** Host role instances in order: `head`, `worker[1]`, `worker[2]`. */
  readonly hosts: readonly string[];
  readonly components: readonly ComponentSpec[];
  readonly connections: readonly Connection[];
  readonly programs: ReadonlyMap<string, Program>;
  /** Where each thing was declared, for diagnostics: `component:la1`, `type:web`, `port:web.db`, `connection:a.x->b.y`, `program:deploy` ... */
  readonly where: ReadonlyMap<string, Where>;
}

/** Names one try of one transition for all time: `execution` counts the starts of the component's transitions since it was added. */
export interface ActionRef {
  readonly component: string;
  readonly transition: string;
  readonly execution: number;
  readonly attempt: number;
}

/** Why an action failed, as the operator reads it. */
export interface Failure {
  readonly reason: 'exit-code' | 'timeout' | 'unreachable' | 'error' | 'unknown-fate' | 'interrupted';
  readonly message: string;
  readonly host?: string;
  readonly command?: string;
  readonly exitCode?: number;
  /** Last lines of its output. */
  readonly output?: string;
  /** What it began on its host may go on, or be done, without anybody having heard of it: the next try looks for that first. */
  readonly unsettled?: true;
}

export type Outcome =
  | { readonly kind: 'done'; readonly writes: Readonly<Record<string, Value>> }
  | { readonly kind: 'failed'; readonly failure: Failure; /** No automatic retry. */ readonly final?: boolean };

/** What the state is folded over. Each one is in the journal before it takes effect (D1). */
export type Event =
  /** A program begins (I7: checked before). `open`: instructions may still be appended by `instruct` (programs written in TypeScript). */
  | { readonly kind: 'program'; readonly name: string; readonly instructions: readonly Instruction[]; readonly open?: boolean }
  | { readonly kind: 'instruct'; readonly instructions: readonly Instruction[]; readonly close?: boolean }
  /** Actions that ended in this instant (R4), and tries whose delay is over. */
  | { readonly kind: 'ended'; readonly outcomes: readonly { readonly action: ActionRef; readonly outcome: Outcome }[]; readonly retriesDue?: readonly ActionRef[] }
  | { readonly kind: 'retry'; readonly component: string; readonly transition: string }
  | { readonly kind: 'skip'; readonly component: string; readonly transition: string; readonly writes?: Readonly<Record<string, Value>> }
  | { readonly kind: 'abort'; readonly component: string }
  /** A probe of a held place said something new (F5). */
  | { readonly kind: 'probed'; readonly component: string; readonly place: string; readonly ok: boolean; readonly reason?: string }
  /** The operator drops the rest of the program, and every queued behaviour; what runs goes on to its end. */
  | { readonly kind: 'cancel' };

/** What the shell has to do for the state. */
export type Effect =
  /** Run the action; `data` holds the values of its data-use ports at this instant. */
  | { readonly kind: 'start'; readonly action: ActionRef; readonly data: Readonly<Record<string, Value | undefined>> }
  /** After the delay, say so by `ended.retriesDue`. */
  | { readonly kind: 'retryLater'; readonly action: ActionRef; readonly delayMs: number };

export type ProgramOutcome = 'done' | 'failed' | 'deadlock' | 'cancelled';

/** What an observer is told: every rule applied, every instruction executed. */
export type Happening =
  | { readonly kind: 'programBegan'; readonly program: string }
  | { readonly kind: 'programEnded'; readonly program: string; readonly outcome: ProgramOutcome }
  | { readonly kind: 'instructed'; readonly index: number; readonly instruction: Instruction }
  | { readonly kind: 'behaviourBegan'; readonly component: string; readonly behaviour: string }
  | { readonly kind: 'behaviourEnded'; readonly component: string; readonly behaviour: string; /** R7: it had no transition to take. */ readonly empty: boolean }
  | { readonly kind: 'entered'; readonly component: string; readonly place: string }
  | { readonly kind: 'left'; readonly component: string; readonly place: string }
  | { readonly kind: 'started'; readonly action: ActionRef }
  | { readonly kind: 'ended'; readonly action: ActionRef }
  | { readonly kind: 'retrying'; readonly action: ActionRef; readonly failure: Failure; readonly delayMs: number }
  | { readonly kind: 'failed'; readonly action: ActionRef; readonly failure: Failure }
  | { readonly kind: 'skipped'; readonly component: string; readonly transition: string }
  | { readonly kind: 'aborted'; readonly component: string; readonly places: readonly string[] }
  | { readonly kind: 'added'; readonly component: string }
  | { readonly kind: 'deleted'; readonly component: string }
  | { readonly kind: 'degraded'; readonly component: string; readonly place: string; readonly reason: string; readonly users: readonly string[] }
  | { readonly kind: 'healthy'; readonly component: string; readonly place: string };

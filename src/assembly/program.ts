import type { Value } from '../components/model.ts';
import { error, TuttiError } from '../diagnostic.ts';
import type { Connection, Instruction } from './model.ts';
import { describe } from './waits.ts';

/** What a program written in TypeScript plays on: the same instructions, each resolving when it was executed. */
export interface Conductor {
  add(component: { readonly name: string; readonly type: string; readonly on?: string; readonly with?: Readonly<Record<string, Value>> }): Promise<void>;
  delete(component: string): Promise<void>;
  /** Ports as `component.port`, the user first. */
  connect(use: string, provide: string): Promise<void>;
  disconnect(use: string, provide: string): Promise<void>;
  pushBehaviour(component: string, behaviour: string): Promise<void>;
  wait(component: string): Promise<void>;
  waitAll(): Promise<void>;
  /** Plays a program of the assembly file. */
  call(program: string): Promise<void>;
}

/** A program in TypeScript; the default export of its module. */
export interface ProgramModule {
  readonly kind: 'program';
  readonly play: (assembly: Conductor) => Promise<void> | void;
}

/**
 * Declares a program in TypeScript. It must issue the same instructions when it is played again: `resume` plays it from its beginning, and what was
 * executed already resolves at once. So: no clock, no randomness, no reading of files that change.
 *
 * @example
 * export default program(async (assembly) => {
 *   for (const monitor of ['mon[1]', 'mon[2]', 'mon[3]']) {
 *     assembly.pushBehaviour(monitor, 'restart');
 *     await assembly.wait(monitor);
 *   }
 * });
 */
export function program(play: ProgramModule['play']): ProgramModule {
  return { kind: 'program', play };
}

/** Gives a conductor that hands each instruction on; `issue` says when it was executed. */
export function conductor(issue: (instruction: Instruction) => Promise<void>, toConnection: (use: string, provide: string) => Connection): Conductor {
  return {
    add: (c) => issue({ kind: 'add', component: { name: c.name, type: c.type, on: c.on ?? 'local', with: c.with ?? {} } }),
    delete: (component) => issue({ kind: 'delete', component }),
    connect: (use, provide) => issue({ kind: 'connect', connection: toConnection(use, provide) }),
    disconnect: (use, provide) => issue({ kind: 'disconnect', connection: toConnection(use, provide) }),
    pushBehaviour: (component, behaviour) => issue({ kind: 'pushBehaviour', component, behaviour }),
    wait: (component) => issue({ kind: 'wait', component }),
    waitAll: () => issue({ kind: 'waitAll' }),
    call: (name) => issue({ kind: 'call', program: name }),
  };
}

/** `a.p` -> its two parts; the port is what follows the last dot. @throws TuttiError PORT_REFERENCE */
export function portRef(text: string): { component: string; port: string } {
  const dot = text.lastIndexOf('.');
  if (dot < 1 || dot === text.length - 1) throw new TuttiError(error('PORT_REFERENCE', 'Not a port', `"${text}" is not of the form component.port.`));
  return { component: text.slice(0, dot), port: text.slice(dot + 1) };
}

/** The instructions that a program issues when each of them is executed at once: to check and to simulate it. */
export async function instructionsOf(module: ProgramModule): Promise<Instruction[]> {
  const issued: Instruction[] = [];
  await module.play(conductor(async (i) => void issued.push(i), (use, provide) => ({ use: portRef(use), provide: portRef(provide) })));
  return issued;
}

/** A replayed program that issues another instruction than it did before the crash. */
export function diverged(index: number, before: Instruction, now: Instruction): TuttiError {
  return new TuttiError(error('PROGRAM_DIVERGED', 'The program is not the one that was interrupted',
    `Instruction ${index + 1} was "${describe(before)}", and is "${describe(now)}" now. Bring the program back as it was, or drop it with "tutti abort".`));
}

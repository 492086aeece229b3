import { appendFileSync, mkdirSync } from 'node:fs';
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expandCalls, instructionsFor } from '../assembly/check.ts';
import { actionKey, Engine, fold, inFlight, type Clock, type EngineEnd } from '../assembly/engine.ts';
import type { Journal, JournalRecord, TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Assembly, Event, Instruction, Program } from '../assembly/model.ts';
import { earlierStepsKeys, performer, prober, stepsKey, type PerformOptions } from '../assembly/perform.ts';
import { Probes } from '../assembly/probes.ts';
import { conductor, diverged, portRef, type ProgramModule } from '../assembly/program.ts';
import { situationOf, type AssemblyState } from '../assembly/state.ts';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { failureOf } from '../orchestrapi/failure.ts';
import { recordBinding } from '../orchestrapi/flavours/binding.ts';
import { bind, type Bound, type FlavourChoice } from '../orchestrapi/flavours/index.ts';
import { openHosts } from '../orchestrapi/flavours/open.ts';
import type { Host, Silence } from '../orchestrapi/host.ts';
import { openJournal } from '../orchestrapi/journal-file.ts';
import type { TransferProgress } from '../orchestrapi/transfers.ts';
import { StepCleaner } from '../orchestrapi/orchestrapi.ts';
import { journalPath, logPath } from './folder.ts';
import { firstRecord, stateOf } from './recorded.ts';
import { watched } from './snapshot-file.ts';
import { hostOf, orchestrapiOf, realClock, vaultOf } from './stage.ts';

export interface SessionOptions {
  readonly assembly: Assembly;
  readonly stateFolder: string;
  /** Default: as `flavour` binds them. */
  readonly hosts?: ReadonlyMap<string, Host>;
  /** Default: as the last time, and the first time each role is a folder of this machine. */
  readonly flavour?: FlavourChoice;
  /** Default: the journal file in the state folder. */
  readonly journal?: Journal;
  readonly clock?: Clock;
  readonly onHappenings?: (happenings: readonly TimedHappening[]) => void;
  readonly onWarning?: (action: ActionRef, text: string) => void;
  readonly onTransfer?: (progress: TransferProgress) => void;
  /** A host does not answer although somebody waits for it, or that is over. */
  readonly onSilence?: (silence: Silence & { readonly host: string }) => void;
  /** From the end of one round of probes to the next; default 10,000. */
  readonly probeEveryMs?: number;
}

/** An assembly with its journal open and its engine ready: one controller, until `close`. */
export class Session {
  readonly assembly: Assembly;
  readonly stateFolder: string;
  readonly engine: Engine;
  readonly hosts: ReadonlyMap<string, Host>;
  /** Where the hosts are; undefined when they were handed in. */
  readonly bound: Bound | undefined;
  /** Whether the journal was there already. */
  readonly existed: boolean;
  readonly #journal: Journal;
  readonly #saveSnapshot: () => void;
  readonly #begun: ReadonlySet<string>;
  readonly #probes: Probes;
  readonly #cleaner: StepCleaner;

  private constructor(options: SessionOptions & { engine: Engine; journal: Journal; hosts: ReadonlyMap<string, Host>; bound: Bound | undefined; existed: boolean; begun: ReadonlySet<string>; probes: Probes; cleaner: StepCleaner; saveSnapshot: () => void }) {
    this.assembly = options.assembly;
    this.stateFolder = options.stateFolder;
    this.engine = options.engine;
    this.hosts = options.hosts;
    this.bound = options.bound;
    this.existed = options.existed;
    this.#journal = options.journal;
    this.#saveSnapshot = options.saveSnapshot;
    this.#begun = options.begun;
    this.#probes = options.probes;
    this.#cleaner = options.cleaner;
  }

  /** Opens the journal (or begins one), folds it, and makes the engine ready; nothing runs yet. @throws TuttiError JOURNAL_LOCKED, JOURNAL_CORRUPT, ASSEMBLY_CHANGED, and as `bind` and `openHosts` do: then no journal is begun */
  static async open(options: SessionOptions): Promise<Session> {
    const { assembly, stateFolder, clock = realClock } = options;
    const made = await mkdir(stateFolder, { recursive: true });
    const opened = options.journal ?? (await openJournal<JournalRecord>(journalPath(stateFolder)));
    let isBegun = opened.records.length > 0;
    try {
      const existed = isBegun;
      const records: readonly JournalRecord[] = existed ? opened.records : [firstRecord(assembly, clock.now())];
      const { state, begun } = fold(records, (first) => stateOf(first, assembly));
      const journal = watched(opened, stateFolder, begun);
      const { hosts, bound } = options.hosts ? { hosts: options.hosts, bound: undefined } : await boundHosts(assembly.hosts, options.flavour ?? {}, stateFolder);
      if (!existed) await opened.append(records[0]!);
      isBegun = true;
      for (const [name, host] of hosts) host.onSilence?.((silence) => options.onSilence?.({ host: name, ...silence }));
      const { vault, secrets } = vaultOf(assembly, state);
      const write = logger(stateFolder);
      const log: PerformOptions['log'] = (action, text) => write(action, secrets.redact(text));
      /** Where an action keeps its steps: by its end the component itself may be gone. */
      const performed = new Map<string, { readonly on: Host; readonly steps: string; readonly earlier: readonly string[] }>();
      const cleaner = new StepCleaner();
      const warn: PerformOptions['warn'] = (action, text) => {
        log(action, `warning: ${text}`);
        options.onWarning?.(action, secrets.redact(text));
      };
      const stage: PerformOptions = { state, clock, failureOf, log, warn, secrets, orchestrapi: orchestrapiOf(hosts, assembly, vault, options.onTransfer) };
      const perform = performer(stage);
      const engine = new Engine({
        state, journal, clock, begun,
        hasAction: ({ component, transition }) => state.member(component).net.type.transitions[transition]!.action !== undefined,
        perform: async (action, data, performOptions) => {
          const member = state.member(action.component);
          performed.set(actionKey(action), { on: hostOf(hosts, member.spec), steps: stepsKey(member.state, action), earlier: earlierStepsKeys(member, action) });
          log(action, `--- ${performOptions.found ? 'found again' : 'started'} ${new Date(clock.now()).toISOString()} (${actionKey(action)})\n`);
          return perform(action, data, performOptions);
        },
        onHappenings: (happenings) => {
          for (const { happening } of happenings) {
            if (happening.kind !== 'ended' && happening.kind !== 'retrying' && happening.kind !== 'failed') continue;
            // Where nobody knows what became of it, an operator will want to look, or the next try does.
            if (happening.kind !== 'ended' && (happening.failure.unsettled || happening.failure.reason === 'unknown-fate')) continue;
            const key = actionKey(happening.action);
            const where = performed.get(key);
            if (where) cleaner.clean(where.on, where.steps, where.earlier);
            performed.delete(key);
          }
          options.onHappenings?.(happenings);
        },
      });
      const probes = new Probes({ state, clock, probe: prober(stage), tell: (event) => engine.send(event), everyMs: options.probeEveryMs ?? 10_000 });
      // A journal of somebody else's is not the file that a snapshot would be of.
      const saveSnapshot = options.journal ? () => {} : () => journal.save(state);
      return new Session({ ...options, engine, journal, hosts, bound, existed, begun, probes, cleaner, saveSnapshot });
    } catch (failure) {
      const isLeft = isBegun || made === undefined;
      if (!isLeft) for (const name of [journalPath(stateFolder), join(stateFolder, 'id')]) await rm(name, { force: true });
      await opened.close();
      if (!isLeft) await unmake(stateFolder, made);
      throw failure;
    }
  }

  get state(): AssemblyState {
    return this.engine.state;
  }

  /** Plays a program of the file from where the assembly stands. @throws TuttiError when it is not valid there (I7) */
  async play(program: Program): Promise<EngineEnd> {
    return this.engine.play(program.name, this.#checked(program));
  }

  /** Plays a program written in TypeScript; one that was interrupted is played again from its beginning, and what was executed resolves at once. */
  async playModule(name: string, module: ProgramModule): Promise<EngineEnd> {
    const { engine } = this;
    const interrupted = engine.state.program;
    const again = interrupted?.open === true && interrupted.outcome === undefined && interrupted.name === name;
    if (!again) await engine.send({ kind: 'program', name, instructions: [], open: true });
    const before = again ? [...interrupted.instructions] : [];
    let issued = 0;
    // A program need not wait for each instruction; one that fails then is a failure of the whole, and nothing behind it is recorded.
    const broken = Promise.withResolvers<never>();
    broken.promise.catch(() => {});
    let isBroken = false;
    const attempt = async (instruction: Instruction): Promise<void> => {
      if (isBroken) return broken.promise;
      try {
        for (const one of instruction.kind === 'call' ? expandCalls(this.assembly, { name, instructions: [instruction] }).instructions : [instruction]) {
          const index = issued++;
          const recorded = before[index];
          if (recorded) {
            if (JSON.stringify({ ...recorded, where: null }) !== JSON.stringify({ ...one, where: null })) throw diverged(index, recorded, one);
          } else {
            this.#checked({ name, instructions: [one] }, engine.state.program!.instructions.slice(engine.state.program!.next));
            await engine.send({ kind: 'instruct', instructions: [one] });
          }
          await this.#executed(index);
        }
      } catch (failure) {
        isBroken = true;
        broken.reject(failure);
        throw failure;
      }
    };
    const issue = (instruction: Instruction): Promise<void> => {
      const attempted = attempt(instruction);
      attempted.catch(() => {});
      return attempted;
    };
    const playing = (async () => module.play(conductor(issue, (use, provide) => this.#toConnection(use, provide))))();
    await Promise.race([playing, broken.promise, engine.ended()]);
    if (engine.state.program?.outcome === undefined && !engine.isDraining) await engine.send({ kind: 'instruct', instructions: [], close: true });
    return engine.ended();
  }

  /** Continues what was interrupted, to the program's end. */
  async resume(): Promise<EngineEnd> {
    await this.engine.resume();
    return this.engine.ended();
  }

  /** An operator's repair; then the program may go on. @throws TuttiError REFUSED */
  async repair(events: readonly Event[]): Promise<void> {
    for (const event of events) {
      try {
        await this.engine.send(event);
      } catch (refused) {
        if (refused instanceof RangeError) throw new TuttiError(error('REFUSED', 'That cannot be done now', `${refused.message.charAt(0).toUpperCase()}${refused.message.slice(1)}.`), exitCodes.failed);
        throw refused;
      }
    }
  }

  async close(): Promise<void> {
    await this.#probes.stop();
    // Steps that ended are forgotten on their hosts; one that does not answer keeps them, and is not waited for long.
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const forget = realClock.after(5_000, resolve);
    await Promise.race([this.#cleaner.flush(), late]);
    forget();
    this.#saveSnapshot();
    await this.#journal.close();
    await Promise.all([...this.hosts.values()].map((host) => host.close()));
  }

  /** Actions that were due when the operator interrupted and never began: they failed, so that `abort` may take their tokens back. */
  async dropUnbegun(component?: string): Promise<void> {
    const outcomes = inFlight(this.state).filter(({ action }) => (component === undefined || action.component === component) && !this.#begun.has(actionKey(action)))
      .map(({ action }) => ({ action, outcome: { kind: 'failed', final: true, failure: { reason: 'interrupted', message: 'dropped before it began' } } as const }));
    if (outcomes.length > 0) await this.engine.send({ kind: 'ended', outcomes });
  }

  #checked(program: Program, before: readonly Instruction[] = []): readonly Instruction[] {
    return instructionsFor(this.assembly, situationOf(this.engine.state), program, before);
  }

  #toConnection(use: string, provide: string) {
    const a = portRef(use), b = portRef(provide);
    const kind = this.state.members.get(a.component)?.net.ports.get(a.port)?.kind;
    return kind === 'provide' || kind === 'data-provide' ? { use: b, provide: a } : { use: a, provide: b };
  }

  /** Resolves when the instruction of this index was executed. */
  async #executed(index: number): Promise<void> {
    while ((this.engine.state.program?.next ?? Infinity) <= index) await this.engine.moved();
  }
}

/** The hosts as chosen now or the last time; a choice that can be opened is kept. @throws TuttiError HOSTS_INVALID, HOSTS_MISSING, HOSTS_CHANGED */
async function boundHosts(roles: readonly string[], choice: FlavourChoice, stateFolder: string): Promise<{ hosts: Map<string, Host>; bound: Bound }> {
  const bound = await bind(roles, choice, stateFolder);
  const hosts = await openHosts(roles, bound.binding, stateFolder, choice.hosts);
  await recordBinding(bound.binding, stateFolder);
  return { hosts, bound };
}

/** Removes a folder and those above it that were made with it, unless another has begun something there meanwhile. */
async function unmake(folder: string, made: string): Promise<void> {
  try {
    await rmdir(folder);
    if (folder !== made) await unmake(dirname(folder), made);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw cause;
  }
}

function logger(stateFolder: string): (action: ActionRef, text: string) => void {
  mkdirSync(join(stateFolder, 'logs'), { recursive: true });
  return ({ component, transition }, text) => {
    try {
      appendFileSync(logPath(stateFolder, component, transition), text.endsWith('\n') ? text : `${text}\n`);
    } catch {
      // A log that cannot be written (a full disk) must not fail the action whose log it is; the journal says it aloud.
    }
  };
}

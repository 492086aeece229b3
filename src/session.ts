import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { mkdir, readFile, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { check, checkProgram, expandCalls } from './assembly/check.ts';
import { actionKey, Engine, fold, inFlight, type Clock, type EngineEnd } from './assembly/engine.ts';
import type { AssemblyRecord, Journal, JournalRecord, TimedHappening } from './assembly/journal.ts';
import type { ActionRef, Assembly, ComponentSpec, Event, Instruction, Program } from './assembly/model.ts';
import { modulesOf, parseAssembly } from './assembly/parse.ts';
import { situationOf } from './assembly/foresee.ts';
import { performer, prober, type PerformOptions } from './assembly/perform.ts';
import { probeAll, Probes, type Probed } from './assembly/probes.ts';
import { conductor, diverged, portRef, type ProgramModule } from './assembly/program.ts';
import type { AssemblyState } from './assembly/state.ts';
import { createAssembly } from './assembly/step.ts';
import { catalogue, wiringRules } from './components/catalogue/index.ts';

import type { ComponentType } from './components/model.ts';
import { error, TuttiError, exitCodes, type Diagnostic } from './diagnostic.ts';
import type { Host } from './orchestrapi/host.ts';
import { failureOf } from './orchestrapi/failure.ts';
import { bind, openHosts, recordBinding, recordedBinding, rolesOf, type FlavourChoice } from './orchestrapi/flavours/index.ts';
import { lockJournal, openJournal, readJournal } from './orchestrapi/journal-file.ts';
import { cleanSteps, createOrchestrapi } from './orchestrapi/orchestrapi.ts';
import { transfers } from './orchestrapi/transfers.ts';

/** Where an assembly file keeps what must last: the journal, the logs and, with the local flavour, the hosts' folders. */
export function stateFolderOf(file: string): string {
  const path = resolve(file);
  return join(dirname(path), '.tutti', basename(path, extname(path)));
}

export const journalPath = (stateFolder: string): string => join(stateFolder, 'journal.jsonl');
export const logPath = (stateFolder: string, component: string, transition: string): string => join(stateFolder, 'logs', `${component}.${transition}.log`);

/**
 * Reads and parses an assembly file with the catalogue and the modules that it names.
 * @param present the components that there are now, by type: what the programs mean by *all*; default: those of the file
 */
export async function loadAssembly(file: string, present?: ReadonlyMap<string, string>): Promise<{ assembly?: Assembly; diagnostics: readonly Diagnostic[] }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'There is no such file. "tutti init" writes one to begin with.' : code === 'EISDIR' ? 'It is a folder; name the file in it.' : (cause as Error).message;
    return { diagnostics: [error('FILE_UNREADABLE', 'The file cannot be read', why, { file })] };
  }
  const types = new Map<string, ComponentType>(catalogue.map((type) => [type.name, type]));
  const diagnostics: Diagnostic[] = [];
  for (const specifier of modulesOf(text)) {
    const path = resolve(dirname(file), specifier);
    try {
      const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
      for (const value of Object.values(module).flat()) if (isComponentType(value)) types.set(value.name, value);
    } catch (cause) {
      diagnostics.push(error('MODULE_UNREADABLE', 'A module of types cannot be loaded', `"${specifier}": ${(cause as Error).message.split('\n')[0]}`, { file }));
    }
  }
  const parsed = parseAssembly(text, file, { types, folder: dirname(resolve(file)), ...(present ? { present } : {}) });
  return { ...(parsed.assembly && diagnostics.length === 0 ? { assembly: parsed.assembly } : {}), diagnostics: [...diagnostics, ...parsed.diagnostics] };
}

/** Everything that is wrong with an assembly by itself and by what the catalogue's systems know. */
export function problemsOf(assembly: Assembly): Diagnostic[] {
  return check(assembly, wiringRules.map(({ name, about, code, summary, find }) => ({
    name, about, run: () => find(assembly).map(({ component, detail }) => error(code, summary, detail, assembly.where.get(`component:${component}`))),
  })));
}

function isComponentType(value: unknown): value is ComponentType {
  return typeof value === 'object' && value !== null && 'places' in value && 'transitions' in value && 'initialPlace' in value && 'name' in value;
}

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
  /** From the end of one round of probes to the next; default 10,000. */
  readonly probeEveryMs?: number;
}

/** The real clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** An assembly with its journal open and its engine ready: one controller, until `close`. */
export class Session {
  readonly assembly: Assembly;
  readonly stateFolder: string;
  readonly engine: Engine;
  readonly hosts: ReadonlyMap<string, Host>;
  /** Whether the journal was there already. */
  readonly existed: boolean;
  readonly #journal: Journal;
  readonly #begun: ReadonlySet<string>;
  readonly #probes: Probes;
  readonly #cleaning: ReadonlySet<Promise<void>>;

  private constructor(options: SessionOptions & { engine: Engine; journal: Journal; hosts: ReadonlyMap<string, Host>; existed: boolean; begun: ReadonlySet<string>; probes: Probes; cleaning: ReadonlySet<Promise<void>> }) {
    this.assembly = options.assembly;
    this.stateFolder = options.stateFolder;
    this.engine = options.engine;
    this.hosts = options.hosts;
    this.existed = options.existed;
    this.#journal = options.journal;
    this.#begun = options.begun;
    this.#probes = options.probes;
    this.#cleaning = options.cleaning;
  }

  /** Opens the journal (or begins one), folds it, and makes the engine ready; nothing runs yet. @throws TuttiError JOURNAL_LOCKED, JOURNAL_CORRUPT, ASSEMBLY_CHANGED */
  static async open(options: SessionOptions): Promise<Session> {
    const { assembly, stateFolder, clock = realClock } = options;
    await mkdir(stateFolder, { recursive: true });
    const journal = options.journal ?? (await openJournal<JournalRecord>(journalPath(stateFolder)));
    try {
      const existed = journal.records.length > 0;
      if (!existed) await journal.append(firstRecord(assembly, clock.now()));
      const records: readonly JournalRecord[] = existed ? journal.records : [firstRecord(assembly, clock.now())];
      const { state, begun } = fold(records, (first) => stateOf(first, assembly));
      const hosts = options.hosts ?? (await boundHosts(assembly.hosts, options.flavour ?? {}, stateFolder));
      const log = logger(stateFolder);
      /** Where an action keeps its steps: by its end the component itself may be gone. */
      const performedOn = new Map<string, Host>();
      const cleaning = new Set<Promise<void>>();
      const warn: PerformOptions['warn'] = (action, text) => {
        log(action, `warning: ${text}`);
        options.onWarning?.(action, text);
      };
      const stage: PerformOptions = { state, clock, failureOf, log, warn, orchestrapi: orchestrapiOf(hosts, assembly) };
      const perform = performer(stage);
      const engine = new Engine({
        state, journal, clock, begun,
        hasAction: ({ component, transition }) => state.member(component).net.type.transitions[transition]!.action !== undefined,
        perform: async (action, data, performOptions) => {
          performedOn.set(actionKey(action), hostOf(hosts, state.member(action.component).spec));
          log(action, `--- ${performOptions.found ? 'found again' : 'started'} ${new Date(clock.now()).toISOString()} (${actionKey(action)})\n`);
          return perform(action, data, performOptions);
        },
        onHappenings: (happenings) => {
          for (const { happening } of happenings) {
            if (happening.kind !== 'ended') continue;
            const key = actionKey(happening.action);
            const host = performedOn.get(key);
            if (host) {
              const cleaned = cleanSteps(host, key).finally(() => cleaning.delete(cleaned));
              cleaning.add(cleaned);
            }
            performedOn.delete(key);
          }
          options.onHappenings?.(happenings);
        },
      });
      const probes = new Probes({ state, clock, probe: prober(stage), tell: (event) => engine.send(event), everyMs: options.probeEveryMs ?? 10_000 });
      return new Session({ ...options, engine, journal, hosts, existed, begun, probes, cleaning });
    } catch (failure) {
      await journal.close();
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
    const issue = async (instruction: Instruction): Promise<void> => {
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
    };
    const playing = (async () => module.play(conductor(issue, (use, provide) => this.#toConnection(use, provide))))();
    await Promise.race([playing, engine.ended()]);
    if (engine.state.program?.outcome === undefined && !engine.isDraining) await engine.send({ kind: 'instruct', instructions: [], close: true });
    return engine.ended();
  }

  /** Continues what was interrupted, to the program's end. */
  async resume(): Promise<EngineEnd> {
    await this.engine.resume();
    return this.engine.ended();
  }

  /** An operator's repair, then the program goes on. @throws TuttiError REFUSED */
  async repair(events: readonly Event[]): Promise<EngineEnd> {
    for (const event of events) {
      try {
        await this.engine.send(event);
      } catch (refused) {
        if (refused instanceof RangeError) throw new TuttiError(error('REFUSED', 'That cannot be done now', `${refused.message}.`), exitCodes.failed);
        throw refused;
      }
    }
    return this.engine.ended();
  }

  async close(): Promise<void> {
    await this.#probes.stop();
    // Steps that ended are forgotten on their hosts; one that does not answer keeps them, and is not waited for long.
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const forget = realClock.after(5_000, resolve);
    await Promise.race([Promise.all(this.#cleaning), late]);
    forget();
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
    const { instructions } = expandCalls(this.assembly, program);
    const errors = checkProgram(this.assembly, situationOf(this.engine.state), { ...program, instructions: [...before, ...instructions] }).filter((d) => d.severity === 'error');
    if (errors.length > 0) throw new TuttiError(errors);
    return instructions;
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

function orchestrapiOf(hosts: ReadonlyMap<string, Host>, { folder }: Pick<Assembly, 'folder'>): PerformOptions['orchestrapi'] {
  const queue = transfers();
  return ({ spec, id, ...options }) => createOrchestrapi({ ...options, host: hostOf(hosts, spec), hosts, component: spec.name, action: id, transfers: queue, folder });
}

/** The hosts as chosen now or the last time; the choice is kept. @throws TuttiError HOSTS_INVALID, HOSTS_MISSING */
async function boundHosts(roles: readonly string[], choice: FlavourChoice, stateFolder: string): Promise<Map<string, Host>> {
  const binding = await bind(roles, choice, stateFolder);
  await recordBinding(binding, stateFolder);
  return openHosts(roles, binding, stateFolder);
}

function hostOf(hosts: ReadonlyMap<string, Host>, spec: Pick<ComponentSpec, 'on'>): Host {
  const host = hosts.get(spec.on);
  if (!host) throw new TuttiError(error('UNKNOWN_HOST', 'Unknown host', `There is no host "${spec.on}".`));
  return host;
}

// ---- what was recorded ------------------------------------------------------------------------

function firstRecord(assembly: Assembly, atMs: number): AssemblyRecord {
  const nets = Object.fromEntries([...assembly.types].map(([name, type]) => [name, plainNet(type)]));
  return { kind: 'assembly', format: 1, name: assembly.name, atMs, components: assembly.components, connections: assembly.connections, hosts: assembly.hosts, nets };
}

/** A type without its actions: what must not change under a running assembly. */
export function plainNet(type: ComponentType): unknown {
  const transitions = Object.fromEntries(Object.entries(type.transitions).map(([name, t]) => [name, {
    from: t.from, to: t.to, behaviour: t.behaviour, ...(t.dockSet ? { dockSet: t.dockSet } : {}), ...(t.retry ? { retry: t.retry } : {}),
  }]));
  return { places: type.places, initialPlace: type.initialPlace, groups: type.groups, switches: type.switches, ports: type.ports, transitions };
}

/** The state at the first record, with the actions of the file as it is now. @throws TuttiError ASSEMBLY_CHANGED */
function stateOf(first: AssemblyRecord, assembly: Assembly): AssemblyState {
  if (first.name !== assembly.name) {
    throw new TuttiError(error('ASSEMBLY_CHANGED', 'The journal is of another assembly',
      `It was begun for "${first.name}", and the file says "${assembly.name}". Give the file its name back, or end what runs with "tutti destroy".`));
  }
  const used = new Set(first.components.map((c) => c.type));
  const changed = Object.entries(first.nets).filter(([name, net]) => {
    if (!used.has(name)) return false;
    const type = assembly.types.get(name);
    return !type || JSON.stringify(plainNet(type)) !== JSON.stringify(net);
  });
  if (changed.length > 0) {
    throw new TuttiError(error('ASSEMBLY_CHANGED', 'A component type changed under a running assembly',
      `${changed.map(([name]) => `"${name}"`).join(', ')}: places, transitions, groups, switches and ports must stay as they were when the assembly was made (actions may change). Bring them back, or end the assembly with "tutti destroy".`));
  }
  return createAssembly({ types: assembly.types, components: first.components, connections: first.connections }).state;
}

/** The state that a journal leads to, with the types of the file. @throws TuttiError ASSEMBLY_CHANGED */
export async function recordedState(stateFolder: string, assembly: Assembly): Promise<AssemblyState> {
  return fold(await readJournal<JournalRecord>(journalPath(stateFolder)), (first) => stateOf(first, assembly)).state;
}

/** The components that a running assembly has now, by type; undefined when nothing was run yet. @throws TuttiError ASSEMBLY_CHANGED */
export async function presentIn(stateFolder: string, assembly: Assembly): Promise<ReadonlyMap<string, string> | undefined> {
  if (!existsSync(journalPath(stateFolder))) return undefined;
  const records = await readJournal<JournalRecord>(journalPath(stateFolder));
  if (records.length === 0) return undefined;
  return situationOf(fold(records, (first) => stateOf(first, assembly)).state).components;
}

/** Asks the probes of all places that the journal says are held, without the lock and without a record: what is no longer true, and why. @throws TuttiError ASSEMBLY_CHANGED */
export async function probeRecorded(stateFolder: string, assembly: Assembly): Promise<(Probed & { reason: string })[]> {
  const state = await recordedState(stateFolder, assembly);
  const hosts = await openHosts(assembly.hosts, await bind(assembly.hosts, {}, stateFolder), stateFolder);
  const nothing = (): void => {};
  const ill: (Probed & { reason: string })[] = [];
  try {
    await probeAll(state, prober({ state, clock: realClock, failureOf, log: nothing, warn: nothing, orchestrapi: orchestrapiOf(hosts, assembly) }), (place, reason) => {
      if (reason !== undefined) ill.push({ ...place, reason });
    });
  } finally {
    await Promise.all([...hosts.values()].map((host) => host.close()));
  }
  return ill;
}

/**
 * Takes the controller's lock to end an assembly, also one whose file is gone or whose journal cannot be read: its hosts are known beside that.
 * `end(true)` ends every process and removes everything; `end(false)` only gives the lock back. @throws TuttiError JOURNAL_LOCKED
 */
export async function openForDestruction(stateFolder: string, assembly: Assembly | undefined): Promise<{ hosts: readonly string[]; end: (destroy: boolean, options?: { readonly force?: boolean }) => Promise<void> }> {
  const unlock = await lockJournal(journalPath(stateFolder));
  try {
    const binding = (await recordedBinding(stateFolder)) ?? { flavour: 'local', roles: assembly?.hosts ?? [] };
    const roles = rolesOf(binding);
    const hosts = await openHosts(roles, binding, stateFolder);
    return {
      hosts: roles,
      end: async (destroy, { force = false } = {}) => {
        if (!destroy) return unlock();
        const ends = await Promise.allSettled([...hosts.values()].map((host) => host.destroy()));
        await Promise.all([...hosts.values()].map((host) => host.close()));
        const alive = ends.flatMap((end) => (end.status === 'rejected' ? [notDestroyed(end.reason)] : []));
        await unlock();
        if (alive.length > 0 && !force) throw new TuttiError(alive, exitCodes.failed);
        await rm(stateFolder, { recursive: true, force: true });
        // Other assemblies beside this one may keep theirs there.
        if (basename(dirname(stateFolder)) === '.tutti') await rmdir(dirname(stateFolder)).catch(() => {});
      },
    };
  } catch (failure) {
    await unlock();
    throw failure;
  }
}

function notDestroyed(reason: unknown): Diagnostic {
  return error('NOT_DESTROYED', 'A host keeps what it has', `${(reason as Error).message}. The other hosts are cleared. "tutti destroy" again when it can be reached, or "tutti destroy --force" when it is gone for good.`);
}

/** What the journal of an assembly says, read without its lock and without its file: the types come back without actions. */
export async function readRecorded(stateFolder: string): Promise<{ state: AssemblyState; happenings: readonly TimedHappening[]; first: AssemblyRecord; begun: ReadonlySet<string> }> {
  if (!existsSync(journalPath(stateFolder))) {
    throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `There is no journal in ${stateFolder}. "tutti run FILE" begins one.`), exitCodes.failed);
  }
  const records = await readJournal<JournalRecord>(journalPath(stateFolder));
  const first = records[0];
  if (first?.kind !== 'assembly') throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `The journal in ${stateFolder} is empty.`), exitCodes.failed);
  const happenings: TimedHappening[] = [];
  const { state, begun } = fold(records, () => createAssembly({ types: recordedTypes(first), components: first.components, connections: first.connections }).state, (some) => void happenings.push(...some));
  return { state, happenings, first, begun };
}

function recordedTypes(first: AssemblyRecord): Map<string, ComponentType> {
  return new Map(Object.entries(first.nets).map(([name, net]) => {
    const plain = net as Pick<ComponentType, 'places' | 'initialPlace' | 'groups' | 'switches' | 'ports' | 'transitions'>;
    const behaviours = [...new Set(Object.values(plain.transitions).map((t) => t.behaviour))];
    return [name, { ...plain, name, behaviours, probes: {}, parameters: {} } satisfies ComponentType];
  }));
}

/** The failed transitions of a component, or of all. */
export function failedTransitions(state: AssemblyState, component?: string): { component: string; transition: string }[] {
  return [...state.members.values()].filter((m) => component === undefined || m.spec.name === component)
    .flatMap((m) => m.state.moving.filter((t) => t.status === 'failed').map((t) => ({ component: m.spec.name, transition: t.transition })));
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


import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { instructionsFor } from '../assembly/check.ts';
import { actionKey } from '../assembly/engine.ts';
import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Assembly, Program } from '../assembly/model.ts';
import { instructionsOf } from '../assembly/program.ts';
import { declared, simulate, type Simulation } from '../assembly/simulate.ts';
import { restore, situationOf, snapshot, type AssemblyState } from '../assembly/state.ts';
import { createAssembly } from '../assembly/step.ts';
import { traceOf } from '../assembly/trace.ts';
import type { Value } from '../components/model.ts';
import { exitCodes, type ExitCode } from '../diagnostic.ts';
import { journalPath, stateFolderOf } from '../session/folder.ts';
import { readRecorded, recordedState } from '../session/recorded.ts';
import { rehearseAction, type ActionRehearsal } from '../session/rehearse-action.ts';
import { oneLine, safeLines } from '../view/text.ts';
import { explain } from '../view/waits.ts';
import { duration } from '../view/time.ts';
import { requireAssembly } from './conduct.ts';
import type { Io } from './io.ts';
import { inModule, programOf } from './programs.ts';

/** Whether durations were measured, and how long the transitions took: component.transition, else type.transition -> milliseconds. */
export interface Recorded {
  readonly state: AssemblyState;
  readonly durations: ReadonlyMap<string, number>;
}

/** What the journal of a file knows: the state as it is, and the last measured duration of each transition. undefined when nothing was run. */
export async function recordedOf(file: string, assembly: Assembly): Promise<Recorded | undefined> {
  const folder = stateFolderOf(file);
  if (!existsSync(journalPath(folder))) return undefined;
  const happenings: TimedHappening[] = [];
  await readRecorded(folder, (some) => void happenings.push(...some));
  const state = await recordedState(folder, assembly);
  const durations = new Map<string, number>();
  for (const row of traceOf(happenings).rows) {
    if (row.outcome !== 'done' || row.endMs === undefined) continue;
    durations.set(`${row.component}.${row.transition}`, row.endMs - row.startMs);
    const type = state.members.get(row.component)?.spec.type;
    if (type !== undefined) durations.set(`type ${type}.${row.transition}`, row.endMs - row.startMs);
  }
  return { state, durations };
}

type Writes = Readonly<Record<string, Value>>;

interface RehearsalOptions {
  readonly durations?: ReadonlyMap<string, number>;
  /** What actions write, by their keys; a name in the place of what is not there. */
  readonly learned?: ReadonlyMap<string, Writes>;
  /** Hears each start, with the state then. */
  readonly begin?: (action: ActionRef, now: AssemblyState) => void;
}

/** Plays a program on the virtual clock from `state`, which is advanced. @throws TuttiError when it is not valid there (I7) */
export async function rehearsal(assembly: Assembly, name: string, state: AssemblyState, { durations, learned, begin }: RehearsalOptions = {}): Promise<Simulation> {
  const found = await programOf(assembly, name);
  const program: Program = 'kind' in found ? { name, instructions: await inModule(resolve(name), name, async () => instructionsOf(found)) } : found;
  const instructions = instructionsFor(assembly, situationOf(state), program);
  return simulate(state, { ...program, instructions }, (action, now) => {
    begin?.(action, now);
    const { spec } = now.member(action.component);
    const { durationMs, outcome } = declared(action, now);
    const measured = durations?.get(`${action.component}.${action.transition}`) ?? durations?.get(`type ${spec.type}.${action.transition}`);
    return { durationMs: measured ?? durationMs, outcome: { ...outcome, writes: { ...outcome.writes, ...learned?.get(actionKey(action)) } } };
  });
}

/** `run --dry-run`: what would be done on which host, from where the assembly stands. Hosts in the order of the file; on each, its starts in their order. */
export async function rehearse(io: Io, file: string, name: string, options: { readonly json?: boolean }): Promise<ExitCode> {
  const assembly = await requireAssembly(file);
  const recorded = await recordedOf(file, assembly);
  const from = recorded?.state ?? createAssembly(assembly).state;
  // A text stands for what an action would write, but it has no parts: a value that has some is taken from its rehearsal, and all is played again.
  const learned = new Map<string, Writes>();
  let before: number, played: Map<string, { readonly host: string; readonly rehearsal: Promise<ActionRehearsal> | undefined }>, simulation: Simulation;
  do {
    before = learned.size;
    played = new Map();
    simulation = await rehearsal(assembly, name, restore(snapshot(from), from.types), {
      ...(recorded && { durations: recorded.durations }), learned,
      begin: (action, now) => void played.set(actionKey(action), { host: now.member(action.component).spec.on, rehearsal: rehearseAction(assembly, action, now) }),
    });
    for (const [key, { rehearsal: rehearsed }] of played) {
      const parts = Object.entries((await rehearsed)?.writes ?? {}).filter(([, value]) => typeof value === 'object');
      if (parts.length > 0) learned.set(key, Object.fromEntries(parts));
    }
  } while (learned.size > before);
  const starts: Start[] = [];
  for (const { atMs, happening } of simulation.happenings) {
    if (happening.kind !== 'started') continue;
    const { host, rehearsal: rehearsed } = played.get(actionKey(happening.action))!;
    const { does, unsure } = (await rehearsed) ?? { does: [] };
    starts.push({ atMs, host, component: happening.action.component, transition: happening.action.transition, does, ...(unsure === undefined ? {} : { unsure }) });
  }
  const byHost = Map.groupBy(starts, ({ host }) => host);
  const hosts = [...new Set([...assembly.hosts, ...byHost.keys()])].filter((host) => byHost.has(host));
  for (const host of hosts) {
    if (!options.json) io.out(host);
    for (const start of byHost.get(host)!) io.out(options.json ? JSON.stringify(start) : linesOf(start).join('\n'));
  }
  return reportEnd(io, name, simulation, options.json ?? false);
}

/** A start as `--dry-run --json` tells it. */
interface Start extends Omit<ActionRehearsal, 'writes'> {
  /** Since the program's start. */
  readonly atMs: number;
  readonly host: string;
  readonly component: string;
  readonly transition: string;
}

function linesOf({ atMs, component, transition, does, unsure }: Start): string[] {
  const indent = ' '.repeat(14);
  return [
    `${`+${duration(atMs)}`.padStart(10)}  ${component}.${transition}`,
    ...does.flatMap(({ kind, what, on }) => {
      // A text for the shell has lines of its own.
      const [first = '', ...more] = safeLines(what);
      return [`${indent}${kind.padEnd(6)}${first}${on === undefined ? '' : ` (on ${on})`}`, ...more.map((line) => `${indent}      ${line}`)];
    }),
    ...(unsure === undefined ? [] : [`${indent}?     ${oneLine(unsure)}`]),
  ];
}

/** How a simulated program ends. */
export function reportEnd(io: Io, name: string, simulation: Simulation, json: boolean): ExitCode {
  if (json) io.out(JSON.stringify({ program: name, outcome: simulation.outcome, makespanMs: simulation.makespanMs, criticalPath: simulation.criticalPath, waits: simulation.waits }));
  else {
    io.out(`${name}: ${simulation.outcome} after ${duration(simulation.makespanMs)}`);
    for (const line of explain(simulation.waits)) io.out(`  ${line}`);
  }
  return simulation.outcome === 'deadlock' ? exitCodes.deadlock : simulation.outcome === 'failed' ? exitCodes.failed : exitCodes.done;
}

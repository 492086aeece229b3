import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { instructionsFor } from '../assembly/check.ts';
import { actionKey } from '../assembly/engine.ts';
import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Assembly, Program } from '../assembly/model.ts';
import { instructionsOf } from '../assembly/program.ts';
import { declared, simulate, type Simulation } from '../assembly/simulate.ts';
import { situationOf, type AssemblyState } from '../assembly/state.ts';
import { createAssembly } from '../assembly/step.ts';
import { traceOf } from '../assembly/trace.ts';
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

/** Plays a program on the virtual clock from `state`, which is advanced; `begin` hears each start, with the state then. @throws TuttiError when it is not valid there (I7) */
export async function rehearsal(assembly: Assembly, name: string, state: AssemblyState, durations?: ReadonlyMap<string, number>, begin?: (action: ActionRef, now: AssemblyState) => void): Promise<Simulation> {
  const found = await programOf(assembly, name);
  const program: Program = 'kind' in found ? { name, instructions: await inModule(resolve(name), name, async () => instructionsOf(found)) } : found;
  const instructions = instructionsFor(assembly, situationOf(state), program);
  return simulate(state, { ...program, instructions }, (action, now) => {
    begin?.(action, now);
    const { spec } = now.member(action.component);
    const measured = durations?.get(`${action.component}.${action.transition}`) ?? durations?.get(`type ${spec.type}.${action.transition}`);
    const prediction = declared(action, now);
    return measured === undefined ? prediction : { ...prediction, durationMs: measured };
  });
}

/** `run --dry-run`: what would be done on which host, from where the assembly stands. Hosts in the order of the file; on each, its starts in their order. */
export async function rehearse(io: Io, file: string, name: string, options: { readonly json?: boolean }): Promise<ExitCode> {
  const assembly = await requireAssembly(file);
  const recorded = await recordedOf(file, assembly);
  const state = recorded?.state ?? createAssembly(assembly).state;
  const played = new Map<string, { readonly host: string; readonly rehearsal: Promise<ActionRehearsal> | undefined }>();
  const simulation = await rehearsal(assembly, name, state, recorded?.durations, (action, now) => {
    played.set(actionKey(action), { host: now.member(action.component).spec.on, rehearsal: rehearseAction(assembly, action, now) });
  });
  const starts: Start[] = [];
  for (const { atMs, happening } of simulation.happenings) {
    if (happening.kind !== 'started') continue;
    const { host, rehearsal: rehearsed } = played.get(actionKey(happening.action))!;
    starts.push({ atMs, host, component: happening.action.component, transition: happening.action.transition, ...((await rehearsed) ?? { does: [] }) });
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
interface Start extends ActionRehearsal {
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

import { parse } from 'yaml';
import { check, checkProgram, expandCalls } from '../../src/assembly/check.ts';
import { situationOf } from '../../src/assembly/state.ts';
import type { ActionRef } from '../../src/assembly/model.ts';
import { parseAssemblyValue } from '../../src/assembly/parse.ts';
import { simulate, type Prediction } from '../../src/assembly/simulate.ts';
import type { AssemblyState } from '../../src/assembly/state.ts';
import { createAssembly } from '../../src/assembly/step.ts';
import { blockedPorts } from '../../src/assembly/waits.ts';

interface Expectation {
  readonly outcome?: string;
  readonly makespan?: number;
  readonly places?: Record<string, string[]>;
  readonly starts?: Record<string, number[]>;
  readonly failed?: string[];
  readonly waitsFor?: string[];
}

interface Case {
  readonly types: unknown;
  readonly instances?: Record<string, string>;
  readonly connections?: unknown;
  readonly programs: readonly { readonly name: string; readonly do: unknown; readonly expect: Expectation }[];
}

/** Plays a case file through parser, checks and `step` on the virtual clock; what differs from its expectations, a line each. */
export function playCase(text: string, file: string): string[] {
  let read: Case;
  try {
    read = parse(text, { merge: true }) as Case;
  } catch (cause) {
    return [`it is not YAML: ${(cause as Error).message.split('\n')[0]}`];
  }
  const problems: string[] = [];
  const options = { types: new Map(), folder: '.', conformance: true };
  const components = read.instances ?? {};
  /** The assembly with these programs: one that is wrong must not spoil the others. */
  const assemblyWith = (programs: Record<string, unknown>) =>
    parseAssemblyValue({ types: read.types, components, ...(read.connections ? { connections: read.connections } : {}), programs }, options, file);
  const bare = assemblyWith({});
  const wrong = !bare.assembly || check(bare.assembly).some((d) => d.severity === 'error');
  const state = wrong ? undefined : createAssembly(bare.assembly!).state;

  for (const { name, do: instructions, expect } of read.programs) {
    const compare = (what: string, got: unknown, wanted: unknown) => {
      if (wanted !== undefined && JSON.stringify(got) !== JSON.stringify(wanted)) problems.push(`${name}: ${what} is ${JSON.stringify(got)}, expected ${JSON.stringify(wanted)}`);
    };
    const present = state && new Map([...state.members.values()].map((m) => [m.spec.name, m.spec.type]));
    const { assembly, fails, writes } = parseAssemblyValue(
      { types: read.types, components, ...(read.connections ? { connections: read.connections } : {}), programs: { [name]: instructions } },
      { ...options, ...(present ? { present } : {}) }, file);
    const program = assembly?.programs.get(name);
    const valid = state && assembly && program && !checkProgram(assembly, situationOf(state), program).some((d) => d.severity === 'error');
    if (!valid) {
      compare('outcome', 'invalid', expect.outcome);
      if (expect.outcome === 'invalid') compare('makespan', 0, expect.makespan);
      continue;
    }
    const predict = ({ component, transition, attempt }: ActionRef, now: AssemblyState): Prediction => {
      const { spec, net } = now.member(component);
      const key = `${spec.type}.${transition}`;
      const failing = fails.get(key);
      const fail = failing === true || (failing !== undefined && attempt <= failing.times);
      return {
        durationMs: net.type.transitions[transition]!.durationMs ?? 0,
        outcome: fail ? { kind: 'failed', failure: { reason: 'error', message: 'the case says so' } } : { kind: 'done', writes: writes.get(key) ?? {} },
      };
    };
    const { outcome, makespanMs, happenings } = simulate(state, { name, instructions: expandCalls(assembly, program).instructions }, predict);
    compare('outcome', outcome, expect.outcome);
    compare('makespan', makespanMs / 1000, expect.makespan);
    for (const [component, places] of Object.entries(expect.places ?? {})) compare(`places of ${component}`, [...(state.members.get(component)?.state.places ?? [])].sort(), [...places].sort());
    for (const [which, at] of Object.entries(expect.starts ?? {})) {
      const starts = happenings.flatMap(({ atMs, happening }) =>
        happening.kind === 'started' && happening.action.attempt === 1 && `${happening.action.component}.${happening.action.transition}` === which ? [atMs / 1000] : []);
      compare(`starts of ${which}`, starts, at);
    }
    const failed = [...state.members.values()].flatMap((m) => m.state.moving.filter((t) => t.status === 'failed').map((t) => `${m.spec.name}.${t.transition}`));
    compare('failed', failed.sort(), expect.failed && [...expect.failed].sort());
    compare('waitsFor', blockedPorts(state).sort(), expect.waitsFor && [...expect.waitsFor].sort());
  }
  return problems;
}

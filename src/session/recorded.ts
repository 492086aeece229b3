import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fold } from '../assembly/engine.ts';
import type { AssemblyRecord, JournalRecord, TimedHappening } from '../assembly/journal.ts';
import type { Assembly } from '../assembly/model.ts';
import { restore, situationOf, type AssemblyState } from '../assembly/state.ts';
import { createAssembly } from '../assembly/step.ts';
import type { ComponentType } from '../components/model.ts';
import { error, exitCodes, TuttiError } from '../diagnostic.ts';
import { inWords } from '../orchestrapi/errno.ts';
import { readJournal } from '../orchestrapi/journal-file.ts';
import { journalPath } from './folder.ts';
import { readSnapshot } from './snapshot-file.ts';

// What a state folder says: read without the lock, by whoever asks.

/** The first record of a journal: the assembly as it is when it is begun. */
export function firstRecord(assembly: Assembly, atMs: number): AssemblyRecord {
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

/** The state at the first record, with the actions and parameters of the file as it is now. @throws TuttiError ASSEMBLY_CHANGED */
export function stateOf(first: AssemblyRecord, assembly: Assembly): AssemblyState {
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
  // What an operator has changed below "with:" holds from the next action on.
  const inFile = new Map(assembly.components.map((spec) => [spec.name, spec]));
  const components = first.components.map((spec) => {
    const now = inFile.get(spec.name);
    return now?.type === spec.type ? { ...spec, with: now.with } : spec;
  });
  return createAssembly({ types: assembly.types, components, connections: first.connections }).state;
}

/** The state that a journal leads to, with the types of the file. @throws TuttiError ASSEMBLY_CHANGED */
export async function recordedState(stateFolder: string, assembly: Assembly): Promise<AssemblyState> {
  return fold(await recordsIn(stateFolder), (first) => stateOf(first, assembly)).state;
}

/** The components that a running assembly has now, by type; undefined when nothing was run yet. @throws TuttiError ASSEMBLY_CHANGED */
export async function presentIn(stateFolder: string, assembly: Assembly): Promise<ReadonlyMap<string, string> | undefined> {
  if (!existsSync(journalPath(stateFolder))) return undefined;
  const records = await recordsIn(stateFolder);
  if (records.length === 0) return undefined;
  return situationOf(fold(records, (first) => stateOf(first, assembly)).state).components;
}

/** What the journal of an assembly says, read without its lock and without its file: the types come back without actions. `observe` gets all that happened. @throws TuttiError NOT_RUNNING */
export async function readRecorded(stateFolder: string, observe?: (happenings: readonly TimedHappening[]) => void): Promise<{ state: AssemblyState; first: AssemblyRecord; begun: ReadonlySet<string> }> {
  if (!existsSync(journalPath(stateFolder))) {
    throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `There is no journal in ${stateFolder}. "tutti run FILE" begins one.`), exitCodes.failed);
  }
  if (!observe) {
    const bytes = await inOurWords(stateFolder, (path) => readFile(path));
    const saved = readSnapshot(stateFolder, bytes);
    if (saved) {
      const first = JSON.parse(bytes.toString('utf8', 0, bytes.indexOf(10))) as AssemblyRecord;
      return { state: restore(saved.state, recordedTypes(first)), first, begun: new Set(saved.begun) };
    }
  }
  const records = await recordsIn(stateFolder);
  const first = records[0];
  if (first?.kind !== 'assembly') throw new TuttiError(error('NOT_RUNNING', 'Nothing was run yet', `The journal in ${stateFolder} is empty: "tutti run" begins it.`), exitCodes.failed);
  const { state, begun } = fold(records, () => createAssembly({ types: recordedTypes(first), components: first.components, connections: first.connections }).state, observe);
  return { state, first, begun };
}

const recordsIn = (stateFolder: string): Promise<readonly JournalRecord[]> => inOurWords(stateFolder, (path) => readJournal<JournalRecord>(path));

/** Reads the journal; what the system says is said of the journal. @throws TuttiError SYSTEM_REFUSED */
async function inOurWords<T>(stateFolder: string, read: (path: string) => Promise<T>): Promise<T> {
  const path = journalPath(stateFolder);
  try {
    return await read(path);
  } catch (cause) {
    if (cause instanceof TuttiError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new TuttiError(error('SYSTEM_REFUSED', 'The system refuses', `The journal cannot be read: ${inWords({ code, message })}.`, { file: path }), exitCodes.failed, cause);
  }
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

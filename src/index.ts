/**
 * tutti as a library: declare component types, write programs, read and check assembly files, predict a run, and conduct a real one.
 * Everything the command line does is done through these names; each carries its own docstring and example where it is declared.
 *
 * @example Declare a type (a module that an assembly file names under `modules:`)
 * import { defineComponent } from 'tutti';
 * export const web = defineComponent({
 *   name: 'web', places: ['off', 'running'], initialPlace: 'off', behaviours: ['deploy', 'stop'],
 *   transitions: {
 *     start: { from: 'off', to: 'running', behaviour: 'deploy', action: ({ startScript }) => startScript('httpd', ['httpd', '-D', 'FOREGROUND']) },
 *     stop: { from: 'running', to: 'off', behaviour: 'stop', action: async ({ killScript }) => void (await killScript('httpd')) },
 *   },
 *   ports: { http: { kind: 'provide', boundTo: ['running'] } },
 * });
 *
 * @example Predict and run
 * import { createAssembly, loadAssembly, Session, simulate, stateFolderOf } from 'tutti';
 * const { assembly, diagnostics } = await loadAssembly('assembly.yaml');
 * if (!assembly) throw new Error(diagnostics[0].summary);
 * const program = assembly.programs.get('deploy');
 * console.log(simulate(createAssembly(assembly).state, program).makespanMs);
 * const session = await Session.open({ assembly, stateFolder: stateFolderOf('assembly.yaml') });
 * try { console.log(await session.play(program)); } finally { await session.close(); }
 */

// Component types.
export { defineComponent } from './components/define.ts';
export type { Action, ActionContext, ComponentType, Parameter, Port, PortKind, Probe, Retry, Switch, SwitchCase, Transition, Value } from './components/model.ts';
export { catalogue } from './components/catalogue/index.ts';
// A component and an assembly as xstate actors, and a component as a statechart.
export { fromComponent, type ComponentEvent, type ComponentLogic, type ComponentSnapshot } from './components/actor.ts';
export { fromAssembly, type AssemblyEvent, type AssemblyLogic } from './assembly/actor.ts';
export { statechartOf } from './components/statechart.ts';
// Assemblies and programs.
export type { ActionRef, Assembly, ComponentSpec, Connection, Effect, Event, Failure, Happening, Instruction, Outcome, Program, ProgramOutcome } from './assembly/model.ts';
export { program, type Conductor, type ProgramModule } from './assembly/program.ts';
export { parseAndCheck, parseAssembly, type Parsed, type ParseOptions } from './assembly/parse.ts';
export { check, type NamedCheck } from './assembly/check.ts';
export { createAssembly, step, type Step } from './assembly/step.ts';
export { restore, snapshot, type AssemblySnapshot } from './assembly/state.ts';
export { simulate, type Prediction, type Simulation } from './assembly/simulate.ts';
export { waitsOf, type Wait } from './assembly/waits.ts';
export { traceOf, type Trace } from './assembly/trace.ts';
// Conducting a run.
export { stateFolderOf } from './session/folder.ts';
export { loadAssembly } from './session/load.ts';
export { Session, type SessionOptions } from './session/session.ts';
export type { Clock, EngineEnd } from './assembly/engine.ts';
export { memoryJournal, type Journal, type JournalRecord, type TimedHappening } from './assembly/journal.ts';
// Hosts.
export { CommandError, HostError, NotReadyError, UnknownFateError, type Command, type CommandResult, type Disk, type Host, type HostFacts, type Orchestrapi } from './orchestrapi/host.ts';
export { localHost, type LocalHostOptions } from './orchestrapi/local.ts';
export { recordingHost, type RecordingHostOptions } from './orchestrapi/recording.ts';
// Diagnostics.
export { render, TuttiError, type Diagnostic, type Where } from './diagnostic.ts';

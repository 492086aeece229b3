import { existsSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { inFlight, type EngineEnd } from '../assembly/engine.ts';
import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Assembly } from '../assembly/model.ts';
import { waitsOf } from '../assembly/waits.ts';
import { error, exitCodes, TuttiError, type Diagnostic, type ExitCode } from '../diagnostic.ts';
import { flavours, type Flavour } from '../orchestrapi/flavours/index.ts';
import { logPath, stateFolderOf } from '../session/folder.ts';
import { loadAssembly, problemsOf } from '../session/load.ts';
import { presentIn } from '../session/recorded.ts';
import { Session } from '../session/session.ts';
import { dueLines } from '../view/controller.ts';
import { explain } from '../view/waits.ts';
import type { Io } from './io.ts';
import { printDiagnostics } from './diagnostics.ts';
import { killedTransitions } from './failures.ts';
import { watch, type ViewMode } from './watch.ts';

/** Options of every command that conducts. */
export interface ConductOptions {
  readonly json?: boolean;
  readonly plain?: boolean;
  readonly verbose?: boolean;
  readonly flavour?: Flavour;
  readonly hosts?: string;
}

/** Adds the options that `conduct` reads. */
export function conducting(command: Command): Command {
  return command
    .option('--json', 'one JSON object a line')
    .option('--plain', 'one line an event, also on a terminal')
    .addOption(new Option('--flavour <name>', 'where the hosts are (default: ssh with --hosts, else as the last time, else local)').choices(flavours))
    .option('--hosts <file>', 'the machine of each role: "role: [user@]name[:port]" a line; a deployment of nixos-compose')
    .addOption(new Option('-v, --verbose', 'every rule and instruction').implies({ plain: true }));
}

/** The assembly of a file, or its diagnostics thrown. Warnings are left to `check`. */
export async function requireAssembly(file: string): Promise<Assembly> {
  const { assembly, diagnostics } = await loadAssembly(file);
  const errors = [...diagnostics, ...(assembly ? problemsOf(assembly) : [])].filter((d) => d.severity === 'error');
  if (!assembly || errors.length > 0) throw new TuttiError(errors);
  // A program may have added and deleted components since: "all" in a program means those that there are.
  const present = await presentIn(stateFolderOf(file), assembly);
  const isAsInFile = !present || (present.size === assembly.components.length && assembly.components.every(({ name }) => present.has(name)));
  return isAsInFile ? assembly : ((await loadAssembly(file, present)).assembly ?? assembly);
}

/**
 * Opens the session of a file, shows what happens while `play` goes on, hears Ctrl-C, and says how it ended.
 * @param play its second argument takes what is to be said beside the outcome
 * @param prepare what may still fail before anything is written
 * @returns the exit code
 */
export async function conduct(io: Io, file: string, options: ConductOptions, play: (session: Session, note: (note: Diagnostic) => void) => Promise<EngineEnd>, prepare?: (assembly: Assembly) => Promise<void>): Promise<ExitCode> {
  const assembly = await requireAssembly(file);
  if (options.hosts !== undefined) requireThere(options.hosts);
  await prepare?.(assembly);
  const stateFolder = stateFolderOf(file);
  const mode: ViewMode = options.json ? 'json' : options.plain || !io.isTerminal ? 'plain' : 'live';
  const view = watch(io, mode, { assemblyName: assembly.name, verbose: options.verbose ?? false, logOf: (c, t) => logPath(stateFolder, c, t) });
  const session = await Session.open({
    assembly, stateFolder, flavour: { ...(options.flavour ? { flavour: options.flavour } : {}), ...(options.hosts ? { hosts: options.hosts } : {}) },
    onHappenings: (some: readonly TimedHappening[]) => view.saw(some),
    onWarning: (action: ActionRef, text: string) => view.warned(action, text),
    onTransfer: (progress) => view.sent(progress),
    onSilence: (silence) => view.silence(silence),
  });
  printDiagnostics(io, session.bound?.notes ?? [], options.json ?? false);
  view.begin(session, options.hosts);
  let interruptions = 0;
  const onSignal = () => {
    view.said(onInterruption[interruptions++] ?? 'What runs is being killed; a host that does not answer is waited for a few seconds more.');
    session.engine.interrupt();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // However the process ends, the terminal is given back.
  const giveBack = () => view.end();
  process.on('exit', giveBack);
  try {
    const notes: Diagnostic[] = [];
    const end = await play(session, (note) => void notes.push(note));
    view.end();
    printDiagnostics(io, notes, options.json ?? false);
    return conclude(io, session, end, file, mode);
  } finally {
    view.end();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('exit', giveBack);
    await session.close();
  }
}

const onInterruption = ['Interrupted: nothing more is started; what runs may end. Once more kills it.', 'Interrupted again: what runs is killed.'];

function requireThere(file: string): void {
  if (!existsSync(file)) throw new TuttiError(error('FILE_UNREADABLE', 'The file cannot be read', 'There is no such file. --hosts names the file (for the flavour testbed: the folder) that says which machine each role is on.', { file }));
}

function conclude(io: Io, session: Session, ending: EngineEnd, file: string, mode: ViewMode): ExitCode {
  // What the operator killed has failed, and is what was interrupted.
  const killed = ending === 'failed' && session.engine.isDraining ? killedTransitions(session.state) : [];
  const isKilled = killed.length > 0;
  const isUntold = killed.some(({ component, transition }) => session.state.member(component).failures.get(transition)?.unsettled);
  const end = isKilled ? 'interrupted' : ending;
  const waits = end === 'done' ? [] : waitsOf(session.state);
  const program = session.state.program?.name ?? '';
  if (mode === 'json') {
    io.out(JSON.stringify({ kind: 'end', program, outcome: end, waits }));
  } else if (end !== 'done' && end !== 'cancelled') {
    // Interrupted, it waits for the operator: what was due says more than who waits for it.
    const due = end === 'interrupted' && !isKilled ? inFlight(session.state).map(({ action }) => ({ ...action, host: session.state.member(action.component).spec.on, begun: false })) : [];
    for (const line of due.length > 0 ? dueLines(due) : explain(waits)) io.err(`  ${line}`);
    if (end === 'failed') io.err(`Mend what failed, then: tutti retry ${file}   (or: tutti skip, tutti abort; tutti logs shows its output)`);
    if (end === 'deadlock') io.err(`Nothing runs and nothing can move. "tutti push", another program or "tutti abort ${file}" may release it.`);
    if (end === 'interrupted') io.err(`Continue with: tutti resume ${file}${isKilled ? `   (what was killed is run again${isUntold ? ', what could not be told is looked for first' : ''}; or: tutti skip, tutti abort)` : ''}`);
  }
  switch (end) {
    // Only the operator cancels: that is what was asked for.
    case 'done': case 'cancelled': return exitCodes.done;
    case 'failed': return exitCodes.failed;
    case 'deadlock': return exitCodes.deadlock;
    case 'interrupted': return exitCodes.interrupted;
    default: return end satisfies never;
  }
}

import { Option, type Command } from 'commander';
import type { EngineEnd } from '../assembly/engine.ts';
import type { TimedHappening } from '../assembly/journal.ts';
import type { ActionRef, Assembly } from '../assembly/model.ts';
import { waitsOf } from '../assembly/waits.ts';
import { exitCodes, TuttiError, type ExitCode } from '../diagnostic.ts';
import { flavours, type Flavour } from '../orchestrapi/flavours/index.ts';
import { logPath, stateFolderOf } from '../session/folder.ts';
import { loadAssembly, problemsOf } from '../session/load.ts';
import { presentIn } from '../session/recorded.ts';
import { Session } from '../session/session.ts';
import { explain } from '../view/waits.ts';
import type { Io } from './io.ts';
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
    .option('--hosts <file>', 'the machine of each role: "role: [user@]name[:port]" a line')
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
 * @returns the exit code
 */
export async function conduct(io: Io, file: string, options: ConductOptions, play: (session: Session) => Promise<EngineEnd>): Promise<ExitCode> {
  const assembly = await requireAssembly(file);
  const stateFolder = stateFolderOf(file);
  const mode: ViewMode = options.json ? 'json' : options.plain || !io.isTerminal ? 'plain' : 'live';
  const view = watch(io, mode, { assemblyName: assembly.name, verbose: options.verbose ?? false, logOf: (c, t) => logPath(stateFolder, c, t) });
  const session = await Session.open({
    assembly, stateFolder, flavour: { ...(options.flavour ? { flavour: options.flavour } : {}), ...(options.hosts ? { hosts: options.hosts } : {}) },
    onHappenings: (some: readonly TimedHappening[]) => view.saw(some),
    onWarning: (action: ActionRef, text: string) => view.warned(action, text),
  });
  view.begin(session);
  const onSignal = () => {
    view.said(session.engine.isDraining ? 'Interrupted again: what runs is killed.' : 'Interrupted: nothing more is started; what runs may end. Once more kills it.');
    session.engine.interrupt();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const end = await play(session);
    view.end();
    return conclude(io, session, end, file, mode);
  } finally {
    view.end();
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    await session.close();
  }
}

function conclude(io: Io, session: Session, end: EngineEnd, file: string, mode: ViewMode): ExitCode {
  const waits = end === 'done' ? [] : waitsOf(session.state);
  const program = session.state.program?.name ?? '';
  if (mode === 'json') {
    io.out(JSON.stringify({ kind: 'end', program, outcome: end, waits }));
  } else if (end !== 'done') {
    for (const line of explain(waits)) io.err(`  ${line}`);
    if (end === 'failed') io.err(`Mend what failed, then: tutti retry ${file}   (or: tutti skip, tutti abort; tutti logs shows its output)`);
    if (end === 'deadlock') io.err(`Nothing runs and nothing can move. "tutti push", another program or "tutti abort ${file}" may release it.`);
    if (end === 'interrupted') io.err(`Continue with: tutti resume ${file}`);
  }
  switch (end) {
    case 'done': return exitCodes.done;
    case 'failed': return exitCodes.failed;
    case 'deadlock': return exitCodes.deadlock;
    case 'interrupted': case 'cancelled': return exitCodes.interrupted;
    default: return end satisfies never;
  }
}

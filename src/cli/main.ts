import { Command, CommanderError } from 'commander';
import { error, exitCodes, TuttiError, type ExitCode } from '../diagnostic.ts';
import { commands } from './commands/index.ts';
import { printDiagnostics } from './diagnostics.ts';
import { terminal, type Io } from './io.ts';

/** Runs one command line and gives its exit code; nothing is printed but through `io`. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let code: ExitCode = exitCodes.done;
  const root = new Command('tutti')
    .description('Orchestrates the life cycles of distributed software: everybody plays, at once.')
    .version(version)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: () => {} })
    .showSuggestionAfterError(true)
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 usage, 3 invalid file, 4 deadlock, 130 interrupted.');
  // Without a command that there is, all are needed: for the help, and for "did you mean".
  const wanted = commands[argv[0] ?? ''];
  for (const load of wanted ? [wanted] : Object.values(commands)) (await load())(root, io, (result) => (code = result));
  const json = argv.includes('--json');
  try {
    await root.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return exitCodes.done;
      // Without a command commander shows the help.
      if (thrown.code === 'commander.help') {
        io.err(root.helpInformation());
        return exitCodes.usage;
      }
      const detail = thrown.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)/, '. Did you mean "$1"?');
      printDiagnostics(io, [error('USAGE', 'The command line is not understood', `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${detail.endsWith('?') || detail.endsWith('.') ? '' : '.'} See "tutti --help".`)], json);
      return exitCodes.usage;
    }
    if (thrown instanceof TuttiError) {
      printDiagnostics(io, thrown.diagnostics, json);
      return thrown.exitCode;
    }
    throw thrown;
  }
}

import packageJson from '../../package.json' with { type: 'json' };
const { version } = packageJson;

/** The process's entry: the only place that exits. */
export async function main(argv: readonly string[]): Promise<void> {
  process.exitCode = await run(argv, terminal());
}

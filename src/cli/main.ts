import { Command, CommanderError } from 'commander';
import { didYouMean, error, exitCodes, TuttiError, type ExitCode } from '../diagnostic.ts';
import { commands } from './commands/index.ts';
import { inDiagnostics, printDiagnostics, sentence } from './diagnostics.ts';
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
  const wanted = argv.find((word) => Object.hasOwn(commands, word));
  await addCommands(root, io, (result) => (code = result), wanted);
  const json = argv.includes('--json');
  try {
    await root.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      if (thrown.exitCode === 0) return exitCodes.done;
      // Without a command commander shows the help.
      if (thrown.code === 'commander.help' && argv[0] !== 'help') {
        io.err(root.helpInformation());
        return exitCodes.usage;
      }
      const detail = thrown.code === 'commander.help' ? `Unknown command "${argv[1]}".${didYouMean(argv[1] ?? '', Object.keys(commands))}` : inOurWords(thrown.message);
      const usage = wanted === undefined ? 'See "tutti --help".' : `Usage: tutti ${wanted} ${commands[wanted]!.usage}. See "tutti ${wanted} --help".`;
      printDiagnostics(io, [error('USAGE', 'The command line is not understood', `${sentence(detail)} ${usage}`)], json);
      return exitCodes.usage;
    }
    printDiagnostics(io, inDiagnostics(thrown), json);
    return thrown instanceof TuttiError ? thrown.exitCode : exitCodes.failed;
  }
}

/** What commander says of a command line. */
function inOurWords(message: string): string {
  return message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)/, '. Did you mean "$1"?')
    .replace(/^option '(.*)' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/, "'$2' is no value of '$1': take one of $3")
    .replace(/^option '(.*)' argument missing$/, "option '$1' lacks its value")
    .replaceAll(/'([^']*)'/g, '"$1"');
}

/** All commands by what the help and "did you mean" say of them, and the `wanted` one with its arguments, options and action. */
export async function addCommands(root: Command, io: Io, exit: (code: ExitCode) => void, wanted: string | undefined): Promise<void> {
  root.configureHelp({ subcommandTerm: (command) => `${command.name()} ${commands[command.name()]?.usage ?? '[command]'}` });
  for (const [name, { about, example, load }] of Object.entries(commands)) {
    if (name === wanted) (await load())(root, io, exit);
    else root.command(name);
    root.commands.at(-1)!.description(about).addHelpText('after', `\nExample: ${example}`);
  }
}

import packageJson from '../../package.json' with { type: 'json' };
const { version } = packageJson;

/** The process's entry: the only place that exits. */
export async function main(argv: readonly string[]): Promise<void> {
  const io = terminal();
  // What escapes every command is told like anything else; the live view gives the terminal back when the process exits.
  process.on('uncaughtException', (thrown) => {
    process.exitCode = exitCodes.failed;
    printDiagnostics(io, inDiagnostics(thrown), argv.includes('--json'));
    process.exit();
  });
  process.exitCode = await run(argv, io);
}

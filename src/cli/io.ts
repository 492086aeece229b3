/** What a command may touch of the terminal: the tests hand in their own. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Whether standard output is a terminal that can be redrawn. */
  readonly isTerminal: boolean;
  readonly stream: NodeJS.WriteStream;
  readonly color: boolean;
}

/** The process's own terminal. A reader that goes away (`tutti logs | head`) is no error; what conducts goes on without it, to the exit code that it deserves. */
export function terminal(): Io {
  const { stdout, stderr, env } = process;
  for (const stream of [stdout, stderr]) stream.on('error', (e: NodeJS.ErrnoException) => { if (e.code !== 'EPIPE') throw e; });
  return {
    out: (text) => void stdout.write(text.endsWith('\n') ? text : `${text}\n`),
    err: (text) => void stderr.write(text.endsWith('\n') ? text : `${text}\n`),
    isTerminal: stdout.isTTY === true && env['TERM'] !== 'dumb' && env['CI'] === undefined,
    stream: stdout,
    color: stdout.isTTY === true && !env['NO_COLOR'],
  };
}

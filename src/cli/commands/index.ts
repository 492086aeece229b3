import type { Command } from 'commander';
import type { ExitCode } from '../../diagnostic.ts';
import type { Io } from '../io.ts';

/** Adds one command to the root; says its exit code when that is not 0. */
export type AddCommand = (root: Command, io: Io, exit: (code: ExitCode) => void) => void;

/** The commands, in the order of `tutti --help`. A new one is a file and a line here. Only the one that is called is loaded: `status` needs no YAML and no SSH. */
export const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  init: async () => (await import('./init.ts')).init,
  types: async () => (await import('./types.ts')).types,
  check: async () => (await import('./check.ts')).check,
  graph: async () => (await import('./graph.ts')).graph,
  simulate: async () => (await import('./simulate.ts')).simulateCommand,
  run: async () => (await import('./run.ts')).runCommand,
  push: async () => (await import('./push.ts')).push,
  status: async () => (await import('./status.ts')).status,
  logs: async () => (await import('./logs.ts')).logs,
  hosts: async () => (await import('./hosts.ts')).hosts,
  connect: async () => (await import('./connect.ts')).connect,
  resume: async () => (await import('./resume.ts')).resume,
  retry: async () => (await import('./retry.ts')).retry,
  skip: async () => (await import('./skip.ts')).skip,
  abort: async () => (await import('./abort.ts')).abort,
  trace: async () => (await import('./trace.ts')).trace,
  destroy: async () => (await import('./destroy.ts')).destroy,
};

import type { Command } from 'commander';
import type { ExitCode } from '../../diagnostic.ts';
import type { Io } from '../io.ts';

/** Adds one command to the root; says its exit code when that is not 0. */
export type AddCommand = (root: Command, io: Io, exit: (code: ExitCode) => void) => void;

/** A command as `tutti --help` lists it, and how to get the rest of it. */
interface CommandEntry {
  readonly usage: string;
  readonly about: string;
  readonly example: string;
  readonly load: () => Promise<AddCommand>;
}

/** The commands, in the order of `tutti --help`. A new one is a file and an entry here. Only the one that is called is loaded: `status` and the help need no YAML and no SSH. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  init: {
    usage: '[options] [folder]', load: async () => (await import('./init.ts')).init,
    about: 'write an assembly to begin with: two components in plain shell, ready to run',
    example: 'tutti init hello && tutti run hello/assembly.yaml',
  },
  types: {
    usage: '[options] [type]', load: async () => (await import('./types.ts')).types,
    about: 'the component types there are; one of them in full',
    example: 'tutti types diet/local-agent',
  },
  check: {
    usage: '[options] <file>', load: async () => (await import('./check.ts')).check,
    about: 'everything that is wrong with an assembly file, at once',
    example: 'tutti check assembly.yaml --strict',
  },
  graph: {
    usage: '[options] [file]', load: async () => (await import('./graph.ts')).graph,
    about: 'draw an assembly, or the net of a component type',
    example: 'tutti graph assembly.yaml -o assembly.svg',
  },
  simulate: {
    usage: '[options] <file> [programs...]', load: async () => (await import('./simulate.ts')).simulateCommand,
    about: 'predict start times, makespan and critical path on a virtual clock, from recorded durations where there are, else from declared ones',
    example: 'tutti simulate assembly.yaml deploy stop --gantt predicted.svg',
  },
  run: {
    usage: '[options] <file> [program]', load: async () => (await import('./run.ts')).runCommand,
    about: 'play a program of an assembly file',
    example: 'tutti run assembly.yaml deploy --hosts hosts.yaml',
  },
  push: {
    usage: '[options] <file> <component> <behaviour>', load: async () => (await import('./push.ts')).push,
    about: 'push a behaviour to one component, and wait until it is done',
    example: 'tutti push assembly.yaml web restart',
  },
  status: {
    usage: '[options] <file>', load: async () => (await import('./status.ts')).status,
    about: 'where every component stands, and who waits for whom',
    example: 'tutti status assembly.yaml --probe',
  },
  logs: {
    usage: '[options] <file> [which]', load: async () => (await import('./logs.ts')).logs,
    about: 'what the commands of transitions printed',
    example: 'tutti logs assembly.yaml web.start',
  },
  hosts: {
    usage: '[options] <file>', load: async () => (await import('./hosts.ts')).hosts,
    about: 'the hosts of a running assembly: which machine each is, and who plays there',
    example: 'tutti hosts assembly.yaml',
  },
  connect: {
    usage: '<file> <host> [command...]', load: async () => (await import('./connect.ts')).connect,
    about: 'open a shell on a host of a running assembly, in the folder where its components work; or run a command there',
    example: 'tutti connect assembly.yaml head ls -l web',
  },
  resume: {
    usage: '[options] <file>', load: async () => (await import('./resume.ts')).resume,
    about: 'continue what was interrupted or crashed; nothing that ended is run again',
    example: 'tutti resume assembly.yaml',
  },
  retry: {
    usage: '[options] <file> [which]', load: async () => (await import('./retry.ts')).retry,
    about: 'run failed transitions again, then let the program go on',
    example: 'tutti retry assembly.yaml web.start',
  },
  skip: {
    usage: '[options] <file> <which>', load: async () => (await import('./skip.ts')).skip,
    about: 'take a failed transition as ended: you repaired by hand',
    example: 'tutti skip assembly.yaml store.start --write url=http://10.0.0.7/',
  },
  abort: {
    usage: '[options] <file> [component]', load: async () => (await import('./abort.ts')).abort,
    about: 'put the tokens of a component back on the places they came from and clear its behaviours; without a component: drop the program, and do so to all that are not idle',
    example: 'tutti abort assembly.yaml web',
  },
  trace: {
    usage: '[options] <file>', load: async () => (await import('./trace.ts')).trace,
    about: 'what ran when',
    example: 'tutti trace assembly.yaml --as chrome -o trace.json',
  },
  destroy: {
    usage: '[options] <file>', load: async () => (await import('./destroy.ts')).destroy,
    about: 'end every process of the assembly and remove what it left: on its hosts, journal and logs',
    example: 'tutti destroy assembly.yaml --dry-run',
  },
};

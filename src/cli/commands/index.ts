import type { Command } from 'commander';
import type { ExitCode } from '../../diagnostic.ts';
import type { Io } from '../io.ts';
import { abort } from './abort.ts';
import { check } from './check.ts';
import { connect } from './connect.ts';
import { destroy } from './destroy.ts';
import { graph } from './graph.ts';
import { hosts } from './hosts.ts';
import { init } from './init.ts';
import { logs } from './logs.ts';
import { push } from './push.ts';
import { resume } from './resume.ts';
import { retry } from './retry.ts';
import { runCommand } from './run.ts';
import { simulateCommand } from './simulate.ts';
import { skip } from './skip.ts';
import { status } from './status.ts';
import { trace } from './trace.ts';
import { types } from './types.ts';

/** Adds one command to the root; says its exit code when that is not 0. */
export type AddCommand = (root: Command, io: Io, exit: (code: ExitCode) => void) => void;

/** The commands, in the order of `tutti --help`. A new one is a file and a line here. */
export const commands: readonly AddCommand[] = [init, types, check, graph, simulateCommand, runCommand, push, status, logs, hosts, connect, resume, retry, skip, abort, trace, destroy];

import type { ActionContext } from '../../model.ts';
import { adminTimeoutMs, daemonTimeoutMs, dietName, environment, findDiet, hostname, lines, omniOrbConfiguration, prepareFolder, probeDaemon, readNaming, readText, sendFiles, startDaemon } from './shared.ts';

/** What an agent or a Server Daemon is to the naming service and to who waits for it. */
export interface ElementKind {
  /** What it runs: a program of DIET's folder, or a path with a slash. */
  readonly program: string;
  readonly options: readonly string[];
  /** The line on its standard output that comes last before it serves. */
  readonly readyLine: (name: string) => string;
  /** Its own name in the naming service first, then the others that it binds. */
  readonly names: (name: string) => readonly [string, ...string[]];
}

/** An element that has a parent. */
export interface AttachableKind extends ElementKind {
  /** What `connect` and `disconnect` call it. */
  readonly admin: 'LA' | 'SED';
}

/** The configuration file's lines that are not common to all kinds. */
export interface ElementKeys {
  readonly agentType?: string;
  readonly parentName?: string;
}

/** Places the files of an agent or a Server Daemon: omniORB4.cfg, its configuration, its start script, an empty folder for its data manager. */
export async function configureElement(context: ActionContext, kind: ElementKind, keys: ElementKeys): Promise<void> {
  const name = dietName(context);
  const naming = readNaming(context);
  const programs = await findDiet(context, naming);
  await prepareFolder(context, ['dagda'], { bin: programs.diet, naming: programs.naming });
  context.writeFile('omniORB4.cfg', omniOrbConfiguration(naming));
  context.writeFile(`${name}.cfg`, configuration(context, name, keys));
  context.writeFile('start.sh', startScript(name, kind), { mode: 0o755 });
  await sendFiles(context, [programs.diet, programs.naming]);
}

function configuration(context: ActionContext, name: string, { agentType, parentName }: ElementKeys): string {
  return lines(
    'traceLevel = 5',
    ...(agentType === undefined ? [] : [`agentType = ${agentType}`]),
    `name = ${name}`,
    ...(parentName === undefined ? [] : [`parentName = ${parentName}`]),
    `dietHostname = ${hostname(context)}`,
    `dietPort = ${Number(context.parameters['port'])}`,
    `storageDirectory = ${context.path}/dagda`,
  );
}

/**
 * Unbuffered, since the ready line would not show in a file otherwise. The file begins with the number of the process: what an earlier one said is told
 * from what this one says.
 */
function startScript(name: string, { program, options }: ElementKind): string {
  const path = program.includes('/') ? program : `./bin/${program}`;
  if (!/^[\w./+-]+$/.test(path)) throw new Error(`"${program}" cannot be the program of ${name}: letters, digits and "_./+-" only.`);
  return lines(
    '#!/bin/sh',
    `# Runs ${name} in the foreground. ${name}.out holds its process number and what it says.`,
    'cd "$(dirname "$0")" || exit',
    'export OMNIORB_CONFIG="$PWD/omniORB4.cfg" OMNIORB_BIN="$PWD/naming"',
    `echo $$ > ${name}.out`,
    `exec stdbuf -oL ${[path, `./${name}.cfg`, ...options].join(' ')} >> ${name}.out`,
  );
}

/** The three conditions, cheapest first: the process that wrote this output lives, it has said the line, its name is bound. */
const readyQuestion = 'kill -0 "$(head -n 1 "$1")" && grep -qF "$2" "$1" && "$3" resolve "$4"';

/** Starts the daemon and waits until it serves, attached to nobody. */
export async function startElement(context: ActionContext, kind: ElementKind): Promise<void> {
  const name = dietName(context);
  const question = ['sh', '-c', readyQuestion, 'sh', `${context.path}/${name}.out`, kind.readyLine(name), nameclt(context), kind.names(name)[0]] as const;
  await startDaemon(context, {
    daemon: daemonName(kind),
    command: ['sh', `${context.path}/start.sh`],
    what: `${name} serves`,
    isReady: async () => (await context.ask(question, { env: environment(context) })).exitCode === 0,
  });
}

/**
 * Ends the daemon and makes sure that its name is gone. A process that dies without the naming service leaves its names behind: they are removed, with a
 * warning.
 * @throws Error when the naming service does not answer
 */
export async function stopElement(context: ActionContext, kind: ElementKind): Promise<void> {
  const name = dietName(context);
  const names = kind.names(name);
  await context.killScript(daemonName(kind), { signal: 'INT', graceMs: daemonTimeoutMs });
  const answer = await context.ask([nameclt(context), 'resolve', names[0]], { env: environment(context) });
  if (answer.exitCode === 0) {
    context.warn(`${name} died without unbinding ${names[0]}: its names are removed now.`);
    // Exit code 1 is: was not there. Its own name goes last: as long as it is there, there is something left to remove.
    for (const left of names.toReversed()) await context.run([nameclt(context), 'unbind', left], { env: environment(context), allowFailure: true, idempotent: true });
  } else if (!answer.stderr.includes('NotFound')) {
    throw new Error(`${name} has ended, but whether its name is gone cannot be known: the naming service does not answer. ${answer.stderr.trim()}`);
  }
}

/** Attaches the element to the agent that du_parent_name names now; wherever it was before, it is moved. */
export async function connectElement(context: ActionContext, kind: AttachableKind): Promise<void> {
  const command = [`${context.path}/bin/connect`, kind.admin, dietName(context), readText(context, 'du_parent_name')] as const;
  await context.run(command, { env: environment(context), timeoutMs: adminTimeoutMs });
}

/** Detaches the element. A dead parent (exit code 3) is a warning: nobody is attached to the dead, and a later connect repairs. */
export async function disconnectElement(context: ActionContext, kind: AttachableKind): Promise<void> {
  const name = dietName(context);
  const result = await context.run([`${context.path}/bin/disconnect`, kind.admin, name], { env: environment(context), timeoutMs: adminTimeoutMs, allowFailure: true });
  if (result.exitCode === 3) context.warn(`${name}'s parent is dead: ${name} counts as disconnected, and connects again wherever it is told.`);
  else if (result.exitCode !== 0) throw new Error(`disconnect ${kind.admin} ${name} ended with exit code ${result.exitCode}. ${result.stderr.trim()}`);
}

/** Throws when the element's process is gone. */
export function probeElement(context: ActionContext, kind: ElementKind): Promise<void> {
  return probeDaemon(context, daemonName(kind));
}

function daemonName({ program }: ElementKind): string {
  return program.slice(program.lastIndexOf('/') + 1);
}

function nameclt(context: ActionContext): string {
  return `${context.path}/naming/nameclt`;
}

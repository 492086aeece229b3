import type { Action, ActionContext, Probe, Value } from '../components/model.ts';
import type { Command } from '../orchestrapi/host.ts';
import { asText, factNames, fillText, fillValue, resolveName, templateNames, type Known, type Template } from './template.ts';
import type { ShellTemplate } from './shell-template.ts';

/** A command of a YAML type: a text for the shell, or a program and its arguments. */
export type CommandTemplate = { readonly kind: 'shell'; readonly shell: ShellTemplate } | { readonly kind: 'arguments'; readonly arguments: readonly Template[] };

/** A file to place: a path in the assembly's folder, or a text. */
export interface FileTemplate {
  readonly to: Template;
  readonly from?: Template;
  /** The host that `from` is on, if not this machine. */
  readonly on?: string;
  readonly text?: Template;
  readonly mode?: number;
}

/** A value to write: a text is a template, anything else is taken as it is. */
export type ValueTemplate = { readonly kind: 'text'; readonly text: Template } | { readonly kind: 'value'; readonly value: Value };

/** What a transition of a YAML type does, in the order in which it does it: files, run, kill, script, ready, writes. */
export interface YamlSteps {
  readonly files?: readonly FileTemplate[];
  readonly run?: CommandTemplate;
  /** Standard input of `run`. */
  readonly input?: Template;
  /** Transitions whose daemons are ended. */
  readonly kill?: readonly string[];
  readonly script?: CommandTemplate;
  readonly ready?: CommandTemplate;
  readonly writes?: Readonly<Record<string, ValueTemplate>>;
  /** The host of `run` and `ready`, if not the component's own. */
  readonly on?: string;
  readonly timeoutMs?: number;
}

/**
 * The action of a transition that is written in YAML, through `ActionContext` alone; undefined when there is nothing to do.
 *
 * `script` starts a daemon that has the name of the transition; `kill: [start]` ends the daemon of the transition `start`. `ready` is asked until its
 * exit code is 0, and fails at once when the daemon just started has ended. A text of several lines stops at its first line that fails.
 */
export function yamlAction(transition: string, steps: YamlSteps, folder: string): Action | undefined {
  const { files, run, input, kill, script, ready, writes, on } = steps;
  if (!files?.length && !run && !kill?.length && !script && !ready && Object.keys(writes ?? {}).length === 0) return undefined;
  const place = on === undefined ? {} : { on };
  // The transition's own default, not the shorter one of a single command.
  const limit = { timeoutMs: steps.timeoutMs ?? 600_000 };
  const asksHost = namesIn(steps).some(isFact);
  return async (context) => {
    const known: Known = asksHost ? { facts: await context.facts() } : {};
    if (files?.length) {
      for (const file of files) queueFile(file, context, folder, known);
      await context.flushTransfers();
    }
    let output = '';
    if (run) {
      const { command, env } = fillCommand(run, context, known);
      output = (await context.run(command, { env, ...(input ? { input: fillText(input, context, known) } : {}), ...place, ...limit })).stdout.trimEnd();
    }
    for (const started of kill ?? []) await context.killScript(started);
    if (script) {
      const { command, env } = fillCommand(script, context, known);
      await context.startScript(transition, command, { env });
    }
    if (ready) {
      const { command, env } = fillCommand(ready, context, known);
      const isReady = async (): Promise<boolean> => (await context.ask(command, { env, allowFailure: true, ...place })).exitCode === 0;
      await context.waitUntil(`"${transition}" is ready`, isReady, { ...limit, ...(script ? { alive: transition } : {}) });
    }
    for (const [port, value] of Object.entries(writes ?? {})) context.write(port, value.kind === 'text' ? fillValue(value.text, context, { ...known, output }) : value.value);
  };
}

/** A probe that is a command: a non-zero exit code means that the place is no longer true. */
export function yamlProbe(command: CommandTemplate): Probe {
  return async (context) => {
    const filled = fillCommand(command, context, namesOf(command).some(isFact) ? { facts: await context.facts() } : {});
    const { exitCode, stderr, stdout } = await context.ask(filled.command, { env: filled.env, allowFailure: true });
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}${(stderr || stdout).trim() === '' ? '' : `: ${(stderr || stdout).trim().split('\n').at(-1)}`}`);
  };
}

const isFact = (name: string): boolean => (factNames as readonly string[]).includes(name);

function namesOf(command: CommandTemplate | undefined): readonly string[] {
  return command === undefined ? [] : command.kind === 'shell' ? command.shell.names : command.arguments.flatMap(templateNames);
}

function namesIn({ files = [], run, input = [], script, ready, writes = {} }: YamlSteps): string[] {
  const texts = [...files.flatMap(({ to, from = [], text = [] }) => [to, from, text]), input, ...Object.values(writes).flatMap((value) => (value.kind === 'text' ? [value.text] : []))];
  return [...texts.flatMap(templateNames), ...[run, script, ready].flatMap(namesOf)];
}

function queueFile(file: FileTemplate, context: ActionContext, folder: string, known: Known): void {
  const to = fillText(file.to, context, known);
  if (file.text) context.writeFile(to, fillText(file.text, context, known), file.mode === undefined ? {} : { mode: file.mode });
  else {
    const from = fillText(file.from ?? [], context, known);
    context.queueTransfer(file.on === undefined ? inFolder(folder, from) : { on: file.on, path: from }, to);
  }
}

/** A path of the controller: relative ones are relative to the folder of the assembly file. */
function inFolder(folder: string, path: string): string {
  return path.startsWith('/') || folder === '' ? path : `${folder.replace(/\/+$/, '')}/${path}`;
}

/** The command as it runs now: values in the environment (shell), or in the arguments. A failure in the middle of a shell text is a failure of the whole. */
function fillCommand(template: CommandTemplate, context: ActionContext, known: Known): { command: Command; env: Record<string, string> } {
  if (template.kind === 'arguments') return { command: template.arguments.map((part) => fillText(part, context, known)) as [string, ...string[]], env: {} };
  const { text, names } = template.shell;
  const env = Object.fromEntries(names.map((name, i) => [`TUTTI_${i + 1}`, asText(resolveName(name, context, known))]));
  return { command: text.trim().includes('\n') ? `set -e\n${text}` : text, env };
}

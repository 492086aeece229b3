import type { ActionContext } from '../../model.ts';

/** What fits what: `system -> closure` says what a host runs, `system -> cache` where it takes it from. The order between hosts is said port by port: `web.after -> db.current`. */
export const interfaces = {
  toplevel: 'nixos/toplevel',
  cache: 'nixos/cache',
  system: 'nixos/system',
  current: 'nixos/current',
  steady: 'nixos/steady',
  behind: 'nixos/behind',
  generation: 'nixos/generation',
} as const;

/** What a host is to run, as `nixos/closure` gives it. */
export interface Toplevel {
  /** The host of the component `nixos/closure`, in whose store it is. */
  readonly on: string;
  /** The absolute folder of that component there. */
  readonly folder: string;
  /** The store path. */
  readonly path: string;
  /** How many store paths it needs, itself among them. */
  readonly paths: number;
  /** What they take, as Nix counts (NAR). */
  readonly bytes: number;
  /** To so many hosts it is pushed at once. */
  readonly atOnce: number;
}

/** A command of Nix 2.4 or later that still counts as experimental. */
export function nix(...args: readonly string[]): readonly [string, ...string[]] {
  return ['nix', '--extra-experimental-features', 'nix-command', ...args];
}

/** What to run; in a dry run, where nothing is built yet, names in its place. */
export function toplevelOf(context: ActionContext): Toplevel {
  const toplevel = context.read('toplevel');
  return typeof toplevel === 'object' ? (toplevel as unknown as Toplevel) : { on: context.hostname, folder: '<closure>', path: '<toplevel>', paths: 0, bytes: 0, atOnce: 1 };
}

/** The standard output of a question, without the newline at its end. @throws Error with what it said when its exit code is not 0 */
export async function answerTo(context: ActionContext, command: Parameters<ActionContext['ask']>[0], options: Parameters<ActionContext['ask']>[1] = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await context.ask(command, { timeoutMs: 300_000, ...options });
  if (exitCode !== 0) throw new Error(`"${typeof command === 'string' ? command : command.join(' ')}" ended with exit code ${exitCode}: ${stderr.trim().split('\n').at(-1)}`);
  return stdout.trimEnd();
}

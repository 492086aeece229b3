import type { CommandError } from '../../../orchestrapi/host.ts';
import { semaphore } from '../../../semaphore.ts';
import type { ActionContext } from '../../model.ts';
import { answerTo, nix, toplevelOf, type Toplevel } from './shared.ts';

/**
 * How the paths that a host lacks come to it. `copy`: nix copy by ssh, path by path. `pack`: one file in the batch that goes to the host with all else, from
 * any host, resumed where it was interrupted. `files`: as `pack`, for a host without Nix. `cache`: the host fetches from `nixos/cache`.
 */
export const methods = ['auto', 'copy', 'pack', 'files', 'cache'] as const;
export type Method = Exclude<(typeof methods)[number], 'auto'>;

const hour = 3_600_000;

/** Brings what is missing, and keeps it by a GC root, the link `root` in the component's folder. What is there already costs two questions. */
export async function push(context: ActionContext): Promise<void> {
  const toplevel = toplevelOf(context);
  const isNixThere = (await context.ask('command -v nix-store >/dev/null')).exitCode === 0;
  const missing = await missingPaths(context, toplevel, isNixThere);
  if (missing.length > 0) {
    const method = methodFor(context, toplevel, { isNixThere, missing: missing.length });
    const release = await turnFor(toplevel)();
    try {
      context.log(`${missing.length} of ${toplevel.paths} paths are missing: by ${method}`);
      await bring[method](context, toplevel, missing);
    } finally {
      release();
    }
  }
  if (isNixThere) await context.run(['nix-store', '--add-root', `${context.path}/root`, '-r', toplevel.path]);
  else await context.run(['ln', '-sfn', toplevel.path, 'root']);
}

/** The store paths that the host has not, each behind those that it needs. */
async function missingPaths(context: ActionContext, { on, path }: Toplevel, isNixThere: boolean): Promise<readonly string[]> {
  // As a rule nothing, or all, is there: this one question tells.
  const one = isNixThere ? ['nix-store', '--check-validity', path] : ['test', '-e', path];
  if ((await context.ask(one as [string, ...string[]])).exitCode === 0) return [];
  const all = await answerTo(context, ['nix-store', '-qR', path], { on });
  const question = isNixThere ? 'xargs nix-store --check-validity --print-invalid' : 'while read -r path; do [ -e "$path" ] || echo "$path"; done';
  const found = await answerTo(context, question, { input: `${all}\n` });
  return found === '' ? [] : found.split('\n');
}

/** @throws Error when what is asked for cannot be done here */
export function methodFor(context: ActionContext, { on, paths }: Toplevel, { isNixThere, missing }: { readonly isNixThere: boolean; readonly missing: number }): Method {
  const wanted = String(context.parameters['method']) as (typeof methods)[number];
  const url = context.read('cache');
  const isByOpenSsh = context.ssh !== undefined && on === 'local' && context.ssh.arguments.every((word) => !/\s/.test(word));
  if (!methods.includes(wanted)) throw new Error(`"${wanted}" is no way to push. Known: ${methods.join(', ')}.`);
  if (wanted === 'cache' && url === undefined) throw new Error('To fetch from a cache, connect the system with one: "system -> cache".');
  if (wanted === 'copy' && !isByOpenSsh) throw new Error('nix copy goes from the controller ("on: local") to a host that is reached by SSH, without spaces in the paths of its configuration. Use "pack".');
  if (!isNixThere && (wanted === 'copy' || wanted === 'pack' || wanted === 'cache')) throw new Error(`There is no nix-store on ${context.hostname}. Install Nix there, or use "files".`);
  if (isNixThere && wanted === 'files') throw new Error(`The store of ${context.hostname} is kept by Nix, which would not know of files that come beside it. Use "pack".`);
  if (wanted !== 'auto') return wanted;
  if (!isNixThere) return 'files';
  if (url !== undefined) return 'cache';
  // Of a few one file is the sooner there, of many nix copy needs no second reading.
  return isByOpenSsh && missing * 4 >= paths ? 'copy' : 'pack';
}

const turns = new Map<string, () => Promise<() => void>>();

/** So many hosts of one closure at once, and no more. */
function turnFor({ on, folder, atOnce }: Toplevel): () => Promise<() => void> {
  const key = `${on} ${folder} ${atOnce}`;
  const turn = turns.get(key) ?? semaphore(atOnce);
  turns.set(key, turn);
  return turn;
}

const bring: Readonly<Record<Method, (context: ActionContext, toplevel: Toplevel, missing: readonly string[]) => Promise<void>>> = {
  async copy(context, { on, path }) {
    const { destination, arguments: options } = context.ssh!;
    // Signatures are looked at by the host, which may trust whoever logs in.
    try {
      await context.run(nix('copy', '--to', `ssh://${destination}`, path), { on, timeoutMs: hour, env: { NIX_SSHOPTS: [...options, '-o', 'BatchMode=yes'].join(' ') } });
    } catch (failed) {
      // Nix does not say it of itself: a host that does not trust who logs in just hangs up.
      if (/unexpected end-of-file|valid signature|not trusted/.test((failed as Partial<CommandError>).output ?? '')) {
        context.warn(`${context.hostname} may not trust the user who logs in: log in as root, name the user in its "trusted-users", or sign ("signWith" of the closure) and name the key in its "trusted-public-keys".`);
      }
      throw failed;
    }
  },
  async pack(context, toplevel, missing) {
    await send(context, toplevel, missing, 'nar', 'xargs nix-store --export');
    await context.run('nix-store --import <incoming.nar >/dev/null && rm -f incoming.nar', { timeoutMs: hour });
  },
  async files(context, toplevel, missing) {
    // A store elsewhere than in /nix is one that NIX_REMOTE names by its root.
    const tar = 'case ${NIX_REMOTE-} in *root=*) root=${NIX_REMOTE#*root=} ;; *) root= ;; esac; sed s,^/,, | tar -C "${root%%&*}/" --files-from=- --sort=name --mtime=@1 --owner=0 --group=0 --numeric-owner -cf -';
    await send(context, toplevel, missing, 'tar', tar);
    // Whole or not at all: a path is taken for there when it is.
    await context.run('set -e; new=/nix/store/.tutti-$$; mkdir -p "$new"; tar -C "$new" -xf incoming.tar; for path in "$new"/nix/store/*; do mv -T "$path" "/nix/store/${path##*/}"; done; rm -rf "$new" incoming.tar', { timeoutMs: hour });
  },
  async cache(context, { path }) {
    await context.run(nix('copy', '--no-check-sigs', '--from', String(context.read('cache')), path), { timeoutMs: hour });
  },
};

/** `FOLDER KIND PACK`, the paths on standard input: packs them once for all who ask for the same, and prints the file. Its bytes are always the same, so that a transfer that was interrupted goes on. */
export const packOnce = [
  'mkdir -p "$1" && cat >"$1/$$" && file=$1/$(sha256sum <"$1/$$" | cut -c -16).$2 && mv "$1/$$" "$file.paths" || exit',
  'flock "$file.lock" sh -c \'[ -e "$1" ] || { eval "$2" <"$1.paths" >"$1.new" && mv "$1.new" "$1"; }\' sh "$file" "$3" && echo "$file"',
].join('\n');

async function send(context: ActionContext, { on, folder }: Toplevel, missing: readonly string[], kind: 'nar' | 'tar', pack: string): Promise<void> {
  const { stdout } = await context.run(['sh', '-c', packOnce, 'sh', `${folder}/packed`, kind, pack], { on, input: `${missing.join('\n')}\n`, timeoutMs: hour });
  const file = stdout.trim() || `<packed>.${kind}`;
  await context.transfer(on === 'local' ? file : { on, path: file }, `incoming.${kind}`);
}

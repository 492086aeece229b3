import { defineComponent } from '../../define.ts';
import type { ActionContext, Value } from '../../model.ts';
import { answerTo, interfaces, nix, type Toplevel } from './shared.ts';

/**
 * A closure: a NixOS system, or anything of its shape, in the store of the host where it is built. Its folder there holds the GC root, so that nothing of
 * it is collected before all have it.
 */
export const closure = defineComponent({
  name: 'nixos/closure',
  about: 'A NixOS system, built or given, which hosts are to run.',
  places: ['absent', 'built', 'stale'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'update', 'remove'],
  transitions: {
    // Two first builds in a store that is just being made get in each other's way.
    build: { from: 'absent', to: 'built', behaviour: 'deploy', action: build, idempotent: true, retry: { times: 1 }, durationMs: 20_000, timeoutMs: 7_200_000 },
    outdate: { from: 'built', to: 'stale', behaviour: 'update', durationMs: 0 },
    rebuild: { from: 'stale', to: 'built', behaviour: 'update', action: build, idempotent: true, durationMs: 3_000, timeoutMs: 7_200_000 },
    discard: { from: 'built', to: 'absent', behaviour: 'remove', action: discard, idempotent: true, durationMs: 50 },
  },
  ports: {
    toplevel: { kind: 'data-provide', boundTo: ['built'], interface: interfaces.toplevel },
  },
  probes: {
    built: async (context) => void (await answerTo(context, ['sh', '-c', 'nix-store --check-validity "$(readlink root)"'])),
  },
  parameters: {
    path: { type: 'string', default: '', about: 'A store path that is there already, instead of a build.' },
    source: { type: 'string', default: '', about: "A folder of the assembly's folder that `file` is in: it is sent to the host that builds." },
    file: { type: 'string', default: 'default.nix', about: 'The expression for nix-build: in `source`, or an absolute path.' },
    attribute: { type: 'string', default: '', about: 'The attribute of it (`-A`).' },
    arguments: { type: 'map', default: {}, about: 'Arguments of the expression: texts go as `--argstr`, all else as `--arg`.' },
    command: { type: 'list', default: [], about: 'A command that builds instead, and prints the store path last: for a flake `[nix, build, --no-link, --print-out-paths, ".#web"]`.' },
    composition: { type: 'string', default: '', about: 'A file of NixOS Compose, its composition info or its deployment: the closure is the one of `role` there.' },
    role: { type: 'string', default: '', about: 'The role in `composition`.' },
    signWith: { type: 'string', default: '', about: 'A file on its host with the secret key by which all paths are signed.' },
    atOnce: { type: 'number', default: 10, about: 'To so many hosts it is pushed at once.' },
  },
});

async function build(context: ActionContext): Promise<void> {
  const { parameters } = context;
  const path = await toplevelPath(context);
  // What was packed for hosts of the last version.
  await context.run(['rm', '-rf', 'packed']);
  await context.run(['nix-store', '--add-root', `${context.path}/root`, '-r', path]);
  if (parameters['signWith'] !== '') await context.run(nix('store', 'sign', '-k', String(parameters['signWith']), '-r', path));
  const sizes = (await answerTo(context, ['sh', '-c', 'nix-store -q --size $(nix-store -qR "$1")', 'sh', path])).split('\n').map(Number);
  context.write('toplevel', { on: context.hostname, folder: context.path, path, paths: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0), atOnce: Number(parameters['atOnce']) } satisfies Toplevel);
}

/** @throws Error when what is to be built is not said, or does not say a store path */
async function toplevelPath(context: ActionContext): Promise<string> {
  const { parameters } = context;
  const [path, source, file, attribute, command, composition] = [String(parameters['path']), String(parameters['source']), String(parameters['file']), String(parameters['attribute']), parameters['command'] as readonly Value[], String(parameters['composition'])];
  if (path !== '') return path;
  if (source !== '') {
    await context.run(['rm', '-rf', 'source']);
    await context.transfer(source, 'source');
  }
  if (composition !== '') {
    await context.transfer(composition, 'composition.json');
    return toplevelOfRole(await context.readFile('composition.json'), String(parameters['role']));
  }
  const options = { timeoutMs: 7_200_000, ...(source === '' ? {} : { cwd: 'source' }) };
  const { stdout } = await context.run(command.length > 0 ? (command.map(String) as [string, ...string[]]) : ['nix-build', '--no-out-link', file, ...(attribute === '' ? [] : ['-A', attribute]), ...argumentsOf(parameters['arguments'] as Readonly<Record<string, Value>>)], options);
  const built = stdout.trim().split('\n').at(-1)!;
  if (stdout !== '' && !built.startsWith('/nix/store/')) throw new Error(`The build printed "${built}" last, which is no store path.`);
  return built === '' ? '<toplevel>' : built;
}

function argumentsOf(given: Readonly<Record<string, Value>>): string[] {
  return Object.entries(given).flatMap(([name, value]) => (typeof value === 'string' ? ['--argstr', name, value] : ['--arg', name, expression(value)]));
}

/** A value as Nix writes it. */
function expression(value: Value): string {
  if (Array.isArray(value)) return `[ ${value.map((one: Value) => expression(one)).join(' ')} ]`;
  if (typeof value === 'object' && value !== null) return `{ ${Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)} = ${expression(inner)};`).join(' ')} }`;
  // A list has no place for an operator.
  if (typeof value === 'number' && value < 0) return `(${value})`;
  return typeof value === 'string' ? JSON.stringify(value).replaceAll('${', '\\${') : String(value);
}

/**
 * The toplevel of a role: from NixOS Compose's composition info (`compositions_info`), or from a deployment, where each machine tells its role and its `init`.
 * @throws Error naming the roles that there are
 */
export function toplevelOfRole(text: string, role: string): string {
  const file = JSON.parse(text) as {
    readonly compositions_info?: Readonly<Record<string, { readonly roles: Readonly<Record<string, { readonly init: string }>> }>>;
    readonly deployment?: Readonly<Record<string, { readonly role: string; readonly init?: string }>>;
  };
  const roles = new Map<string, string>();
  for (const { roles: some } of Object.values(file.compositions_info ?? {})) for (const [name, { init }] of Object.entries(some)) roles.set(name, init);
  for (const { role: name, init } of Object.values(file.deployment ?? {})) if (init !== undefined) roles.set(name, init);
  const init = roles.get(role);
  if (init === undefined) throw new Error(`The composition has no toplevel for the role "${role}". ${roles.size === 0 ? 'It has none at all: build it with NixOS Compose first.' : `Its roles: ${[...roles.keys()].join(', ')}.`}`);
  return init.replace(/\/init$/, '');
}

async function discard(context: ActionContext): Promise<void> {
  await context.run(['rm', '-rf', 'root', 'packed', 'source', 'composition.json']);
}

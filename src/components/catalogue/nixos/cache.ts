import { defineComponent } from '../../define.ts';
import type { ActionContext } from '../../model.ts';
import { interfaces, nix, type Toplevel } from './shared.ts';

/** A binary cache for a fleet that has nothing yet: each path is packed once, and every host fetches by itself. */
export const cache = defineComponent({
  name: 'nixos/cache',
  about: 'A binary cache over HTTP, on the host whose store has the closure: for many hosts that have nothing yet.',
  places: ['absent', 'filled', 'serving', 'refilled'],
  initialPlace: 'absent',
  behaviours: ['deploy', 'update', 'stop', 'remove'],
  groups: { answering: ['serving', 'refilled'] },
  transitions: {
    fill: { from: 'absent', to: 'filled', behaviour: 'deploy', action: fill, idempotent: true, durationMs: 5_000, timeoutMs: 7_200_000 },
    serve: { from: 'filled', to: 'serving', behaviour: 'deploy', action: serve, idempotent: true, durationMs: 200 },
    refill: { from: 'serving', to: 'refilled', behaviour: 'update', action: fill, idempotent: true, durationMs: 1_000, timeoutMs: 7_200_000 },
    resume: { from: 'refilled', to: 'serving', behaviour: 'update', durationMs: 0 },
    end: { from: 'serving', to: 'filled', behaviour: 'stop', action: end, idempotent: true, durationMs: 100 },
    empty: { from: 'filled', to: 'absent', behaviour: 'remove', action: async (context) => void (await context.run(['rm', '-rf', 'store'])), idempotent: true, durationMs: 100 },
  },
  ports: {
    toplevel: { kind: 'data-use', boundTo: ['fill', 'refill'], interface: interfaces.toplevel, atLeast: 'all' },
    // Users read when it is filled again: published at the entry of `serving`.
    cache: { kind: 'data-provide', boundTo: ['serving'], interface: interfaces.cache },
    web: { kind: 'provide', boundTo: ['answering'], interface: `${interfaces.cache}/web` },
  },
  probes: {
    serving: async (context) => {
      if (!(await answers(context))) throw new Error('The cache does not answer.');
    },
  },
  parameters: {
    port: { type: 'number', default: 8787, about: 'Where it listens.' },
    address: { type: 'string', default: '', about: "What hosts call it. Default: its host's address; on the controller it must be said." },
  },
});

async function fill(context: ActionContext): Promise<void> {
  const toplevels = [context.read('toplevel')].flat() as readonly (Toplevel | string | undefined)[];
  const paths = toplevels.map((one) => {
    if (typeof one !== 'object') return '<toplevel>';
    if (one.on !== context.hostname) throw new Error(`The closure is in the store of ${one.on}: put the cache on that host.`);
    return one.path;
  });
  await context.run(nix('copy', '--to', `file://${context.path}/store?compression=none`, ...paths), { timeoutMs: 7_200_000 });
  context.write('cache', `http://${addressOf(context)}:${String(context.parameters['port'])}`);
}

function addressOf({ parameters, address }: ActionContext): string {
  return String(parameters['address']) || address;
}

async function serve(context: ActionContext): Promise<void> {
  const port = String(context.parameters['port']);
  await context.startScript('httpd', ['busybox', 'httpd', '-f', '-p', `${addressOf(context)}:${port}`, '-h', `${context.path}/store`]);
  await context.waitUntil('the cache answers', () => answers(context), { alive: 'httpd', timeoutMs: 20_000 });
}

async function answers(context: ActionContext): Promise<boolean> {
  return (await context.ask(['busybox', 'wget', '-q', '-O', '-', `http://${addressOf(context)}:${String(context.parameters['port'])}/nix-cache-info`])).exitCode === 0;
}

async function end(context: ActionContext): Promise<void> {
  await context.killScript('httpd');
}

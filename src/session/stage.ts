import type { PerformOptions, Secrets } from '../assembly/perform.ts';
import type { Assembly, ComponentSpec } from '../assembly/model.ts';
import type { Clock } from '../assembly/engine.ts';
import { error, TuttiError } from '../diagnostic.ts';
import type { Host } from '../orchestrapi/host.ts';
import { createOrchestrapi } from '../orchestrapi/orchestrapi.ts';
import { guarded, type SecretSource, Vault } from '../orchestrapi/secrets.ts';
import { transfers, type TransferProgress } from '../orchestrapi/transfers.ts';
import type { AssemblyState } from '../assembly/state.ts';

/** The real clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** The door of actions and probes to their hosts; what several of them send at once travels together. */
export function orchestrapiOf(hosts: ReadonlyMap<string, Host>, { folder }: Pick<Assembly, 'folder'>, vault: Vault, onTransfer?: (progress: TransferProgress) => void): PerformOptions['orchestrapi'] {
  const queue = transfers(onTransfer ? { onProgress: onTransfer } : {});
  return ({ spec, id, ...options }) => guarded(createOrchestrapi({ ...options, host: hostOf(hosts, spec), hosts, component: spec.name, action: id, transfers: queue, folder }), vault);
}

/** Keeps the secrets of all components that there are and of those of the file: any host may put out those of others. */
export function vaultOf({ folder, components, types }: Pick<Assembly, 'folder' | 'components' | 'types'>, { members }: Pick<AssemblyState, 'members'>): { readonly vault: Vault; readonly secrets: Secrets } {
  const vault = new Vault(folder);
  const secrets: Secrets = {
    seal: (name, source) => vault.seal(name, source as unknown as SecretSource),
    learn: () => vault.learn(), redact: (text) => vault.redact(text), nameIn: (text) => vault.nameIn(text),
  };
  const there = [...members.values()].map(({ spec, net: { type } }) => ({ spec, type }));
  for (const { spec, type } of [...there, ...components.map((spec) => ({ spec, type: types.get(spec.type)! }))]) {
    for (const [name, source] of Object.entries(spec.with)) if (type.parameters[name]?.type === 'secret') secrets.seal(`${name} of ${spec.name}`, source);
  }
  return { vault, secrets };
}

/** Where a component plays. @throws TuttiError UNKNOWN_HOST */
export function hostOf(hosts: ReadonlyMap<string, Host>, spec: Pick<ComponentSpec, 'on'>): Host {
  const host = hosts.get(spec.on);
  if (!host) throw new TuttiError(error('UNKNOWN_HOST', 'Unknown host', `There is no host "${spec.on}".`));
  return host;
}

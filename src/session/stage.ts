import type { PerformOptions } from '../assembly/perform.ts';
import type { Assembly, ComponentSpec } from '../assembly/model.ts';
import type { Clock } from '../assembly/engine.ts';
import { error, TuttiError } from '../diagnostic.ts';
import type { Host } from '../orchestrapi/host.ts';
import { createOrchestrapi } from '../orchestrapi/orchestrapi.ts';
import { transfers } from '../orchestrapi/transfers.ts';

/** The real clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** The door of actions and probes to their hosts; what several of them send at once travels together. */
export function orchestrapiOf(hosts: ReadonlyMap<string, Host>, { folder }: Pick<Assembly, 'folder'>): PerformOptions['orchestrapi'] {
  const queue = transfers();
  return ({ spec, id, ...options }) => createOrchestrapi({ ...options, host: hostOf(hosts, spec), hosts, component: spec.name, action: id, transfers: queue, folder });
}

/** Where a component plays. @throws TuttiError UNKNOWN_HOST */
export function hostOf(hosts: ReadonlyMap<string, Host>, spec: Pick<ComponentSpec, 'on'>): Host {
  const host = hosts.get(spec.on);
  if (!host) throw new TuttiError(error('UNKNOWN_HOST', 'Unknown host', `There is no host "${spec.on}".`));
  return host;
}

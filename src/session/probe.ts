import type { Assembly } from '../assembly/model.ts';
import { prober } from '../assembly/perform.ts';
import { probeAll, type Probed } from '../assembly/probes.ts';
import { failureOf } from '../orchestrapi/failure.ts';
import { bind } from '../orchestrapi/flavours/index.ts';
import { openHosts } from '../orchestrapi/flavours/open.ts';
import { recordedState } from './recorded.ts';
import { orchestrapiOf, realClock, vaultOf } from './stage.ts';

/** Asks the probes of all places that the journal says are held, without the lock and without a record: what is no longer true, and why. @throws TuttiError ASSEMBLY_CHANGED */
export async function probeRecorded(stateFolder: string, assembly: Assembly): Promise<(Probed & { reason: string })[]> {
  const state = await recordedState(stateFolder, assembly);
  const hosts = await openHosts(assembly.hosts, (await bind(assembly.hosts, {}, stateFolder)).binding, stateFolder);
  const nothing = (): void => {};
  const { vault, secrets } = vaultOf(assembly, state);
  const ill: (Probed & { reason: string })[] = [];
  try {
    await probeAll(state, prober({ state, clock: realClock, failureOf, log: nothing, warn: nothing, secrets, orchestrapi: orchestrapiOf(hosts, assembly, vault) }), (place, reason) => {
      if (reason !== undefined) ill.push({ ...place, reason });
    });
  } finally {
    await Promise.all([...hosts.values()].map((host) => host.close()));
  }
  return ill;
}

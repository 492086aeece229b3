import type { ComponentType } from '../model.ts';
import type { WiringRule } from './wiring-rule.ts';
import { cluster, filesystem, maintenanceGuard, manager, mds, monitor, mount, osd, pool, setting } from './ceph/index.ts';
import { client, dietParents, localAgent, masterAgent, namingService, serverDaemon } from './diet/index.ts';
import { cache, closure, system } from './nixos/index.ts';

/** Every component type that comes with tutti: what an assembly file may name under `type:`. */
export const catalogue: readonly ComponentType[] = [
  namingService,
  masterAgent,
  localAgent,
  serverDaemon,
  client,
  cluster,
  monitor,
  manager,
  osd,
  pool,
  filesystem,
  mds,
  mount,
  maintenanceGuard,
  setting,
  closure,
  cache,
  system,
];

/** What the systems know to be wrong with the wiring of their components. */
export const wiringRules: readonly WiringRule[] = [dietParents];

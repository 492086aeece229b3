import type { ComponentType } from '../model.ts';
import { client, localAgent, masterAgent, namingService, serverDaemon } from './diet/index.ts';

/** Every component type that comes with tutti: what an assembly file may name under `type:`. */
export const catalogue: readonly ComponentType[] = [
  namingService,
  masterAgent,
  localAgent,
  serverDaemon,
  client,
];

import { readFile } from 'node:fs/promises';
import { InventoryError, type InventoryFile } from './ssh.ts';

/**
 * The role instances play, in order, on the hosts of a test bed that is up (test/testbed).
 * @param folder where the test bed lives: `/run/testbed/<prefix>`
 * @throws InventoryError when none is up there, or when it has too few hosts
 * @example await sshFlavour(roles, { inventory: (await testbedInventory(roles, '/run/testbed/tb')).machines, workFolder: '/var/tmp/demo' })
 */
export async function testbedInventory(roles: readonly string[], folder: string): Promise<InventoryFile> {
  const configFile = `${folder}/ssh_config`;
  const text = await readFile(configFile, 'utf8').catch(() => { throw new InventoryError([`No test bed is up at ${folder}`]); });
  const machines = [...text.matchAll(/^Host (h\d+)$/gm)].map((match) => match[1]!);
  if (machines.length < roles.length) throw new InventoryError([`The test bed has ${machines.length} hosts, and ${roles.length} are wanted`]);
  return { machines: new Map(roles.map((role, i) => [role, { destination: machines[i]!, configFile }])), unused: [] };
}

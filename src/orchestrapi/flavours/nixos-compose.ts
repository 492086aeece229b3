import { dealOut, InventoryError, isRecord, type InventoryFile, type Machine } from './ssh.ts';

/** Virtual machine n of NixOS Compose is on a network of its own; this port of the machine that it runs on, plus n, leads to its sshd. */
const forwardedPort = 22_021;

/**
 * The role instances play, in order, on the machines of the same role in a deployment of NixOS Compose: `deploy/NAME::FLAVOUR.json`, as `nxc start` writes it.
 * Its machines know root alone; the `user` it names is who has started them.
 * @param names of the role instances
 * @throws InventoryError when it is no such file, when it is one of containers, or when it has too few machines
 * @example deploymentInventory('{ "deployment": { "10.0.0.1": { "role": "head" } } }', ['head']).machines.get('head') // { destination: '10.0.0.1', user: 'root' }
 */
export function deploymentInventory(text: string, names: readonly string[]): InventoryFile {
  const deployed = new Map([...Map.groupBy(machinesIn(text), ({ role }) => role)].map(([role, all]) => [role, all.map(({ machine }) => machine)]));
  const { inventory, missing, unknown, surplus } = dealOut(deployed, names);
  if (missing.length > 0) {
    const there = [...deployed].map(([role, { length }]) => `${length} of "${role}"`).join(', ');
    throw new InventoryError([[`No machine is given for ${missing.join(', ')}`, `the deployment has ${there || 'none at all'}`, ...unknown].join('; ')]);
  }
  return { machines: inventory, unused: [...unknown, ...surplus] };
}

function machinesIn(text: string): { readonly role: string; readonly machine: Machine }[] {
  const file = ((): unknown => {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new InventoryError([`It is not JSON: ${(cause as Error).message}`]);
    }
  })();
  if (!isRecord(file) || !isRecord(file['deployment'])) throw new InventoryError(['It has no "deployment": name the file of deploy/ that "nxc start" has written; those of build/ know no machines']);
  if ('docker-compose-file' in file) throw new InventoryError(['Its containers are entered by docker compose: they have neither an address nor an SSH server, by which tutti reaches machines. Start the composition as virtual machines, or on Grid\'5000']);
  const problems: string[] = [];
  const machines = Object.entries(file['deployment']).flatMap(([address, said]) => {
    const { role, vm_id: id } = isRecord(said) ? said : {};
    if (typeof role !== 'string') problems.push(`${address}: has no "role"`);
    else if (id === undefined) return { role, machine: { destination: address, user: 'root' } };
    else if (Number.isInteger(id)) return { role, machine: { destination: '127.0.0.1', port: forwardedPort + (id as number), user: 'root', address } };
    else problems.push(`${address}: ${JSON.stringify(id)} is no "vm_id", a number`);
    return [];
  });
  if (problems.length > 0) throw new InventoryError(problems);
  return machines;
}

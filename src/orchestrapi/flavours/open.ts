import { HostError, type Host } from '../host.ts';
import { bindingPath, doNotFit, type Binding } from './binding.ts';
import { localFlavour } from './local.ts';
import { recorderOfReached } from './reached.ts';

/**
 * The hosts of the roles, not connected to yet. `local` is always there: the controller's own machine.
 * @param file what says where they are; default: the binding that is kept
 * @throws TuttiError HOSTS_INVALID for a role that has no machine, or one that ssh cannot be asked for
 */
export async function openHosts(roles: readonly string[], binding: Binding, stateFolder: string, file = bindingPath(stateFolder)): Promise<Map<string, Host>> {
  if (binding.flavour !== 'local') {
    const missing = roles.filter((role) => role !== 'local' && binding.machines[role] === undefined);
    if (missing.length > 0) throw doNotFit([`No machine is given for ${missing.join(', ')}. Name one with --hosts FILE.`], file);
  }
  const opened = await openEach([...new Set([...roles, 'local'])], binding, stateFolder);
  // What is wrong for all of them is said once.
  const problems = Map.groupBy([...opened].filter(([, host]) => host instanceof Error), ([, failed]) => withoutHost(failed as Error));
  if (problems.size > 0) throw doNotFit([...problems].map(([message, of]) => `${of.map(([role]) => role).join(', ')}: ${message}`), file);
  return opened as Map<string, Host>;
}

function withoutHost(failed: Error): string {
  const lead = failed instanceof HostError ? `${failed.host}: ` : '';
  return failed.message.startsWith(lead) ? failed.message.slice(lead.length) : failed.message;
}

/** As `openHosts`, with an error for each role that cannot be opened. */
export async function openEach(roles: readonly string[], binding: Binding, stateFolder: string): Promise<Map<string, Host | Error>> {
  const remote = binding.flavour === 'local' ? [] : roles.filter((role) => role !== 'local');
  const hosts: Map<string, Host | Error> = localFlavour(roles.filter((role) => !remote.includes(role)), stateFolder);
  if (binding.flavour === 'local' || remote.length === 0) return hosts;
  const { remoteWorkFolder, sshFlavour } = await import('./ssh.ts');
  const opened = await sshFlavour(remote, {
    inventory: new Map(Object.entries(binding.machines)), workFolder: await remoteWorkFolder(stateFolder),
    onReached: recorderOfReached(stateFolder), onRefused: (role, why) => void hosts.set(role, why),
  });
  for (const [role, host] of opened) hosts.set(role, host);
  return new Map(roles.map((role) => [role, hosts.get(role)!]));
}

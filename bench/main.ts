import { cephBench } from './ceph.ts';
import { commandsBench } from './commands.ts';
import { engineBench } from './engine.ts';
import { fleetBench } from './fleet.ts';
import { hostsBench } from './hosts.ts';
import { nixosBench } from './nixos.ts';
import { peersBench } from './peers.ts';

/** `npm run bench -- NAME [--json] …`: the benches, by name. */
const benches: Record<string, (args: readonly string[]) => Promise<void>> = { ceph: cephBench, commands: commandsBench, engine: engineBench, fleet: fleetBench, hosts: hostsBench, nixos: nixosBench, peers: peersBench };

const [name = '', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench) await bench(args);
else {
  console.error(`Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json]`);
  process.exitCode = 2;
}

/** Double of DIET's example client scalars_client: asks the Master Agent for servers and calls the first. */
import { announce, usage } from './announce.mjs';
import { fail, readConfiguration } from './configuration.mjs';
import { tell } from './element.mjs';
import { resolveName } from './names.mjs';

const [file, operation, ...rest] = process.argv.slice(2);
if (!file || !/^[CBILFD]ADD$/.test(operation ?? '') || rest.length > 0) usage('scalars_client', 'FILE CADD|BADD|IADD|LADD|FADD|DADD');
announce('scalars_client');

const masterName = readConfiguration(file).get('MAName');
if (!masterName) fail(1, `DIET ERROR: parsing ${file}: no Master Agent name specified.`);

const servers = await submit();
if (servers.length === 0) fail(1, 'DIET ERROR: unable to find a server.');
console.log('The Master Agent found the following server(s):');
for (const { machine, port } of servers) console.log(`    ${machine}:${port}`);
if (!(await solveByAny())) fail(1, 'DIET ERROR: no server answered.');
console.log('After the call: l1 = 0x1111, l2 = 0x3333');

async function submit() {
  try {
    const master = await resolveName(`dietAgent/${masterName}`);
    if (!master) fail(1, `DIET ERROR: cannot locate Master Agent ${masterName}.`);
    return (await tell(master, { do: 'submit', operation }, 10_000)).servers;
  } catch (error) {
    return fail(1, `DIET ERROR: cannot reach Master Agent ${masterName}: ${error.message}`);
  }
}

async function solveByAny() {
  for (const server of servers) {
    const solved = await tell(server, { do: 'solve', operation }).then(() => true, () => false);
    if (solved) return true;
  }
  return false;
}

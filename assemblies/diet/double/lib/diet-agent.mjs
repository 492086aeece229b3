/** Double of DIET's dietAgent: a Master Agent or a Local Agent. */
import { parseArgs } from 'node:util';
import { announce, usage } from './announce.mjs';
import { fail, readConfiguration } from './configuration.mjs';
import { attachAtStart, endpoint, raise } from './daemon.mjs';
import { Element } from './element.mjs';

const { file, options } = commandLine();
announce('dietAgent');

const configuration = readConfiguration(file);
const type = { DIET_MASTER_AGENT: 'MA', DIET_LOCAL_AGENT: 'LA', MA: 'MA', LA: 'LA' }[options.type ?? configuration.get('agentType')];
const name = options.name ?? configuration.get('name');
const parentName = options.parent ?? configuration.get('parentName');
if (!type) fail(1, `DIET ERROR: parsing ${file}: no agent type specified.`);
if (!name) fail(1, `DIET ERROR: parsing ${file}: no name specified.`);
if (type === 'LA' && !parentName) fail(1, `DIET ERROR: parsing ${file}: no parent name specified.`);
if (type === 'MA' && parentName) console.error(`DIET WARNING: parsing ${file}: no need to specify a parent for a Master Agent - ignored.`);

const agent = new Element({
  kind: type,
  name,
  ...endpoint(configuration),
  names: [
    { name: `Dagda/${name}_DAGDA`, typeId: 'IDL:Dagda:1.0', key: `${name}_DAGDA` },
    { name: `dietAgent/${name}`, typeId: type === 'MA' ? 'IDL:MasterAgent:1.0' : 'IDL:LocalAgent:1.0', key: name },
  ],
});
await raise(agent, { exitCode: 9, message: 'DIET ERROR: Problem while instantiating the data manager. Is the naming service running?' });
if (type === 'LA') await attachAtStart(agent, parentName);
console.log(`${type === 'MA' ? 'Master' : 'Local'} Agent ${name} started.`);
console.log('Press CTRL+C to exit');

function commandLine() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { type: { type: 'string', short: 'T' }, name: { type: 'string', short: 'n' }, parent: { type: 'string', short: 'p' }, trace: { type: 'string', short: 't' } },
    });
    if (positionals.length === 1) return { file: positionals[0], options: values };
  } catch {
    // An unknown option: told below.
  }
  return usage('dietAgent', 'FILE [-T type] [-n name] [-p parent] [-t trace]');
}

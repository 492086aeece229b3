/** Double of DIET's example server scalars_server: a Server Daemon. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { announce, usage } from './announce.mjs';
import { fail, readConfiguration } from './configuration.mjs';
import { attachAtStart, endpoint, raise } from './daemon.mjs';
import { Element } from './element.mjs';

const [file, ...rest] = process.argv.slice(2);
if (!file || rest.length > 0) usage('scalars_server', 'FILE');
announce('scalars_server');

const configuration = readConfiguration(file);
const name = configuration.get('name') || `${hostname()}_${randomUUID()}_0`;
const parentName = configuration.get('parentName');
if (!parentName) fail(1, `DIET ERROR: parsing ${file}: no parent name specified.`);

const server = new Element({ kind: 'SED', name, ...endpoint(configuration), names: [{ name: `dietSeD/${name}`, typeId: 'IDL:SeD:1.0', key: name }] });
await raise(server, { exitCode: 1, message: `DIET ERROR: could not declare myself as ${name}.` });
await attachAtStart(server, parentName);
// The data manager is made last: its line says that the server is ready, attached or not.
console.log(`## Launch Dagda data manager DAGDA-SeD-${name}`);
console.log('Press CTRL+C to exit');

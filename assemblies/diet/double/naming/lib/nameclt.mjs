/** Double of omniORB's nameclt: one question to the double's own naming service. */
import { readFileSync } from 'node:fs';
import { ask } from '../../lib/wire.mjs';

/** Operations, and how many arguments each has. */
const operations = { list: [0, 1], bind_new_context: [1, 1], bind: [2, 2], unbind: [1, 1], resolve: [1, 1], rebind: [2, 2] };

const { operation, name, ior, reference, advanced } = commandLine(process.argv.slice(2));
const expected = Object.hasOwn(operations, operation ?? '') ? operations[operation] : undefined;
const given = [name, ior].filter((argument) => argument !== undefined).length;
if (!expected || given < expected[0] || given > expected[1] || (operation === 'rebind' && !advanced)) {
  fail("usage: nameclt [-advanced] [-ior <NameService-object-reference>] <operation>   (double of omniORB's nameclt: list, bind_new_context, bind, rebind, unbind, resolve)");
}

const address = /corbaname::([^:/#]+):(\d+)/.exec(reference ?? initialReference() ?? '');
if (!address) fail('Cannot resolve the root context.\nHave you set up the configuration file properly?');

const reply = await ask({ host: address[1], port: Number(address[2]) }, { operation, name: name ?? '', ior }).catch((error) =>
  fail(
    error.code === 'ECONNREFUSED'
      ? 'Caught a TRANSIENT exception when trying to validate the type of the \nNamingContext. Is the naming service running?'
      : `Caught a COMM_FAILURE exception: ${error.message}. Is that the double's own naming service?`,
  ),
);
if (reply.error) fail(`${operation}: ${reply.error}`);
const lines = [reply.value ?? []].flat();
if (lines.length > 0) console.log(lines.join('\n'));

function commandLine(args) {
  const words = [];
  const found = { advanced: false };
  while (args.length > 0) {
    const word = args.shift();
    if (word === '-advanced') found.advanced = true;
    else if (word === '-ior') found.reference = args.shift();
    else if (word === '-ORBInitRef') found.reference = args.shift()?.replace(/^NameService=/, '');
    else if (word.startsWith('-ORB')) args.shift();
    else words.push(word);
  }
  return { ...found, operation: words[0], name: words[1], ior: words[2] };
}

/** Where the environment says that the naming service is. */
function initialReference() {
  if (process.env.ORBInitRef) return process.env.ORBInitRef.replace(/^NameService=/, '');
  try {
    const text = readFileSync(process.env.OMNIORB_CONFIG ?? '/etc/omniORB.cfg', 'utf8');
    return /^\s*InitRef\s*=\s*NameService\s*=\s*(\S+)/m.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

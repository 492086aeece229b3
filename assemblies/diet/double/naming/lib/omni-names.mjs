/** Double of omniORB's omniNames: a naming service that remembers its names, with the double's own protocol. */
import { copyFileSync, existsSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { listen } from '../../lib/wire.mjs';
import { NamingError, Names } from './names.mjs';

const options = commandLine(process.argv.slice(2));
const errors = options.errlog === undefined ? 2 : openErrorLog(options.errlog);
console.log("omniNames: double of omniORB's omniNames: the double's own naming service, not CORBA's.");

const file = join(options.datadir ?? process.env.OMNINAMES_DATADIR ?? '.', `omninames-${hostname()}.dat`);
let names;
try {
  await listen({ port: options.port }, answer);
} catch {
  fail(`Failed to bind to address :: port ${options.port}. Address in use?`);
}
try {
  names = open();
} catch (error) {
  fail(error.message);
}
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
say(`Read data file '${file}' successfully.`);

function open() {
  if (!existsSync(file)) {
    if (!options.start) throw new Error(`Error: no data file '${file}'. Use the -start option the first time.`);
    const first = new Names(file);
    first.save();
    say(`Wrote initial data file '${file}'.`);
    return first;
  }
  if (options.start && !options.always) throw new Error(`Error: data file '${file}' exists.  Can't use -start option.`);
  const found = Names.read(file);
  copyFileSync(file, file.replace(/\.dat$/, '.bak'));
  return found;
}

function answer({ operation, name, ior }) {
  // Somebody asks between the address and the data: not there yet.
  if (!names) throw new Error('starting');
  try {
    switch (operation) {
      case 'list': return { value: names.list(name) };
      case 'resolve': return { value: names.resolve(name) };
      case 'bind_new_context': return { value: names.bindNewContext(name) };
      case 'bind': return { value: names.bind(name, ior) };
      case 'rebind': return { value: names.rebind(name, ior) };
      case 'unbind': return { value: names.unbind(name) };
      default: return { error: 'BAD_OPERATION exception' };
    }
  } catch (error) {
    if (error instanceof NamingError) return { error: error.message };
    say(error.message);
    throw error;
  }
}

function commandLine(args) {
  const found = { port: 2809, start: false, always: false };
  while (args.length > 0) {
    const option = args.shift();
    if (option === '-start') {
      found.start = true;
      if (/^\d+$/.test(args[0] ?? '')) found.port = Number(args.shift());
    } else if (option === '-always') found.always = true;
    else if (option === '-datadir') found.datadir = args.shift();
    else if (option === '-errlog') found.errlog = args.shift();
    else if (option === '-nohostname') continue;
    // omniORB's own options have one argument each and change nothing here.
    else if (option.startsWith('-ORB')) args.shift();
    else {
      console.error("usage: omniNames [-start [<port>]] [-always] [-datadir <directory name>] [-errlog <file name>]   (double of omniORB's omniNames)");
      process.exit(1);
    }
  }
  return found;
}

function openErrorLog(path) {
  try {
    return openSync(path, 'a');
  } catch {
    console.error(`omniNames: cannot open error log '${path}'.`);
    return process.exit(1);
  }
}

function say(text) {
  writeSync(errors, `omniNames (double): ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

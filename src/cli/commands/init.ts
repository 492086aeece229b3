import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { error, exitCodes, TuttiError } from '../../diagnostic.ts';
import { inWords } from '../../orchestrapi/errno.ts';
import { writeOutput } from '../output.ts';
import type { AddCommand } from './index.ts';

/** `tutti init [DIR]` */
export const init: AddCommand = (root, io) => {
  root.command('init')
    .argument('[folder]', 'where', '.')
    .option('--json', 'one JSON object')
    .action((folder: string, options: { json?: boolean }) => {
      const file = join(folder, 'assembly.yaml');
      if (existsSync(file)) throw new TuttiError(error('FILE_EXISTS', 'The file is there already', `"${file}" is not overwritten. Name another folder: tutti init FOLDER.`), exitCodes.usage);
      try {
        mkdirSync(dirname(file), { recursive: true });
      } catch (cause) {
        const { code, message } = cause as NodeJS.ErrnoException;
        throw new TuttiError(error('OUTPUT_UNWRITABLE', 'The output cannot be written', `The folder cannot be made: ${inWords({ code, message })}. Name another one.`, { file: folder }), exitCodes.failed, cause);
      }
      writeOutput(file, beginning);
      io.out(options.json ? JSON.stringify({ file }) : `Wrote ${file}. Next:\n  tutti check ${file}\n  tutti run ${file}\n  tutti run ${file} stop`);
    });
};

const beginning = `# A store and a web server that uses it, both played by plain shell. Change them into what you run.
assembly: hello
hosts:
  node: { count: 2 }
components:
  store: { type: store, on: 'node[1]' }
  web:   { type: web,   on: 'node[2]' }
connections:
  - web -> store            # every pair of ports with the same interface
programs:
  deploy:
    - push: deploy          # to all: what needs nobody runs at once, web's start waits for the store
    - wait: all
  stop:
    - push: stop            # to all: web lets the store go before the store stops
    - wait: all
types:
  store:
    places: [absent, installed, running]
    transitions:
      install: { from: absent, to: installed, behaviour: deploy, run: "mkdir -p data" }
      start:   { from: installed, to: running, behaviour: deploy, script: "exec sleep 1000000", writes: { address: "{{host.address}}" } }
      stop:    { from: running, to: installed, behaviour: stop, kill: start }
    ports:
      service: { provide: store, boundTo: running }
      address: { data-provide: store-address, boundTo: running }
  web:
    places: [absent, installed, running]
    transitions:
      install: { from: absent, to: installed, behaviour: deploy, run: "mkdir -p site" }
      start:   { from: installed, to: running, behaviour: deploy, run: "echo store is at {{read.address}} > site/index.html", script: "exec sleep 1000000" }
      stop:    { from: running, to: installed, behaviour: stop, kill: start }
    ports:
      store:   { use: store, boundTo: [start, running, stop] }
      address: { data-use: store-address, boundTo: start }
`;

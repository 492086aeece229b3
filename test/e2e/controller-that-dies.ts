/*
 * A controller that plays the programs of a story one after the other, as `tutti run` and `tutti resume` do, and dies by SIGKILL at one instant:
 *
 *     node controller-that-dies.ts FILE DEATH NTH PROGRAM...
 *
 * | DEATH       | it dies                                                                              |
 * |-------------|--------------------------------------------------------------------------------------|
 * | written     | when its nth record is durable; nothing after it is written                           |
 * | unwritten   | instead of writing its nth record of actions that ended: they did, and nobody knows   |
 * | before-act  | when n-1 things are done to hosts, before the next one                                |
 * | after-act   | when n things are done to hosts, right after the last one                             |
 * | never       | not at all                                                                            |
 *
 * It goes on where the journal ends. Death comes from a journal and hosts that are wrapped here; the session knows nothing of it. What an earlier life
 * of the same story has done already is no act, nor is looking. Who reaches the story's end says how many records it wrote and how many acts it did.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Journal, JournalRecord } from '../../src/assembly/journal.ts';
import { localFlavour } from '../../src/orchestrapi/flavours/local.ts';
import type { Host } from '../../src/orchestrapi/host.ts';
import { openJournal } from '../../src/orchestrapi/journal-file.ts';
import { journalPath, stateFolderOf } from '../../src/session/folder.ts';
import { loadAssembly } from '../../src/session/load.ts';
import { Session } from '../../src/session/session.ts';

const [file = '', death = '', nthText = '', ...story] = process.argv.slice(2);
const nth = Number(nthText);
const counts = { records: 0, ends: 0, acts: 0 };
const actsFile = `${file}.acts`;
const acts = new Set(existsSync(actsFile) ? readFileSync(actsFile, 'utf8').split('\n') : []);

const { assembly } = await loadAssembly(file);
const stateFolder = stateFolderOf(file);
const journal = await openJournal<JournalRecord>(journalPath(stateFolder));
const hosts = new Map([...localFlavour(assembly!.hosts, stateFolder)].map(([name, host]) => [name, mortalBy(host)]));
const session = await Session.open({ assembly: assembly!, stateFolder, journal: mortalByWriting(journal), hosts });
const begun = journal.records.filter((record) => record.kind === 'event' && record.event.kind === 'program').length;
const outcomes = [];
if (begun > 0) outcomes.push(await session.resume());
for (const program of story.slice(begun)) outcomes.push(await session.play(assembly!.programs.get(program)!));
await session.close();
console.log(JSON.stringify({ ...counts, outcomes }));

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

function mortalByWriting(inner: Journal): Journal {
  let durable = Promise.resolve();
  let isOver = false;
  return {
    records: inner.records,
    close: () => inner.close(),
    append(record) {
      counts.records++;
      if (record.kind === 'event' && record.event.kind === 'ended') counts.ends++;
      // What comes in the same instant would be written with it.
      if (isOver) return new Promise(() => {});
      if (death === 'unwritten' && counts.ends === nth) {
        isOver = true;
        return durable.then(die);
      }
      durable = inner.append(record);
      if (death !== 'written' || counts.records !== nth) return durable;
      isOver = true;
      return durable.then(die);
    },
  };
}

function mortalBy(inner: Host): Host {
  const act = async <T>(name: string, doIt: () => Promise<T>): Promise<T> => {
    const key = `${inner.name} ${name}`;
    if (acts.has(key)) return doIt();
    acts.add(key);
    if (death === 'before-act' && counts.acts >= nth - 1) return die();
    const done = await doIt();
    appendFileSync(actsFile, `${key}\n`);
    return ++counts.acts === nth && death === 'after-act' ? die() : done;
  };
  return {
    name: inner.name, address: inner.address, workFolder: inner.workFolder,
    start: (script) => act(`start ${script.id}`, () => inner.start(script)),
    kill: (id, options) => act(`kill ${id}`, () => inner.kill(id, options)),
    put: (files, options) => act(`put ${files.map(({ to }) => to).join(' ')}`, () => inner.put(files, options)),
    run: (command, options) => inner.run(command, options),
    get: (path) => inner.get(path),
    fetch: (path, to) => inner.fetch(path, to),
    poll: (id) => inner.poll(id),
    wait: (id, signal) => inner.wait(id, signal),
    forget: (id) => inner.forget(id),
    destroy: () => inner.destroy(),
    close: () => inner.close(),
  };
}

import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../src/cli/main.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'tutti-dry-'))));
afterEach(() => rm(folder, { recursive: true }));

async function dryRun(yaml: string, program: string, ...options: string[]): Promise<{ code: number; lines: string[]; errors: string[] }> {
  await writeFile(join(folder, 'a.yaml'), yaml);
  const lines: string[] = [], errors: string[] = [];
  const code = await run(['run', join(folder, 'a.yaml'), program, '--dry-run', ...options], { out: (text) => void lines.push(...text.split('\n')), err: (text) => void errors.push(text), stream: process.stdout, color: false, isTerminal: false });
  return { code, lines, errors };
}

const shop = `
assembly: shop
hosts: { front: {}, back: {} }
types:
  store:
    places: [off, installed, running]
    transitions:
      install: { from: off, to: installed, behaviour: deploy, files: [{ to: store.conf, text: "port = {{with.port}}" }], run: [touch, "all done"], seconds: 2 }
      start: { from: installed, to: running, behaviour: deploy, script: "exec serve {{with.port}}", ready: "nc -z localhost {{with.port}}", writes: { url: "http://{{host.address}}" } }
      stop: { from: running, to: installed, behaviour: stop, kill: start }
    parameters: { port: 80 }
    ports:
      http: { provide: http, boundTo: running }
      url: { data-provide: url, boundTo: running }
  web:
    places: [off, running]
    transitions:
      start: { from: off, to: running, behaviour: deploy, run: "rm -rf / # {{read.url}}" }
      rest: { from: running, to: off, behaviour: rest }
    ports: { store: { use: http, boundTo: [start, running] }, url: { data-use: url, boundTo: start } }
components:
  web: { type: web, on: front }
  db: { type: store, on: back, with: { port: 8080 } }
connections: [web -> db]
programs:
  deploy: [{ push: deploy }, { wait: all }]
  more: [{ push: { deploy: [db, web] } }, { wait: all }, { push: { stop: db, rest: web } }, { wait: all }]
`;

test('what would be done stands under its host, in the order of the starts, with the commands and files of each; nothing is done', async () => {
  const { code, lines, errors } = await dryRun(shop, 'deploy');
  expect(errors).toEqual([]);
  expect(lines).toMatchInlineSnapshot(`
    [
      "front",
      "     +3.0s  web.start",
      "              run   rm -rf / #   TUTTI_1='<db.url>'",
      "back",
      "       +0s  db.install",
      "              file  <work>/db/store.conf (11 bytes)",
      "              run   touch 'all done'",
      "     +2.0s  db.start",
      "              start start: exec serve "\${TUTTI_1}"  TUTTI_1=8080",
      "              wait  "start" is ready",
      "              ask   nc -z localhost "\${TUTTI_1}"  TUTTI_1=8080",
      "deploy: done after 4.0s",
    ]
  `);
  expect(code).toBe(0);
  expect(await readdir(folder)).toEqual(['a.yaml']);
});

test('a daemon that would be ended is named, and an action that does nothing has no lines', async () => {
  const { lines } = await dryRun(shop, 'more');
  expect(lines.slice(lines.findIndex((line) => line.includes('db.stop')))).toMatchInlineSnapshot(`
    [
      "     +4.0s  db.stop",
      "              kill  start",
      "more: done after 5.0s",
    ]
  `);
  expect(lines.slice(lines.findIndex((line) => line.includes('web.rest')))[1]).toBe('back');
});

test('--json is an object a start, with what it does', async () => {
  const { lines } = await dryRun(shop, 'deploy', '--json');
  const starts = lines.map((line) => JSON.parse(line) as { host?: string; component?: string; transition?: string; does?: { kind: string }[] });
  expect(starts.slice(0, -1).map(({ host, component, transition, does }) => [host, component, transition, does?.map(({ kind }) => kind)])).toEqual([
    ['front', 'web', 'start', ['run']], ['back', 'db', 'install', ['file', 'run']], ['back', 'db', 'start', ['start', 'wait', 'ask']],
  ]);
  expect(starts.at(-1)).toMatchObject({ program: 'deploy', outcome: 'done' });
});

test('an action of the catalogue that looks at what a host answers says so', async () => {
  const { lines } = await dryRun('assembly: d\nhosts: { head: {} }\ncomponents: { ns: { type: diet/naming-service, on: head, with: { port: 12809 } } }\nprograms: { deploy: [{ push: deploy }, { wait: all }] }\n', 'deploy');
  expect(lines.filter((line) => line.trim().startsWith('?')).map((line) => line.trim().slice(0, 60))).not.toEqual([]);
  expect(lines.some((line) => /^ +(run|ask) /.test(line))).toBe(true);
});

test('the code of a module is not played: it may reach for more than its hosts', async () => {
  await writeFile(join(folder, 'types.mjs'), `
    import { writeFileSync } from 'node:fs';
    const touched = ${JSON.stringify(join(folder, 'touched'))};
    export const t = { name: 't', places: ['off', 'on'], initialPlace: 'off', behaviours: ['deploy'], groups: {}, switches: {}, ports: {}, probes: {}, parameters: {},
      transitions: { up: { from: 'off', to: 'on', behaviour: 'deploy', action: () => writeFileSync(touched, '') } } };`);
  const { lines, errors } = await dryRun('assembly: m\nmodules: [./types.mjs]\ncomponents: { c: { type: t } }\nprograms: { deploy: [{ push: deploy }, { wait: all }] }\n', 'deploy');
  expect(errors).toEqual([]);
  expect(lines[2]).toContain('"t" comes from a module, whose code is not played here');
  expect((await readdir(folder)).sort()).toEqual(['a.yaml', 'types.mjs']);
});

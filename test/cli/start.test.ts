import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands/index.ts';
import type { Io } from '../../src/cli/io.ts';
import { addCommands } from '../../src/cli/main.ts';

const silent: Io = { out: () => {}, err: () => {}, stream: process.stdout, color: false, isTerminal: false };
const newRoot = () => new Command('tutti').enablePositionalOptions();
const names = Object.keys(commands);

test.each(names)('the list of commands gives "%s" the arguments that its own help gives it', async (name) => {
  const root = newRoot();
  await addCommands(root, silent, () => {}, name);
  const { usage } = commands[name]!;
  const command = root.commands.find((one) => one.name() === name)!;
  expect(command.usage()).toBe(command.options.length > 0 ? usage : `[options] ${usage}`); // --help counts in a command's own help only
});

test('every command is listed once, whichever is loaded', async () => {
  const root = newRoot();
  await addCommands(root, silent, () => {}, 'status');
  expect(root.commands.map((command) => command.name())).toEqual(names);
});

const tell = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { process.stderr.write('loaded ' + url + '\\n'); return next(url, context); } });`)}`;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-start-'));
  await writeFile(join(folder, 'a.yaml'), 'assembly: a\ntypes:\n  t: { places: [off, on], transitions: { up: { from: off, to: on, behaviour: deploy } } }\ncomponents: { c: { type: t } }\nprograms: { deploy: [{ push: deploy }, { wait: all }] }\n');
  await tutti('run', join(folder, 'a.yaml'));
});
afterAll(() => rm(folder, { recursive: true }));

async function tutti(...args: string[]): Promise<{ stdout: string; loaded: string[] }> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', tell, 'bin/tutti.js', ...args]);
  return { stdout, loaded: stderr.split('\n').filter((line) => line.startsWith('loaded ')) };
}

// What takes longest to load, and none of these commands needs.
const heavy = /node_modules\/(zod|yaml|xstate|ssh2|@dagrejs)\/|\/components\/catalogue\/|\/assembly\/(parse|schema|check)\.ts/;
test.each([['--help'], ['status', 'FILE'], ['trace', 'FILE'], ['hosts', 'FILE']])('tutti %s loads neither YAML nor schema, catalogue or SSH', async (...args) => {
  const { stdout, loaded } = await tutti(...args.map((arg) => (arg === 'FILE' ? join(folder, 'a.yaml') : arg)));
  expect(stdout).not.toBe('');
  expect(loaded.some((line) => line.includes('/src/cli/main.ts'))).toBe(true);
  expect(loaded.filter((line) => heavy.test(line))).toEqual([]);
});

test('tutti check does load them: the pattern above sees it', async () => {
  const { loaded } = await tutti('check', join(folder, 'a.yaml'));
  expect(loaded.filter((line) => heavy.test(line)).length).toBeGreaterThan(20);
});

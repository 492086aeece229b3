import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { foresee } from '../../src/assembly/foresee.ts';
import { commands } from '../../src/cli/commands/index.ts';
import type { Io } from '../../src/cli/io.ts';
import { render } from '../../src/diagnostic.ts';
import { loadAssembly, problemsOf } from '../../src/session/load.ts';
import { explain } from '../../src/view/waits.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = globSync('**/*.md', { cwd: root, exclude: (name) => ['node_modules', '.git', 'dist'].includes(basename(name)) }).sort();
const ours = pages.filter((page) => /^(docs\/|README\.md)/.test(page));
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** A fenced block: its language, the rest of its first line (`fragment`, or the name of a file), and what is in it. */
interface Block {
  readonly language: string;
  readonly word: string;
  readonly text: string;
}

function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({ language: match[1]!, word: match[2]!, text: match[3]! }));
}

/** A page without its blocks and without code within a line. */
const proseOf = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '`');

let scratch: string;
beforeAll(() => {
  scratch = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-docs-')));
  // What `npm install` of a built clone gives, and `tutti` on the PATH.
  const library = join(scratch, 'library');
  mkdirSync(join(scratch, 'bin'));
  mkdirSync(library);
  writeFileSync(join(library, 'package.json'), '{ "name": "tutti", "type": "module", "exports": "./index.mjs" }');
  writeFileSync(join(library, 'index.mjs'), `export * from ${JSON.stringify(join(root, 'src/index.ts'))};`);
  writeFileSync(join(scratch, 'bin/tutti'), `#!/bin/sh\nexec '${process.execPath}' '${root}/bin/tutti.js' "$@"\n`, { mode: 0o755 });
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A folder with the named files of a page. */
function folderOf(page: string): string {
  const folder = join(scratch, basename(page, '.md'), 'srv');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(join(scratch, 'library'), join(folder, 'node_modules/tutti'));
  for (const { word, text } of blocksOf(textOf(page))) if (/^\S+\.\w+$/.test(word)) writeFileSync(join(folder, word), text);
  return folder;
}

describe('YAML', () => {
  const all = ours.flatMap((page) => blocksOf(textOf(page)).filter(({ language }) => language === 'yaml').map((block, i) => ({ page, i: i + 1, ...block })));
  const whole = all.filter(({ word }) => word !== 'fragment');

  it('there are examples', () => expect(whole.length).toBeGreaterThan(8));

  it.each(whole)('$page: example $i is an assembly without errors, and no program of it waits for ever', async ({ page, word, text }) => {
    const file = join(folderOf(page), word || 'example.yaml');
    writeFileSync(file, text);
    const { assembly, diagnostics } = await loadAssembly(file);
    const found = [...diagnostics, ...(assembly ? [...problemsOf(assembly), ...foresee(assembly, explain)] : [])];
    // A page that explains deadlocks shows one, and a page about one key need not connect everything.
    const told = found.filter(({ severity, code }) => severity === 'error' || (code === 'PROGRAM_DEADLOCK' && word !== 'circle.yaml'));
    expect(told.map(render).join('\n')).toBe('');
  });

  it.each(all.filter(({ word }) => word === 'fragment'))('$page: fragment $i is YAML', ({ text }) => expect(() => parse(text) as unknown).not.toThrow());
});

/** What varies from run to run: times, and the room before them. */
function withoutTimes(line: string): string {
  return line.replace(/^ *\+[\d.:ms ]*\d(?:ms|s|m)(?= )/, '+TIME').replace(/\((?:\d+m )?[\d.]+m?s\)/g, '(TIME)').trimEnd();
}

describe('what the pages show is what the commands print', () => {
  const stories = ours.filter((page) => blocksOf(textOf(page)).some(({ language }) => language === 'console'));

  it('there are stories', () => expect(stories.length).toBeGreaterThan(3));

  it.each(stories)('%s', async (page) => {
    const folder = folderOf(page);
    const env = { ...process.env, PATH: `${join(scratch, 'bin')}:${process.env['PATH']}`, NO_COLOR: '1' };
    for (const { text } of blocksOf(textOf(page)).filter(({ language }) => language === 'console')) {
      for (const [, command, shown] of text.matchAll(/^\$ (.*)\n((?:(?!\$ ).*\n)*)/gm)) {
        const { stdout, stderr } = await promisify(execFile)('/bin/sh', ['-c', command!], { cwd: folder, env }).catch((failure: { stdout: string; stderr: string }) => failure);
        const printed = `${stdout}${stderr}`.replaceAll(folder, '/srv/demo');
        // Two actions that run side by side may end in either order.
        const lines = (all: string): string[] => all.split('\n').map(withoutTimes).filter((line) => line !== '').sort();
        expect({ command, lines: lines(printed) }).toEqual({ command, lines: lines(shown!) });
      }
    }
  }, 300_000);
});

describe('TypeScript', () => {
  const named = ours.flatMap((page) => blocksOf(textOf(page)).filter(({ language }) => language === 'ts').map((block) => ({ page, ...block })));

  it('every example compiles', async () => {
    expect(named.length).toBeGreaterThan(1);
    const folder = join(scratch, 'compile');
    mkdirSync(folder);
    for (const { word, text } of named) writeFileSync(join(folder, word), text);
    const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8').replace(/^\s*\/\/.*$/gm, '')) as { compilerOptions: object };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
      compilerOptions: { ...compilerOptions, noEmit: true, paths: { tutti: [join(root, 'src/index.ts')] }, typeRoots: [join(root, 'node_modules/@types')] }, include: ['*.mts'],
    }));
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch((failure: { stdout: string }) => failure);
    expect(stdout).toBe('');
  });
});

describe('links', () => {
  /** As GitHub makes them. */
  const anchorsOf = (text: string): Set<string> => {
    const seen = new Map<string, number>();
    return new Set([...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.*)$/gm)].map(([, heading]) => {
      const anchor = heading!.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
      const before = seen.get(anchor) ?? 0;
      seen.set(anchor, before + 1);
      return before === 0 ? anchor : `${anchor}-${before}`;
    }));
  };

  it.each(pages)('%s: every relative link leads somewhere', (page) => {
    const broken = [...proseOf(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!).filter((target) => !/^[a-z]+:/.test(target)).filter((target) => {
      const [path, anchor] = target.split('#') as [string, string?];
      const file = path === '' ? page : relative(root, resolve(root, dirname(page), path));
      if (file.startsWith('..') || !existsSync(join(root, file))) return true;
      return anchor !== undefined && !anchorsOf(textOf(file)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('every page of docs can be reached from the README', () => {
    const reached = new Set<string>(['README.md']);
    for (const page of reached) {
      for (const [, target] of textOf(page).matchAll(/\]\(([^)#\s]+\.md)/g)) if (!/^[a-z]+:/.test(target!)) reached.add(relative(root, resolve(root, dirname(page), target!)));
    }
    expect(ours.filter((page) => !reached.has(page))).toEqual([]);
  });
});

describe('docs/cli.md', async () => {
  const page = textOf('docs/cli.md');
  const shared = page.slice(page.indexOf('## Commands that conduct'), page.indexOf('## `tutti init'));
  const sections = new Map([...page.matchAll(/^## `tutti (\S+)[^\n]*\n([\s\S]*?)(?=^## |(?![\s\S]))/gm)].map((match) => [match[1]!, match[2]!]));
  const program = new Command('tutti').enablePositionalOptions();
  const mute: Io = { out: () => {}, err: () => {}, isTerminal: false, stream: process.stdout, color: false };
  for (const { load } of Object.values(commands)) (await load())(program, mute, () => {});

  it('has a section for each command, and no other', () => expect([...sections.keys()].sort()).toEqual(program.commands.map((command) => command.name()).sort()));

  it.each(program.commands.map((command) => [command.name(), command] as const))('%s: has its options, and no others', (name, command) => {
    const section = sections.get(name) ?? '';
    const text = section.includes('(#commands-that-conduct)') ? shared + section : section;
    const said = new Set([...text.matchAll(/`(--[a-z-]+)[^`]*`/g)].map((match) => match[1]!));
    const has = new Set(command.options.map((option) => option.long!));
    // `--json` of a conducting command, `--as json` of trace and the like are words of the text, too.
    expect([...has].filter((option) => !said.has(option))).toEqual([]);
    expect([...said].filter((option) => !has.has(option) && !new RegExp(`[Ww]ith \`${option}`).test(text))).toEqual([]);
  });
});

describe('words', () => {
  const avoided = [...textOf('docs/glossary.md').matchAll(/^\|(?:[^|]*\|){2} ([^|]*[^|\s])\s*\|$/gm)].flatMap((match) => match[1]!.split(', ')).filter((word) => word !== 'not' && !word.startsWith('--'));
  // Words that have another, plain meaning too.
  const strict = avoided.filter((word) => !['class', 'resource', 'stack', 'master', 'registry'].includes(word));

  it('the glossary says which to avoid', () => expect(strict).toContain('behavior'));

  it.each(ours.filter((page) => page !== 'docs/glossary.md'))('%s: says nothing in words that the glossary avoids', (page) => {
    // What is said of others is said in their words: their rows in the README.
    const prose = proseOf(textOf(page)).replace(/^\| (?:Ansible|Terraform|Kubernetes).*$/gm, '');
    expect(strict.filter((word) => new RegExp(`(?<![\\w-])${word}s?(?![\\w-])`).test(prose))).toEqual([]);
  });
});

it.each([
  ['docs/pictures/diet-graph.svg', ['assemblies/diet/assembly.yaml']],
  ['docs/pictures/ceph-graph.svg', ['assemblies/ceph/assembly.yaml']],
  ['docs/pictures/ceph-osd.svg', ['assemblies/ceph/assembly.yaml', '--type', 'ceph/osd']],
  ['docs/pictures/nixos-graph.svg', ['assemblies/nixos/assembly.yaml']],
  ['docs/pictures/nixos-system.svg', ['assemblies/nixos/assembly.yaml', '--type', 'nixos/system']],
])('%s is what tutti draws: tutti graph %j -o the same', async (picture, args) => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'bin/tutti.js'), 'graph', ...args], { cwd: root });
  expect(stdout.trim()).toBe(textOf(picture).trim());
});

import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, type Option } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands/index.ts';
import type { Io } from '../../src/cli/io.ts';
import { exitCodes } from '../../src/diagnostic.ts';
import { Shop } from '../cli/shop.ts';

const root = resolve(import.meta.dirname, '../..');
const textOf = (name: string): string => readFileSync(join(root, name), 'utf8');

/** A page of a section a command, and what it says of each. */
class Page {
  readonly #text: string;
  readonly #sections: ReadonlyMap<string, { readonly usage: string; readonly text: string }>;

  constructor(text: string) {
    this.#text = text;
    this.#sections = new Map([...text.matchAll(/^## `tutti (\S+)([^`\n]*)`\n([\s\S]*?)(?=^## |(?![\s\S]))/gm)].map((match) => [match[1]!, { usage: match[2]!.trim(), text: match[3]! }]));
  }

  /** What is between a heading and the next one. */
  part(heading: string): string {
    return this.#text.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  }

  get names(): string[] {
    return [...this.#sections.keys()];
  }

  usageOf(name: string): string {
    return this.#sections.get(name)!.usage;
  }

  /** With what it shares with other commands. */
  sectionOf(name: string): string {
    const { text } = this.#sections.get(name)!;
    return text.includes('(#commands-that-conduct)') ? this.part('Commands that conduct') + text : text;
  }

  /** Options that the section lists: as an item, or as a row. */
  optionsOf(name: string): string[] {
    return [...this.sectionOf(name).matchAll(/^(?:- |\| )((?:`-[^`]+`(?:, )?)+)/gm)].map((match) => match[1]!.replaceAll('`', '').trim());
  }

  /** The keys of the objects that `--json` gives, as the section says them: those that are always there, and those that may be missing. */
  keysOf(name: string): { always: string[]; maybe: string[] } {
    const keys = /^- `--json`:[^\n]*?`\{ ([^}`]+) \}`/m.exec(this.sectionOf(name))?.[1]?.split(', ') ?? [];
    return { always: keys.filter((key) => !key.endsWith('?')), maybe: keys.filter((key) => key.endsWith('?')).map((key) => key.slice(0, -1)) };
  }
}

const page = new Page(textOf('docs/cli.md'));
const program = new Command('tutti').enablePositionalOptions();
const mute: Io = { out: () => {}, err: () => {}, isTerminal: false, stream: process.stdout, color: false };
for (const { load } of Object.values(commands)) (await load())(program, mute, () => {});
const each = program.commands.map((command) => [command.name(), command] as const);

const flagsOf = ({ flags }: Option): string => flags;

/** What a heading says of arguments: `FILE` is wanted, `[FOLDER]` may be left out, `...` takes several. */
const argumentsIn = (usage: string) => usage.split(' ').filter((word) => word !== '').map((word) => ({ required: !word.startsWith('['), variadic: word.includes('...') }));

const argumentsOf = (command: Command) => command.registeredArguments.map(({ required, variadic }) => ({ required, variadic }));

describe('docs/cli.md', () => {
  it('has the commands in the order of the help', () => expect(page.names).toEqual(Object.keys(commands)));

  it.each(each)('%s: its heading has its arguments', (name, command) => expect(argumentsIn(page.usageOf(name))).toEqual(argumentsOf(command)));

  it.each(each)('%s: lists its options as the help does, and no others', (name, command) => expect(page.optionsOf(name).sort()).toEqual(command.options.map(flagsOf).sort()));

  it.each(each.flatMap(([name, command]) => command.options.filter((option) => option.argChoices).map((option) => [name, option.long!, option] as const)))('%s %s: says each choice', (name, long, option) => {
    const line = page.sectionOf(name).split('\n').find((one) => one.includes(`${long} `))!;
    expect(option.argChoices!.filter((choice) => !line.includes(`\`${choice}\``))).toEqual([]);
  });

  it('has each exit code, and no other', () => {
    expect([...page.part('Exit codes').matchAll(/^\| (\d+) \| (\w+)/gm)].map((match) => [match[2], Number(match[1])])).toEqual(Object.entries(exitCodes));
  });

  it('names each variable of the environment that is read, and no other', () => {
    const read = globSync(['src/**/*.ts', 'bin/*.js'], { cwd: root }).flatMap((name) => [...textOf(name).matchAll(/\benv\['(\w+)'\]/g)].map((match) => match[1]!));
    expect([...page.part('Environment').matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]!).sort()).toEqual([...new Set(read)].sort());
  });

  it('names each kind of event that --json tells', () => {
    const happenings = /export type Happening =([\s\S]*?);\n(?:\n|$)/.exec(textOf('src/assembly/model.ts'))![1]!;
    const kinds = [...happenings.matchAll(/readonly kind: '(\w+)'/g)].map((match) => match[1]!);
    const row = page.part('Commands that conduct').split('\n').find((line) => line.startsWith('| `--json`'))!;
    const named = [...row.matchAll(/`(\w[\w-]*)`/g)].map((match) => match[1]!).filter((word) => word !== 'kind');
    expect(named.sort()).toEqual([...kinds, 'plays', 'warning', 'said', 'sending', 'silent', 'answers', 'given-up', 'end'].sort());
  });
});

describe('--json gives the keys that docs/cli.md says', () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = new Shop();
    expect(await shop.tutti('run', shop.file)).toMatchObject({ code: 0 });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  const file = 'assembly.yaml';
  it.each<[string, string]>([
    ['init', 'new'], ['types', ''], ['graph', file], ['simulate', file], ['status', file], ['status', `${file} --probe`], ['logs', file], ['hosts', file], ['trace', file], ['destroy', `${file} --dry-run`],
  ])('tutti %s %s', async (name, words) => {
    const { out } = await shop.tutti(name, ...words.split(' ').filter((word) => word !== ''), '--json');
    const { always, maybe } = page.keysOf(name);
    expect(always).not.toEqual([]);
    for (const text of name === 'trace' ? [out] : out.trimEnd().split('\n')) {
      const keys = Object.keys(JSON.parse(text) as object);
      expect(always.filter((key) => !keys.includes(key)), 'always there, it says').toEqual([]);
      expect(keys.filter((key) => !always.includes(key) && !maybe.includes(key)), 'not said').toEqual([]);
    }
  });

  it('the rows of a trace', async () => {
    const { rows } = JSON.parse((await shop.tutti('trace', file, '--json')).out) as { rows: object[] };
    const keys = /`rows` lists `\{ ([^}]+) \}`/.exec(page.sectionOf('trace'))![1]!.split(', ');
    for (const row of rows) {
      expect(keys.filter((key) => !key.endsWith('?') && !(key in row))).toEqual([]);
      expect(Object.keys(row).filter((key) => !keys.includes(key) && !keys.includes(`${key}?`))).toEqual([]);
    }
  });

  it('run --dry-run', async () => {
    const [first] = (await shop.tutti('run', file, '--dry-run', '--json')).out.split('\n');
    const keys = /With `--json`: `\{ ([^}]+) \}`/.exec(page.sectionOf('run'))![1]!.split(', ');
    const last = ['program', 'outcome', 'makespanMs', 'criticalPath', 'waits'];
    const found = Object.keys(JSON.parse(first!) as object);
    expect(found.filter((key) => !keys.includes(key) && !keys.includes(`${key}?`) && !last.includes(key))).toEqual([]);
  });
});

describe('test of the test', () => {
  const wrong = new Page('# x\n\n## `tutti run FILE PROGRAM`\n\n- `--dry-run`: x\n- `--drier`: x\n- `-o`, `--output <path>`: x\n- `--json`: `{ a, b? }` a line.\n');
  it('sees arguments, options and keys', () => {
    expect(argumentsIn(wrong.usageOf('run'))).not.toEqual(argumentsOf(program.commands.find((command) => command.name() === 'run')!));
    expect(wrong.optionsOf('run')).toEqual(['--dry-run', '--drier', '-o, --output <path>', '--json']);
    expect(wrong.keysOf('run')).toEqual({ always: ['a'], maybe: ['b'] });
  });
});

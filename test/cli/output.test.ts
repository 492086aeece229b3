import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { commands } from '../../src/cli/commands/index.ts';
import { bin, Shop } from './shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = new Shop();
  expect(await shop.tutti('run', shop.file)).toMatchObject({ code: 0 });
});
afterAll(() => shop[Symbol.asyncDispose]());

const file = 'assembly.yaml';

/** One document (a trace), or an object a line. */
function objects(out: string): Record<string, unknown>[] {
  const lines = out.startsWith('{\n') ? [out] : out.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('--json: data and diagnostics are JSON lines on standard output, and standard error is empty', () => {
  // Command line -> exit code, and the keys of its first and of its last object.
  it.each<[string, number, string[], string[]]>([
    ['init new --json', 0, ['file'], ['file']],
    ['types --json', 0, ['name', 'about', 'places', 'initialPlace', 'groups', 'switches', 'ports', 'transitions', 'parameters'], []],
    ['types diet/client --json', 0, ['name', 'about', 'places', 'initialPlace', 'groups', 'switches', 'ports', 'transitions', 'parameters'], []],
    [`check ${file} --json`, 0, ['code', 'severity', 'summary', 'detail', 'where'], []],
    ['check nope.yaml --json', 3, ['code', 'severity', 'summary', 'detail', 'where'], []],
    [`graph ${file} --as dot --json`, 0, ['as', 'text'], []],
    [`simulate ${file} deploy hang --json`, 4, ['program', 'outcome', 'makespanMs', 'criticalPath', 'waits'], ['program', 'outcome', 'makespanMs', 'criticalPath', 'waits']],
    [`run ${file} --dry-run --json`, 0, [], ['program', 'outcome', 'makespanMs', 'criticalPath', 'waits']],
    [`run ${file} --json`, 0, ['atMs', 'kind', 'flavour', 'machines'], ['kind', 'program', 'outcome', 'waits']],
    [`run ${file} nothing --json`, 3, ['code', 'severity', 'summary', 'detail'], []],
    [`push ${file} web deploy --json`, 0, ['atMs', 'kind', 'flavour', 'machines'], ['kind', 'program', 'outcome', 'waits']],
    [`status ${file} --json`, 0, ['assembly', 'members', 'connections', 'program', 'waits', 'underWay'], []],
    [`status ${file} --probe --json`, 0, ['assembly', 'members', 'connections', 'program', 'waits', 'underWay', 'ill'], []],
    [`logs ${file} --json`, 0, ['transition', 'text'], ['transition', 'text']],
    [`hosts ${file} --json`, 0, ['host', 'flavour', 'machine', 'components'], ['host', 'flavour', 'machine', 'components']],
    [`resume ${file} --json`, 0, ['code', 'severity', 'summary', 'detail'], ['kind', 'program', 'outcome', 'waits']],
    [`retry ${file} --json`, 1, ['code', 'severity', 'summary', 'detail'], []],
    [`skip ${file} web --json`, 1, ['code', 'severity', 'summary', 'detail'], []],
    [`abort ${file} --json`, 0, [], ['kind', 'program', 'outcome', 'waits']],
    [`trace ${file} --json`, 0, ['rows', 'behaviours', 'startMs', 'endMs'], []],
    [`destroy ${file} --dry-run --json`, 0, ['destroyed', 'hosts', 'stateFolder'], []],
    ['statsu --json', 2, ['code', 'severity', 'summary', 'detail'], []],
  ])('tutti %s', async (line, code, first, last) => {
    const ending = await shop.tutti(...line.split(' '));
    expect({ code: ending.code, err: ending.err }).toEqual({ code, err: '' });
    if (ending.out === '' && line.startsWith('check')) return;
    const all = objects(ending.out);
    if (first.length > 0) expect(Object.keys(all[0]!).filter((key) => first.includes(key)).sort()).toEqual([...first].sort());
    if (last.length > 0) expect(Object.keys(all.at(-1)!).sort()).toEqual([...last].sort());
  });

  it('every command has --json, but connect, whose output is that of the host', async () => {
    const without: string[] = [];
    await Promise.all(Object.keys(commands).map(async (name) => {
      const { out } = await shop.tutti(name, '--help');
      if (!out.includes('--json')) without.push(name);
    }));
    expect(without).toEqual(['connect']);
  });
});

describe('without --json', () => {
  it('results are on standard output, diagnostics on standard error', async () => {
    writeFileSync(join(shop.folder, 'wide.yaml'), 'assembly: wide\nhosts: { a: {}, b: {} }\ntypes: { t: { places: [x] } }\ncomponents: { c: { type: t, on: a } }\n');
    const { code, out, err } = await shop.tutti('check', 'wide.yaml');
    expect({ code, out }).toEqual({ code: 0, out: 'wide.yaml: 1 component, 0 connections, 0 programs: 0 errors, 1 warning, 0 notes\n' });
    expect(err).toMatch(/^wide\.yaml:2:\d+ {2}warning {2}UNUSED_HOST /);
    expect(await shop.tutti('check', 'wide.yaml', '--strict')).toMatchObject({ code: 3 });
  });

  it('a pipe gets no escape sequence, whatever runs', async () => {
    // oxlint-disable-next-line no-control-regex
    for (const words of [['run', file], ['status', file], ['logs', file], ['--help']]) expect((await shop.tutti(...words)).out, words[0]).not.toMatch(/\u001b/);
  });

  it.each([['status'], ['logs'], ['trace']])('tutti %s into a reader that goes away ends in silence, with its own exit code', async (command) => {
    const child = spawn(process.execPath, [bin, command, file], { cwd: shop.folder, env: shop.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, err }).toEqual({ code: 0, err: '' });
  });

  it('a run whose reader goes away goes on, and says how it ended', async () => {
    const { code, out } = await shop.sh(`{ tutti run ${file} break; echo $? >code; } 2>err | head -1; cat code err`);
    expect(code).toBe(0);
    expect(out.split('\n').slice(1)).toEqual(['1', expect.stringContaining('the program waits'), expect.stringContaining(`Mend what failed, then: tutti retry ${file}`), '']);
    expect(await shop.tutti('abort', file)).toMatchObject({ code: 0 });
  });
});

describe('a terminal', () => {
  const script = ['/usr/bin/script', '/bin/script'].find((path) => existsSync(path));
  const onTerminal = async (line: string, env: NodeJS.ProcessEnv = {}) => {
    const variables = Object.entries({ TERM: 'xterm-256color', ...env }).map(([name, value]) => `${name}=${value}`).join(' ');
    return (await shop.sh(`${variables} script -qec "stty rows 24 cols 80; ${line}" /dev/null </dev/null`)).out;
  };
  // oxlint-disable-next-line no-control-regex
  const coloured = /\u001b\[(?:1|2|3\d|9\d)m/;

  it('gets colours and one screen, and is given back', async ({ skip }) => {
    if (!script) skip('script(1) of util-linux is not there');
    const out = await onTerminal(`tutti run ${file}`);
    expect(out).toMatch(coloured);
    expect(out).toContain('\u001b[?1049h\u001b[?25l');
    expect(out).toContain('on this machine (local)');
    expect(out.slice(out.lastIndexOf('\u001b[?1049h'))).toContain('\u001b[?25h\u001b[?1049l');
  });

  it('gets no colours with NO_COLOR, and does with an empty one', async ({ skip }) => {
    if (!script) skip('script(1) of util-linux is not there');
    expect(await onTerminal(`tutti run ${file}`, { NO_COLOR: '1' })).not.toMatch(coloured);
    expect(await onTerminal(`tutti run ${file}`, { NO_COLOR: '' })).toMatch(coloured);
  });

  it('that cannot be redrawn gets plain lines', async ({ skip }) => {
    if (!script) skip('script(1) of util-linux is not there');
    expect(await onTerminal(`tutti run ${file}`, { TERM: 'dumb' })).not.toContain('\u001b');
  });
});

describe('help', () => {
  it('tutti --version', async () => expect(await shop.tutti('--version')).toEqual({ code: 0, signal: null, out: `${packageJson.version}\n`, err: '' }));

  it.each(Object.keys(commands))('tutti %s --help has an example that the command understands', async (name) => {
    const { code, out, err } = await shop.tutti(name, '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(new RegExp(`^Usage: tutti ${name} `));
    const example = /^Example: (tutti .*)$/m.exec(out)?.[1];
    expect(example).toMatch(new RegExp(`^tutti ${name}\\b`));
    // In a folder where nothing is: it is refused for what is missing, not for how it is written.
    const words = example!.split(' && ')[0]!.split(' ').slice(1);
    const empty = await shop.sh(`mkdir -p empty && cd empty && tutti ${words.join(' ')}`);
    expect(empty.err).not.toContain('USAGE');
    expect(await shop.tutti('help', name)).toMatchObject({ code: 0, out });
  });
});

describe('exit codes', () => {
  it.each<[string, number, string]>([
    ['done', 0, 'tutti check assembly.yaml'],
    ['failed', 1, 'tutti retry assembly.yaml'],
    ['usage', 2, 'tutti run'],
    ['invalid file', 3, 'tutti run nope.yaml'],
    ['deadlock, simulated', 4, 'tutti simulate assembly.yaml deploy hang'],
  ])('%s: %d, as of %s', async (_, code, line) => expect(await shop.sh(line)).toMatchObject({ code }));

  // 130 is in interruption.test.ts.
  it('failed and deadlock, as a run ends', async () => {
    await using own = new Shop();
    expect(await own.tutti('run', file)).toMatchObject({ code: 0 });
    expect(await own.tutti('run', file, 'hang')).toMatchObject({ code: 4 });
    expect(await own.tutti('abort', file)).toMatchObject({ code: 0 });
    expect(await own.tutti('run', file, 'break')).toMatchObject({ code: 1 });
    expect(await own.tutti('skip', file, 'web')).toMatchObject({ code: 0 });
  });
});

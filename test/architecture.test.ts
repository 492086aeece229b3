import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const src = resolve(import.meta.dirname, '../src');

/** Who may import whom, beside its own folder; `type`: types only. What has no folder (`diagnostic.ts`) is a floor of its own. */
const floors: Readonly<Record<string, readonly string[]>> = {
  'diagnostic.ts': [],
  'semaphore.ts': [],
  components: ['diagnostic.ts', 'semaphore.ts', 'xstate', 'type orchestrapi/host.ts'],
  assembly: ['diagnostic.ts', 'components', 'xstate', 'yaml', 'zod', 'type orchestrapi/host.ts'],
  orchestrapi: ['diagnostic.ts', 'semaphore.ts', 'node:', 'ssh2', 'yaml'],
  view: ['diagnostic.ts', 'components', 'assembly', '@dagrejs/dagre', 'string-width', 'node:module', 'node:util'],
  session: ['diagnostic.ts', 'components', 'assembly', 'orchestrapi', 'node:'],
  cli: ['diagnostic.ts', 'components', 'assembly', 'orchestrapi', 'view', 'session', 'commander', 'node:', '../package.json'],
  'index.ts': ['diagnostic.ts', 'components', 'assembly', 'orchestrapi', 'view', 'session'],
};

/** What only the shell may do: hosts, clock, journal and log are arguments. */
const shellOnly = /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|process\.(?!env\b)\w+|console\.\w+)/g;
const isPure = (file: string) => /^(components|assembly|view)\//.test(file);

function forbiddenImports(file: string, text: string): string[] {
  const floor = file.split('/')[0]!;
  const bad: string[] = [];
  for (const [, keyword, target] of text.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^;'"]*?from\s+)?['"]([^'"]+)['"]/gm)) {
    const to = target!.startsWith('.') ? relative(src, resolve(src, dirname(file), target!)) : target!;
    if (to.split('/')[0] === floor) continue;
    const may = floors[floor]?.some((rule) => {
      if (rule.startsWith('type ')) return keyword !== undefined && to === rule.slice(5);
      return to === rule || to.startsWith(rule.endsWith(':') ? rule : `${rule}/`);
    });
    if (!may) bad.push(target!);
  }
  return bad;
}

function shellCalls(text: string): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
  return [...code.matchAll(shellOnly)].map(([call]) => call);
}

const files = (readdirSync(src, { recursive: true }) as string[]).filter((f) => f.endsWith('.ts'));
const textOf = (file: string) => readFileSync(join(src, file), 'utf8');

describe('the floors of the house', () => {
  it.each(files)('%s imports only from the floors below', (file) => expect(forbiddenImports(file, textOf(file))).toEqual([]));
  it.each(files.filter(isPure))('%s has no clock, randomness, process, console or timer of its own', (file) => expect(shellCalls(textOf(file))).toEqual([]));
  it.each(files.filter((f) => !f.startsWith('cli/')))('%s prints nothing and ends no process', (file) => {
    expect(shellCalls(textOf(file)).filter((call) => /console|process\.(exit|std)/.test(call))).toEqual([]);
  });
});

describe('test of the test', () => {
  it.each([
    ['components/net.ts', "import { step } from '../assembly/step.ts';"],
    ['assembly/step.ts', "import { localHost } from '../orchestrapi/local.ts';"],
    ['assembly/step.ts', "import { Host } from '../orchestrapi/host.ts';"],
    ['assembly/step.ts', "import { readFileSync } from 'node:fs';"],
    ['orchestrapi/local.ts', "import type { Net } from '../components/net.ts';"],
    ['view/lines.ts', "export { localHost } from '../orchestrapi/local.ts';"],
    ['orchestrapi/local.ts', "import '../assembly/step.ts';"],
    ['basement/x.ts', "import { z } from 'zod';"],
  ])('%s may not say: %s', (file, line) => expect(forbiddenImports(file, line)).toHaveLength(1));

  it.each(['const t = Date.now();', 'setTimeout(f, 10);', "console.log('x');", 'process.exit(1);'])('a pure file may not say: %s', (line) => expect(shellCalls(line)).toHaveLength(1));
});

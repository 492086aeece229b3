import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { check } from '../assembly/check.ts';
import type { Assembly } from '../assembly/model.ts';
import { modulesOf, parseAssembly } from '../assembly/parse.ts';
import { catalogue, wiringRules } from '../components/catalogue/index.ts';
import type { ComponentType } from '../components/model.ts';
import { error, type Diagnostic } from '../diagnostic.ts';
import { unreadable } from './unreadable.ts';

/**
 * Reads and parses an assembly file with the catalogue and the modules that it names.
 * @param present the components that there are now, by type: what the programs mean by *all*; default: those of the file
 */
export async function loadAssembly(file: string, present?: ReadonlyMap<string, string>): Promise<{ assembly?: Assembly; diagnostics: readonly Diagnostic[] }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    return { diagnostics: [unreadable(file, cause)] };
  }
  const types = new Map<string, ComponentType>(catalogue.map((type) => [type.name, type]));
  const diagnostics: Diagnostic[] = [];
  for (const specifier of modulesOf(text)) {
    const path = resolve(dirname(file), specifier);
    try {
      const module = (await import(pathToFileURL(path).href)) as Record<string, unknown>;
      for (const value of Object.values(module).flat()) if (isComponentType(value)) types.set(value.name, value);
    } catch (cause) {
      diagnostics.push(error('MODULE_UNREADABLE', 'A module of types cannot be loaded', `"${specifier}": ${(cause as Error).message.split('\n')[0]}`, { file }));
    }
  }
  const parsed = parseAssembly(text, file, { types, folder: dirname(resolve(file)), ...(present ? { present } : {}) });
  return { ...(parsed.assembly && diagnostics.length === 0 ? { assembly: parsed.assembly } : {}), diagnostics: [...diagnostics, ...parsed.diagnostics] };
}

/** Everything that is wrong with an assembly by itself and by what the catalogue's systems know. */
export function problemsOf(assembly: Assembly): Diagnostic[] {
  return check(assembly, wiringRules.map(({ name, about, code, summary, find }) => ({
    name, about, run: () => find(assembly).map(({ component, detail }) => error(code, summary, detail, assembly.where.get(`component:${component}`))),
  })));
}

function isComponentType(value: unknown): value is ComponentType {
  return typeof value === 'object' && value !== null && 'places' in value && 'transitions' in value && 'initialPlace' in value && 'name' in value;
}

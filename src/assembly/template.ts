import type { ActionContext, Value } from '../components/model.ts';
import type { HostFacts } from '../orchestrapi/host.ts';

/**
 * Texts with `{{names}}` that are replaced when an action runs: `{{host.address}}`, `{{host.name}}`, `{{name}}` (the component), `{{path}}` (its
 * folder on the host), `{{host.cores}}`, `{{host.memory}}` (bytes), `{{with.PARAMETER}}`, `{{read.PORT}}` and, in `writes`, `{{output}}` (what `run` printed). `\{{` stands for `{{` itself.
 */
export type Template = readonly (string | { readonly name: string })[];

const pattern = /\\\{\{|\{\{\s*([^{}\n]*?)\s*\}\}/g;

/** A text as its literal parts and its names. @example readTemplate('a{{name}}') // ['a', { name: 'name' }] */
export function readTemplate(text: string): Template {
  const parts: (string | { name: string })[] = [];
  let literal = '';
  let last = 0;
  for (const match of text.matchAll(pattern)) {
    literal += text.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[1] === undefined) literal += '{{';
    else {
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push({ name: match[1] });
    }
  }
  literal += text.slice(last);
  return literal === '' ? parts : [...parts, literal];
}

/** The names of a template, in order. */
export function templateNames(template: Template): string[] {
  return template.flatMap((part) => (typeof part === 'string' ? [] : [part.name]));
}

/** What is known beside the context: what `run` printed, and what the host is where a template asks for that. */
export interface Known {
  readonly output?: string;
  readonly facts?: HostFacts;
}

/** Names that ask the host what it is. */
export const factNames = ['host.cores', 'host.memory'] as const;

/** What one name stands for; undefined for an optional port without connection. */
export function resolveName(name: string, context: ActionContext, { output = '', facts }: Known = {}): Value | undefined {
  if (name === 'host.cores') return facts?.cores;
  if (name === 'host.memory') return facts?.memoryBytes;
  if (name === 'host.address') return context.address;
  if (name === 'host.name') return context.hostname;
  if (name === 'name') return context.component;
  if (name === 'path') return context.path;
  if (name === 'output') return output;
  if (name.startsWith('with.')) return context.parameters[name.slice('with.'.length)];
  if (name.startsWith('read.')) return context.read(name.slice('read.'.length));
  return undefined;
}

/** A value inside of a text: a text as it is, nothing as the empty text, anything else as JSON. */
export function asText(value: Value | undefined): string {
  return value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
}

/** The text with its names replaced. */
export function fillText(template: Template, context: ActionContext, known?: Known): string {
  return template.map((part) => (typeof part === 'string' ? part : asText(resolveName(part.name, context, known)))).join('');
}

/** As `fillText`, but a template that is one name and nothing else keeps the kind of its value: a number stays a number. */
export function fillValue(template: Template, context: ActionContext, known?: Known): Value {
  const [only] = template;
  if (template.length === 1 && typeof only === 'object') return resolveName(only.name, context, known) ?? null;
  return fillText(template, context, known);
}

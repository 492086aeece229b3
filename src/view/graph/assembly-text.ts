import { dotLabel, mermaidLabel } from './escape.ts';
import type { AssemblyPicture, Box } from './assembly-picture.ts';

const about = ({ name, type, host }: Box): [string, string, string] => [name, type, `on ${host}`];

/** As a Mermaid flowchart: data connections are dotted. */
export function assemblyMermaid({ boxes, bundles }: AssemblyPicture): string {
  return [
    'flowchart LR',
    ...boxes.map((box) => `  ${box.id}[${mermaidLabel(...about(box))}]`),
    ...bundles.map(({ from, to, kind, labels }) => `  ${from} ${kind === 'data' ? '-.->' : '-->'}|${mermaidLabel(...labels)}| ${to}`),
    '',
  ].join('\n');
}

/** As a Graphviz digraph: data connections are dashed with an open arrow. */
export function assemblyDot(name: string, { boxes, bundles }: AssemblyPicture): string {
  return [
    `digraph ${dotLabel(name)} {`,
    '  rankdir=LR; node [shape=box, style=rounded, fontname="sans-serif"]; edge [fontname="sans-serif", fontsize=11];',
    ...boxes.map((box) => `  ${box.id} [label=${dotLabel(...about(box))}${box.count > 1 ? ', peripheries=2' : ''}];`),
    ...bundles.map(({ from, to, kind, labels }) => `  ${from} -> ${to} [label=${dotLabel(...labels)}${kind === 'data' ? ', style=dashed, arrowhead=empty' : ''}];`),
    '}',
    '',
  ].join('\n');
}

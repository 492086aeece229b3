import type { Assembly } from '../assembly/model.ts';
import type { ComponentType } from '../components/model.ts';
import { assemblyPicture } from './graph/assembly-picture.ts';
import { assemblySvg } from './graph/assembly-svg.ts';
import { assemblyDot, assemblyMermaid } from './graph/assembly-text.ts';
import { netPicture } from './graph/net-picture.ts';
import { netSvg } from './graph/net-svg.ts';
import { netDot, netMermaid } from './graph/net-text.ts';

/** A picture for a page, or text for other tools: Mermaid (Markdown pages) and Graphviz. */
export const graphFormats = ['svg', 'mermaid', 'dot'] as const;
export type GraphFormat = (typeof graphFormats)[number];

/**
 * The components of an assembly and who uses whom: a box a component (name, type, host), a line for all service connections and one for all data
 * connections between two components, labelled with the ports. Above `collapseAbove` components (100) those that were counted become one box, and
 * if that is not enough, all of a type.
 *
 * @example
 * await writeFile('diet.svg', assemblyGraph(assembly, { as: 'svg' }));
 */
export function assemblyGraph(assembly: Assembly, { as, collapseAbove = 100 }: { readonly as: GraphFormat; readonly collapseAbove?: number }): string {
  const picture = assemblyPicture(assembly, collapseAbove);
  switch (as) {
    case 'svg': return assemblySvg(assembly.name, assembly.components.length, picture);
    case 'mermaid': return assemblyMermaid(picture);
    case 'dot': return assemblyDot(assembly.name, picture);
    default: return as satisfies never;
  }
}

/**
 * The net of a component type: places (the initial one marked), transitions coloured by behaviour, groups as dashed enclosures, and the ports at the
 * border with lines to what they are bound to.
 *
 * @example
 * await writeFile('agent.svg', netGraph(types.get('diet/local-agent'), { as: 'svg' }));
 */
export function netGraph(type: ComponentType, { as }: { readonly as: GraphFormat }): string {
  const picture = netPicture(type);
  switch (as) {
    case 'svg': return netSvg(picture);
    case 'mermaid': return netMermaid(picture);
    case 'dot': return netDot(picture);
    default: return as satisfies never;
  }
}

import type { Wiring, WiringRule } from '../wiring-rule.ts';

/**
 * The cycles of parents among DIET's components: each one as the names on it, from the first declared on. DIET itself accepts a Local Agent below itself
 * and never finds the end.
 *
 * @example
 * parentCycles({
 *   components: [{ name: 'la1', type: 'diet/local-agent' }, { name: 'la2', type: 'diet/local-agent' }],
 *   connections: [
 *     { use: { component: 'la1', port: 'du_parent_name' }, provide: { component: 'la2', port: 'dp_LA_name' } },
 *     { use: { component: 'la2', port: 'du_parent_name' }, provide: { component: 'la1', port: 'dp_LA_name' } },
 *   ],
 * }) // [['la1', 'la2']]
 */
export function parentCycles({ components, connections }: Wiring): readonly (readonly string[])[] {
  const agents = components.filter(({ type }) => type === 'diet/local-agent').map(({ name }) => name);
  const parentOf = new Map(connections.filter(({ use }) => agents.includes(use.component) && use.port === 'du_parent_name').map(({ use, provide }) => [use.component, provide.component]));
  const cycles: string[][] = [];
  for (const agent of agents) {
    const path: string[] = [];
    for (let at: string | undefined = agent; at !== undefined && !path.includes(at); at = parentOf.get(at)) path.push(at);
    // Told once: by its first agent, when the way from there comes back to it.
    if (parentOf.get(path.at(-1)!) === agent && path.every((other) => agents.indexOf(other) >= agents.indexOf(agent))) cycles.push(path);
  }
  return cycles;
}

/** No DIET agent is its own ancestor. */
export const dietParents: WiringRule = {
  name: 'diet parents', about: 'no DIET agent is its own ancestor',
  code: 'PARENT_CYCLE', summary: 'Agents are each other\'s parents',
  find: (wiring) => parentCycles(wiring).map((cycle) => ({
    component: cycle[0]!,
    detail: `${[...cycle, cycle[0]!].map((name) => `"${name}"`).join(' is below ')}: no request would reach the Master Agent. Give one of them the Master Agent as its parent.`,
  })),
};

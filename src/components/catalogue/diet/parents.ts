/** One end of a connection, and a connection, as an assembly has them. */
interface End {
  readonly component: string;
  readonly port: string;
}

/**
 * The cycles of parents among DIET's components: each one as the names on it, from the first declared on. DIET itself accepts a Local Agent below itself
 * and never finds the end.
 *
 * @example
 * parentCycles(
 *   [{ name: 'la1', type: 'diet/local-agent' }, { name: 'la2', type: 'diet/local-agent' }],
 *   [
 *     { use: { component: 'la1', port: 'du_parent_name' }, provide: { component: 'la2', port: 'dp_LA_name' } },
 *     { use: { component: 'la2', port: 'du_parent_name' }, provide: { component: 'la1', port: 'dp_LA_name' } },
 *   ],
 * ) // [['la1', 'la2']]
 */
export function parentCycles(
  components: readonly { readonly name: string; readonly type: string }[],
  connections: readonly { readonly use: End; readonly provide: End }[],
): readonly (readonly string[])[] {
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

import type { ComponentType, Port } from '../../components/model.ts';
import { didYouMean, error, warning, type Diagnostic, type Where } from '../../diagnostic.ts';
import type { Assembly, Connection, PortRef } from '../model.ts';
import { connectionKey, interfaceOf, portText } from '../parse/connections.ts';
import { several } from '../parse/names.ts';
import { fitting, leftOver, providersOf } from '../parse/wire.ts';
import type { NamedCheck } from './named.ts';

/** Component -> type name. */
export type Present = ReadonlyMap<string, string>;

/** What is wrong with one connection by itself (I2): UNKNOWN_COMPONENT, UNKNOWN_PORT, PORT_KIND_MISMATCH. */
export function connectionProblems(types: ReadonlyMap<string, ComponentType>, present: Present, { use, provide }: Connection, where?: Where, when = ''): Diagnostic[] {
  const ends = [use, provide].map((ref) => endOf(types, present, ref, where, when));
  const problems = ends.flatMap(({ problem }) => (problem ? [problem] : []));
  const [user, provider] = ends.map(({ port }) => port);
  if (!user || !provider) return problems;
  const fit = (user.kind === 'use' && provider.kind === 'provide') || (user.kind === 'data-use' && provider.kind === 'data-provide');
  return fit ? problems : [...problems, error('PORT_KIND_MISMATCH', 'Incompatible ports', `"${portText(use)}" is a ${user.kind} port and "${portText(provide)}" a ${provider.kind} port. A use port goes to a provide port, a data-use port to a data-provide port.`, where)];
}

function endOf(types: ReadonlyMap<string, ComponentType>, present: Present, ref: PortRef, where: Where | undefined, when: string): { port?: Port; problem?: Diagnostic } {
  const typeName = present.get(ref.component);
  if (typeName === undefined) return { problem: error('UNKNOWN_COMPONENT', 'Unknown component', `No component is named "${ref.component}"${when}.`, where) };
  const type = types.get(typeName);
  // Somebody else's problem: it is told where the component is made.
  if (!type) return {};
  if (Object.hasOwn(type.ports, ref.port)) return { port: type.ports[ref.port]! };
  return { problem: error('UNKNOWN_PORT', 'Unknown port', `"${ref.component}" (${type.name}) has no port "${ref.port}".${didYouMean(ref.port, Object.keys(type.ports))}`, where) };
}

/** How the assembly of the file is put together. */
export const wiringChecks: readonly NamedCheck[] = [
  {
    name: 'components',
    about: 'every component has a name of its own and a type that is known',
    run: (assembly) => {
      const problems: Diagnostic[] = [];
      const seen = new Set<string>();
      for (const { name, type } of assembly.components) {
        const where = (): Where | undefined => assembly.where.get(`component:${name}`);
        if (seen.has(name)) problems.push(error('ALREADY_THERE', 'Two components of one name', `"${name}" is declared already. Rename one of the two.`, where()));
        seen.add(name);
        if (!assembly.types.has(type)) problems.push(error('UNKNOWN_TYPE', 'Unknown component type', `"${name}" is a "${type}", which is no component type.${didYouMean(type, assembly.types.keys())}`, where()));
      }
      return problems;
    },
  },
  {
    name: 'connections',
    about: 'initial connections join ports of kinds that fit, each once',
    run: (assembly) => {
      const present = new Map(assembly.components.map(({ name, type }) => [name, type]));
      const seen = new Set<string>();
      return assembly.connections.flatMap((connection) => {
        const key = connectionKey(connection);
        const problems = connectionProblems(assembly.types, present, connection);
        if (seen.has(key)) problems.push(error('ALREADY_CONNECTED', 'Connected already', `"${key.replace('->', ' -> ')}" is there already.`));
        seen.add(key);
        const where = problems.length > 0 ? assembly.where.get(`connection:${key}`) : undefined;
        return where ? problems.map((problem) => ({ ...problem, where })) : problems;
      });
    },
  },
  {
    name: 'use ports without provider',
    about: 'a use port that is not optional is connected, by the file or by a program: never served, it would wait for ever',
    run: (assembly) => {
      const later = connectedByPrograms(assembly);
      const providers = providersOf(assembly.components, assembly.types);
      // One warning for all components of a type that lack the same in the same way.
      const groups = new Map<string, { type: ComponentType; use: PortRef; found: readonly PortRef[]; components: string[] }>();
      for (const { type, use } of leftOver(assembly.components, assembly.types, assembly.connections)) {
        if (later.has(portText(use))) continue;
        const found = fitting(providers, type, use, 4);
        const key = `${type.name} ${use.port} ${Math.min(found.length, 2)}`;
        const group = groups.get(key);
        if (group) group.components.push(use.component);
        else groups.set(key, { type, use, found, components: [use.component] });
      }
      return [...groups.values()].map(({ type, use, found, components }) => {
        const port = type.ports[use.port]!;
        const what = `${port.kind === 'use' ? 'the service' : 'data'} "${interfaceOf(use.port, port)}"`;
        const way =
          found.length === 0
            ? `Nothing in the assembly provides ${what}. Add a component that does, or make the port optional.`
            : found.length === 1
              ? `Connect it: ${portText(use)} -> ${portText(found[0]!)}; or say "wire: unique", and it is done by itself.`
              : `Several would fit, so "wire: unique" does not choose: ${several(found.slice(0, 3).map(portText))}${found.length > 3 ? ', …' : ''}. Connect it to the one you mean: ${portText(use)} -> ${portText(found[0]!)}.`;
        return warning('UNCONNECTED_PORT', 'A use port that is never connected', `"${use.port}" of ${several(components)} (${type.name}) uses ${what}, and is connected to nobody: what needs it would wait for ever. ${way}`, assembly.where.get(`component:${components[0]}`));
      });
    },
  },
  {
    name: 'too few providers',
    about: 'a port that asks for atLeast n is connected to n providers at least',
    run: (assembly) => {
      const later = connectedByPrograms(assembly);
      const counts = new Map<string, number>();
      for (const { use } of assembly.connections) counts.set(portText(use), (counts.get(portText(use)) ?? 0) + 1);
      return assembly.components.flatMap(({ name, type: typeName }) =>
        Object.entries(assembly.types.get(typeName)?.ports ?? {}).flatMap(([port, { atLeast }]) => {
          const ref = portText({ component: name, port });
          const count = counts.get(ref) ?? 0;
          if (typeof atLeast !== 'number' || count === 0 || count >= atLeast || later.has(ref)) return [];
          return [warning('TOO_FEW_PROVIDERS', 'Fewer providers than asked for', `"${ref}" asks for at least ${atLeast} providers and is connected to ${count}: it would wait for ever. Connect more, or ask for fewer.`, assembly.where.get(`component:${name}`))];
        }),
      );
    },
  },
  {
    name: 'unused hosts',
    about: 'every host of the file has a component: reserved machines are not left idle by mistake',
    run: (assembly) => {
      const used = new Set(assembly.components.map(({ on }) => on));
      for (const { instructions } of assembly.programs.values()) for (const instruction of instructions) if (instruction.kind === 'add') used.add(instruction.component.on);
      const roles = new Map<string, string[]>();
      for (const host of assembly.hosts) {
        if (used.has(host) || host === 'local') continue;
        const role = host.replace(/\[.*$/, '');
        roles.set(role, [...(roles.get(role) ?? []), host]);
      }
      return [...roles].map(([role, hosts]) => warning('UNUSED_HOST', 'A host without components', `Nothing is on ${several(hosts)}. Put a component there ("on: ${role}"), or remove the host.`, assembly.where.get(`host:${hosts[0]}`)));
    },
  },
];

/** Use ports that some program connects: what the file leaves open may be closed later. */
function connectedByPrograms(assembly: Assembly): ReadonlySet<string> {
  const connected = new Set<string>();
  for (const { instructions } of assembly.programs.values()) for (const instruction of instructions) if (instruction.kind === 'connect') connected.add(portText(instruction.connection.use));
  return connected;
}

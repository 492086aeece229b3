import { catalogue } from '../../components/catalogue/index.ts';
import type { ComponentType } from '../../components/model.ts';
import { didYouMean, error, TuttiError } from '../../diagnostic.ts';
import { plainNet } from '../../session/recorded.ts';
import type { AddCommand } from './index.ts';

/** `tutti types [TYPE]` */
export const types: AddCommand = (root, io) => {
  root.command('types')
    .argument('[type]', 'its name')
    .option('--file <file>', 'also those of this assembly file')
    .option('--json', 'one JSON object a type')
    .action(async (name: string | undefined, options: { file?: string; json?: boolean }) => {
      // The catalogue needs nothing of what reads files.
      const all = options.file === undefined ? new Map(catalogue.map((t) => [t.name, t])) : (await (await import('../conduct.ts')).requireAssembly(options.file)).types;
      if (name !== undefined && !all.has(name)) {
        throw new TuttiError(error('UNKNOWN_TYPE', 'Unknown component type', `There is no type "${name}".${didYouMean(name, all.keys())} "tutti types" lists the catalogue.`));
      }
      const chosen = name === undefined ? [...all.values()] : [all.get(name)!];
      for (const type of chosen) {
        if (options.json) io.out(JSON.stringify({ name: type.name, about: type.about, ...(plainNet(type) as object), parameters: type.parameters }));
        else io.out(name === undefined ? `${type.name.padEnd(28)} ${type.about ?? ''}` : describeType(type));
      }
    });
};

function describeType(type: ComponentType): string {
  const lines = [type.name + (type.about ? ` - ${type.about}` : ''), `  places       ${type.places.map((p) => (p === type.initialPlace ? `${p} (initial)` : p)).join(', ')}`];
  for (const [group, places] of Object.entries(type.groups)) lines.push(`  group        ${group} = {${places.join(', ')}}`);
  for (const behaviour of type.behaviours) {
    const of = Object.entries(type.transitions).filter(([, t]) => t.behaviour === behaviour).map(([n, t]) => `${n}: ${t.from} -> ${t.to}`);
    lines.push(`  ${behaviour.padEnd(12)} ${of.join('; ')}`);
  }
  for (const [port, p] of Object.entries(type.ports)) {
    const extra = [p.optional ? 'optional' : '', p.atLeast === undefined ? '' : `at least ${p.atLeast}`].filter((x) => x !== '').join(', ');
    lines.push(`  ${p.kind.padEnd(12)} ${port} on ${p.boundTo.join(', ')}${p.interface ? ` (${p.interface})` : ''}${extra ? `, ${extra}` : ''}`);
  }
  for (const [parameter, p] of Object.entries(type.parameters)) lines.push(`  with         ${parameter}: ${p.type}${p.default === undefined ? ', compulsory' : ` = ${JSON.stringify(p.default)}`}${p.about ? ` - ${p.about}` : ''}`);
  return lines.join('\n');
}

import { Option } from 'commander';
import { catalogue } from '../../components/catalogue/index.ts';
import { didYouMean, error, TuttiError } from '../../diagnostic.ts';
import { assemblyGraph, graphFormats, netGraph, type GraphFormat } from '../../view/graph.ts';
import { requireAssembly } from '../conduct.ts';
import { writeOutput } from '../output.ts';
import type { AddCommand } from './index.ts';

/** `tutti graph FILE` */
export const graph: AddCommand = (root, io) => {
  root.command('graph')
    .argument('[file]', 'assembly file; may be left out with --type of the catalogue')
    .addOption(new Option('--as <format>').choices(graphFormats).default('svg'))
    .option('--type <type>', 'draw the places, transitions and ports of this type')
    .option('-o, --output <path>', 'write there instead of to standard output')
    .option('--json', 'the text in a JSON object')
    .action(async (file: string | undefined, options: { as: GraphFormat; type?: string; output?: string; json?: boolean }) => {
      let text: string;
      if (options.type !== undefined) {
        const types = file === undefined ? new Map(catalogue.map((t) => [t.name, t])) : (await requireAssembly(file)).types;
        const type = types.get(options.type);
        if (!type) throw new TuttiError(error('UNKNOWN_TYPE', 'Unknown component type', `There is no type "${options.type}".${didYouMean(options.type, types.keys())} "tutti types" lists the catalogue.`));
        text = netGraph(type, { as: options.as });
      } else {
        if (file === undefined) throw new TuttiError(error('USAGE', 'The command line is not understood', 'Name an assembly file, or a type with --type.'), 2);
        text = assemblyGraph(await requireAssembly(file), { as: options.as });
      }
      if (options.output) writeOutput(options.output, text);
      else io.out(options.json ? JSON.stringify({ as: options.as, text }) : text);
    });
};

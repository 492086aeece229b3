import type { TimedHappening } from '../../assembly/journal.ts';
import { Option } from 'commander';
import { sinceLastProgram, traceOf } from '../../assembly/trace.ts';
import { ganttSvg } from '../../view/gantt.ts';
import { traceToChrome, traceToCsv, traceToJson } from '../../view/trace-export.ts';
import { writeOutput } from '../output.ts';
import { recordedRun } from '../recorded.ts';
import type { AddCommand } from './index.ts';

/** `tutti trace FILE --as gantt|chrome|csv|json` */
export const trace: AddCommand = (root, io) => {
  root.command('trace')
    .argument('<file>', 'assembly file')
    .addOption(new Option('--as <format>', 'gantt is an SVG picture; chrome is read by Perfetto').choices(['gantt', 'chrome', 'csv', 'json']).default('gantt'))
    .option('-o, --output <path>', 'write there instead of to standard output')
    .option('--all', 'every program since the beginning, not only the last one')
    .option('--json', 'as --as json')
    .action(async (file: string, options: { as: 'gantt' | 'chrome' | 'csv' | 'json'; output?: string; json?: boolean; all?: boolean }) => {
      const happenings: TimedHappening[] = [];
      const { first, state } = await recordedRun(file, (some) => void happenings.push(...some));
      const hosts = new Map([...first.components.map((c) => [c.name, c.on] as const), ...[...state.members.values()].map((m) => [m.spec.name, m.spec.on] as const)]);
      const hostOf = (component: string) => hosts.get(component);
      const spans = traceOf(options.all ? happenings : sinceLastProgram(happenings));
      const text = {
        gantt: () => ganttSvg(spans, { hostOf, title: first.name }), chrome: () => traceToChrome(spans, { hostOf }),
        csv: () => traceToCsv(spans, { hostOf }), json: () => traceToJson(spans, { hostOf }),
      }[options.json ? 'json' : options.as]();
      if (options.output) writeOutput(options.output, text);
      else io.out(text);
    });
};

import { traceOf } from '../../assembly/trace.ts';
import { createAssembly } from '../../assembly/step.ts';
import type { ExitCode } from '../../diagnostic.ts';
import { ganttSvg } from '../../view/gantt.ts';
import { duration } from '../../view/time.ts';
import { requireAssembly } from '../conduct.ts';
import { recordedOf, rehearsal, reportEnd } from '../rehearse.ts';
import { writeOutput } from '../output.ts';
import type { AddCommand } from './index.ts';

/** `tutti simulate FILE [PROGRAM...]` */
export const simulateCommand: AddCommand = (root, io, exit) => {
  root.command('simulate')
    .argument('<file>', 'assembly file')
    .argument('[programs...]', 'played one after the other', ['deploy'])
    .option('--from-now', 'begin where the running assembly stands instead of at its beginning')
    .option('--declared', 'take the declared durations, whatever was recorded')
    .option('--gantt <path>', 'write the predicted Gantt chart of the last program there (SVG)')
    .option('--json', 'one JSON object a program')
    .action(async (file: string, programs: string[], options: { fromNow?: boolean; declared?: boolean; gantt?: string; json?: boolean }) => {
      const assembly = await requireAssembly(file);
      const recorded = await recordedOf(file, assembly);
      const state = options.fromNow && recorded ? recorded.state : createAssembly(assembly).state;
      let worst: ExitCode = 0;
      for (const name of programs) {
        const simulation = await rehearsal(assembly, name, state, options.declared || !recorded ? {} : { durations: recorded.durations });
        if (!options.json) {
          for (const { atMs, happening } of simulation.happenings) {
            if (happening.kind === 'started') io.out(`${`+${duration(atMs)}`.padStart(10)}  ${happening.action.component}.${happening.action.transition}`);
          }
          io.out(`critical path: ${simulation.criticalPath.map((s) => `${s.component}.${s.transition} ${duration(s.endMs - s.startMs)}`).join(' → ') || 'nothing to do'}`);
        }
        worst = reportEnd(io, name, simulation, options.json ?? false) || worst;
        if (options.gantt) writeOutput(options.gantt, ganttSvg(traceOf(simulation.happenings), { title: `${assembly.name}: ${name} (predicted)` }));
        if (worst !== 0) break;
      }
      exit(worst);
    });
};

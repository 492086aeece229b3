import { foresee } from '../../assembly/foresee.ts';
import { exitCodes } from '../../diagnostic.ts';
import { loadAssembly, problemsOf } from '../../session/load.ts';
import { count as counted } from '../../view/text.ts';
import { explain } from '../../view/waits.ts';
import { printDiagnostics } from '../diagnostics.ts';
import type { AddCommand } from './index.ts';

/** `tutti check FILE` */
export const check: AddCommand = (root, io, exit) => {
  root.command('check')
    .argument('<file>', 'assembly file')
    .option('--strict', 'warnings are errors')
    .option('--json', 'one JSON object a problem')
    .action(async (file: string, options: { json?: boolean; strict?: boolean }) => {
      const { assembly, diagnostics } = await loadAssembly(file);
      const found = [...diagnostics];
      if (assembly) found.push(...problemsOf(assembly));
      if (assembly && !found.some((d) => d.severity === 'error')) found.push(...foresee(assembly, explain));
      printDiagnostics(io, found, options.json ?? false);
      const count = (severity: string) => found.filter((d) => d.severity === severity).length;
      if (!options.json) {
        const summary = ['error', 'warning', 'note'].map((severity) => counted(count(severity), severity)).join(', ');
        const size = assembly && [counted(assembly.components.length, 'component'), counted(assembly.connections.length, 'connection'), counted(assembly.programs.size, 'program')].join(', ');
        io.out(size === undefined ? `${file}: ${summary}` : `${file}: ${size}: ${summary}`);
      }
      if (count('error') > 0 || (options.strict && count('warning') > 0)) exit(exitCodes.invalid);
    });
};

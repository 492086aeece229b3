import { exitCodes } from '../../diagnostic.ts';
import { actionKey, inFlight } from '../../assembly/engine.ts';
import { waitsOf } from '../../assembly/waits.ts';
import { snapshot } from '../../assembly/state.ts';
import { stateFolderOf } from '../../session/folder.ts';
import { controllerOf } from '../../session/controller.ts';
import { controllerLines, type UnderWay } from '../../view/controller.ts';
import { statusTable } from '../../view/status.ts';
import { explain } from '../../view/waits.ts';
import { recordedRun } from '../recorded.ts';
import type { AddCommand } from './index.ts';

/** `tutti status FILE` */
export const status: AddCommand = (root, io, exit) => {
  root.command('status')
    .argument('<file>', 'assembly file')
    .option('--all', 'a row for every component, however many')
    .option('--probe', 'ask the probes of all held places now; exit code 1 when one fails')
    .option('--json', 'one JSON object: {assembly, members, connections, program, waits, controller?, underWay, ill?}')
    .action(async (file: string, options: { json?: boolean; all?: boolean; probe?: boolean }) => {
      const { state, first, begun } = await recordedRun(file);
      const controller = controllerOf(stateFolderOf(file));
      const ill = options.probe ? await probe(file) : undefined;
      for (const { component, place, reason } of ill ?? []) {
        const member = state.members.get(component);
        if (member) member.degraded = new Map(member.degraded).set(place, reason);
      }
      if (ill && ill.length > 0) exit(exitCodes.failed);
      const underWay = inFlight(state).map(({ action }): UnderWay => ({
        component: action.component, transition: action.transition, host: state.member(action.component).spec.on, begun: begun.has(actionKey(action)),
      }));
      // With a controller they begin at once.
      const due = new Set(controller?.alive ? [] : underWay.filter((one) => !one.begun).map(({ component, transition }) => `${component}.${transition}`));
      const waits = waitsOf(state, (component, transition) => due.has(`${component}.${transition}`));
      if (options.json) return io.out(JSON.stringify({ assembly: first.name, ...snapshot(state), waits, ...(controller ? { controller } : {}), underWay, ...(ill ? { ill } : {}) }));
      const isOver = state.program === undefined || state.program.outcome !== undefined;
      io.out([...statusTable(snapshot(state), { assembly: first.name, all: options.all ?? false, due }), ...explain(waits), ...controllerLines({ controller, underWay, isOver, file })].join('\n'));
      if (ill?.length === 0) io.out('Every probe of a held place says that all is well.');
    });
};

/** What reaches hosts is loaded only when they are asked. */
async function probe(file: string) {
  const { requireAssembly } = await import('../conduct.ts');
  const { probeRecorded } = await import('../../session/probe.ts');
  return probeRecorded(stateFolderOf(file), await requireAssembly(file));
}

import { parseArgs } from 'node:util';
import { oneProcess } from './one-process.ts';
import { cases, play, type CaseName } from './engine-cases.ts';

/** One measurement; `overheadMs` is wall time beyond the critical path of the actions. */
export interface EngineLine {
  readonly case: CaseName;
  readonly n: number;
  readonly actionMs: number;
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
  readonly overheadMs: number;
}

/** What issue and docs/benchmarks.md publish: empty actions, then actions of 50 ms. */
const emptySizes = [100, 1_000, 5_000, 10_000];
const sleepingSizes = [10, 100, 1_000];

/**
 * The engine alone: create, connect, deploy (and reconfigure) assemblies whose actions do nothing or sleep. Each measurement is a process of its own, so
 * that neither a warm compiler nor another case's memory counts.
 */
export async function engineBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: {
    json: { type: 'boolean', default: false }, case: { type: 'string' }, n: { type: 'string' }, 'action-ms': { type: 'string' }, journal: { type: 'boolean', default: false },
    runs: { type: 'string', default: '3' }, one: { type: 'boolean', default: false },
  } });
  if (values.one) {
    console.log(JSON.stringify(await play(values.case as CaseName, Number(values.n), Number(values['action-ms']), values.journal)));
    return;
  }
  const chosen = values.case ? values.case.split(',') as CaseName[] : [...cases];
  const sizes = (defaults: readonly number[]) => (values.n ? values.n.split(',').map(Number) : defaults);
  const plan = [
    ...(values['action-ms'] === undefined || values['action-ms'] === '0' ? sizes(emptySizes).map((n) => ({ n, actionMs: 0 })) : []),
    ...(values['action-ms'] !== '0' ? sizes(values['action-ms'] === undefined && values.n ? [] : sleepingSizes).map((n) => ({ n, actionMs: Number(values['action-ms'] ?? 50) })) : []),
  ];
  if (!values.json) console.log('case      n        action   wall      cpu       peak     overhead   (ms, MB; median of runs)');
  for (const { n, actionMs } of plan) {
    for (const name of chosen) {
      const runs: EngineLine[] = [];
      for (let i = 0; i < Number(values.runs); i++) runs.push(await oneProcess<EngineLine>(['engine', '--one', '--case', name, '--n', String(n), '--action-ms', String(actionMs), ...(values.journal ? ['--journal'] : [])]));
      const line = runs.sort((a, b) => a.wallMs - b.wallMs)[runs.length >> 1]!;
      if (values.json) console.log(JSON.stringify(line));
      else console.log([name.padEnd(8), String(n).padEnd(8), String(actionMs).padEnd(8), line.wallMs.toFixed(0).padEnd(9), line.cpuMs.toFixed(0).padEnd(9), line.peakMb.toFixed(0).padEnd(8), line.overheadMs.toFixed(0)].join(' '));
    }
  }
}

import { parseArgs } from 'node:util';
import { oneProcess } from './one-process.ts';
import { playOnHosts, workloads, type HostsLine, type Workload } from './hosts-workloads.ts';

/** `npm run bench -- hosts --ssh-config FILE --hosts h1,h2 [--workload W1,W4] [--runs n] --json`: tutti on given hosts; each measurement is a process of its own. */
export async function hostsBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: {
    'ssh-config': { type: 'string' }, hosts: { type: 'string' }, workload: { type: 'string' }, runs: { type: 'string', default: '3' }, json: { type: 'boolean', default: false }, one: { type: 'boolean', default: false },
  } });
  const hosts = values.hosts?.split(',') ?? [];
  if (hosts.length === 0) throw new Error('name the hosts: --hosts h1,h2,… [--ssh-config FILE]');
  const chosen = (values.workload?.split(',') ?? workloads) as Workload[];
  if (values.one) {
    console.log(JSON.stringify(await playOnHosts(chosen[0]!, values['ssh-config'], hosts)));
    return;
  }
  if (!values.json) console.log('workload  n     wall      controller CPU  peak   (ms, MB; median of runs)');
  for (const workload of chosen) {
    const runs: HostsLine[] = [];
    for (let i = 0; i < Number(values.runs); i++) runs.push(await oneProcess<HostsLine>(['hosts', '--one', '--workload', workload, '--hosts', hosts.join(','), ...(values['ssh-config'] ? ['--ssh-config', values['ssh-config']] : [])]));
    const line = runs.sort((a, b) => a.wallMs - b.wallMs)[runs.length >> 1]!;
    console.log(values.json ? JSON.stringify(line) : [workload.padEnd(9), String(line.n).padEnd(5), String(line.wallMs).padEnd(9), String(line.controllerCpuMs).padEnd(15), line.peakMb].join(' '));
  }
}

import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { filesIn, noOps, sleeps, workloads, type HostsLine, type Workload } from './hosts-workloads.ts';
import { oneProcess } from './one-process.ts';

/** A line of `hosts`, of somebody else; the controller's CPU is that of the processes it started and waited for: OpenSSH's standing masters are not in it. Peak memory is measured for tutti only: the peers are many processes. */
interface PeerLine extends Omit<HostsLine, 'peakMb'> {
  readonly peakMb?: number;
  readonly peer: 'tutti' | 'openssh' | 'ansible';
}

interface Scene {
  readonly hosts: readonly string[];
  readonly folder: string;
  readonly files: string;
  readonly ssh: readonly string[];
  readonly sshConfig: string | undefined;
}

/** `npm run bench -- peers --ssh-config FILE --hosts h1,h2 [--json]`: the workloads of `hosts` with tutti, OpenSSH (warm masters, rsync) and Ansible where it is installed, in one run. */
export async function peersBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { 'ssh-config': { type: 'string' }, hosts: { type: 'string' }, workload: { type: 'string' }, json: { type: 'boolean', default: false } } });
  const hosts = values.hosts?.split(',') ?? [];
  if (hosts.length === 0) throw new Error('name the hosts: --hosts h1,h2,… [--ssh-config FILE]');
  const chosen = (values.workload?.split(',') ?? workloads) as Workload[];
  const folder = await mkdtemp(join(tmpdir(), 'tutti-peers-'));
  const ssh = ['ssh', ...(values['ssh-config'] ? ['-F', values['ssh-config']] : []), '-o', `ControlPath=${folder}/%C`];
  const scene: Scene = { hosts, folder, files: join(folder, 'files'), ssh, sshConfig: values['ssh-config'] };
  const say = (line: PeerLine): void => console.log(values.json ? JSON.stringify(line) : [line.peer.padEnd(9), line.workload.padEnd(9), String(line.n).padEnd(5), String(line.wallMs).padEnd(9), String(line.controllerCpuMs).padEnd(15), line.peakMb ?? '-'].join(' '));
  try {
    await mkdir(scene.files);
    if (chosen.some((w) => w.startsWith('W3'))) await filesIn(scene.files);
    await Promise.all(hosts.map((host) => sh([...ssh, '-o', 'ControlMaster=auto', '-o', 'ControlPersist=600', host, 'true'])));
    if (!values.json) console.log('peer      workload  n     wall      controller CPU  peak   (ms, MB)');
    for (const workload of chosen) {
      say({ peer: 'tutti', ...(await oneProcess<HostsLine>(['hosts', '--one', '--workload', workload, '--hosts', hosts.join(','), ...(values['ssh-config'] ? ['--ssh-config', values['ssh-config']] : [])])) });
      say(await measured('openssh', workload, hosts.length, () => openSsh(workload, scene)));
      if (isInstalled('ansible-playbook')) {
        const play = await playbook(workload, scene);
        say(await measured('ansible', workload, hosts.length, play));
      }
    }
  } finally {
    await Promise.all(hosts.map((host) => sh([...ssh, host, `rm -rf /var/tmp/tutti-peers`]).catch(() => {})));
    await Promise.all(hosts.map((host) => sh([...ssh, '-O', 'exit', host]).catch(() => {})));
    await rm(folder, { recursive: true, force: true });
  }
}

async function measured(peer: PeerLine['peer'], workload: Workload, n: number, play: () => Promise<unknown>): Promise<PeerLine> {
  const cpu = cpuMs(), begun = performance.now();
  await play();
  return { peer, workload, n, wallMs: Math.round(performance.now() - begun), controllerCpuMs: Math.round(cpuMs() - cpu) };
}

async function openSsh(workload: Workload, { hosts, files, ssh }: Scene): Promise<void> {
  const [head, ...rest] = hosts;
  const on = (host: string, command: string): Promise<void> => sh([...ssh, host, command]);
  switch (workload) {
    case 'W1': await Promise.all(hosts.map((host) => on(host, 'true'))); return;
    case 'W2':
      await Promise.all(hosts.map(async (host) => {
        for (let i = 0; i < noOps; i++) await on(host, 'true');
      }));
      return;
    case 'W3': case 'W3again':
      await Promise.all(hosts.map((host) => sh(['rsync', '-a', '-e', ssh.map((word) => `'${word}'`).join(' '), `${files}/`, `${host}:/var/tmp/tutti-peers/`])));
      return;
    case 'W4': {
      const first = (async () => {
        for (const seconds of sleeps.first) await on(head!, `sleep ${seconds}`);
      })();
      await Promise.all(rest.map(async (host) => {
        for (const seconds of sleeps.other) await on(host, `sleep ${seconds}`);
        await first;
        await on(host, 'true');
      }));
      return;
    }
    default: workload satisfies never;
  }
}

/** The workload as a playbook, the way people write one: plays one after the other, a fork a host, pipelining on. */
async function playbook(workload: Workload, { hosts, folder, files, sshConfig }: Scene): Promise<() => Promise<void>> {
  const command = (text: string) => ({ command: text });
  const [head, ...rest] = hosts;
  const play = (who: readonly string[], tasks: readonly object[]) => ({ hosts: who.join(','), gather_facts: false, tasks });
  const plays = {
    W1: [play(hosts, [command('true')])],
    W2: [play(hosts, Array.from({ length: noOps }, () => command('true')))],
    W3: [play(hosts, [{ copy: { src: `${files}/`, dest: '/var/tmp/tutti-peers/ansible/' } }])],
    W3again: [play(hosts, [{ copy: { src: `${files}/`, dest: '/var/tmp/tutti-peers/ansible/' } }])],
    W4: [play([head!], sleeps.first.map((s) => command(`sleep ${s}`))), play(rest, [...sleeps.other.map((s) => command(`sleep ${s}`)), command('true')])],
  }[workload];
  const path = join(folder, `${workload}.yml`), inventory = join(folder, 'inventory');
  // JSON is YAML.
  await writeFile(path, JSON.stringify(plays));
  await writeFile(inventory, `${hosts.join('\n')}\n`);
  const env = {
    ANSIBLE_PIPELINING: 'True', ANSIBLE_FORKS: String(hosts.length), ANSIBLE_PYTHON_INTERPRETER: '/usr/bin/python3', ANSIBLE_HOST_KEY_CHECKING: 'True',
    ANSIBLE_SSH_ARGS: `${sshConfig ? `-F ${sshConfig} ` : ''}-o ControlMaster=auto -o ControlPersist=600`, ANSIBLE_SSH_CONTROL_PATH: `${folder}/a-%%C`,
  };
  return () => sh(['ansible-playbook', '-i', inventory, path], env);
}

function sh([program, ...args]: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
    let said = '';
    child.stderr.on('data', (piece: Buffer) => (said += piece));
    child.once('error', reject).once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ${args.join(' ')}: exit code ${code}: ${said.slice(-500)}`))));
  });
}

const isInstalled = (program: string): boolean => (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

/** CPU of this process and of the children it waited for, in ms; ticks of 10 ms. */
function cpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /, '').split(' ');
  return [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) * 10;
}

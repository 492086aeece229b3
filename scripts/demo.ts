// The story of the DIET report on this machine: deploy, call, reconfigure while it runs, call, stop, destroy; then a look whether anything is left.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
// The story plays in a copy, so that it disturbs no assembly that runs in this clone.
const folder = mkdtempSync(join(tmpdir(), 'tutti-demo-'));
cpSync(join(root, 'assemblies/diet'), folder, { recursive: true, filter: (source) => !source.includes('.tutti') });
const file = join(folder, 'assembly.yaml');
// Every process of the story carries this; what still does at the end was left behind.
const mark = `TUTTI_DEMO=${folder}`;
const env = { ...process.env, TUTTI_DEMO: folder };

await main();

async function main(): Promise<void> {
  let failed = false;
  try {
    say(process.env['PATH']!.split(delimiter).some((p) => has(p, 'omniNames'))
      ? "The naming service is omniORB's real omniNames. DIET itself is played by a double unless its programs are on PATH."
      : "omniNames is not installed: the double's own naming service plays instead of it.");
    await tutti('check', file);
    say('Everything is pushed to everybody at once; the ports alone order it.');
    await tutti('run', file, 'deploy', '--plain');
    say('A client calls: both servers must answer.');
    await tutti('run', file, 'call', '--plain');
    say('While it runs: Local Agent 1 is taken out, Local Agent 2 and SeD 1 go below the Master Agent; nothing else is restarted.');
    await tutti('run', file, 'bypass-la1', '--plain');
    await tutti('run', file, 'call', '--plain');
    await tutti('status', file);
    await tutti('run', file, 'stop', '--plain');
  } catch (failure) {
    failed = true;
    console.error((failure as Error).message);
  } finally {
    await tutti('destroy', file).catch((failure: Error) => {
      failed = true;
      console.error(failure.message);
    });
    rmSync(folder, { recursive: true, force: true });
  }
  const left = leftBehind();
  say(left.length === 0 ? 'Nothing is left: no process of the story lives.' : `LEFT BEHIND:\n${left.join('\n')}`);
  process.exitCode = failed || left.length > 0 ? 1 : 0;
}

function tutti(...args: string[]): Promise<void> {
  console.log(`\n$ tutti ${args.map((a) => a.replace(folder, 'assemblies/diet')).join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'bin/tutti.js'), ...args], { stdio: 'inherit', env });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`"tutti ${args[0]}" ended with exit code ${code}`))));
  });
}

function say(text: string): void {
  console.log(`\n${text}`);
}

function has(path: string, program: string): boolean {
  try {
    return readdirSync(path).includes(program);
  } catch {
    return false;
  }
}

function leftBehind(): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark) ? [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`] : [];
    } catch {
      return [];
    }
  });
}

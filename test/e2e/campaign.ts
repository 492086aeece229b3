import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import type { JournalRecord } from '../../src/assembly/journal.ts';
import type { AssemblySnapshot } from '../../src/assembly/state.ts';
import { up, whyNot, type TestBed } from '../testbed/testbed.ts';

/*
 * The crash campaign: campaign.yaml is deployed and reconfigured on a test bed by the real bin/tutti.js. In a round of kills the controller is killed at a random
 * instant, in a round of cuts a random host is cut off for a while. Whatever happens: the same end, each action finished once, nothing left after `destroy`.
 */

const bin = join(import.meta.dirname, '../../bin/tutti.js');
const story = ['deploy', 'reconfigure'];
/** Hosts of the test bed, in the order of the assembly's. */
export const hostCount = 4;
/** Rounds of kills played side by side: each waits for its hosts most of its time. A cut would disturb the others. */
const killsAtOnce = 2;
/** Longer than a connection lives without an answer, so that some cuts are noticed and some are not. */
const longestCutMs = 6_000;

export interface CampaignOptions {
  readonly bed: TestBed;
  readonly kills: number;
  readonly cuts: number;
  /** Says at which instants what happens: a number from 0 to 2^32 - 1. */
  readonly seed: number;
  /** Plays the round of this number alone. */
  readonly only?: number;
  readonly say: (line: string) => void;
}

/** Plays the rounds; gives what was wrong in them, each with the number of its round. */
export async function campaign({ bed, kills, cuts, seed, only, say }: CampaignOptions): Promise<string[]> {
  const expected = await (async () => {
    await using round = new Round(bed);
    const begun = performance.now();
    const problems = await round.conduct();
    if (problems.length > 0) throw new Error(`the story fails by itself: ${problems.join('; ')}`);
    const ms = performance.now() - begun;
    const end = await round.end();
    const left = await round.destroy();
    if (left.length > 0) throw new Error(`the story leaves behind by itself: ${left.join('; ')}`);
    return { ...end, ms };
  })();
  say(`seed ${seed}: undisturbed, the story takes ${Math.round(expected.ms)} ms and leads to ${expected.witness.length} lines`);
  const problems: string[] = [];
  const play = async (i: number): Promise<void> => {
    if (only !== undefined && i !== only) return;
    const random = randomOf(seed + i);
    await using round = new Round(bed);
    const atMs = random() * expected.ms;
    const host = bed.hosts[Math.floor(random() * hostCount)]!;
    const cutMs = 100 + random() ** 2 * longestCutMs;
    const what = i < kills ? `kill -9 of the controller after ${Math.round(atMs)} ms` : `${host} cut off after ${Math.round(atMs)} ms for ${Math.round(cutMs)} ms`;
    const wrong = await round.conduct(i < kills ? { killAfterMs: atMs } : { cut: { host, afterMs: atMs, forMs: cutMs } });
    const { witness, members } = await round.end();
    const [twice, never] = [minus(witness, expected.witness), minus(expected.witness, witness)];
    if (twice.length > 0) wrong.push(`done more often than it should be: ${twice.join(', ')}`);
    if (never.length > 0) wrong.push(`not done: ${never.join(', ')}`);
    if (!isDeepStrictEqual(members, expected.members)) wrong.push(`the end is another one: ${JSON.stringify(members[0])}`);
    wrong.push(...(await round.destroy()));
    say(`${i} ${what}: ${wrong.length === 0 ? `as it should be, after ${round.commands} commands` : wrong.join('; ')}`);
    problems.push(...wrong.map((problem) => `--seed ${seed} --only ${i}: ${what}: ${problem}`));
  };
  let next = 0;
  await Promise.all(Array.from({ length: killsAtOnce }, async () => {
    while (next < kills) await play(next++);
  }));
  for (let i = kills; i < kills + cuts; i++) await play(i);
  return problems;
}

interface Disturbance {
  readonly killAfterMs?: number;
  readonly cut?: { readonly host: string; readonly afterMs: number; readonly forMs: number };
}

/** One story in a folder of its own. */
class Round {
  readonly #bed: TestBed;
  readonly #folder = mkdtempSync(join(tmpdir(), 'tutti-campaign-'));
  readonly #file = join(this.#folder, 'campaign.yaml');
  commands = 0;

  constructor(bed: TestBed) {
    this.#bed = bed;
    copyFileSync(join(import.meta.dirname, 'campaign.yaml'), this.#file);
    writeFileSync(join(this.#folder, 'ballast'), Buffer.alloc(300_000, 'tutti '));
    // A connection without an answer is given up after 3 s.
    writeFileSync(join(this.#folder, 'ssh_config'), `ServerAliveInterval 1\nConnectTimeout 2\n${readFileSync(bed.sshConfig, 'utf8')}`);
    writeFileSync(join(this.#folder, 'hosts.yaml'), `defaults: { config: ssh_config }\nhead: ${bed.hosts[0]}\nworker: [${bed.hosts.slice(1, hostCount).join(', ')}]\n`);
  }

  /** Plays the story, and goes on as an operator would; what was not as it should be. */
  async conduct({ killAfterMs, cut }: Disturbance = {}): Promise<string[]> {
    const problems: string[] = [];
    const deadline = killAfterMs === undefined ? undefined : performance.now() + killAfterMs;
    const disturbed = cut && (async () => {
      await sleep(cut.afterMs);
      await this.#bed.cut(cut.host);
      await sleep(cut.forMs);
      await this.#bed.heal(cut.host);
    })();
    let [isKilled, isFailed] = [false, false];
    while (this.commands < 10) {
      const begun = this.#programsBegun();
      const isOver = begun > 0 && !(await this.#isUnfinished());
      const program = story[begun];
      if (isOver && !isFailed && program === undefined) {
        await disturbed;
        return problems;
      }
      this.commands++;
      const args = isFailed ? ['retry', this.#file] : begun > 0 && !isOver ? ['resume', this.#file] : ['run', this.#file, program!, '--flavour', 'ssh', '--hosts', join(this.#folder, 'hosts.yaml')];
      const { code, signal, said } = await this.#tutti(args, isKilled ? undefined : deadline);
      isKilled ||= signal === 'SIGKILL';
      // A host that cannot be reached fails what needs it, as it should: once it can be, that is retried.
      const wasFailed = isFailed;
      isFailed = code === 1 && cut !== undefined && !wasFailed && said.includes('tutti retry');
      if (isFailed) await disturbed;
      else if (signal !== 'SIGKILL' && code !== 0) {
        problems.push(`tutti ${args[0]} ended with exit code ${code}: ${said.trim().split('\n').slice(-6).join(' | ')}`);
        break;
      }
    }
    await disturbed;
    return [...problems, ...(problems.length === 0 ? ['it does not come to an end'] : [])];
  }

  /** What the actions wrote, and where the components are. */
  async end(): Promise<{ readonly witness: readonly string[]; readonly members: readonly unknown[] }> {
    const work = this.#workFolder();
    const lines = await Promise.all(this.#bed.hosts.map(async (host) => (await this.#bed.inside(host, `cd /var/tmp && grep -r . --include=witness ${work}.* 2>/dev/null || true`)).split('\n').filter(Boolean).map((line) => `${host} ${line.replace(work, '')}`)));
    const status = await this.#status();
    const members = status?.members.map(({ spec, state }) => [spec.name, state.places, state.moving, state.behaviour, state.queue]);
    return { witness: lines.flat().toSorted(), members: [members, status?.connections] };
  }

  /** Takes everything away; what is left all the same. */
  async destroy(): Promise<string[]> {
    const work = this.#workFolder();
    const { code, said } = await this.#tutti(['destroy', this.#file]);
    const problems = code === 0 ? [] : [`tutti destroy ended with exit code ${code}: ${said}`];
    for (const host of this.#bed.hosts) {
      // Every process of a script has its folder in its environment; a shell of ours is named for the work folder.
      const left = await this.#bed.inside(host, `ls -d ${work}* 2>/dev/null; for p in /proc/[0-9]*; do { cat $p/environ; tr '\\0' '\\n' <$p/cmdline; } 2>/dev/null | grep -qa '${work}' && [ \${p#/proc/} != $$ ] && tr '\\0' ' ' <$p/cmdline | head -c 200; done; true`);
      if (left.trim() !== '') problems.push(`left on ${host}: ${left.trim()}`);
    }
    if (existsSync(join(this.#folder, '.tutti')) && readdirSync(join(this.#folder, '.tutti')).length > 0) problems.push(`left here: ${readdirSync(join(this.#folder, '.tutti'), { recursive: true }).join(' ')}`);
    return problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#programsBegun() > 0) await this.#tutti(['destroy', this.#file, '--force']);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #programsBegun(): number {
    const path = join(this.#folder, '.tutti/campaign/journal.jsonl');
    if (!existsSync(path)) return 0;
    // Behind the last newline stands what was torn.
    return readFileSync(path, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as JournalRecord).filter((record) => record.kind === 'event' && record.event.kind === 'program').length;
  }

  async #isUnfinished(): Promise<boolean> {
    const program = (await this.#status())?.program;
    return program !== undefined && program !== null && program.outcome === undefined;
  }

  async #status(): Promise<AssemblySnapshot | undefined> {
    const { code, out } = await this.#tutti(['status', this.#file, '--json']);
    return code === 0 ? (JSON.parse(out) as AssemblySnapshot) : undefined;
  }

  #workFolder(): string {
    return `/var/tmp/tutti-${readFileSync(join(this.#folder, '.tutti/campaign/id'), 'utf8').trim()}`;
  }

  /** Runs `tutti` to its end, or until it is killed. */
  async #tutti(args: readonly string[], killAt?: number): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly out: string; readonly said: string }> {
    const child = spawn(process.execPath, [bin, ...args], { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
    const timer = killAt === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), Math.max(0, killAt - performance.now()));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, out, said: out + err });
      });
    });
  }
}

/** Lines of one that the other has not, or not as often. */
function minus(lines: readonly string[], others: readonly string[]): string[] {
  const left = others.slice();
  return lines.filter((line) => {
    const i = left.indexOf(line);
    if (i >= 0) left.splice(i, 1);
    return i < 0;
  });
}

/** Numbers from 0 up to 1 that a seed foretells (mulberry32, Tommy Ettinger, public domain). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const usage = `npm run campaign [-- OPTIONS]   as root

  --kills N   rounds in which the controller is killed (default: 100)
  --cuts N    rounds in which a host is cut off (default: 100)
  --seed N    says at which instants, 0 to 2^32 - 1 (default: of the clock; it is printed)
  --only N    the round of this number alone
  --help      this`;

/** The options of a command line; what is wrong with them as text. */
function read(args: readonly string[]): Omit<CampaignOptions, 'bed' | 'say'> | string {
  const number = { type: 'string' } as const;
  try {
    const { help, ...given } = parseArgs({ args: [...args], options: { kills: number, cuts: number, seed: number, only: number, help: { type: 'boolean' } } }).values;
    if (help) return '';
    const wrong = Object.entries(given).find(([, value]) => !/^\d+$/.test(value));
    if (wrong) return `--${wrong[0]} wants a number, not "${wrong[1]}"`;
    const { kills = 100, cuts = 100, seed = Date.now() % 2 ** 32, only } = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, Number(value)]));
    return { kills, cuts, seed, ...(only === undefined ? {} : { only }) };
  } catch (cause) {
    return (cause as Error).message;
  }
}

async function main(): Promise<number> {
  const options = read(process.argv.slice(2));
  if (typeof options === 'string') {
    if (options === '') console.log(usage);
    else console.error(`${options}\n\n${usage}`);
    return options === '' ? 0 : 2;
  }
  const missing = whyNot();
  if (missing !== undefined) {
    console.error(`No test bed can be made here: ${missing}.`);
    return 1;
  }
  const bed = await up(hostCount);
  try {
    const problems = await campaign({ ...options, bed, say: console.log });
    for (const problem of problems) console.error(problem);
    console.log(`${options.only === undefined ? options.kills + options.cuts : 1} rounds, ${problems.length} problems`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await bed.down();
  }
}

if (process.argv[1] === import.meta.filename) process.exitCode = await main();

import { execFile, execFileSync, type ExecFileException } from 'node:child_process';
import { accessSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, test } from 'vitest';

const script = new URL('testbed.py', import.meta.url).pathname;

/** Hosts `h1`, `h2`, … of this machine, each with its own processes, files, address and sshd: testbed.py says what they share. */
export interface TestBed {
  /** For `ssh -F`: user root, the key and the known hosts below. */
  readonly sshConfig: string;
  readonly knownHosts: string;
  readonly key: string;
  /** Where all of it lives: `<folder>/h1/upper` is what h1 wrote. */
  readonly folder: string;
  readonly hosts: readonly string[];
  address(host: string): string;
  /** Runs a text of a shell inside a host, not by ssh, and gives its output. */
  inside(host: string, text: string): Promise<string>;
  /** A power cut: no packet tells its peers. */
  kill(host: string): Promise<void>;
  boot(host: string): Promise<void>;
  /** Drops the host's packets, or those to and from `peer` (a host, or `controller`). */
  cut(host: string, peer?: string): Promise<void>;
  /** Holds each packet so long, each way. */
  delay(host: string, ms: number): Promise<void>;
  /** Undoes cut and delay. */
  heal(host: string): Promise<void>;
  down(): Promise<void>;
}

let count = 0;

/**
 * Makes a test bed that goes away with this process, however it ends. Several stand side by side: each has its own prefix and addresses.
 * @throws Error with what the script said
 */
export async function up(n: number, { mesh = false } = {}): Promise<TestBed> {
  const prefix = `t${process.pid.toString(36)}${(count++).toString(36)}`;
  const subnet = freeSubnet();
  const call = (...args: string[]): Promise<string> => runScript(['--prefix', prefix, ...args]);
  await call('up', String(n), '--subnet', subnet, '--owner', String(process.pid), ...(mesh ? ['--mesh'] : []));
  const folder = `/run/testbed/${prefix}`;
  const addresses = new Map(readFileSync(`${folder}/hosts`, 'utf8').split('\n').map((line) => line.split(' ').toReversed() as [string, string]));
  const act = async (...args: string[]): Promise<void> => void (await call(...args));
  return {
    sshConfig: `${folder}/ssh_config`, knownHosts: `${folder}/known_hosts`, key: `${folder}/id_ed25519`, folder,
    hosts: Array.from({ length: n }, (_, i) => `h${i + 1}`),
    address: (host) => addresses.get(host)!,
    inside: (host, text) => call('exec', host, 'sh', '-c', text),
    kill: (host) => act('kill', host),
    boot: (host) => act('boot', host),
    cut: (host, peer) => act('cut', host, ...(peer ? [peer] : [])),
    delay: (host, ms) => act('delay', host, `${ms}ms`),
    heal: (host) => act('heal', host),
    down: () => act('down'),
  };
}

/**
 * Tests that share one test bed. On a machine that cannot make one they are left out, with the reason; in CI (`CI=true`) that is a failure.
 * @example onTestBed('ssh', 2, (bed) => { test('…', async () => { await bed().cut('h1'); }); })
 */
export function onTestBed(name: string, n: number, body: (bed: () => TestBed) => void, options?: { readonly mesh?: boolean }): void {
  const missing = whyNot();
  if (missing !== undefined) {
    test(`${name}: on a test bed`, ({ skip }) => {
      if (process.env['CI'] === 'true') throw new Error(`no test bed can be made here: ${missing}`);
      skip(missing);
    });
    return;
  }
  describe(name, () => {
    let bed: TestBed | undefined;
    beforeAll(async () => { bed = await up(n, options); });
    afterAll(async () => bed?.down());
    body(() => bed!);
  });
}

/** What this machine lacks for a test bed; undefined when it can make one. */
export function whyNot(): string | undefined {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root';
  const missing = [['python3', 'python3'], ['ip', 'iproute2'], ['bridge', 'iproute2'], ['sshd', 'openssh-server'], ['ssh', 'openssh-client'], ['unshare', 'util-linux'], ['rsync', 'rsync']]
    .filter(([program]) => !isInstalled(program!)).map(([, name]) => name);
  return missing.length > 0 ? `it needs the packages ${[...new Set(missing)].join(', ')}` : undefined;
}

function isInstalled(program: string): boolean {
  return [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].some((folder) => {
    try {
      accessSync(`${folder}/${program}`);
      return true;
    } catch {
      return false;
    }
  });
}

/** 254 addresses that no interface of this machine has, by the pid of this process: two processes ask for different ones. */
function freeSubnet(): string {
  const used = execFileSync('ip', ['-o', '-4', 'addr'], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } });
  for (let i = process.pid * 4 + count; ; i++) {
    const begin = `10.${64 + ((i >> 8) & 63)}.${i & 255}.`;
    if (!used.includes(` ${begin}`)) return `${begin}0/24`;
  }
}

function runScript(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('python3', [script, ...args], { maxBuffer: 1 << 26, env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` } }, (failed: ExecFileException | null, stdout, stderr) => {
      if (failed) reject(new Error(`testbed ${args.join(' ')}: ${stderr.trim() || failed.message}`));
      else resolve(stdout);
    });
  });
}

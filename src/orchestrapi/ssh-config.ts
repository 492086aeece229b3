import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { HostError } from './host.ts';

/** How to reach a host, before the user's configuration is asked. */
export interface SshTarget {
  /** An alias of the ssh configuration, a name or an address. */
  readonly destination: string;
  readonly user?: string;
  readonly port?: number;
  /** Instead of `~/.ssh/config` and the system's: as `ssh -F`. */
  readonly configFile?: string;
  /** Key files to try before those of the configuration. */
  readonly identityFiles?: readonly string[];
  /** Instead of those of the configuration. */
  readonly knownHostsFiles?: readonly string[];
  /** As `ssh -J`; `'none'` for none, whatever the configuration says. */
  readonly proxyJump?: string;
}

/** What OpenSSH would do for a destination, as `ssh -G` tells. */
export interface SshSettings {
  readonly hostname: string;
  readonly port: number;
  readonly user: string;
  /** Paths, `~` expanded; most need not be there. */
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  /** Path of the agent's socket; undefined without an agent. */
  readonly agent: string | undefined;
  readonly knownHostsFiles: readonly string[];
  readonly hostKeyAlias: string | undefined;
  /** Hops in the order in which they are passed; empty for a direct connection. */
  readonly jumps: readonly string[];
  /** A shell text that carries the connection; its tokens are not expanded. */
  readonly proxyCommand: string | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly keepaliveMs: number | undefined;
  /** What the configuration permits, each in its order of preference. */
  readonly permits: { readonly kex: readonly string[]; readonly cipher: readonly string[]; readonly mac: readonly string[]; readonly hostKey: readonly string[] };
}

/** The arguments that bring the `ssh` program to the same host: for `ssh -G`, for rsync, for `tutti connect`. The destination follows. @throws HostError REFUSED for one that ssh would read as an option */
export function sshArguments(target: SshTarget): string[] {
  const { destination, configFile, user, port, identityFiles = [], knownHostsFiles, proxyJump } = target;
  if (!/^[^-\s\0][^\s\0]*$/.test(destination)) throw new HostError('REFUSED', destination, `"${destination}" cannot be the name or address of a host`);
  return [
    ...(configFile === undefined ? [] : ['-F', configFile]), ...(port === undefined ? [] : ['-p', String(port)]), ...(user === undefined ? [] : ['-l', user]),
    ...identityFiles.flatMap((file) => ['-o', `IdentityFile="${file}"`]),
    ...(knownHostsFiles === undefined ? [] : ['-o', `UserKnownHostsFile=${knownHostsFiles.map((file) => `"${file}"`).join(' ')}`, '-o', 'GlobalKnownHostsFile=/dev/null']),
    ...(proxyJump === undefined ? [] : ['-o', `ProxyJump=${proxyJump}`]),
  ];
}

/**
 * Asks OpenSSH itself: it knows Include, Match, tokens and all defaults, which no parser of ours would.
 * @throws HostError REFUSED when there is no ssh program, or when it rejects the configuration
 */
export function sshSettings(target: SshTarget, program = 'ssh'): Promise<SshSettings> {
  const { destination } = target;
  const args = ['-G', ...sshArguments(target), '--', destination];
  return new Promise((resolve, reject) => {
    execFile(program, args, { maxBuffer: 1 << 22, timeout: 30_000 }, (failed, stdout, stderr) => {
      // ssh tells paths without quotes, so that one with a space in it would be two.
      if (!failed) return resolve({ ...parseSettings(stdout), ...(target.knownHostsFiles ? { knownHostsFiles: target.knownHostsFiles } : {}) });
      const isMissing = (failed as NodeJS.ErrnoException).code === 'ENOENT';
      reject(new HostError('REFUSED', destination, isMissing
        ? `${destination}: the program "${program}", which reads the ssh configuration, is not on this machine: install OpenSSH's client (Debian: apt-get install openssh-client)`
        : `${destination}: ssh cannot read its configuration: ${withoutNoise(stderr) || failed.message}`, failed));
    });
  });
}

function withoutNoise(stderr: string): string {
  return stderr.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('Pseudo-terminal')).join('; ');
}

/** Reads the output of `ssh -G`: a line an option, `name value`. @example parseSettings('hostname 10.0.0.1\nport 22\nuser root\n').port // 22 */
export function parseSettings(text: string): SshSettings {
  const all = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space < 0) continue;
    const name = line.slice(0, space).toLowerCase();
    all.set(name, [...(all.get(name) ?? []), line.slice(space + 1)]);
  }
  const one = (name: string): string | undefined => {
    const value = all.get(name)?.[0];
    return value === undefined || value === 'none' ? undefined : value;
  };
  const list = (name: string): string[] => one(name)?.split(',') ?? [];
  const seconds = (name: string): number | undefined => (Number(one(name)) > 0 ? Number(one(name)) * 1000 : undefined);
  const agent = one('identityagent') ?? (all.get('identityagent')?.[0] === 'none' ? undefined : 'SSH_AUTH_SOCK');
  return {
    hostname: one('hostname') ?? '', port: Number(one('port') ?? 22), user: one('user') ?? '',
    identityFiles: (all.get('identityfile') ?? []).filter((file) => file !== 'none').map(inHome),
    identitiesOnly: one('identitiesonly') === 'yes',
    agent: agent === 'SSH_AUTH_SOCK' ? process.env['SSH_AUTH_SOCK'] || undefined : agent?.startsWith('$') ? process.env[agent.slice(1)] : agent && inHome(agent),
    knownHostsFiles: [...paths(one('userknownhostsfile') ?? ''), ...paths(one('globalknownhostsfile') ?? '')].map(inHome),
    hostKeyAlias: one('hostkeyalias'),
    jumps: list('proxyjump'), proxyCommand: one('proxycommand'),
    connectTimeoutMs: seconds('connecttimeout'), keepaliveMs: seconds('serveraliveinterval'),
    permits: { kex: list('kexalgorithms'), cipher: list('ciphers'), mac: list('macs'), hostKey: list('hostkeyalgorithms') },
  };
}

function inHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? homedir() + path.slice(1) : path;
}

/** Paths separated by spaces; one with a space in it is quoted. */
function paths(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

/** One hop of a ProxyJump: `[user@]host[:port]` or `ssh://…`. @example parseJump('bob@gate:2222') // { user: 'bob', destination: 'gate', port: 2222 } */
export function parseJump(hop: string): Pick<SshTarget, 'destination' | 'user' | 'port'> {
  const match = /^(?:ssh:\/\/)?(?:(.*)@)?(?:\[([^\]]+)\]|([^@:]+|[^@]*:[^@]*:[^@]*))(?::(\d+))?\/?$/.exec(hop);
  const destination = match?.[2] ?? match?.[3];
  if (destination === undefined) throw new RangeError(`"${hop}" cannot be a hop of ProxyJump`);
  return { destination, ...(match![1] === undefined ? {} : { user: match![1] }), ...(match![4] === undefined ? {} : { port: Number(match![4]) }) };
}

/** Fills the tokens of a ProxyCommand. */
export function expandProxyCommand(text: string, { hostname, port, user }: Pick<SshSettings, 'hostname' | 'port' | 'user'>, destination: string): string {
  const tokens: Record<string, string> = { '%%': '%', '%h': hostname, '%p': String(port), '%r': user, '%n': destination };
  return text.replaceAll(/%[%hprn]/g, (token) => tokens[token]!);
}

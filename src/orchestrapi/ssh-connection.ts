import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import ssh2, { type Algorithms, type Client, type ConnectConfig } from 'ssh2';
import { HostError, type HostErrorCode } from './host.ts';
import { fingerprint, judgeKey, keyType, knownTypes, parseKnownHosts, recordedName, type KnownHost } from './known-hosts.ts';
import { loginWith } from './ssh-auth.ts';
import { expandProxyCommand, parseJump, sshSettings, type SshSettings, type SshTarget } from './ssh-config.ts';

export interface SshAlgorithms {
  readonly kex?: readonly string[];
  readonly cipher?: readonly string[];
  readonly mac?: readonly string[];
  readonly hostKey?: readonly string[];
}

/** The quickest first: what a controller spends on a connection is, above all, its key exchange. */
const preferred = {
  kex: ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521', 'diffie-hellman-group-exchange-sha256', 'diffie-hellman-group14-sha256', 'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512'],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  mac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1-etm@openssh.com', 'hmac-sha1'],
  hostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256'],
} as const;

const connectTimeoutMs = 15_000;
const keepaliveMs = 5_000;
const keepalives = 3;
/** So long after such a question it is unusual that nothing was heard. */
const answerMs = 2_000;

/** A connection that was not made. `mayPass`: it may be made in a while without anybody doing anything. */
export class ConnectError extends HostError {
  readonly mayPass: boolean;
  constructor(code: HostErrorCode, host: string, message: string, { mayPass = false, cause }: { readonly mayPass?: boolean; readonly cause?: unknown } = {}) {
    super(code, host, message, cause);
    this.mayPass = mayPass;
  }
}

/**
 * What connections share: the configuration that was read, and the connections to the hosts that others are reached through.
 * @example const network = sshNetwork(); const hosts = names.map((name) => sshHost({ name, destination: name, workFolder, network }))
 */
export interface SshNetwork {
  settings(target: SshTarget): Promise<SshSettings>;
  /** @throws ConnectError, also when the signal is aborted before it is made */
  connect(name: string, target: SshTarget, algorithms?: SshAlgorithms, options?: ConnectOptions): Promise<Client>;
}

export interface ConnectOptions {
  readonly signal?: AbortSignal;
  /** Called whenever the host says something. */
  readonly onHeard?: () => void;
  /** Called when it has not answered the question whether it is there. */
  readonly onSilent?: () => void;
}

export function sshNetwork(): SshNetwork {
  const settings = new Map<string, Promise<SshSettings>>();
  /** Jump hosts by the way to them. Ended when nobody goes through them any longer. */
  const jumps = new Map<string, { readonly client: Promise<Client>; users: number }>();

  const network: SshNetwork = {
    settings(target) {
      const key = JSON.stringify(target);
      const known = settings.get(key);
      if (known) return known;
      const asked = sshSettings(target);
      settings.set(key, asked);
      asked.catch(() => settings.delete(key));
      return asked;
    },
    connect: (name, target, algorithms = {}, options) => connectVia(name, target, algorithms, [], undefined, options),
  };

  const connectVia = async (name: string, target: SshTarget, algorithms: SshAlgorithms, path: readonly string[], given?: Hop, options?: ConnectOptions): Promise<Client> => {
    const found = await network.settings(target).catch((failed: HostError) => { throw new ConnectError('REFUSED', name, failed.message, { cause: failed }); });
    // As OpenSSH does, so that `Host *` may name the jump host for all hosts, itself included.
    const hops = given ? [] : found.jumps.filter((hop) => parseJump(hop).destination !== target.destination);
    if (path.includes(target.destination)) throw new ConnectError('REFUSED', name, `${name}: ProxyJump leads in a circle: ${[...path, target.destination].join(', ')}`);
    let hop = given;
    for (const text of hops) hop = await through(name, text, target, algorithms, [...path, target.destination], hop);
    const used = hop;
    try {
      const open = (): Promise<Duplex> | Duplex => (used ? forward(name, used, found) : !given && found.proxyCommand !== undefined ? proxied(found.proxyCommand, found, target.destination) : direct(found));
      const client = await connectClient(name, found, algorithms, open, options);
      client.once('close', () => used?.leave());
      return client;
    } catch (failed) {
      used?.leave();
      throw failed;
    }
  };

  /** The connection to one hop, behind those before it. */
  const through = async (name: string, text: string, target: SshTarget, algorithms: SshAlgorithms, path: readonly string[], before: Hop | undefined): Promise<Hop> => {
    const key = JSON.stringify([before?.key, text, target.configFile]);
    const hop: SshTarget = {
      ...parseJump(text), ...(target.configFile === undefined ? {} : { configFile: target.configFile }), ...(target.knownHostsFiles ? { knownHostsFiles: target.knownHostsFiles } : {}),
      ...(target.identityFiles ? { identityFiles: target.identityFiles } : {}),
    };
    let jump = jumps.get(key);
    if (jump) before?.leave();
    else {
      const client = connectVia(hop.destination, hop, algorithms, path, before);
      jump = { client, users: 0 };
      jumps.set(key, jump);
      const forget = (): void => { if (jumps.get(key)?.client === client) jumps.delete(key); };
      client.then((one) => one.once('close', forget), forget);
    }
    jump.users++;
    const mine = jump;
    const leave = (): void => {
      if (--mine.users > 0) return;
      if (jumps.get(key) === mine) jumps.delete(key);
      mine.client.then((client) => client.end(), () => {});
    };
    try {
      return { key, name: hop.destination, client: await jump.client, leave: once(leave) };
    } catch (failed) {
      leave();
      if (failed instanceof ConnectError) throw new ConnectError(failed.code, name, `${name}: on the way through ${hop.destination}: ${failed.message}`, { mayPass: failed.mayPass, cause: failed });
      throw failed;
    }
  };

  return network;
}

interface Hop {
  readonly key: string;
  readonly name: string;
  readonly client: Client;
  leave(): void;
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
  };
}

function forward(name: string, hop: Hop, { hostname, port }: SshSettings): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const refused = (why: string, cause?: unknown): void => reject(new ConnectError('UNREACHABLE', name, `${name}: cannot be reached at ${hostname} port ${port} through ${hop.name}: ${why}`, { mayPass: true, cause }));
    const onClose = (): void => refused(`the connection to ${hop.name} was lost`);
    hop.client.once('close', onClose);
    try {
      hop.client.forwardOut('127.0.0.1', 0, hostname, port, (failed, channel) => {
        hop.client.removeListener('close', onClose);
        if (failed) refused(failed.message.replace(/^\(SSH\) Channel open failure: /, ''), failed);
        else resolve(channel);
      });
    } catch (cause) {
      refused('the connection to it was lost', cause);
    }
  });
}

/** A packet is several small writes for ssh2: they go in one system call. */
function direct({ hostname, port }: SshSettings): Socket {
  const socket = new Socket();
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isCorked = false;
  socket.write = ((...args: unknown[]) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      process.nextTick(() => {
        isCorked = false;
        socket.uncork();
      });
    }
    return write(...args);
  }) as typeof socket.write;
  // Else a short command waits for the acknowledgement of the one before it.
  return socket.setNoDelay(true).connect(port, hostname);
}

/** A program of this machine that carries the connection. The text is the user's own configuration, so it is a shell that reads it. */
function proxied(text: string, settings: SshSettings, destination: string): Duplex {
  const child = spawn('/bin/sh', ['-c', `exec ${expandProxyCommand(text, settings, destination)}`], { stdio: ['pipe', 'pipe', 'ignore'] });
  const stream = Duplex.from({ readable: child.stdout, writable: child.stdin });
  child.once('error', (failed) => stream.destroy(failed));
  stream.once('close', () => child.kill());
  return stream;
}

async function connectClient(name: string, settings: SshSettings, algorithms: SshAlgorithms, open: () => Promise<Duplex> | Duplex, { signal, onHeard, onSilent }: ConnectOptions = {}): Promise<Client> {
  const { hostname, port, user } = settings;
  const where = `${hostname} port ${port}`;
  const known = await readKnownHosts(settings.knownHostsFiles);
  const record = settings.hostKeyAlias ?? recordedName(hostname, port);
  const login = await loginWith(settings);
  const timeoutMs = settings.connectTimeoutMs ?? connectTimeoutMs;
  const sock = await open();
  sock.on('error', () => {});
  const client = new ssh2.Client();
  // What was ended is not destroyed by ssh2; and where the other end is cut off, the socket would stay for minutes.
  const destroy = client.destroy.bind(client);
  client.destroy = () => {
    sock.destroy();
    return destroy();
  };
  const { promise, resolve, reject } = Promise.withResolvers<Client>();
  let refusal: ConnectError | undefined;
  let isReady = false;
  const fail = (failed: ConnectError): void => {
    reject(refusal ?? failed);
    client.destroy();
  };
  const askedEveryMs = settings.keepaliveMs ?? keepaliveMs;
  client.once('ready', () => {
    isReady = true;
    if (onHeard && onSilent && askedEveryMs > 0) {
      const silence = setTimeout(onSilent, askedEveryMs + answerMs).unref();
      sock.on('data', () => {
        silence.refresh();
        onHeard();
      });
      client.once('close', () => clearTimeout(silence));
    }
    resolve(client);
  });
  client.on('error', (failed: Error & { level?: string; code?: string }) => {
    // One agent key that does not sign is no reason to stop; an end after `ready` is told by `close`.
    if (isReady || failed.level === 'agent') return;
    fail(connectError(name, where, user, failed, { timeoutMs, story: login.story() }));
  });
  client.once('close', () => fail(new ConnectError('UNREACHABLE', name, `${name}: ${where} closed the connection before it was ready: too many connections at once (sshd's MaxStartups), or not an SSH server?`, { mayPass: true })));
  const config: ConnectConfig = {
    host: hostname, port, username: user, readyTimeout: timeoutMs, keepaliveInterval: askedEveryMs, keepaliveCountMax: keepalives,
    sock,
    algorithms: algorithmsFor(settings, algorithms, knownTypes(known, record)),
    authHandler: login.handler,
    hostVerifier: (key: Buffer) => {
      refusal = refusalOf(name, record, key, known, settings.knownHostsFiles, hostname, port);
      return refusal === undefined;
    },
  };
  try {
    client.connect(config);
  } catch (cause) {
    fail(new ConnectError('REFUSED', name, `${name}: ${(cause as Error).message}`, { cause }));
  }
  const onAbort = (): void => fail(new ConnectError('UNREACHABLE', name, `${name}: its connection was closed`));
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return promise.finally(() => signal?.removeEventListener('abort', onAbort));
}

/** Our order of what the configuration permits; the types of keys on record first, so that the host shows one that can be recognised. */
function algorithmsFor({ permits }: SshSettings, wanted: SshAlgorithms, types: readonly string[]): Algorithms {
  const choose = (kind: keyof typeof preferred): readonly string[] => {
    if (wanted[kind]) return wanted[kind];
    const permitted = preferred[kind].filter((one) => permits[kind].length === 0 || permits[kind].includes(one));
    return permitted.length > 0 ? permitted : preferred[kind];
  };
  const isKnown = (algorithm: string): boolean => types.includes(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  const hostKeys = choose('hostKey');
  return { kex: choose('kex'), cipher: choose('cipher'), hmac: choose('mac'), serverHostKey: [...hostKeys.filter(isKnown), ...hostKeys.filter((one) => !isKnown(one))] } as unknown as Algorithms;
}

async function readKnownHosts(files: readonly string[]): Promise<KnownHost[]> {
  const texts = await Promise.all(files.map(async (path) => ({ path, text: await readFile(path, 'utf8').catch(() => '') })));
  return texts.flatMap(({ path, text }) => parseKnownHosts(text, path));
}

/** Why the key that a host shows is not accepted; undefined when it is on record. There is no question to answer with yes: a key is put on record first. */
function refusalOf(name: string, record: string, key: Buffer, known: readonly KnownHost[], files: readonly string[], hostname: string, port: number): ConnectError | undefined {
  const verdict = judgeKey(known, record, key);
  const shows = `${name}: ${record} shows the ${keyType(key)} key ${fingerprint(key)}`;
  const file = files[0] ?? '~/.ssh/known_hosts';
  const scan = `ssh-keyscan ${port === 22 ? '' : `-p ${port} `}${hostname} >>${file}`;
  switch (verdict.kind) {
    case 'known': return undefined;
    case 'revoked': return new ConnectError('REFUSED', name, `${shows}, which is revoked (${verdict.where}). Do not connect; ask who runs this host.`);
    case 'changed': return new ConnectError('REFUSED', name, `${shows}, but another one is on record (${verdict.where}). Either the host was installed anew or somebody is in between. If its administrator confirms this fingerprint: ssh-keygen -R '${record}' -f ${verdict.where.replace(/:\d+$/, '')} and then ${scan}`);
    case 'unknown': {
      const others = verdict.otherTypes.length > 0 ? `on record are only ${verdict.otherTypes.join(', ')} keys` : 'no key is on record';
      return new ConnectError('REFUSED', name, `${shows}, and ${others}. Compare the fingerprint with what the host's administrator says, then: ${scan}`);
    }
    default: return verdict satisfies never;
  }
}

function connectError(name: string, where: string, user: string, failed: Error & { level?: string; code?: string }, { timeoutMs, story }: { readonly timeoutMs: number; readonly story: string }): ConnectError {
  const unreachable = (why: string, mayPass = true): ConnectError => new ConnectError('UNREACHABLE', name, `${name}: cannot be reached at ${where}: ${why}`, { mayPass, cause: failed });
  if (failed.level === 'client-authentication') return new ConnectError('REFUSED', name, `${name}: ${where} does not let ${user} in: ${story}. Does the host have the public key in ~${user}/.ssh/authorized_keys?`, { cause: failed });
  if (failed.level === 'client-timeout') return unreachable(`no answer within ${timeoutMs / 1000} s. Is it up, and is it to be reached from here directly, or through a ProxyJump?`);
  switch (failed.code) {
    case 'ECONNREFUSED': return unreachable('the connection was refused. Does sshd run there, and is the port right?');
    case 'EHOSTUNREACH': case 'ENETUNREACH': case 'ENETDOWN': case 'EHOSTDOWN': return unreachable('there is no way to it. Is it up?');
    case 'ETIMEDOUT': return unreachable('no answer. Is it up?');
    case 'ENOTFOUND': return unreachable('nobody knows this name. Is it spelled right, and does the ssh configuration have a HostName for it?', false);
    case 'EAI_AGAIN': return unreachable('the name server does not answer');
    case 'ECONNRESET': case 'EPIPE': return unreachable('it reset the connection');
    default:
  }
  if (failed.level === 'handshake' || /handshake failed/i.test(failed.message)) return new ConnectError('REFUSED', name, `${name}: ${where} and this machine do not agree: ${failed.message}`, { cause: failed });
  return unreachable(failed.message);
}

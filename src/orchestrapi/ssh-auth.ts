import { readFile } from 'node:fs/promises';
import ssh2, { type AuthHandlerMiddleware, type BaseAgent, type IdentityCallback, type ParsedKey, type SigningRequestOptions, type SignCallback } from 'ssh2';
import type { SshSettings } from './ssh-config.ts';

/** What is tried to log in, in its order, and what became of it. */
export interface Login {
  readonly handler: AuthHandlerMiddleware;
  /** What was tried and what could not be, for the diagnostic of a refusal. */
  story(): string;
}

interface KeyFile {
  readonly path: string;
  readonly key: ParsedKey | 'encrypted' | 'unreadable';
  /** The public key in wire format, if it can be told. */
  readonly publicKey: Buffer | undefined;
}

/**
 * Keys of the agent first (of which IdentitiesOnly leaves those whose public half lies beside an identity file), then key files. A key file that is
 * encrypted is left to the agent: nobody is asked for anything.
 */
export async function loginWith({ user, identityFiles, identitiesOnly, agent: agentPath }: Pick<SshSettings, 'user' | 'identityFiles' | 'identitiesOnly' | 'agent'>): Promise<Login> {
  const files = (await Promise.all([...new Set(identityFiles)].map(readKeyFile))).filter((file) => file !== undefined);
  const offered: string[] = [];
  const wanted = identitiesOnly ? files.flatMap(({ publicKey }) => (publicKey ? [publicKey] : [])) : undefined;
  const agent = agentPath === undefined ? undefined : new ChosenAgent(agentPath, wanted);
  let left: string[] | undefined;
  const tries = [
    ...(agent && !(wanted?.length === 0) ? [{ type: 'agent' as const, username: user, agent }] : []),
    ...files.flatMap(({ path, key }) => (typeof key === 'string' ? [] : [{ type: 'publickey' as const, username: user, key, path }])),
  ];
  return {
    handler: (methodsLeft, partialSuccess, next) => {
      left = methodsLeft ?? undefined;
      if (partialSuccess) offered.push('(accepted, but it asks for more)');
      const one = tries.shift();
      if (!one) return next(false as never);
      if (one.type === 'publickey') offered.push(one.path);
      // ssh2 takes parsed keys too.
      next(one as never);
    },
    story() {
      const encrypted = files.filter(({ key, publicKey }) => key === 'encrypted' && !(publicKey && agent?.holds(publicKey)));
      const told = [
        agentPath === undefined ? 'there is no agent' : agent!.problem ?? `the agent offered ${agent!.offered} ${agent!.offered === 1 ? 'key' : 'keys'}`,
        offered.length > 0 ? `key files tried: ${offered.join(', ')}` : 'no key file could be tried',
        ...encrypted.map(({ path }) => `${path} is encrypted and the agent does not hold it: "ssh-add ${path}" makes it usable`),
        ...files.filter(({ key }) => key === 'unreadable').map(({ path }) => `${path} cannot be read as a private key`),
        ...(left && left.length > 0 && !left.includes('publickey') ? [`the host accepts only ${left.join(', ')}, not keys`] : []),
      ];
      return told.join('; ');
    },
  };
}

async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  const publicText = await readFile(`${path}.pub`).catch(() => undefined);
  const beside = publicText && parsed(publicText);
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (bytes instanceof Error) {
    // The private half may be the agent's alone.
    if (bytes.code === 'ENOENT') return beside ? { path, key: 'encrypted', publicKey: beside.getPublicSSH() } : undefined;
    return { path, key: 'unreadable', publicKey: beside?.getPublicSSH() };
  }
  const key = ssh2.utils.parseKey(bytes);
  if (key instanceof Error) return { path, key: /encrypted/i.test(key.message) ? 'encrypted' : 'unreadable', publicKey: beside?.getPublicSSH() };
  const one = Array.isArray(key) ? key[0]! : key;
  return { path, key: one.isPrivateKey() ? one : 'unreadable', publicKey: one.getPublicSSH() };
}

function parsed(text: Buffer): ParsedKey | undefined {
  const key = ssh2.utils.parseKey(text);
  return key instanceof Error ? undefined : Array.isArray(key) ? key[0] : key;
}

/** The keys of an agent, or those of them that are wanted. One that cannot be asked offers none. */
class ChosenAgent extends ssh2.BaseAgent<ParsedKey> {
  offered = 0;
  problem: string | undefined;
  readonly #agent: BaseAgent<ParsedKey>;
  readonly #path: string;
  readonly #wanted: readonly Buffer[] | undefined;
  #held: Buffer[] = [];

  constructor(path: string, wanted: readonly Buffer[] | undefined) {
    super();
    this.#path = path;
    this.#wanted = wanted;
    this.#agent = ssh2.createAgent(path) as unknown as BaseAgent<ParsedKey>;
  }

  holds(publicKey: Buffer): boolean {
    return this.#held.some((one) => one.equals(publicKey));
  }

  override getIdentities(done: IdentityCallback<ParsedKey>): void {
    this.#agent.getIdentities(((failed: Error | undefined, keys?: ParsedKey[]) => {
      if (failed || !keys) {
        this.problem = `the agent at ${this.#path} does not answer`;
        return done(undefined, []);
      }
      this.#held = keys.map((key) => blobOf(key));
      const chosen = this.#wanted ? keys.filter((key) => this.#wanted!.some((one) => one.equals(blobOf(key)))) : keys;
      this.offered = chosen.length;
      done(undefined, chosen);
    }) as IdentityCallback<ParsedKey>);
  }

  override sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, done?: SignCallback): void {
    this.#agent.sign(key, data, options as SigningRequestOptions, done);
  }
}

function blobOf(key: ParsedKey | Buffer): Buffer {
  return Buffer.isBuffer(key) ? key : key.getPublicSSH();
}

import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { NamingServiceDown, bindName, resolveName, unbindName } from './names.mjs';
import { ask, listen } from './wire.mjs';

/** A branch of the tree that does not answer in this time is skipped. */
const branchTimeoutMs = 2_000;

/**
 * An agent or a Server Daemon while it lives. It knows its parent and its children by reference, not by name: who is restarted elsewhere
 * is lost to them. It never looks for a parent by itself, never registers twice, and watches nobody: neither does DIET.
 */
export class Element {
  /** @type {import('./wire.mjs').Reference} */ reference;
  /** @type {import('./wire.mjs').Reference | undefined} */ #parent;
  /** @type {Map<string, import('./wire.mjs').Reference>} */ #children = new Map();
  #calls = 0;
  #ending = false;
  /** Attachments are changed one at a time. */
  #turn = Promise.resolve();

  /** @param {{ kind: 'MA' | 'LA' | 'SED', name: string, host?: string, port: number, names: { name: string, typeId: string, key: string }[] }} options */
  constructor(options) {
    this.options = options;
  }

  /** Takes the address. Rejects when it is taken. */
  async open() {
    const server = await listen({ host: this.options.host, port: this.options.port }, (request) => this.#answer(request));
    this.reference = { host: this.options.host ?? hostname(), port: server.address().port, key: this.options.name };
    process.on('SIGINT', () => void this.end());
    process.on('SIGTERM', () => void this.end());
  }

  /** Binds the names of the element in their order. Rejects when the naming service is down. */
  async register() {
    for (const { name, typeId, key } of this.options.names) await bindName(name, typeId, { ...this.reference, key });
  }

  /**
   * Attaches the element to the agent of this name. What the admin programs exit with: 0 done (also when it was there already),
   * 3 nobody there: then the old parent is kept.
   */
  async attach(parentName) {
    const parent = await resolveName(`dietAgent/${parentName}`).catch(() => undefined);
    if (!parent || same(parent, this.reference)) return 3;
    try {
      await tell(parent, { do: 'adopt', child: this.reference });
    } catch {
      return 3;
    }
    // The old one may be dead: then nobody has to know.
    if (this.#parent && !same(this.#parent, parent)) await tell(this.#parent, { do: 'release', child: this.reference }).catch(() => {});
    this.#parent = parent;
    return 0;
  }

  async #detach() {
    if (!this.#parent) return 0;
    try {
      await tell(this.#parent, { do: 'release', child: this.reference });
    } catch {
      return 3;
    }
    this.#parent = undefined;
    return 0;
  }

  /** The servers below an agent: its own children's answers, those that do not answer left out. `seen` ends the walk where the tree is none. */
  async #servers(seen) {
    if (this.options.kind === 'SED') return [{ ...this.reference, machine: hostname() }];
    const further = [...seen, id(this.reference)];
    const branches = [...this.#children.values()]
      .filter((child) => !further.includes(id(child)))
      .map((child) => tell(child, { do: 'find', seen: further }, branchTimeoutMs).then((reply) => reply.servers, () => []));
    return (await Promise.all(branches)).flat();
  }

  async #remove(subtree) {
    if (subtree) await Promise.allSettled([...this.#children.values()].map((child) => tell(child, { do: 'remove', subtree: true })));
    if (this.options.kind !== 'SED') {
      setImmediate(() => void this.end());
    } else {
      // Its name goes at once, its process a moment later.
      await this.#leave().catch(() => {});
      void delay(1_000).then(() => this.#exit());
    }
    return { exitCode: 0 };
  }

  /** Ends as after INT or TERM: unsubscribes, unbinds, says so. Without a naming service the process aborts and its names stay. */
  async end() {
    if (this.#ending) return;
    this.#ending = true;
    try {
      await this.#leave();
    } catch (error) {
      if (error instanceof NamingServiceDown) process.kill(process.pid, 'SIGABRT');
      throw error;
    }
    this.#exit();
  }

  async #leave() {
    await this.#detach();
    for (const { name } of this.options.names) await unbindName(name);
  }

  #exit() {
    console.log(this.options.kind === 'SED' ? 'SeD has exited' : 'Agent has exited');
    process.exit(0);
  }

  #inTurn(change) {
    const result = this.#turn.then(change);
    this.#turn = result.then(() => {}, () => {});
    return result;
  }

  async #answer(request) {
    // An address that another element has taken since: the caller's reference is stale.
    if (request.to !== this.options.name) return { error: 'no such object' };
    if (this.options.kind === 'MA' && ['connect', 'disconnect'].includes(request.do)) return { error: 'a Master Agent has no parent' };
    switch (request.do) {
      case 'connect': return { exitCode: await this.#inTurn(() => this.attach(request.parent)) };
      case 'disconnect': return { exitCode: await this.#inTurn(() => this.#detach()) };
      case 'remove': return this.#remove(request.subtree);
      case 'adopt': this.#children.set(id(request.child), request.child); return {};
      case 'release': this.#children.delete(id(request.child)); return {};
      case 'find': return { servers: await this.#servers(request.seen ?? []) };
      case 'submit': {
        // The servers answer in turn: each call begins with the next one.
        const servers = (await this.#servers([])).toSorted((a, b) => a.port - b.port || a.host.localeCompare(b.host));
        const first = servers.length === 0 ? 0 : this.#calls++ % servers.length;
        return { servers: [...servers.slice(first), ...servers.slice(0, first)] };
      }
      case 'solve': return { solvedBy: this.options.name };
      default: return { error: 'unknown request' };
    }
  }
}

const id = (reference) => `${reference.host}:${reference.port}/${reference.key}`;
const same = (a, b) => id(a) === id(b);

/** Asks the element that a reference means; an answer from anybody else is as none. */
export async function tell(reference, request, timeoutMs) {
  const reply = await ask(reference, { ...request, to: reference.key }, timeoutMs);
  if (reply.error) throw new Error(`${id(reference)}: ${reply.error}`);
  return reply;
}

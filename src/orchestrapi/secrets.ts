import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { inWords } from './errno.ts';
import type { Command, Orchestrapi, StepOptions } from './host.ts';
import { argvOf } from './quote.ts';
import { keptBytes } from './script.ts';

/** Where a secret comes from: a file of the controller (relative to the assembly's folder), a variable of its environment, or what a command prints there. One line end at its end is not part of it. */
export type SecretSource = { readonly file: string } | { readonly env: string } | { readonly command: Command };

/** Shorter values could not be told from other text in what is put out. */
const shortest = 4;
/** Of a value of several lines, each of at least this length is kept out of sight by itself; a shorter value may be in a command by accident. */
const telling = 8;
const commandMs = 30_000;

interface Kept {
  /** As a person reads it: `password of db`. */
  readonly name: string;
  readonly seal: string;
  readonly source: SecretSource;
  value?: string;
  /** Why it could not be read. */
  failure?: Error;
}

/**
 * Keeps secrets out of everything but the files and inputs that they are meant for. An action sees a *seal*, a text that stands for the value and may be put
 * together with other text; `guarded` puts the value in its place at the last moment. So what an action writes, logs or throws holds no secret. What hosts
 * put out may: `redact` takes it out.
 */
export class Vault {
  readonly #folder: string;
  // Nobody can foresee a seal: text from elsewhere that looks like one stands for nothing.
  readonly #mark = randomUUID();
  readonly #kept = new Map<string, Kept>();
  #unread: Kept[] = [];
  #reading: Promise<void> | undefined;
  #hidden: readonly { readonly text: string; readonly shown: string }[] = [];

  /** @param folder that of the assembly: what relative files are relative to, and where commands run */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The text that stands for a secret. @example vault.seal('password of db', { env: 'DB_PASSWORD' }) */
  seal(name: string, source: SecretSource): string {
    const known = this.#kept.get(name);
    if (known) return known.seal;
    const kept: Kept = { name, source, seal: `<secret ${name} ${this.#mark}>` };
    this.#kept.set(name, kept);
    this.#unread.push(kept);
    this.#hide();
    return kept.seal;
  }

  /** Reads what was sealed, so that it can be taken out of any text; undefined when that is done. Never rejects: what cannot be read is told to whoever opens it. */
  learn(): Promise<void> | undefined {
    if (this.#unread.length === 0 && this.#reading === undefined) return undefined;
    return (this.#reading ??= (async () => {
      while (this.#unread.length > 0) {
        const some = this.#unread;
        this.#unread = [];
        await Promise.all(some.map(async (kept) => {
          try {
            kept.value = await this.#read(kept);
          } catch (cause) {
            kept.failure = cause as Error;
          }
        }));
      }
      this.#hide();
    })().finally(() => { this.#reading = undefined; }));
  }

  /** The text with values for seals. @throws Error for a secret that cannot be read; it is read again the next time */
  async open(text: string): Promise<string> {
    await this.learn();
    let opened = text;
    for (const kept of this.#kept.values()) {
      if (!opened.includes(kept.seal)) continue;
      if (kept.value === undefined) {
        this.#unread.push(kept);
        throw kept.failure!;
      }
      opened = opened.replaceAll(kept.seal, () => kept.value!);
    }
    return opened;
  }

  /** The text without secrets: `<secret NAME>` in their place. Of an output whose beginning was cut off, the end of a secret that it begins with is taken out too. */
  redact(text: string): string {
    let redacted = text;
    for (const { text: hidden, shown } of this.#hidden) if (redacted.includes(hidden)) redacted = redacted.replaceAll(hidden, () => shown);
    // As many characters as the kept bytes hold at least.
    if (text.length >= keptBytes / 4) {
      for (const { text: hidden, shown } of this.#hidden) {
        const cut = longestEnd(hidden, redacted);
        if (cut > 0) redacted = shown + redacted.slice(cut);
      }
    }
    return redacted;
  }

  /** The name of a secret whose seal or value is in a text. */
  nameIn(text: string): string | undefined {
    return this.#kept.size === 0 ? undefined : [...this.#kept.values()].find(({ seal, value = '' }) => text.includes(seal) || (value.length >= telling && text.includes(value)))?.name;
  }

  #hide(): void {
    const texts = [...this.#kept.values()].flatMap(({ name, seal, value = '' }) => {
      const lines = value.includes('\n') ? value.split('\n').filter((line) => line.length >= telling) : [];
      return [seal, ...(value === '' ? [] : [value]), ...lines].map((text) => ({ text, shown: `<secret ${name}>` }));
    });
    // Of two of which one is in the other, the longer one first.
    this.#hidden = texts.toSorted((a, b) => b.text.length - a.text.length);
  }

  async #read({ name, source }: Kept): Promise<string> {
    const refuse = (why: string): never => { throw new Error(`the secret "${name}" cannot be had: ${why}`); };
    let text: string;
    if ('file' in source) {
      text = await readFile(resolve(this.#folder, source.file), 'utf8').catch((cause: unknown) => refuse(inWords(cause)));
    } else if ('env' in source) text = taken(source.env) ?? refuse(`the environment variable ${source.env} is not set`);
    else text = await this.#printed(source.command).catch((why: Error) => refuse(why.message));
    const value = text.replace(/\r?\n$/, '');
    const from = 'file' in source ? source.file : 'env' in source ? source.env : 'its command';
    if (value === '') refuse(`${from} gives nothing`);
    if (value.length < shortest) refuse(`${from} gives fewer than ${shortest} characters, which could not be told from other text`);
    return value;
  }

  #printed(command: Command): Promise<string> {
    const [program, ...args] = argvOf(command);
    return new Promise((done, reject) => {
      execFile(program, args, { cwd: this.#folder, timeout: commandMs, maxBuffer: 1 << 20 }, (failed, stdout, stderr) => {
        if (!failed) return done(stdout);
        // Not the error's own message: that holds the command.
        const why = failed.killed ? `no end within ${commandMs / 1000} s` : typeof failed.code === 'number' ? `exit code ${failed.code}` : inWords(failed);
        reject(new Error(`its command failed: ${why}${stderr.trim() === '' ? '' : `: ${stderr.trim().split('\n').at(-1)!}`}`));
      }).stdin?.end();
    });
  }
}

const takenFromEnvironment = new Map<string, string>();

/** A variable of the environment, which nothing that is started from now on inherits. */
function taken(name: string): string | undefined {
  const value = process.env[name] ?? takenFromEnvironment.get(name);
  if (value !== undefined) takenFromEnvironment.set(name, value);
  delete process.env[name];
  return value;
}

/** How many characters of the beginning of a text are the end of a value; a few may be so by accident. */
function longestEnd(value: string, text: string): number {
  for (let length = Math.min(value.length - 1, text.length); length >= shortest; length--) if (text.startsWith(value.slice(-length))) return length;
  return 0;
}

/** The door of an action for which seals become values, in files and in the input of commands; and where they are refused. */
export function guarded(door: Orchestrapi, vault: Vault): Orchestrapi {
  const refuseIn = (what: string, where: string, ...texts: readonly string[]): void => {
    const name = vault.nameIn(texts.join('\0'));
    if (name !== undefined) throw new TypeError(`the secret "${name}" would be in ${what}, where ${where} can see it: place it in a file, or give it as input`);
  };
  const check = (command: Command, { env = {}, cwd = '' }: Pick<StepOptions, 'env' | 'cwd'> = {}): void => {
    refuseIn('a command', 'every user of the host', ...argvOf(command), cwd);
    refuseIn('the environment of a command', 'its children and the log of whoever prints it', ...Object.values(env));
  };
  const withInput = async (options: StepOptions): Promise<StepOptions> => (options.input === undefined ? options : { ...options, input: await vault.open(options.input) });
  let sealed: { readonly path: string; readonly text: string; readonly mode: number }[] = [];
  const guardedDoor: Orchestrapi = {
    ...door,
    async run(command, options = {}) {
      check(command, options);
      return door.run(command, await withInput(options));
    },
    async ask(command, options = {}) {
      check(command, options);
      return door.ask(command, await withInput(options));
    },
    async startScript(name, command, options) {
      check(command, options);
      return door.startScript(name, command, options);
    },
    writeFile(path, text, options) {
      refuseIn('the name of a file', 'every user of the host', path);
      // For nobody but its owner, unless the action says otherwise.
      if (vault.nameIn(text) !== undefined) sealed.push({ path, text, mode: options?.mode ?? 0o600 });
      else door.writeFile(path, text, options);
    },
    async flushTransfers() {
      const files = sealed;
      sealed = [];
      for (const { path, text, mode } of files) door.writeFile(path, await vault.open(text), { mode });
      await door.flushTransfers();
    },
    async transfer(source, destination) {
      door.queueTransfer(source, destination);
      await guardedDoor.flushTransfers();
    },
  };
  return guardedDoor;
}

import { execFile, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

/*
 * The assembly of shop.yaml in a folder of its own, conducted by the real bin/tutti.js.
 */

const root = resolve(import.meta.dirname, '../..');
export const bin = join(root, 'bin/tutti.js');

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A command that goes on. */
export interface Going {
  readonly pid: number;
  readonly ending: Promise<Ending>;
  /** Resolves when the output holds the text. It ends without: rejects. */
  said(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export class Shop {
  readonly folder = mkdtempSync(join(tmpdir(), 'tutti-cli-'));
  readonly file = join(this.folder, 'assembly.yaml');
  readonly env: NodeJS.ProcessEnv = { ...process.env, HOME: this.folder, PATH: `${this.folder}${delimiter}${process.env['PATH']}`, LIBRARY: join(root, 'src/index.ts') };

  constructor(assembly = join(import.meta.dirname, 'shop.yaml')) {
    for (const name of ['TERM', 'NO_COLOR', 'FORCE_COLOR', 'CI']) delete this.env[name];
    copyFileSync(assembly, this.file);
    writeFileSync(join(this.folder, 'tutti'), `#!/bin/sh\nexec '${process.execPath}' '${bin}' "$@"\n`, { mode: 0o755 });
  }

  /** Where a component's files are. */
  folderOf(host: string, component: string): string {
    return join(this.folder, '.tutti/assembly/hosts', host, component);
  }

  /** A text for sh; `tutti` is on its PATH. */
  sh(text: string): Promise<Ending> {
    return new Promise((settle) => {
      execFile('/bin/sh', ['-c', text], { cwd: this.folder, env: this.env, maxBuffer: 1 << 26 }, (failure, out, err) => {
        settle({ code: failure ? (typeof failure.code === 'number' ? failure.code : null) : 0, signal: failure?.signal ?? null, out, err });
      });
    });
  }

  /** `tutti ...` to its end. */
  async tutti(...args: readonly string[]): Promise<Ending> {
    return this.begin(...args).ending;
  }

  begin(...args: readonly string[]): Going {
    const child = spawn(process.execPath, [bin, ...args], { cwd: this.folder, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '', err = '';
    const listeners = new Set<() => void>();
    const hear = () => listeners.forEach((listener) => listener());
    child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; hear(); });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; hear(); });
    const ending = new Promise<Ending>((settle, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => settle({ code, signal, out, err }));
    });
    return {
      pid: child.pid!, ending,
      kill: (signal) => void child.kill(signal),
      said: (text) => new Promise((settle, reject) => {
        const listener = () => { if (`${out}${err}`.includes(text)) settle(); };
        listeners.add(listener);
        listener();
        void ending.then(() => reject(new Error(`ended without saying "${text}":\n${out}${err}`)));
      }),
    };
  }

  /** Output without what differs from one run to the next: the folder, times, processes. */
  plain(text: string): string {
    return text.replaceAll(this.folder, 'DIR').replaceAll(root, 'ROOT').replaceAll(hostname(), 'HOST')
      .replaceAll(/^ +\+[\d.]+m?s /gm, '+T ').replaceAll(/\((?:[\d.]+)m?s\)/g, '(T)').replaceAll(/"atMs":\d+/g, '"atMs":NOW').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'NOW').replaceAll(/\b([Pp]rocess |kill -INT )\d+/g, '$1PID');
  }

  /** Ends what it has on its hosts, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (existsSync(join(this.folder, '.tutti/assembly/hosts'))) await this.tutti('destroy', this.file, '--force');
    rmSync(this.folder, { recursive: true });
  }
}

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** So long after its last use it is closed. */
const idleMs = 10_000;
/** So long it may take to come up; then rsync connects by itself. */
const openMs = 20_000;

/**
 * A standing connection of the `ssh` program to one host, which rsync goes through: a login costs a host as much as sending some megabytes. It ends with
 * this process, however that ends, since its far side reads from us. What cannot be had is done without.
 */
export class SshMaster {
  readonly #ssh: readonly string[];
  readonly #destination: string;
  #folder: string | undefined;
  #child: ChildProcess | undefined;
  #opening: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #users = 0;

  /** @param ssh the program and the arguments that bring it to `destination` */
  constructor(ssh: readonly string[], destination: string) {
    this.#ssh = ssh;
    this.#destination = destination;
  }

  /** Calls `use` with the arguments of an `ssh` that goes through it. */
  async through<T>(use: (ssh: readonly string[]) => Promise<T>): Promise<T> {
    this.#users++;
    clearTimeout(this.#idle);
    try {
      await (this.#opening ??= this.#open());
      // Where nobody listens at the path, ssh connects by itself.
      return await use([...this.#ssh, '-o', 'ControlMaster=no', '-o', `ControlPath=${this.#path()}`]);
    } finally {
      if (--this.#users === 0) this.#idle = setTimeout(() => this.close(), idleMs).unref();
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#child?.stdin?.end();
    this.#child = undefined;
    this.#opening = undefined;
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #path(): string {
    return join((this.#folder ??= mkdtempSync(join(tmpdir(), 'tutti-ssh-'))), 'm');
  }

  /** Resolves when it is up, or cannot be. */
  #open(): Promise<void> {
    const [program, ...args] = this.#ssh;
    const child = spawn(program!, [...args, '-o', 'ControlMaster=yes', '-o', 'ControlPersist=no', '-o', `ControlPath=${this.#path()}`, '--', this.#destination, 'echo; exec cat >/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    this.#child = child;
    child.stdin.on('error', () => {});
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, openMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      child.stdout.once('data', done);
      child.once('error', done).once('close', () => {
        done();
        // The next one to use it tries anew.
        if (this.#child === child) this.#opening = undefined;
      });
      child.unref();
    });
  }
}

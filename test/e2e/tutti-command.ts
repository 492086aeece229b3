import { spawn, type ChildProcess } from 'node:child_process';
import { bin } from './playground.ts';

/** A command that runs. */
export interface Playing {
  readonly child: ChildProcess;
  readonly ending: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** Resolves when its output holds the text; rejects when it ends without. */
  said(text: string): Promise<void>;
}

/** Runs `tutti ARGUMENTS`, and hears what it says. */
export function tutti(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Playing {
  const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let out = '', err = '';
  let listeners: (() => void)[] = [];
  child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    out += piece;
    for (const listener of listeners) listener();
  });
  const ending = new Promise<{ code: number | null; out: string; err: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
  const said = (text: string) => new Promise<void>((resolve, reject) => {
    const look = (): void => { if (out.includes(text)) resolve(); };
    listeners = [...listeners, look];
    look();
    void ending.then(() => reject(new Error(`ended without saying ${text}:\n${out}${err}`)), reject);
  });
  return { child, ending, said };
}

/** The transitions that a run's lines tell the start of, in order. */
export function started(out: string): string[] {
  return out.split('\n').flatMap((line) => /started +(\S+)/.exec(line)?.[1] ?? []);
}

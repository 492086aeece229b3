import { spawn } from 'node:child_process';
import { join } from 'node:path';

const bin = join(import.meta.dirname, '../bin/tutti.js');

/** Runs a command of tutti to its end, and gives its standard output. @throws Error with what it said, when it does not end well */
export function tutti(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    let out = '', err = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => { out += piece; });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => { err += piece; });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`tutti ${args.join(' ')} ended with ${code}:\n${out}${err}`))));
  });
}

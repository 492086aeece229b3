/**
 * The naming service as the double reaches it: through `nameclt`, `genior` and `catior`, processes as anybody's. They come from the folder in
 * OMNIORB_BIN; without it from PATH; without that from `naming/` beside the double. OMNIORB_CONFIG tells them where the service is.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The naming service did not answer (or nothing says where it is): nothing is known of any name. */
export class NamingServiceDown extends Error {}

const folder = process.env.OMNIORB_BIN || (process.env.PATH ?? '').split(delimiter).find(hasNameclt) || fileURLToPath(new URL('../naming', import.meta.url));

function hasNameclt(candidate) {
  try {
    accessSync(join(candidate, 'nameclt'), constants.X_OK);
    return candidate !== '';
  } catch {
    return false;
  }
}

function run(program, ...args) {
  return new Promise((resolve, reject) => {
    execFile(join(folder, program), args, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ exitCode: error ? error.code : 0, stdout, stderr });
    });
  });
}

async function nameclt(...args) {
  const result = await run('nameclt', ...args);
  if (result.exitCode !== 0 && /TRANSIENT|COMM_FAILURE|root context/.test(result.stderr)) throw new NamingServiceDown(result.stderr.trim());
  return result;
}

/**
 * Whose name this is, or undefined for an unknown one. A reference is no proof of life.
 * @returns {Promise<import('./wire.mjs').Reference | undefined>}
 */
export async function resolveName(name) {
  const found = await nameclt('resolve', name);
  if (found.exitCode !== 0) return undefined;
  const { stdout } = await run('catior', found.stdout.trim());
  const profile = /IIOP 1\.\d (\S+) (\d+) "(.*)"/.exec(stdout);
  return profile ? { host: profile[1], port: Number(profile[2]), key: profile[3] } : undefined;
}

/** Gives the name to `reference`, also when somebody has it, and makes its context when it is the first in it. */
export async function bindName(name, typeId, reference) {
  const { stdout: ior } = await run('genior', typeId, reference.host, String(reference.port), reference.key);
  const rebind = () => nameclt('-advanced', 'rebind', name, ior.trim());
  let bound = await rebind();
  if (bound.exitCode !== 0) {
    // Exit code 1 here means that another element was faster: as good.
    await nameclt('bind_new_context', name.slice(0, name.lastIndexOf('/')));
    bound = await rebind();
  }
  if (bound.exitCode !== 0) throw new Error(`${name} could not be bound: ${bound.stderr.trim()}`);
}

/** Takes the name away, whoever has it now; an unknown one is success. */
export async function unbindName(name) {
  await nameclt('unbind', name);
}

import { fail } from './configuration.mjs';
import { NamingServiceDown } from './names.mjs';

/** Where an element listens: both keys, or all addresses and a port of the system's choice. */
export function endpoint(configuration) {
  const host = configuration.get('dietHostname');
  return { ...(host ? { host } : {}), port: Number(configuration.get('dietPort') ?? 0) };
}

/** Takes the address and binds the names; the process ends with DIET's message when it cannot. `unregistered` is what it says without a naming service. */
export async function raise(element, unregistered) {
  try {
    await element.open();
  } catch {
    const { host, port } = element.options;
    fail(1, `omniORB: Failed to bind to address ${host ?? '::'} port ${port}. Address in use?`);
  }
  try {
    await element.register();
  } catch (error) {
    if (!(error instanceof NamingServiceDown)) console.error(error.message);
    fail(unregistered.exitCode, unregistered.message);
  }
}

/** A parent that is there now is taken; one that is not is never looked for again. */
export async function attachAtStart(element, parentName) {
  if ((await element.attach(parentName)) !== 0) console.error(`DIET WARNING: cannot locate agent ${parentName}, will now wait.`);
}

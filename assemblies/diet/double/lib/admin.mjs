import { announce, usage } from './announce.mjs';
import { fail } from './configuration.mjs';
import { tell } from './element.mjs';
import { resolveName } from './names.mjs';

const contexts = { SED: 'dietSeD', LA: 'dietAgent', AGENT: 'dietAgent' };

/**
 * What `connect`, `disconnect` and `remove` have in common: finds an element by its name and asks it one thing. An element that is unknown,
 * or dead under a stale name, or a naming service that is down, is exit code 1; otherwise the element's own answer.
 * @param {{ program: string, kind: string, name: string, request: object, done: string, refused: string }} errand
 */
export async function ask({ program, kind, name, request, done, refused }) {
  announce(program);
  const exitCode = await answer();
  if (exitCode !== 0) fail(exitCode, `** ${refused}`);
  console.log(`** ${done}`);

  async function answer() {
    try {
      const element = await resolveName(`${contexts[kind]}/${name}`);
      if (!element) return fail(1, `** ${kind} ${name} is unknown to the naming service.`);
      return (await tell(element, request)).exitCode;
    } catch (error) {
      return fail(1, `** ${kind} ${name} cannot be reached: ${error.message}`);
    }
  }
}

/** The command line when it has this form, else the usage and the end. */
export function expectArguments(program, kinds, counts, line) {
  const [kind, ...others] = process.argv.slice(2);
  if (!kinds.includes(kind) || others.length !== counts[kind] || others.includes('')) usage(program, line);
  return [kind, ...others];
}

/** Double of DIET's connect: attaches a living element to another parent. */
import { ask, expectArguments } from './admin.mjs';

const [kind, name, parent] = expectArguments('connect', ['SED', 'LA'], { SED: 2, LA: 2 }, 'SED|LA NAME PARENT');
await ask({
  program: 'connect',
  kind,
  name,
  request: { do: 'connect', parent },
  done: `${name} has been attached to ${parent}.`,
  refused: `${name} could not be attached to ${parent}.`,
});

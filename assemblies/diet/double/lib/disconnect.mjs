/** Double of DIET's disconnect: detaches a living element from its parent. */
import { ask, expectArguments } from './admin.mjs';

const [kind, name] = expectArguments('disconnect', ['SED', 'LA'], { SED: 1, LA: 1 }, 'SED|LA NAME');
await ask({
  program: 'disconnect',
  kind,
  name,
  request: { do: 'disconnect' },
  done: `${name} has been disconnected from the hierarchy.`,
  refused: `${name} could not be disconnected: its parent does not answer.`,
});

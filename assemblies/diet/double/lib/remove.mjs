/** Double of DIET's remove: ends an element, or a whole subtree. */
import { ask, expectArguments } from './admin.mjs';
import { usage } from './announce.mjs';

const line = 'SED NAME | remove AGENT NAME 0|1';
const [kind, name, subtree] = expectArguments('remove', ['SED', 'AGENT'], { SED: 1, AGENT: 2 }, line);
if (kind === 'AGENT' && subtree !== '0' && subtree !== '1') usage('remove', line);
await ask({
  program: 'remove',
  kind,
  name,
  request: { do: 'remove', subtree: subtree === '1' },
  done: `${name} has been removed from the hierarchy.`,
  refused: `${name} could not be removed.`,
});

import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { commandText, parseExit, parseIdentity, recordIn, recordOf, scriptFolder, wrapper } from '../../src/orchestrapi/script.ts';

const at = { folder: '/w/scripts/s', workFolder: '/w', cwd: '/w' };

test('the folder of a script is below `scripts/`', () => {
  expect(scriptFolder('/w', 'steps/la[2]/start.1.1/0')).toBe('/w/scripts/steps/la[2]/start.1.1/0');
  expect(() => scriptFolder('/w', 'steps/../../etc')).toThrow(RangeError);
});

test.each([
  ['7 123 abc-def\n', { pid: 7, startTime: '123', bootId: 'abc-def' }], ['7 123 abc-def', undefined], ['7 123 \n', undefined], ['', undefined], ['7 123 a b\n', undefined], ['x 1 a\n', undefined],
])('an identity counts when it is whole: %j', (text, identity) => {
  expect(parseIdentity(text)).toEqual(identity);
});

test.each([['0\n', 0], ['137\n', 137], ['0', undefined], ['', undefined], ['13', undefined], ['\n', undefined]])('an exit code counts when it is whole: %j', (text, code) => {
  expect(parseExit(text)).toBe(code);
});

test.each(['echo "a\nb"', ['printf', '%s\n', "it's"]] as const)('the command can be read back from its file: %j', (command) => {
  expect(recordIn(commandText({ id: 's', command }, at))).toBe(recordOf(command));
});

test('a variable that no shell can name is refused', () => {
  expect(() => commandText({ id: 's', command: 'true', env: { 'A-B;x': '' } }, at)).toThrow('environment variable');
});

test('the texts are read by every POSIX shell that is here', () => {
  for (const shell of ['sh', 'dash', 'bash', 'busybox']) {
    for (const text of [wrapper, commandText({ id: 's', command: ['a', "b'c"], env: { X: '1' } }, at)]) {
      const argv = shell === 'busybox' ? ['sh', '-n', '-c', text] : ['-n', '-c', text];
      try {
        execFileSync(shell, argv, { stdio: 'pipe' });
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      }
    }
  }
});

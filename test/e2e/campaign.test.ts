import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { onTestBed } from '../testbed/testbed.ts';
import { campaign, hostCount } from './campaign.ts';

onTestBed('the crash campaign', hostCount, (bed) => {
  test('the controller killed, a host cut off, at ten random instants each: the same end, nothing done twice, nothing left', { timeout: 600_000 }, async () => {
    expect(await campaign({ bed: bed(), kills: 10, cuts: 10, seed: Date.now() % 2 ** 32, say: console.log })).toEqual([]);
  });
});

test.each([
  ['--help', 0, /^npm run campaign .*--only N/s, ''],
  ['--kills many', 2, '', /^--kills wants a number, not "many"\n\nnpm run campaign /],
  ['--kill 3', 2, '', /^Unknown option '--kill'.*\n\nnpm run campaign /s],
])('node campaign.ts %s says how it is used', (words, code, out, err) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [new URL('campaign.ts', import.meta.url).pathname, ...words.split(' ')], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: code, stdout: out === '' ? '' : expect.stringMatching(out), stderr: err === '' ? '' : expect.stringMatching(err) });
});

import { expect, test } from 'vitest';
import { onTestBed } from '../testbed/testbed.ts';
import { campaign, hostCount } from './campaign.ts';

onTestBed('the crash campaign', hostCount, (bed) => {
  test('the controller killed, a host cut off, at ten random instants each: the same end, nothing done twice, nothing left', { timeout: 600_000 }, async () => {
    expect(await campaign({ bed: bed(), kills: 10, cuts: 10, seed: Date.now() % 2 ** 32, say: console.log })).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { duration, since, timeMarks } from '../../src/view/time.ts';

test.each([
  [-5, '0s'], [0, '0s'], [0.2, '1ms'], [340, '340ms'], [999.4, '999ms'], [999.6, '1.0s'], [12_345, '12.3s'], [59_949, '59.9s'], [59_950, '1m00s'],
  [245_000, '4m05s'], [3_599_600, '1h00m'], [7_380_000, '2h03m'], [47 * 3_600_000, '47h00m'], [76 * 3_600_000, '3d04h'],
])('duration(%d) is %s', (ms, text) => expect(duration(ms)).toBe(text));

test.each([[0, '+0.000s'], [12_345, '+12.345s'], [-1, '+0.000s']])('since 0 at %d is %s', (atMs, text) => expect(since(0, atMs)).toBe(text));

describe('timeMarks', () => {
  test.each([
    [0, 10, ['0']],
    [12, 6, ['0', '2ms', '4ms', '6ms', '8ms', '10ms', '12ms']],
    [1000, 4, ['0', '500ms', '1s']],
    [4500, 9, ['0', '500ms', '1s', '1.5s', '2s', '2.5s', '3s', '3.5s', '4s', '4.5s']],
    [150_000, 6, ['0', '30s', '1m', '1m30s', '2m', '2m30s']],
    [2 * 3_600_000, 4, ['0', '30m', '1h', '1h30m', '2h']],
    [30 * 3_600_000, 5, ['0', '6h', '12h', '18h', '24h', '30h']],
    [10 * 86_400_000, 5, ['0', '48h', '96h', '144h', '192h', '240h']],
  ])('%d ms in %d steps', (spanMs, wanted, labels) => expect(timeMarks(spanMs, wanted).map(({ label }) => label)).toEqual(labels));

  test('there are never many, however long it took', () => {
    for (let spanMs = 1; spanMs < 1e13; spanMs = spanMs * 3 + 1) expect(timeMarks(spanMs, 10).length).toBeLessThanOrEqual(11);
  });
});

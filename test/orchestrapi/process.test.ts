import { expect, test } from 'vitest';
import { turnToSpawn } from '../../src/orchestrapi/process.ts';

test('of many that start processes at once, each gets a turn of the event loop of its own, in their order', async () => {
  let turn = 0, isOver = false;
  const count = (): void => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const turns = await Promise.all(Array.from({ length: 20 }, async () => {
    await turnToSpawn();
    return turn;
  }));
  isOver = true;
  expect([new Set(turns).size, turns.toSorted((a, b) => a - b)]).toEqual([20, turns]);
});

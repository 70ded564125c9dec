/** When a series has grown enough to be trained on again. */
import { expect, it } from 'vitest';
import { hasGrown } from '../../src/train/schedule.ts';

it('a quarter more, but no fewer than 250 rows and no more than 1,000', () => {
  expect([0, 249, 250].map((rows) => hasGrown(rows, 0))).toEqual([false, false, true]);
  expect([2499, 2500].map((rows) => hasGrown(rows, 2000))).toEqual([false, true]);
  expect([20_999, 21_000].map((rows) => hasGrown(rows, 20_000))).toEqual([false, true]);
});

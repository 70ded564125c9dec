/** Where a network's training is long, and where its weights decay. */
import { expect, it } from 'vitest';
import { decayOf, passesOf } from '../../src/train/effort.ts';

it('the first training makes four times the passes, a later one as many while that is little work', () => {
  expect([1e6, 5e7, 1e8, 5e8, 1e9, 1e11].map((work) => passesOf(12, work, false))).toEqual([48, 20, 12, 12, 6, 1]);
  expect([0, 1e6, 4e8, 1e9, 1e11].map((work) => passesOf(12, work, true))).toEqual([48, 48, 48, 24, 4]);
});

it('weights decay as configured up to 2,000 rows, and less in proportion to more', () => {
  expect([1, 2000, 4000, 200_000].map((rows) => decayOf(0.5, rows))).toEqual([0.5, 0.5, 0.25, 0.005]);
});

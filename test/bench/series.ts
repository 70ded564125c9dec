/** The seeded series of the benchmarks, one row a minute. */
import { Random } from '../../src/core/random.ts';

export const MINUTE = 60_000;
export const START = Date.UTC(2024, 0, 1);

/** Values with a level of their own a series, a wave of a day of 24 rows, and noise. */
export function values(seed: number): (series: number, row: number) => number {
  const random = new Random(seed);
  const wave = Float64Array.from({ length: 24 }, (_, hour) => 10 * Math.sin((2 * Math.PI * hour) / 24));
  return (series, row) => 100 + (series % 50) + wave[row % 24]! + random.next() / 2 ** 30;
}

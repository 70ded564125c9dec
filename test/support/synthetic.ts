/** Seeded series with known properties, for choosing and testing forecasters. */
import { log } from '../../src/core/math/math.ts';
import { Random, seedOf } from '../../src/core/random.ts';

/** One series on a regular grid. */
export interface Series {
  readonly name: string;
  /** Milliseconds between rows. */
  readonly interval: number;
  /** Epoch ms. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Season lengths in rows. */
  readonly seasons: readonly number[];
}

/** Builds a series row by row: `next(row, draw, before)` gives the value, `before(k)` the value k rows ago (0 before the first). */
export function synthesize(
  name: string,
  rows: number,
  seasons: readonly number[],
  next: (row: number, draw: () => number, before: (k: number) => number) => number,
): Series {
  const random = new Random(seedOf('synthetic', name));
  const draw = () => random.normal(log);
  const interval = 1_800_000;
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) values[row] = next(row, draw, (k) => (row >= k ? values[row - k]! : 0));
  return { name, interval, times: Float64Array.from(values, (_, row) => row * interval), values, seasons };
}

const ROWS = 4000;
const wave = (row: number, period: number) => Math.sin((2 * Math.PI * row) / period);

/** The sets: each a function, so that nothing is drawn before it is wanted. */
export const SYNTHETIC: readonly (() => Series)[] = [
  () => synthesize('random-walk', ROWS, [48], (_, draw, before) => before(1) + draw()),
  () => synthesize('white-noise', ROWS, [48], (_, draw) => 100 + draw()),
  () => synthesize('autoregressive', ROWS, [48], (_, draw, before) => 0.6 * before(1) + 0.2 * before(2) + draw()),
  () => synthesize('season', ROWS, [48], (row, draw) => 50 + 10 * wave(row, 48) + 4 * wave(row, 16) + draw()),
  () => synthesize('season-and-trend', ROWS, [48], (row, draw) => 0.05 * row + 10 * wave(row, 48) + draw()),
  () => synthesize('regime', ROWS, [48], (row, draw, before) => (row < 3000 ? before(1) + draw() : 20 * wave(row, 48) + draw())),
  () => synthesize('level-shifts', ROWS, [48], (row, draw) => 10 * (Math.floor(row / 700) % 3) + draw()),
  () =>
    synthesize('bursts', ROWS, [48], (row, draw, before) => 0.7 * before(1) + draw() * (Math.floor(row / 200) % 2 === 0 ? 1 : 6)),
  () => synthesize('counts', ROWS, [48], (_, draw) => Math.max(0, Math.floor(2 * draw()))),
];

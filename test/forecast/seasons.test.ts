/** The search for seasons: what is there is found, and chance is not taken for it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random, seedOf } from '../../src/core/random.ts';
import { findSeasons } from '../../src/forecast/seasons.ts';

/** About normal, with deviation 1. */
function noise(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random.uniform();
  return sum;
}

function series(rows: number, seed: number, value: (row: number, random: Random) => number): Float64Array {
  const random = new Random(seed);
  return Float64Array.from({ length: rows }, (_, row) => value(row, random));
}

/** How many of 100 seeded series have a season found in them. */
function alarms(rows: number, next: (random: Random) => () => number, usual: readonly number[] = []): number {
  let found = 0;
  for (let i = 0; i < 100; i++) {
    const value = next(new Random(seedOf(5, 'alarms', i)));
    if (findSeasons(Float64Array.from({ length: rows }, value), usual).length > 0) found++;
  }
  return found;
}

/** The sum of steps so far. */
function summed(step: (random: Random) => number) {
  return (random: Random) => {
    let at = 0;
    return () => (at += step(random));
  };
}

/** Draws that are forgotten by and by. */
function dragged(keep: number, size: number) {
  return (random: Random) => {
    let at = 0;
    return () => (at = keep * at + size * noise(random));
  };
}

/** The same under noise. */
function over(next: (random: Random) => () => number) {
  return (random: Random) => {
    const value = next(random);
    return () => value() + noise(random);
  };
}

describe('the search for seasons', () => {
  it.each([12, 24, 48, 168])('finds a season of %i rows below noise as large', (season) => {
    const wave = series(4000, season, (row, random) => Math.sin((2 * Math.PI * row) / season) + noise(random) / 2);
    expect(findSeasons(wave)).toEqual([season]);
  });

  it('finds a day and a week of half hours', () => {
    const day = (row: number) => Math.exp(-(((row % 48) - 17) ** 2) / 30) + 0.6 * Math.exp(-(((row % 48) - 38) ** 2) / 50);
    const weekly = [1, 1.1, 1.1, 1.2, 1.3, 0.5, 0.4];
    const rides = series(
      3096,
      1,
      (row, random) =>
        100 * day(row) * weekly[Math.floor(row / 48) % 7]! + 20 * weekly[Math.floor(row / 48) % 7]! + 3 * noise(random),
    );
    expect(findSeasons(rides)).toEqual([48, 336]);
  });

  it('finds a season on a level that wanders, and on one that rises', () => {
    let level = 0;
    const wandering = series(2000, 2, (row, random) => 3 * Math.sin((2 * Math.PI * row) / 24) + (level += 0.3 * noise(random)));
    expect(findSeasons(wandering)).toEqual([24]);
    expect(findSeasons(wandering.map((value, row) => value + row / 10))).toEqual([24]);
  });

  it('of lengths that a calendar makes likely needs less', () => {
    const day = (row: number) => Math.exp(-(((row % 48) - 17) ** 2) / 30);
    const faint = series(600, 3, (row, random) => 0.7 * day(row) + noise(random) / 2);
    expect(findSeasons(faint)).toEqual([]);
    expect(findSeasons(faint, [48, 336])).toEqual([48]);
    // what is not there is not found because it is likely
    expect(findSeasons(faint, [60, 420])).toEqual([]);
    expect(findSeasons(faint, [2, 100_000])).toEqual([]);
  });

  it('takes a peak beside such a length for one there, unless it is clearly another', () => {
    const wave = (length: number, seed: number) =>
      series(2400, seed, (row, random) => Math.sin((2 * Math.PI * row) / length) + noise(random));
    const rush = (seed: number) =>
      series(2000, seed, (row, random) => 5 * Math.exp(-(((row % 288) - 100) ** 2) / 800) + noise(random));
    for (let seed = 0; seed < 10; seed++) {
      expect(findSeasons(rush(seed), [12, 288])).toEqual([288]);
      expect(findSeasons(wave(288, seed), [12, 288])).toEqual([288]);
      expect(findSeasons(wave(23, seed), [24, 168])).toEqual([23]);
    }
  });

  /** What there is in the world without a season: the next value, given draws. */
  const without: [string, (random: Random) => () => number][] = [
    ['noise', (random) => () => noise(random)],
    ['random walks', summed((random) => noise(random))],
    ['levels that wander under noise', over(summed((random) => 0.3 * noise(random)))],
    ['echoes that die out', dragged(0.9, 1)],
    ['such echoes under noise', over(dragged(0.95, 0.3))],
    [
      'levels that shift',
      over((random) => {
        let level = 0;
        return () => (random.uniform() < 0.01 ? (level = 4 * noise(random)) : level);
      }),
    ],
    ['steps of very different size', summed((random) => noise(random) / Math.sqrt(random.uniform() + 1e-3))],
    [
      'shares that wander under noise',
      (random) => {
        const at = dragged(0.9, 0.44)(random);
        return () => Math.exp(at() / 2 + 0.4 * noise(random));
      },
    ],
    ['trends', over(summed(() => 0.05))],
  ];

  it.each(without)('finds none in %s: at most in one of a hundred', (_, next) => {
    for (const rows of [150, 300, 1000]) {
      expect(alarms(rows, next)).toBeLessThanOrEqual(1);
      expect(alarms(rows, next, [24, 168])).toBeLessThanOrEqual(1);
    }
    expect(alarms(2500, next, [12, 288])).toBeLessThanOrEqual(1);
  });

  it('cycles that come and go are seldom taken for a season', () => {
    const cycles = (random: Random) => {
      let [at, before] = [0, 0];
      return () => {
        [at, before] = [1.3 * at - 0.7 * before + noise(random), at];
        return at;
      };
    };
    expect(alarms(1000, cycles)).toBeLessThanOrEqual(12);
  });

  it('says nothing of few rows, of a constant, of huge values', () => {
    expect(findSeasons(new Float64Array(0))).toEqual([]);
    expect(findSeasons(Float64Array.of(1, 2))).toEqual([]);
    expect(findSeasons(new Float64Array(500).fill(7.5))).toEqual([]);
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 60 }), (values) => {
        for (const season of findSeasons(Float64Array.from(values))) {
          expect(season).toBeGreaterThanOrEqual(3);
          expect(4 * season).toBeLessThanOrEqual(values.length);
        }
      }),
      { seed: 1 },
    );
  });

  it('does not depend on unit or zero', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 40 }),
        fc.integer({ min: -20, max: 20 }),
        fc.integer({ min: -100, max: 100 }),
        (season, power, zero) => {
          const wave = series(600, season, (row, random) => 2 * Math.sin((2 * Math.PI * row) / season) + noise(random) / 4);
          expect(findSeasons(wave.map((value) => (value + zero) * 2 ** power))).toEqual(findSeasons(wave));
        },
      ),
      { seed: 1, numRuns: 30 },
    );
  });
});

/** Seeded data sets, written as CSV files. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random, seedOf } from '../../../src/core/random.ts';
import { latches, latchLines } from '../latch.ts';

/** Rows of a regime, and those after its begin that are looked at. */
export const REGIME = 1000;
export const AFTER = 500;

/** Six seeded series that become something else every thousand rows: a walk, noise about a level, a season, a trend, a slow return to a level. */
export function shiftTicks(folder: string): string {
  const kinds: ((t: number, before: number, draw: () => number) => number)[] = [
    (_, before, draw) => before + draw(),
    (_, __, draw) => 40 + 3 * draw(),
    (t, _, draw) => 20 + 15 * Math.sin((2 * Math.PI * t) / 24) + draw(),
    (t, _, draw) => 0.05 * (t % REGIME) + 2 * draw(),
    (_, before, draw) => 60 + 0.9 * (before - 60) + draw(),
  ];
  const series = Array.from({ length: 6 }, (_, s) => {
    const random = new Random(seedOf('shifts', s));
    const order = Array.from({ length: 8 }, () => random.below(kinds.length));
    let value = 0;
    return Array.from(
      { length: 8 * REGIME },
      (__, t) => (value = kinds[order[Math.floor(t / REGIME)]!]!(t, value, () => random.normal(Math.log))),
    );
  });
  const lines = ['time,series,value'];
  for (let t = 0; t < 8 * REGIME; t++)
    series.forEach((values, s) => lines.push(`${new Date(Date.UTC(2020, 0, 1, t)).toISOString()},s${s},${values[t]}`));
  const path = join(folder, 'shifts.csv');
  writeFileSync(path, lines.join('\n'));
  return path;
}

/** Size of the data set that hangs on rows long past. */
export const MEMORY = { series: 24, rows: 8000 };

/** See latch.ts. */
export function memoryTicks(folder: string): string {
  const path = join(folder, 'memory.csv');
  writeFileSync(path, latchLines(latches(MEMORY)).join('\n'));
  return path;
}

/** Where a season ago lies: a number of rows on the grid, and looked up by time off it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { LATE, SeasonRows } from '../../src/forecast/season-rows.ts';
import { calendar } from '../../src/window/calendar.ts';
import { Ring } from '../../src/window/ring.ts';
import { TimeZone } from '../../src/window/zone.ts';
import { replay } from '../support/replay.ts';

const MINUTE = 60_000;
const START = Date.UTC(2024, 0, 1);

function rowsAt(times: readonly number[], options: Partial<Parameters<typeof calendar>[0]> = {}) {
  const { lanes } = new State();
  const ring = new Ring(lanes, { capacity: times.length, channels: 1 });
  lanes.lane('one');
  for (const time of times) ring.push(0, time, Float64Array.of(0), 0);
  return new SeasonRows(ring, calendar({ interval: MINUTE, ...options }));
}

/** Rows of which some are missing, some come twice and some a little late. */
const uneven = fc
  .array(fc.oneof(fc.constant(1), fc.constantFrom(0, 0.5, 1, 1.2, 2, 3, 40)), { minLength: 3, maxLength: 80 })
  .map((steps) => steps.reduce<number[]>((times, step) => [...times, times.at(-1)! + step * MINUTE], [START]));

describe('on the grid', () => {
  it('a season ago is so many rows ago, and the next row is due in time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 30 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 40 }),
        (season, back, step) => {
          const rows = rowsAt(Array.from({ length: 120 }, (_, i) => START + i * MINUTE));
          const time = START + (119 - back) * MINUTE;
          expect(rows.isEven(0, back, 60)).toBe(true);
          expect(rows.pace(0, back)).toBe(1);
          expect(rows.due(0, back, step, 1)).toBe(time + step * MINUTE);
          expect(rows.phase(0, back, step, 1, season)).toBe(back + Math.ceil(step / season) * season - step);
          expect(rows.phase(0, back, 0, 1, season)).toBe(back + season);
        },
      ),
      { seed: 1 },
    );
  });

  it('a closed market is no delay', () => {
    const session = { open: '09:30', close: '09:34' };
    const day = (d: number) => Array.from({ length: 4 }, (_, i) => Date.UTC(2024, 0, d, 9, 31 + i));
    const rows = rowsAt([...day(1), ...day(2), ...day(3)], { session });
    for (let back = 0; back < 11; back++) expect(rows.late(0, back), `${back}`).toBe(0);
    expect(rows.pace(0, 0)).toBe(1);
    // from the second row of the third day, four rows of the grid before: the second of the second day
    expect(rows.phase(0, 2, 0, 1, 4)).toBe(6);
  });
});

describe('where clocks are changed', () => {
  const zone = new TimeZone('America/New_York');
  const HALF = 30 * MINUTE;
  // half-hours by the wall, the repeated hour of 2 November 2014 left out, as a file of local times has them
  const local = Array.from({ length: 480 }, (_, i) => zone.instant(Date.UTC(2014, 9, 28) + i * HALF));
  const options = { interval: HALF, timeZone: 'America/New_York' };

  it('rows that are even by the wall are even', () => {
    const rows = rowsAt(local, options);
    for (let back = 0; back + 1 < local.length; back++) expect(rows.late(0, back), `${back}`).toBe(0);
    for (let back = 0; back < 400; back++) expect(rows.isEven(0, back, 60)).toBe(true);
    expect(rows.pace(0, 0)).toBe(1);
  });

  it('a session opens at the same time by the wall: a row is missing, and a day ago is still that', () => {
    const session = { open: '09:30', close: '11:30' };
    const days = [30, 31, 34, 35].flatMap((day) =>
      [1, 2, 3, 4].map((i) => zone.instant(Date.UTC(2014, 9, day, 9, 30) + i * HALF)),
    );
    const times = days.filter((_, i) => i !== 5);
    const rows = rowsAt(times, { ...options, session });
    // the third row of Monday 3 November, the first day after the change: that of Friday lies four rows before it
    expect(rows.phase(0, 5, 0, 1, 4)).toBe(9);
    for (let back = 0; back < 8; back++) expect(rows.late(0, back), `${back}`).toBe(0);
  });

  it('where a row is missing besides, a day ago is the same time by the wall', () => {
    const missing = local.filter((_, i) => i !== 150);
    for (let last = 230; last < 300; last++) {
      const times = missing.slice(0, last);
      const found = rowsAt(times, options).phase(0, 0, 0, 1, 48);
      expect(zone.local(times.at(-1)!) - zone.local(times.at(-1 - found)!), `${last}`).toBe(48 * HALF);
    }
  });
});

describe('off the grid', () => {
  it('one gap is no pace: the row after it is due in time', () => {
    const times = Array.from({ length: 60 }, (_, i) => START + (i + (i > 45 ? 5 : 0)) * MINUTE);
    expect(rowsAt(times).pace(0, 0)).toBe(1);
  });

  it('the row is the one from which the season leads nearest to the time, or none', () => {
    fc.assert(
      fc.property(uneven, fc.integer({ min: 2, max: 60 }), fc.integer({ min: 0, max: 12 }), (times, season, step) => {
        const rows = rowsAt(times);
        const pace = rows.pace(0, 0);
        const due = times.at(-1)! + step * pace * MINUTE;
        const wanted = due - Math.max(1, Math.ceil((step * pace) / season)) * season * MINUTE;
        const found = rows.phase(0, 0, step, pace, season);
        const off = (back: number) => Math.abs(times.at(-1 - back)! - wanted);
        const nearest = Math.min(...times.map((_, back) => off(back)));
        const near = nearest <= (season * MINUTE) / 24 + 1e-6;
        // before its first row a series has nothing, not even near
        if (wanted < times[0]!) expect(found).toBe(-1);
        else if (near) expect(off(found)).toBeCloseTo(nearest, 3);
        else expect(found).toBe(-1);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('lateness is the mean of that of the last rows, each at most ten intervals, over the longest time without the largest', () => {
    fc.assert(
      fc.property(uneven, (times) => {
        const into = new Float32Array(LATE.length);
        rowsAt(times).writeLate(0, 0, into, 0);
        const late = times.slice(1).map((time, i) => Math.min(10, (time - times[i]!) / MINUTE - 1));
        LATE.forEach((rows, i) => {
          const last = late.slice(-rows).sort((a, b) => a - b);
          if (i === 2) last.pop();
          if (last.length === 0) return expect(into[i]).toBe(0);
          expect(into[i]).toBeCloseTo(last.reduce((sum, each) => sum + each, 0) / last.length, 4);
        });
      }),
      { seed: 3 },
    );
  });

  // a wave of the time of day, of which every third row is missing by chance
  const random = new Random(5);
  const all = Array.from({ length: 3000 }, (_, i) => START + i * MINUTE).filter(() => random.uniform() > 0.33);
  const values = Float64Array.from(all, (time) => 50 * Math.sin((2 * Math.PI * (time - START)) / (96 * MINUTE)));
  it.each(['seasonal-naive', 'holt-winters', 'linear'])('%s finds the phase of a row by its time', (model) => {
    const horizon = 12;
    const { mean } = replay(model, {
      values,
      times: Float64Array.from(all),
      horizon,
      seasons: [96],
      clock: calendar({ interval: MINUTE }),
    });
    let [own, naive] = [0, 0];
    for (let row = 600; row + horizon < values.length; row++) {
      own += Math.abs(values[row + horizon]! - mean[row * horizon + horizon - 1]!);
      naive += Math.abs(values[row + horizon]! - values[row]!);
    }
    // when the row comes is not known: that leaves an error
    expect(own / naive).toBeLessThan(0.3);
  });
});

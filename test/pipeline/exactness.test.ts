/** Promise 1: state is carried, exactly. Promise 2, in part: cutting the future off changes no earlier forecast. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { configOf, QUICK_RETRAIN, type Row, runLine, specOf } from '../support/whole-line.ts';

const SEED = 20240711;
const MINUTE = 60_000;

/** Seeded series on one clock: seasonal, with steps and noise; some begin late. */
function seriesRows(series: number, rows: number, seed: number): Row[] {
  const random = new Random(seed);
  const all: Row[] = [];
  for (let t = 0; t < rows; t++) {
    for (let s = 0; s < series; s++) {
      if (t < s % 3) continue;
      const value = 100 * (s + 1) + 10 * ((t + s) % 6) + (t > rows / 2 ? 30 : 0) + 5 * random.uniform();
      all.push({ series: `series-${s}`, time: 1_700_000_000_000 + t * MINUTE, values: [value] });
    }
  }
  return all;
}

/** Another order of arrival in which each series' own order is kept and rows move by at most `most` minutes. */
function interleave(rows: readonly Row[], most: number, seed: number): Row[] {
  const random = new Random(seed);
  const delay = new Map<string, number>();
  const keyed = rows.map((row, i) => {
    if (!delay.has(row.series)) delay.set(row.series, random.uniform() * most * MINUTE);
    return { row, at: row.time + delay.get(row.series)!, i };
  });
  return keyed.sort((a, b) => a.at - b.at || a.i - b.i).map(({ row }) => row);
}

describe('state is carried, exactly', () => {
  it('any split into batches, interleaving and restart gives the same bits', async () => {
    console.log(`seed ${SEED}`);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 21, max: 200 })),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 3 }),
        fc.integer(),
        async (series, batches, restarts, seed) => {
          const rows = seriesRows(series, Math.ceil(160 / series) + 8, 1);
          const whole = await runLine(specOf(), rows);
          // without retraining the series may come in any order at all
          const other = await runLine(specOf(), interleave(rows, 1e6, seed), { batches, restarts });
          expect(other.outputs).toEqual(whole.outputs);
          expect(other.hash).toBe(whole.hash);
          expect(other.scores).toEqual(whole.scores);
        },
      ),
      { seed: SEED, numRuns: 40 },
    );
  });

  it('200 interleaved series equal themselves one by one', async () => {
    const rows = seriesRows(200, 12, 2);
    const together = await runLine(specOf(), rows, { batches: [1000] });
    const apart = await runLine(
      specOf(),
      [...rows].sort((a, b) => (a.series < b.series ? -1 : a.series > b.series ? 1 : a.time - b.time)),
      { batches: [7] },
    );
    expect(apart.outputs).toEqual(together.outputs);
    expect(apart.hash).toBe(together.hash);
  });

  it('with retraining (exact), any split, restart and interleaving within the lateness gives the same bits', async () => {
    const lateness = 5 * MINUTE;
    const spec = specOf({ retrain: QUICK_RETRAIN, clean: { lateness } });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 3 }),
        fc.integer(),
        async (series, batches, restarts, seed) => {
          const rows = seriesRows(series, 90, 3);
          const whole = await runLine(spec, rows);
          expect(whole.trainings).toBeGreaterThanOrEqual(2);
          const other = await runLine(spec, interleave(rows, 4.9, seed), { batches, restarts });
          expect(other.outputs).toEqual(whole.outputs);
          expect(other.hash).toBe(whole.hash);
          expect(other.trainings).toBe(whole.trainings);
        },
      ),
      { seed: SEED, numRuns: 12 },
    );
  });

  it.each(['rnn', 'gru', 'lstm'])(
    'restored at every row of a small run, %s gives the same outputs, scores and counters',
    async (cell) => {
      const models = ['naive', 'recurrent'].map((type) => ({
        type,
        config: configOf(type, type === 'recurrent' ? { cell, layers: 2 } : {}),
      }));
      const spec = specOf({ retrain: QUICK_RETRAIN, forecast: { models } });
      const rows = seriesRows(2, 34, 4);
      const whole = await runLine(spec, rows);
      for (let at = 1; at < rows.length; at++) {
        const resumed = await runLine(spec, rows, { restarts: [at], batches: [5] });
        expect(resumed.outputs, `restarted after row ${at}`).toEqual(whole.outputs);
        expect(resumed.hash).toBe(whole.hash);
        expect(resumed.scores).toEqual(whole.scores);
      }
    },
  );

  it('cutting the future off changes no earlier forecast', async () => {
    const spec = specOf({ retrain: QUICK_RETRAIN });
    const rows = seriesRows(3, 90, 5);
    const whole = await runLine(spec, rows);
    const cut = await runLine(spec, rows.slice(0, 243));
    for (const [id, value] of cut.outputs) expect(whole.outputs.get(id), id).toBe(value);
    expect(cut.outputs.size).toBeGreaterThan(0.8 * whole.outputs.size);
  });
});

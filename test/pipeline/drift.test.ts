/** Retraining because of drift keeps promise 1: the same bits for every interleaving within the lateness, every split and every restart. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { eager, memorySpill, stretch, type StretchEnd } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders } from '../support/whole-run.ts';

afterEach(removeFolders);

const SEED = 2007;
const MINUTE = 60_000;
const models = ['naive', 'linear', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const LATENESS = 5 * MINUTE;

/** Series on one clock, a season of six rows; from row 110 on every second one has another level and season. */
function driftingRows(series: number, rows: number): Row[] {
  const random = new Random(SEED);
  const all: Row[] = [];
  for (let t = 0; t < rows; t++)
    for (let s = 0; s < series; s++) {
      const after = t >= 110 && s % 2 === 0;
      const value = after ? 400 - 40 * ((t + s) % 5) : 100 + 10 * ((t + s) % 6);
      all.push({ series: `series-${s}`, time: 1_700_000_000_000 + t * MINUTE, values: [value + 3 * random.uniform()] });
    }
  return all;
}

function interleave(rows: readonly Row[], most: number, seed: number): Row[] {
  const random = new Random(seed);
  const delay = new Map<string, number>();
  const keyed = rows.map((row, i) => {
    if (!delay.has(row.series)) delay.set(row.series, random.uniform() * most * MINUTE);
    return { row, at: row.time + delay.get(row.series)!, i };
  });
  return keyed.sort((a, b) => a.at - b.at || a.i - b.i).map(({ row }) => row);
}

const spec = specOf({
  forecast: { models },
  clean: { lateness: LATENESS },
  retrain: {
    ...QUICK_RETRAIN,
    every: 80 * MINUTE,
    drift: { error: true, inputs: true, share: 0.3, cool_down: 15 * MINUTE },
  },
});

const started = ({ events }: StretchEnd, reason?: string) =>
  events
    .filter(({ name, payload }) => name === 'training.started' && (reason === undefined || payload['reason'] === reason))
    .map(({ payload }) => payload['trigger'] as number);

describe('retraining because of drift', () => {
  it('exact: a training comes early, between two of the schedule, with its reason; and not within the cool-down', async () => {
    const rows = driftingRows(4, 190);
    const end = await stretch(spec, { rows, folder: newFolder() });
    const calm = await stretch(specOf({ ...spec, retrain: { ...spec.retrain!, drift: QUICK_RETRAIN.drift } }), {
      rows,
      folder: newFolder(),
    });
    const early = started(end, 'drift');
    expect(early.length).toBeGreaterThanOrEqual(1);
    expect(started(end, 'schedule')).toEqual(started(calm));
    const shift = 1_700_000_000_000 + 110 * MINUTE;
    for (const trigger of early) {
      expect(trigger).toBeGreaterThan(shift);
      expect(trigger % (80 * MINUTE)).not.toBe(0);
      const before = started(end).filter((each) => each < trigger);
      expect(trigger - Math.max(...before)).toBeGreaterThanOrEqual(15 * MINUTE);
    }
    const found = end.events.filter(({ name }) => name === 'drift.detected').map(({ payload }) => payload);
    expect(new Set(found.map(({ series }) => series))).toEqual(new Set(['series-0', 'series-2']));
  });

  it('exact: any split, restart and interleaving within the lateness gives the same trainings and the same bits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0.05, max: 0.95, noNaN: true }),
        fc.integer(),
        async (series, batches, share, seed) => {
          const rows = driftingRows(series, 170);
          const whole = await stretch(spec, { rows, folder: newFolder() });
          expect(started(whole, 'drift').length).toBeGreaterThanOrEqual(1);
          const mixed = interleave(rows, 4.9, seed);
          const cut = Math.ceil(share * rows.length);
          const first = await stretch(spec, { rows: mixed, folder: newFolder(), batches, until: cut });
          const rest = await stretch(spec, { rows: mixed, folder: newFolder(), batches, from: first.snapshot });
          expect([...started(first), ...started(rest)]).toEqual(started(whole));
          expect(rest.hash).toBe(whole.hash);
          expect(new Map([...first.outputs, ...rest.outputs])).toEqual(whole.outputs);
        },
      ),
      { seed: SEED, numRuns: 10 },
    );
  });

  it('exact: evicting a series changes nothing of when is trained', async () => {
    // each series comes for a while and then pauses for longer than its time to live
    const rows = driftingRows(4, 190).filter(
      ({ time, series }) => Math.floor(time / (7 * MINUTE)) % 3 !== Number(series.at(-1)) % 3,
    );
    const whole = await stretch(spec, { rows, folder: newFolder() });
    const mortal = specOf({ ...spec, state: { ...spec.state, time_to_live: 5 * MINUTE } });
    const other = await stretch(mortal, { rows, folder: newFolder(), spill: memorySpill(), batches: [7] });
    expect(other.events.some(({ name }) => name === 'series.evicted')).toBe(true);
    expect(started(whole, 'drift').length).toBeGreaterThanOrEqual(1);
    expect(started(other)).toEqual(started(whole));
    expect(other.outputs).toEqual(whole.outputs);
  });

  it('asap: a kill and restart equals the run that it continues, and recorded swaps fed into a fresh run give the same bits', async () => {
    const random = new Random(SEED);
    const rows = driftingRows(4, 190);
    for (const slow of [0, 9, 70]) {
      const kept = newFolder();
      const cuts = Array.from({ length: 5 }, () => 1 + random.below(rows.length - 2));
      const whole = await stretch(spec, { rows, folder: kept, exact: false, slow, keepAt: cuts, batches: [1] });
      expect(started(whole, 'drift').length).toBeGreaterThanOrEqual(1);
      for (const from of [undefined, ...whole.kept.values()]) {
        const again = await stretch(spec, {
          rows,
          folder: kept,
          from,
          exact: false,
          slow: Infinity,
          batches: [1 + random.below(30)],
          runner: eager,
        });
        expect(again.hash, `seed ${SEED}, slow ${slow}`).toBe(whole.hash);
        for (const [id, value] of again.outputs) expect(value, id).toBe(whole.outputs.get(id));
      }
    }
  });
});

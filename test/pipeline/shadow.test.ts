/** A shadow forecasts the same rows, is never heard, and takes over at a place that can be repeated. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import type { PromotionRecord } from '../../src/pipeline/promotion.ts';
import type { Spec } from '../../src/pipeline/spec.ts';
import { memorySpill, stretch, type StretchEnd } from '../support/stretch.ts';
import { configOf, QUICK_RETRAIN, type Row, specOf } from '../support/whole-line.ts';
import { newFolder, removeFolders } from '../support/whole-run.ts';

afterEach(removeFolders);

const SEED = 5;
const MINUTE = 60_000;
const START = 1_700_000_000_000;

/** A season of six rows that every third hundred rows is a random walk instead. */
function turningRows(series: number, rows: number): Row[] {
  const random = new Random(SEED);
  const walk = Array.from({ length: series }, () => 0);
  const all: Row[] = [];
  for (let t = 0; t < rows; t++)
    for (let s = 0; s < series; s++) {
      const seasonal = Math.floor(t / 100) % 2 === 0;
      walk[s] = seasonal ? 0 : walk[s]! + 20 * (random.uniform() - 0.5);
      const value = seasonal ? 100 * (s + 1) + 10 * ((t + s) % 6) + random.uniform() : 100 * (s + 1) + walk[s]!;
      all.push({ series: `series-${s}`, time: START + t * MINUTE, values: [value] });
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

const part = (type: string) => ({ type, config: configOf(type) });
const base = specOf({ clean: { lateness: 5 * MINUTE } }).forecast;
const naive = { ...base, models: [part('naive')], output: 'naive' };
const seasonal = { ...base, models: [part('naive'), part('seasonal-naive')], output: 'seasonal-naive' };
const network = { ...base, models: [part('naive'), part('linear'), part('recurrent')] };

function specWith(forecast: Spec['forecast'], shadow: Partial<NonNullable<Spec['shadow']>>, retrain?: Spec['retrain']): Spec {
  return {
    ...specOf({ clean: { lateness: 5 * MINUTE } }),
    forecast,
    retrain,
    shadow: { name: 'challenger', forecast, retrain, promote: undefined, ...shadow },
  };
}

const turning = specWith(naive, { forecast: seasonal, promote: { margin: 0.1, rows: 100 } });

const promoted = ({ events }: StretchEnd) =>
  events.filter(({ name }) => name === 'model.promoted').map(({ payload }) => [payload['trigger'], payload['name']] as const);

function sameWhereBoth(part: Map<string, string>, whole: Map<string, string>): void {
  for (const [id, value] of part) expect(value, id).toBe(whole.get(id));
}

describe('a shadow that is not promoted', () => {
  it('changes no bit of what is sent out, with networks and trainings on both sides; and forecasts as if it were alone', async () => {
    const rows = turningRows(3, 120);
    const alone = specOf({ clean: { lateness: 5 * MINUTE }, forecast: seasonal, retrain: undefined });
    const retrain = { ...QUICK_RETRAIN, drift: { error: true, inputs: true, share: 0.1, cool_down: undefined } };
    const heard = specWith(network, { forecast: seasonal }, retrain);
    const without = await stretch({ ...heard, shadow: undefined }, { rows, folder: newFolder() });
    const folder = newFolder();
    const other = specWith(
      network,
      { forecast: { ...network, season: [5] }, retrain: { ...QUICK_RETRAIN, every: 35 * MINUTE } },
      retrain,
    );
    for (const spec of [heard, other]) {
      const shadowed = await stretch(spec, { rows, folder: newFolder() });
      expect(shadowed.outputs).toEqual(without.outputs);
    }
    const both = await stretch(other, { rows, folder });
    const trained = both.events.filter(({ name, payload }) => name === 'training.started' && payload['shadow'] === 'challenger');
    expect(trained.length).toBeGreaterThanOrEqual(2);
    expect(readFileSync(join(folder, 'shadow', 'swaps.jsonl'), 'utf8').split('\n').length).toBeGreaterThan(2);
    // promoted at once, it says what it would have said alone
    const first = await stretch(specWith(naive, { forecast: seasonal, promote: { margin: 0, rows: 1 } }), {
      rows,
      folder: newFolder(),
    });
    const solo = await stretch(alone, { rows, folder: newFolder() });
    const [at] = promoted(first)[0]!;
    let compared = 0;
    for (const [id, value] of solo.outputs) {
      const issued = Number(id.split('|')[4]);
      if (!(issued > Number(at) && issued <= START + 100 * MINUTE)) continue;
      // means and the naive forecast; intervals were calibrated alike as well
      expect(first.outputs.get(id), id).toBe(value);
      compared++;
    }
    expect(compared).toBeGreaterThan(50);
  });
});

describe('promotion', () => {
  it('exact: the better one takes over, and gives way again when it is not; errors are those of what was sent out', async () => {
    const folder = newFolder();
    const rows = turningRows(3, 400);
    const end = await stretch(turning, { rows, folder });
    const names = promoted(end).map(([, name]) => name);
    expect(names.slice(0, 3)).toEqual(['challenger', 'forecast', 'challenger']);
    const records = readFileSync(join(folder, 'promotions.jsonl'), 'utf8').trim().split('\n');
    expect(records.map((line) => (JSON.parse(line) as PromotionRecord).trigger)).toEqual(promoted(end).map(([at]) => at));
    for (const line of records) {
      const { gains, scored } = JSON.parse(line) as PromotionRecord;
      expect(Math.min(...gains)).toBeGreaterThanOrEqual(0.1);
      expect(scored).toBeGreaterThanOrEqual(100);
    }
    // mean and error of each forecast as sent: actual = mean + error
    const numbers = (hex: string) => new Float64Array(Uint8Array.from(Buffer.from(hex, 'hex')).buffer);
    let joined = 0;
    for (const [id, value] of end.outputs) {
      const [series, target, step, valid, issued] = id.split('|');
      if (issued === 'score') continue;
      const score = end.outputs.get(`${series}|${target}|${step}|${valid}|score`);
      if (!score) continue;
      const [actual, error] = numbers(score);
      expect(numbers(value.slice(0, 16))[0]! + error!).toBeCloseTo(actual!, 8);
      joined++;
    }
    expect(joined).toBeGreaterThan(2000);
  });

  it('exact: any split, restart and interleaving within the lateness promotes at the same time and gives the same bits', async () => {
    const spec = { ...turning, state: { ...turning.state } };
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0.02, max: 0.98, noNaN: true }),
        fc.integer(),
        async (series, batches, share, seed) => {
          const rows = turningRows(series, 260);
          const whole = await stretch(spec, { rows, folder: newFolder() });
          if (series > 1) expect(promoted(whole).length).toBeGreaterThanOrEqual(1);
          const mixed = interleave(rows, 4.9, seed);
          const folder = newFolder();
          const first = await stretch(spec, { rows: mixed, folder, batches, until: Math.ceil(share * rows.length) });
          // the records are there, or lost with the folder
          const again = seed % 2 === 0 ? folder : newFolder();
          const rest = await stretch(spec, { rows: mixed, folder: again, batches, from: first.snapshot });
          expect([...promoted(first), ...promoted(rest)]).toEqual(promoted(whole));
          expect(rest.hash).toBe(whole.hash);
          expect(new Map([...first.outputs, ...rest.outputs])).toEqual(whole.outputs);
        },
      ),
      { seed: SEED, numRuns: 12 },
    );
  });

  it('exact: evicted series count as well', async () => {
    const rows = turningRows(4, 260).filter(
      ({ time, series }) => Math.floor(time / (7 * MINUTE)) % 3 !== Number(series.at(-1)) % 3,
    );
    const spec = { ...turning, shadow: { ...turning.shadow!, promote: { margin: 0.05, rows: 60 } } };
    const whole = await stretch(spec, { rows, folder: newFolder() });
    const mortal = { ...spec, state: { ...spec.state, time_to_live: 5 * MINUTE } };
    const other = await stretch(mortal, { rows, folder: newFolder(), spill: memorySpill(), batches: [7] });
    expect(other.events.some(({ name }) => name === 'series.evicted')).toBe(true);
    expect(promoted(whole).length).toBeGreaterThanOrEqual(1);
    expect(promoted(other)).toEqual(promoted(whole));
    expect(other.outputs).toEqual(whole.outputs);
  });

  it('asap: a restart repeats the record, wherever the checkpoint was; with weights swapped on both sides', async () => {
    const random = new Random(SEED);
    const retrain = { ...QUICK_RETRAIN, every: 40 * MINUTE };
    const spec = specWith(naive, { forecast: { ...network, output: 'mixture' }, promote: { margin: 0.05, rows: 60 } }, retrain);
    const rows = turningRows(3, 260);
    const kept = newFolder();
    const cuts = Array.from({ length: 6 }, () => 1 + random.below(rows.length - 2));
    const whole = await stretch(spec, { rows, folder: kept, exact: false, slow: 7, keepAt: cuts, batches: [1] });
    expect(promoted(whole).length).toBeGreaterThanOrEqual(1);
    for (const from of [undefined, ...whole.kept.values()]) {
      const batches = [1 + random.below(30)];
      const again = await stretch(spec, { rows, folder: kept, from, exact: false, slow: Infinity, batches });
      expect(again.hash, `seed ${SEED}`).toBe(whole.hash);
      sameWhereBoth(again.outputs, whole.outputs);
    }
  });

  it('asap: what is recorded holds, even where the margin has changed since', async () => {
    const rows = turningRows(3, 160);
    const kept = newFolder();
    const whole = await stretch(turning, { rows, folder: kept, exact: false, batches: [1], keepAt: [20] });
    expect(promoted(whole).length).toBe(1);
    const strict = { ...turning, shadow: { ...turning.shadow!, promote: { margin: 0.99, rows: 100 } } };
    const again = await stretch(strict, { rows, folder: kept, from: whole.kept.get(20), exact: false, batches: [9] });
    expect(promoted(again)).toEqual(promoted(whole));
    sameWhereBoth(again.outputs, whole.outputs);
  });
});

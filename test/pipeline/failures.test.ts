/** Rows 5 and 19 of the fault table: whatever throws, nothing is committed past it, and a restart gives the unbroken result. */
import { afterEach, describe, expect, it } from 'vitest';
import { TidecastError } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import { Random } from '../../src/core/random.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { defineForecaster, type ForecasterContext } from '../../src/forecast/forecaster.ts';
import type { RunResult } from '../../src/pipeline/run.ts';
import { configOf, type Row, specOf } from '../support/whole-line.ts';
import { type FaultPlace, newFolder, PLACES, removeFolders, run, Shelf, steadyRows } from '../support/whole-run.ts';

afterEach(removeFolders);

const SEED = 19;
const models = ['naive', 'linear', 'recurrent'].map((type) => ({ type, config: configOf(type) }));
const spec = specOf({ forecast: { models }, clean: { lateness: 120_000 } });
/** With ticks that are refused here and there, so that every place is reached. */
const rows: Row[] = steadyRows(3, 60).flatMap((row, i) => (i % 16 === 5 ? [row, { ...row, values: [NaN] }] : [row]));

let once: Promise<{ shelf: Shelf; result: RunResult }> | undefined;

function unbroken(): Promise<{ shelf: Shelf; result: RunResult }> {
  const shelf = new Shelf();
  return (once ??= run({ spec, rows, folder: newFolder(), shelf }).then((result) => ({ shelf, result })));
}

/** Throws the n-th time a place is reached. */
function failAt(place: FaultPlace, nth: number): (at: FaultPlace) => void {
  let left = nth;
  return (at) => {
    if (at === place && --left === 0) throw new TidecastError('SINK_WRITE_FAILED', { place });
  };
}

describe('row 5: an error in a stage', () => {
  it.each(PLACES)(
    'row 5: thrown at %s ends the run with that error, nothing is committed past it, and a restart gives the unbroken result',
    async (place) => {
      const whole = await unbroken();
      for (const nth of place === 'sink.open' ? [1] : [1, 2, 4]) {
        const folder = newFolder();
        const shelf = new Shelf();
        const failed = await run({ spec, rows, folder, shelf, reach: failAt(place, nth) }).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        expect(failed, `${place} ${nth}`).toMatchObject({ code: 'SINK_WRITE_FAILED', facts: { place } });
        // what the source was told is safe is on the shelf already
        const safe = shelf.committed['0'] ?? 0;
        const ends = rows
          .slice(0, safe)
          .filter(({ values, time }) => values[0] === values[0] && time <= rows[Math.max(0, safe - 1)]!.time - 4 * 60_000);
        for (const { series, time } of ends)
          expect(shelf.outputs.has(`${series}|0|1|${time + 60_000}|${time}`), `${series} ${time}`).toBe(true);
        const again = await run({ spec, rows, folder, shelf });
        expect(again.stateHash).toBe(whole.result.stateHash);
        expect(again.scores).toEqual(whole.result.scores);
        expect(shelf.outputs).toEqual(whole.shelf.outputs);
        expect(shelf.rejects).toEqual(whole.shelf.rejects);
      }
    },
  );

  it('row 5: a source whose dead letters cannot be written does not commit past them, even when nothing else went through', async () => {
    const shelf = new Shelf();
    const only = steadyRows(3, 60)
      .slice(0, 8)
      .concat(Array.from({ length: 40 }, (_, i) => ({ series: `new-${i}`, time: rows[8]!.time, values: [1] })));
    const full = specOf({ forecast: { models }, state: { max_lanes: 3 } });
    await expect(
      run({ spec: full, rows: only, batches: [4], folder: newFolder(), shelf, reach: failAt('sink.reject', 1) }),
    ).rejects.toMatchObject({ code: 'SINK_WRITE_FAILED' });
    expect(shelf.committed['0'] ?? 0).toBeLessThanOrEqual(8);
  });

  it('row 5: a forecaster of this package that throws ends the run, and a restart gives the unbroken result', async () => {
    const whole = await unbroken();
    let left = 30;
    const linear = FORECASTERS.find(({ name }) => name === 'linear')!;
    const { build } = linear;
    const folder = newFolder();
    const shelf = new Shelf();
    try {
      linear.build = (config: unknown, context: ForecasterContext) => {
        const inner = build(config, context);
        return {
          name: inner.name,
          ownQuantiles: inner.ownQuantiles,
          step: (wave, outlook) => (--left === 0 ? raise() : inner.step(wave, outlook)),
        };
      };
      await expect(run({ spec, rows, folder, shelf })).rejects.toThrow('broken');
    } finally {
      linear.build = build;
    }
    // a checkpoint of what the forecaster left behind would be written by now
    await new Promise((resolve) => setTimeout(resolve, 100));
    const again = await run({ spec, rows, folder, shelf });
    expect(again.stateHash).toBe(whole.result.stateHash);
    expect(shelf.outputs).toEqual(whole.shelf.outputs);
  });
});

function raise(): never {
  throw new Error('broken');
}

/** Means of all rows it has seen, until it meets 666; half of its state is written by then. */
const fragile = defineForecaster({
  name: 'fragile',
  status: 'experimental',
  summary: '',
  config: FORECASTERS[0]!.config,
  example: '',
  guarantees: [],
  lookback: () => 1,
  build: (_, { lanes, horizon }) => {
    const sum = lanes.f64('fragile.sum');
    const count = lanes.f64('fragile.count');
    return {
      name: 'fragile',
      ownQuantiles: false,
      step: (wave, outlook) => {
        for (let k = 0; k < wave.rows; k++) {
          const lane = wave.lanes[k]!;
          sum.data[lane]! += wave.values[k]!;
          if (wave.values[k] === 666) raise();
          count.data[lane]! += 1;
          for (let h = 0; h < horizon; h++) outlook.mean[k * horizon + h] = sum.data[lane]! / count.data[lane]!;
        }
      },
    };
  },
});

describe('row 5: a forecaster that is not of this package', () => {
  const spec = specOf({ forecast: { models: [...models, { type: 'fragile', config: {} }] } });
  const forecasters = [...FORECASTERS, fragile];
  const good = steadyRows(6, 40);
  const bad = good.map((row, i) => (row.series === 'series-2' && i > 100 && i < 110 ? { ...row, values: [666] } : row));

  async function quarantined(input: readonly Row[], batches: readonly number[], until?: number) {
    const events = new EventBus();
    const told: { series: string; reason: string }[] = [];
    events.on('series.quarantined', (each) => void told.push(each));
    const folder = newFolder();
    const shelf = new Shelf();
    if (until !== undefined) await run({ spec, rows: input, batches, folder, shelf, forecasters, events, until });
    const result = await run({ spec, rows: input, batches, folder, shelf, forecasters, events });
    return { told, outputs: shelf.outputs, result };
  }

  it('row 5: is quarantined for the series on which it throws; all others have the same bits, and that one goes on with the other models', async () => {
    const whole = await quarantined(good, [64]);
    const got = await quarantined(bad, [64]);
    expect(got.told).toEqual([{ series: 'series-2', reason: 'broken' }]);
    expect(whole.told).toEqual([]);
    expect([...got.outputs].filter(([id]) => !id.startsWith('series-2|'))).toEqual(
      [...whole.outputs].filter(([id]) => !id.startsWith('series-2|')),
    );
    expect(got.outputs.size).toBe(whole.outputs.size);
  });

  it('row 5: neither the split into batches nor a restart shows in a quarantine', async () => {
    const one = await quarantined(bad, [64]);
    for (const [batches, until] of [[[1]], [[7], 90], [[50], 150]] as [number[], number?][]) {
      const other = await quarantined(bad, batches, until);
      expect(other.outputs).toEqual(one.outputs);
      expect(other.result.stateHash).toBe(one.result.stateHash);
      expect(other.told).toEqual(one.told);
    }
  });
});

describe('row 19: failures between the steps of a checkpoint', () => {
  it('row 19: in any order and any number leave a consistent restart', async () => {
    const whole = await unbroken();
    const random = new Random(SEED);
    const steps: FaultPlace[] = ['sink.flush', 'sink.flushed', 'state.save', 'state.saved', 'source.commit', 'source.committed'];
    for (let story = 0; story < 12; story++) {
      const folder = newFolder();
      const shelf = new Shelf();
      let fatal = 0;
      for (let n = 0; n < 5; n++) {
        const place = steps[random.below(steps.length)]!;
        await run({
          spec,
          rows,
          folder,
          shelf,
          batches: [1 + random.below(20)],
          reach: failAt(place, 1 + random.below(4)),
        }).catch((cause: TidecastError) => {
          expect(cause.code).toBe('SINK_WRITE_FAILED');
          fatal++;
        });
      }
      expect(fatal).toBeGreaterThan(0);
      const ended = await run({ spec, rows, folder, shelf });
      expect(ended.stateHash, `seed ${SEED}, story ${story}`).toBe(whole.result.stateHash);
      expect(shelf.outputs).toEqual(whole.shelf.outputs);
      expect(shelf.rejects).toEqual(whole.shelf.rejects);
    }
  });
});

/** Quantiles of a model that cross: they count as the same in order. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { buildEnsemble } from '../../src/forecast/build-ensemble.ts';
import { defineForecaster } from '../../src/forecast/forecaster.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { calendar } from '../../src/window/calendar.ts';

const MINUTE = 60_000;

/** Issued quantiles of 60 rows, of a model that says the last value and quantiles so far from it. */
function issued(offsets: readonly number[]): number[] {
  const spread = defineForecaster({
    ...{ name: 'spread', status: 'stable', summary: '', config: z.strictObject({}), example: '', guarantees: [] },
    lookback: () => 1,
    build: () => ({
      name: 'spread',
      ownQuantiles: true,
      step({ values }, { mean, quantiles }) {
        mean[0] = values[0]!;
        offsets.forEach((offset, q) => (quantiles[q] = values[0]! + offset * (1 + Math.abs(values[0]!))));
      },
    }),
  });
  const state = new State();
  const { ensemble } = buildEnsemble(state, {
    clock: calendar({ interval: MINUTE }),
    models: ['naive', 'spread'],
    output: 'spread',
    components: [...FORECASTERS, spread],
  });
  const lanes = Int32Array.of(state.lanes.lane('a'));
  const random = new Random(4);
  return Array.from({ length: 60 }, (_, row) => {
    const one = () => new Float64Array(1);
    const quantiles = new Float64Array(5);
    const wave = { rows: 1, lanes, times: Float64Array.of(row * MINUTE), values: Float64Array.of(random.uniform()), channels: 1 };
    const out = { mean: one(), naive: one(), validTimes: one(), actual: one(), scoredTimes: one(), errors: one() };
    ensemble.step({ ...wave, elapsed: one(), flags: new Uint8Array(1) }, Int32Array.of(1), {
      ...out,
      index: new Int32Array(1),
      quantiles,
    });
    return [...quantiles];
  }).flat();
}

it('quantiles that cross give what they give in order (seed 4)', () => {
  expect(issued([2, -1, 0.5, 3, -2])).toEqual(issued([-2, -1, 0.5, 2, 3]));
});

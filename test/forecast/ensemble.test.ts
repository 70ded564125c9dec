/** What becomes of a model's own quantiles: those that cross count as in order, and the mixture combines them for the row they are for. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { buildEnsemble } from '../../src/forecast/build-ensemble.ts';
import { defineForecaster, type Outlook } from '../../src/forecast/forecaster.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { calendar } from '../../src/window/calendar.ts';

const MINUTE = 60_000;

interface Run {
  readonly values: Float64Array;
  /** What a model of that name says at a row, for 1..horizon rows on. */
  readonly spread: (outlook: Outlook, value: number, row: number) => void;
  readonly output: 'spread' | 'mixture';
  readonly horizon?: number;
}

/** Issued quantiles, by row, `horizon x 5` each, beside a naive model. */
function issued({ values, spread, output, horizon = 1 }: Run): number[][] {
  let row = 0;
  const component = defineForecaster({
    ...{ name: 'spread', status: 'stable', summary: '', config: z.strictObject({}), example: '', guarantees: [] },
    lookback: () => 1,
    build: () => ({
      name: 'spread',
      ownQuantiles: true,
      step: (wave, outlook) => spread(outlook, wave.values[0]!, row++),
    }),
  });
  const state = new State();
  const { ensemble } = buildEnsemble(state, {
    clock: calendar({ interval: MINUTE }),
    models: ['naive', 'spread'],
    output,
    horizon,
    components: [...FORECASTERS, component],
  });
  const lanes = Int32Array.of(state.lanes.lane('a'));
  return Array.from(values, (value, t) => {
    const some = () => new Float64Array(horizon);
    const quantiles = new Float64Array(5 * horizon);
    const wave = { rows: 1, lanes, times: Float64Array.of(t * MINUTE), values: Float64Array.of(value), channels: 1 };
    const out = { mean: some(), naive: some(), validTimes: some(), actual: some(), scoredTimes: some(), errors: some() };
    ensemble.step({ ...wave, elapsed: some(), flags: new Uint8Array(1) }, Int32Array.of(1), {
      ...out,
      index: new Int32Array(1),
      quantiles,
    });
    return [...quantiles];
  });
}

describe('a model’s own quantiles', () => {
  it.each(['spread', 'mixture'] as const)('that cross give what they give in order, output %s (seed 4)', (output) => {
    const random = new Random(4);
    const values = Float64Array.from({ length: 60 }, () => random.uniform());
    const by = (offsets: readonly number[]) =>
      issued({
        values,
        output,
        spread: ({ mean, quantiles }, value) => {
          mean[0] = value;
          offsets.forEach((offset, q) => (quantiles[q] = value + offset * (1 + Math.abs(value))));
        },
      });
    expect(by([2, -1, 0.5, 3, -2])).toEqual(by([-2, -1, 0.5, 2, 3]));
  });

  const random = new Random(9);
  const width = (row: number) => (row % 7 === 0 ? 5 : 1);
  const noise = Float64Array.from({ length: 3000 }, (_, row) => width(row) * random.normal(log));

  it('make the mixture wide where they say that it will be, at the step that they are for', () => {
    const found = issued({
      values: noise,
      output: 'mixture',
      horizon: 3,
      spread: ({ mean, quantiles }, _, row) => {
        for (let h = 0; h < 3; h++) {
          mean[h] = 0;
          [-1.96, -1.28, 0, 1.28, 1.96].forEach((quantile, q) => (quantiles[h * 5 + q] = quantile * width(row + h + 1)));
        }
      },
    });
    for (let h = 0; h < 3; h++) {
      let inside = 0;
      const widths = [0, 0];
      for (let row = 1000; row < 2990; row++) {
        const [, low, , high] = found[row]!.slice(h * 5);
        const truth = noise[row + h + 1]!;
        inside += Number(truth >= low! && truth <= high!);
        widths[Number(width(row + h + 1) > 1)]! += high! - low!;
      }
      expect(Math.abs(inside / 1990 - 0.8)).toBeLessThan(0.03);
      // a seventh of the rows is loud
      expect((6 * widths[1]!) / widths[0]!).toBeGreaterThan(3.5);
    }
  });

  it('count as its last value from when it is silent', () => {
    const found = issued({
      values: noise,
      output: 'spread',
      spread: ({ mean, quantiles }, value, row) => {
        mean[0] = row < 500 ? value : NaN;
        if (row < 500) quantiles.fill(row === 499 ? 1e9 : value);
      },
    });
    for (const quantiles of found.slice(600)) for (const quantile of quantiles) expect(Math.abs(quantile)).toBeLessThan(100);
  });
});

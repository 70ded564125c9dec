/** What the report says that the mixture would miss without a model. */
import { expect, it } from 'vitest';
import type { ReadResult } from '../../src/backtest/result.ts';
import { timelines } from '../../src/backtest/timeline.ts';

/** A result of forecasts of 0 by `naive`, 10 by `recurrent` and 16 by `readout`, all with the same weight; the truth is 10. */
const read: ReadResult = async function* () {
  const length = 50;
  const all = (x: number) => new Float64Array(length).fill(x);
  const text = (name: string) => ({ codes: new Int32Array(length), names: [name] });
  yield await Promise.resolve({
    length,
    numbers: {
      step: all(1),
      time: Float64Array.from({ length }, (_, i) => i * 1000),
      actual: all(10),
      mean: all(26 / 3),
      naive: all(0),
      forecast_recurrent: all(10),
      forecast_readout: all(16),
      weight_naive: all(1 / 3),
      weight_recurrent: all(1 / 3),
      weight_readout: all(1 / 3),
    },
    texts: { series: text('a'), target: text('y') },
  });
};

it('a model is left out together with what is built on it: without the network there is no read-out', async () => {
  const { lines } = await timelines(read, {
    models: ['naive', 'recurrent', 'readout'],
    ...{ quantiles: [], steps: [1], targets: ['y'], series: [] },
  });
  const { without } = lines[0]!;
  // the mixture is 4/3 off; naive alone is 10 off, without it 3 off, without the read-out 5 off
  expect(without['recurrent']).toBeCloseTo(10 / (4 / 3) - 1, 12);
  expect(without['naive']).toBeCloseTo(3 / (4 / 3) - 1, 12);
  expect(without['readout']).toBeCloseTo(5 / (4 / 3) - 1, 12);
});

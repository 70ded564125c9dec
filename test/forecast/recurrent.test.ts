/** What a series' network is given when its state is rebuilt is what it was given live. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { buildEnsemble } from '../../src/forecast/build-ensemble.ts';
import { WeightsBox } from '../../src/forecast/weights.ts';
import { calendar } from '../../src/window/calendar.ts';

const MINUTE = 60_000;

it('replayed from the tail of its ring, a series’ scaler ends where the live one stands (seed 9)', () => {
  const random = new Random(9);
  const state = new State();
  const clock = calendar({ interval: MINUTE });
  const models = [
    'naive',
    { type: 'recurrent', config: { cell: 'gru', reset: 'after', hidden: 4, layers: 1, lags: 2, rebuild: 4 } },
  ];
  const { ensemble, recurrent, ring } = buildEnsemble(state, { clock, models, ring: 16, output: 'recurrent' });
  const lane = state.lanes.lane('a');
  const arrays = (n: number) => new Float64Array(n);
  for (let row = 0; row < 50; row++) {
    const wave = {
      rows: 1,
      lanes: Int32Array.of(lane),
      times: Float64Array.of(row * MINUTE),
      values: Float64Array.of(10 * random.uniform() + row),
      channels: 1,
      elapsed: Float64Array.of(row === 0 ? 0 : MINUTE),
      flags: new Uint8Array(1),
    };
    const out = {
      index: new Int32Array(1),
      mean: arrays(1),
      quantiles: arrays(5),
      naive: arrays(1),
      validTimes: arrays(1),
      actual: arrays(1),
    };
    ensemble.step(wave, Int32Array.of(1), { ...out, scoredTimes: arrays(1), errors: arrays(1) });

    const scaler = recurrent!.tail(lane);
    for (let back = ring.held(lane) - 2; back >= 0; back--) recurrent!.features.learn(lane, back, row + 1 - back, scaler, 0);
    const live = state.snapshot().lanes.columns.find(({ name }) => name === 'recurrent.scaler')!;
    expect([...scaler], `row ${row}`).toEqual([...live.data]);
  }
});

it('new weights are for rows later than their moment, not at it; `-Infinity` is for every row', () => {
  const weights = new Map([['w', Float32Array.of(1)]]);
  const box = new WeightsBox(weights);
  box.swap(1000, weights);
  expect([999, 1000, 1001].map((time) => box.at(time).version)).toEqual([0, 0, 1]);
  box.swap(-Infinity, weights);
  expect(box.at(-5).version).toBe(2);
});

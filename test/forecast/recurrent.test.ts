/** What a series' network is given when its state is rebuilt is what it was given live. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { State } from '../../src/core/state.ts';
import { buildEnsemble } from '../../src/forecast/build-ensemble.ts';
import { learnRow } from '../../src/forecast/row-scaler.ts';
import { WeightsBox } from '../../src/forecast/weights.ts';
import { Network } from '../../src/nn/network.ts';
import { calendar } from '../../src/window/calendar.ts';

const MINUTE = 60_000;

const CONFIG = { cell: 'gru', reset: 'after', hidden: 4, layers: 1, lags: 2, rebuild: 4 };

/** A recurrent forecaster alone over a ring of 16 rows, and a function that feeds it a row and gives its mean. */
function alone() {
  const state = new State();
  const models = ['naive', { type: 'recurrent', config: CONFIG }];
  const { ensemble, recurrent, inputs, ring } = buildEnsemble(state, {
    clock: calendar({ interval: MINUTE }),
    models,
    ring: 16,
    output: 'recurrent',
  });
  const lane = state.lanes.lane('a');
  const feed = (row: number, value: number): number => {
    const wave = {
      rows: 1,
      lanes: Int32Array.of(lane),
      times: Float64Array.of(row * MINUTE),
      values: Float64Array.of(value),
      channels: 1,
      elapsed: Float64Array.of(row === 0 ? 0 : MINUTE),
      flags: new Uint8Array(1),
    };
    const one = () => new Float64Array(1);
    const out = {
      index: new Int32Array(1),
      mean: one(),
      quantiles: new Float64Array(5),
      naive: one(),
      validTimes: one(),
      actual: one(),
    };
    ensemble.step(wave, Int32Array.of(1), { ...out, scoredTimes: one(), errors: one() });
    return out.mean[0]!;
  };
  return { state, recurrent: recurrent!, inputs, ring, lane, feed };
}

it('replayed from the tail of its ring, a series’ scaler ends where the live one stands (seed 9)', () => {
  const random = new Random(9);
  const { state, inputs, ring, lane, feed } = alone();
  for (let row = 0; row < 50; row++) {
    feed(row, 10 * random.uniform() + row);
    const scaler = inputs.scaler().tailOf(lane);
    for (let back = ring.held(lane) - 2; back >= 0; back--) learnRow(ring, lane, back, row + 1 - back, scaler, 0);
    const live = state.snapshot().lanes.columns.find(({ name }) => name === 'scaler.now')!;
    expect([...scaler], `row ${row}`).toEqual([...live.data]);
  }
});

it('after a swap a series’ state is rebuilt from its ring under the new weights (seed 10)', () => {
  const random = new Random(10);
  const { recurrent, inputs, ring, lane, feed } = alone();
  for (let row = 0; row < 40; row++) feed(row, 10 * random.uniform());
  const weights = new Map(
    [...recurrent.box.current.weights].map(([name, data]) => [name, data.map(() => random.uniform() - 0.5)]),
  );
  recurrent.box.swap(-Infinity, weights);
  const last = 10 * random.uniform();
  const mean = feed(40, last);

  // by hand: a zero state, and the `rebuild` rows before the newest one
  const network = new Network(recurrent.shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(1);
  network.reserveWave(1);
  const scaler = inputs.scaler().tailOf(lane);
  for (let back = ring.held(lane) - 1; back >= 0; back--) {
    if (back < ring.held(lane) - 1) learnRow(ring, lane, back, 41 - back, scaler, 0);
    if (back > CONFIG.rebuild) continue;
    recurrent.features.write(lane, back, scaler, 0, network.x, 0);
    network.step(0, 1);
  }
  expect(mean).toBe(last + recurrent.features.unit(scaler, 0, 0) * network.y[0]!);
});

it('new weights are for rows later than their moment, not at it; `-Infinity` is for every row', () => {
  const weights = new Map([['w', Float32Array.of(1)]]);
  const box = new WeightsBox(weights);
  box.swap(1000, weights);
  expect([999, 1000, 1001].map((time) => box.at(time).version)).toEqual([0, 0, 1]);
  box.swap(-Infinity, weights);
  expect(box.at(-5).version).toBe(2);
});

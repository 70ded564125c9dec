/** The `keras` forecaster: Keras's numbers through TensorFlow.js, a state a series, and the contract of every forecaster. */
import { join } from 'node:path';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, it } from 'vitest';
import { exportKeras } from '../../src/interop/keras-export.ts';
import { readKeras } from '../../src/interop/keras-files.ts';
import keras from '../../src/interop/keras-forecaster.ts';
import { steppedModel } from '../../src/interop/stepped-model.ts';
import { testForecaster } from '../contract/forecaster.ts';
import { drawnWeights } from '../nn/cases.ts';
import { expectedOf, farthest, fixture, KERAS_MODELS } from './models.ts';

describe('a model that Keras exported, in TensorFlow.js', () => {
  it.each(KERAS_MODELS)('%s gives, stepped, what it gives in Keras, within 1e-5', async (name) => {
    const { x, y } = expectedOf(name);
    const model = await steppedModel(readKeras(fixture(name)));
    const state = new Float32Array(model.stateSize);
    const found = x.map((row) => [...model.step(Float32Array.from(row), state, 1)]);
    expect(farthest(found, y)).toBeLessThan(1e-5);
  });
  it.each(['mixed', 'branches', 'gru-skip'])('%s keeps the states of a batch apart', async (name) => {
    const { x } = expectedOf(name);
    const model = await steppedModel(readKeras(fixture(name)));
    const series = [x, x.toReversed(), x.map((row) => row.map((value) => -value))];
    const alone = series.map((rows) => {
      const state = new Float32Array(model.stateSize);
      return rows.map((row) => [...model.step(Float32Array.from(row), state, 1)]);
    });
    const states = new Float32Array(3 * model.stateSize);
    x.forEach((_, t) => {
      const y = model.step(Float32Array.from(series.flatMap((rows) => rows[t]!)), states, 3);
      series.forEach((_, s) =>
        expect(farthest([[...y.subarray(s * model.outputs, (s + 1) * model.outputs)]], [alone[s]![t]!])).toBeLessThan(1e-5),
      );
    });
  });
});

const folder = mkdtempSync(join(tmpdir(), 'tidecast-keras-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const shape = { cell: 'gru', reset: 'after', inputs: 2, hidden: 4, layers: 1, outputs: 6, skip: false } as const;
const at = join(folder, 'model');
exportKeras(at, shape, drawnWeights(shape, 2));
const loaded = await keras.load!({ model: at, center: [], scale: [] }, folder);

testForecaster(keras, {
  config: { model: at },
  loaded,
  skip: {
    scale: 'the scale is fixed: it is the one that the model was trained with',
    imputed: 'its hidden state steps over the filled-in value, as over any input; nothing else takes it in',
  },
});

/** The Keras door: what Keras exported gives Keras's numbers in the kernel; there and back nothing changes. */
import * as tf from '@tensorflow/tfjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportKeras } from '../../src/interop/keras-export.ts';
import { readKeras } from '../../src/interop/keras-files.ts';
import { toNetwork } from '../../src/interop/keras-network.ts';
import { drawnWeights, nameOf } from '../nn/cases.ts';
import { expectedOf, farthest, fixture, KERAS_MODELS, kernelRun, scratch, SHAPES } from './models.ts';

describe('a model that Keras exported', () => {
  const convertible = KERAS_MODELS.filter((name) => !/mixed|branches/.test(name));
  it('is there for every cell', () => {
    const cells = convertible.map((name) => toNetwork(readKeras(fixture(name))).shape);
    for (const { cell, reset } of SHAPES) expect(cells.map((s) => `${s.cell} ${s.reset}`)).toContain(`${cell} ${reset}`);
    expect(cells.some(({ skip }) => skip)).toBe(true);
    expect(cells.some(({ layers }) => layers > 1)).toBe(true);
  });
  it.each(convertible)('%s gives in our kernel what it gives in Keras, within 1e-5', (name) => {
    const { x, y } = expectedOf(name);
    const { shape, weights } = toNetwork(readKeras(fixture(name)));
    const difference = farthest(kernelRun(shape, weights, x), y);
    expect(difference).toBeLessThan(1e-5);
  });
});

describe('export', () => {
  it.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('%s comes back with the same bits', (_, shape) => {
    const weights = drawnWeights(shape, 3);
    const folder = join(scratch(), 'model');
    exportKeras(folder, shape, weights);
    const back = toNetwork(readKeras(folder));
    expect(back.shape).toEqual(shape);
    expect([...back.weights]).toEqual([...weights]);
  });

  // TensorFlow.js's own layers refuse a GRU with reset after
  const readable = SHAPES.filter(({ reset }) => reset !== 'after');
  it.each(readable.map((shape) => [nameOf(shape), shape] as const))('%s is read and run by TensorFlow.js', async (_, shape) => {
    const weights = drawnWeights(shape, 4, 0.6);
    const folder = join(scratch(), 'model');
    exportKeras(folder, shape, weights);
    const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(folder, 'model.json'), 'utf8')) as tf.io.ModelJSON;
    const weightData = new Uint8Array(readFileSync(join(folder, 'weights.bin'))).buffer;
    const weightSpecs = weightsManifest[0]!.weights;
    const model = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
    const { x } = expectedOf('rnn');
    const y = model.predict(tf.tensor3d([x.map((row) => [...row])])) as tf.Tensor3D;
    expect(farthest((await y.array())[0]!, kernelRun(shape, weights, x))).toBeLessThan(1e-5);
  });
});

/** The ONNX door: onnxruntime, run step by step with its state fed back, gives the kernel's numbers. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { exportKeras } from '../../src/interop/keras-export.ts';
import { exportOnnx, graphOf } from '../../src/interop/onnx-export.ts';
import { drawnWeights, nameOf } from '../nn/cases.ts';
import { farthest, kernelRun, scratch, SHAPES, UNKNOWN_SHAPES } from './models.ts';

const STEPS = 1000;

describe('onnxruntime gives the kernel’s numbers within 1e-5 over 1,000 steps', () => {
  it.each(SHAPES.map((shape) => [nameOf(shape), shape] as const))('%s', async (_, shape) => {
    const weights = drawnWeights(shape, 5, 0.6);
    const random = new Random(6);
    const series = [0, 1].map(() =>
      Array.from({ length: STEPS }, () => Array.from({ length: shape.inputs }, () => Math.fround(4 * random.uniform() - 2))),
    );
    const file = join(scratch(), 'model.onnx');
    exportOnnx(file, shape, weights);
    const session = await InferenceSession.create(file);
    const states = session.inputNames.filter((name) => name !== 'x');
    expect(states).toEqual(shape.cell === 'lstm' ? ['h', 'c'] : ['h']);
    const size = shape.layers * 2 * shape.hidden;
    let state: Record<string, Tensor> = Object.fromEntries(
      states.map((name) => [name, new Tensor('float32', new Float32Array(size), [shape.layers, 2, shape.hidden])]),
    );
    const found: number[][][] = [[], []];
    for (let t = 0; t < STEPS; t++) {
      const x = new Tensor('float32', Float32Array.from(series.flatMap((rows) => rows[t]!)), [2, shape.inputs]);
      const out = await session.run({ x, ...state });
      const y = [...(out['y']!.data as Float32Array)];
      found.forEach((rows, s) => rows.push(y.slice(s * shape.outputs, (s + 1) * shape.outputs)));
      state = Object.fromEntries(states.map((name) => [name, out[`${name}_next`] as Tensor]));
    }
    await session.release();
    const difference = Math.max(...series.map((x, s) => farthest(found[s]!, kernelRun(shape, weights, x))));
    expect(difference).toBeLessThan(1e-5);
  });
});

it.each(UNKNOWN_SHAPES.map((shape) => [nameOf(shape), shape] as const))('%s is refused by both formats', (_, shape) => {
  expect(() => graphOf(shape, drawnWeights(shape, 1))).toThrowError(/does not know/);
  expect(() => exportKeras(join(scratch(), 'model'), shape, drawnWeights(shape, 1))).toThrowError(/does not know/);
});

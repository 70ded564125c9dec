/** Training: ten losses against the reference and TensorFlow.js; carried state; clipping; masks; determinism. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import type { LossSpec } from '../../src/nn/losses.ts';
import { adamW, doubles } from '../../src/nn/reference.ts';
import type { NetworkShape, Weights } from '../../src/nn/shape.ts';
import type { OptimizerSpec } from '../../src/nn/optimizer.ts';
import { Trainer, type TrainerSizes } from '../../src/nn/trainer.ts';
import { CELLS, LOSSES, difference, drawnChunk, drawnWeights, fill, nameOf, referenceRun, type Chunk } from './cases.ts';

const SQUARED: LossSpec = { mean: 'squared', quantiles: [] };
const bits = (weights: Weights): Int32Array[] => [...weights.values()].map((values) => new Int32Array(values.buffer));

function prepared(
  shape: NetworkShape,
  batch: number,
  steps: number,
  spec: LossSpec,
  optimizer: OptimizerSpec,
  weights: Weights,
  chunk: Chunk,
): Trainer {
  const trainer = new Trainer(shape, { batch, steps }, spec, optimizer);
  trainer.load(weights);
  trainer.x.set(chunk.x);
  trainer.target.set(chunk.target);
  trainer.state.set(chunk.state);
  return trainer;
}

function tenLosses(trainer: Trainer, state: Float32Array): number[] {
  return Array.from({ length: 10 }, () => {
    trainer.state.set(state);
    const loss = trainer.forward();
    trainer.backward();
    trainer.update();
    return loss;
  });
}

describe('ten training steps', () => {
  for (const cell of CELLS) {
    LOSSES.forEach((spec, place) => {
      const shape: NetworkShape = {
        ...cell,
        inputs: 3,
        hidden: 10,
        layers: 1 + place,
        outputs: 1 + spec.quantiles.length,
        skip: place === 1,
      };
      test(`${nameOf(shape)}, ${spec.mean} = reference`, () => {
        const [batch, steps] = [4, 8];
        const optimizer = { learningRate: 0.02, weightDecay: 0.1, clipNorm: 0.3 };
        const drawn = drawnWeights(shape, 40 + place);
        const chunk = drawnChunk(shape, batch, steps, 1, 41 + place);
        const trainer = prepared(shape, batch, steps, spec, optimizer, drawn, chunk);
        const found = tenLosses(trainer, chunk.state);
        const weights = doubles(shape, drawn);
        const moments = { t: 0, m: doubles(shape), v: doubles(shape) };
        const expected = Array.from({ length: 10 }, () => {
          const { loss, gradients } = referenceRun(shape, weights, spec, chunk, batch);
          adamW(optimizer, weights, gradients, moments);
          return loss;
        });
        expect(difference(found, expected), `${found.join(' ')}\n${expected.join(' ')}`).toBeLessThan(1e-4);
        expect(found[9]).toBeLessThan(found[0]!);
        for (const [name, values] of trainer.weights()) expect(difference(values, weights.get(name)!), name).toBeLessThan(5e-3);
      });
    });
  }
});

describe('ten training steps = TensorFlow.js', () => {
  beforeAll(async () => {
    await tf.setBackend('cpu');
    await tf.ready();
  });

  for (const cell of CELLS) {
    const shape: NetworkShape = { ...cell, inputs: 3, hidden: 8, layers: 1, outputs: 2, skip: false };
    test(nameOf(shape), () => {
      const [batch, steps] = [4, 10];
      const drawn = drawnWeights(shape, 60);
      const chunk = drawnChunk(shape, batch, steps, 2, 61);
      fill(chunk.target, new Random(62));
      chunk.state.fill(0);
      const found = tenLosses(
        prepared(shape, batch, steps, SQUARED, { learningRate: 0.02, epsilon: 1e-7 }, drawn, chunk),
        chunk.state,
      );
      const expected = lossesOfTensorFlow(shape, drawn, chunk, batch, steps, 0.02);
      expect(difference(found, expected), `${found.join(' ')}\n${expected.join(' ')}`).toBeLessThan(1e-4);
    });
  }
});

/** The cells of TensorFlow.js; what it lacks, such as a GRU with reset after, is written with its operations. */
function lossesOfTensorFlow(
  shape: NetworkShape,
  drawn: Weights,
  chunk: Chunk,
  batch: number,
  steps: number,
  rate: number,
): number[] {
  const H = shape.hidden;
  const variables = new Map<string, tf.Variable>();
  for (const [name, values] of drawn) {
    const columns = name.endsWith('w') ? (name === 'head.w' ? H : shape.inputs) : name.endsWith('u') ? H : 0;
    variables.set(name, tf.variable(columns ? tf.tensor2d(values, [values.length / columns, columns]) : tf.tensor1d(values)));
  }
  const v = (name: string): tf.Tensor2D => variables.get(name) as unknown as tf.Tensor2D;
  const product = (x: tf.Tensor2D, name: string): tf.Tensor2D => tf.matMul(x, v(name), false, true);
  const xs = tf.unstack(tf.tensor3d(chunk.x, [steps, batch, shape.inputs])) as tf.Tensor2D[];
  const target = tf.tensor3d(chunk.target, [steps, batch, shape.outputs]);
  const loss = (): tf.Scalar => {
    let h = tf.zeros([batch, H]) as tf.Tensor2D;
    let c = tf.zeros([batch, H]) as tf.Tensor2D;
    const rows = xs.map((x) => {
      const wx = tf.add(product(x, 'layers.0.w'), v('layers.0.b')) as tf.Tensor2D;
      if (shape.cell === 'none') h = tf.tanh(wx);
      else if (shape.cell === 'rnn') h = tf.tanh(tf.add(wx, product(h, 'layers.0.u')));
      else if (shape.variant === 'relevance') {
        const [r, u, f, o] = [0, 1, 2, 3].map((g) => {
          const [start, size] = [g * H, H];
          return tf.sigmoid(
            tf.add(
              tf.slice(wx, [0, start], [batch, size]),
              tf.matMul(h, tf.slice(v('layers.0.u'), [start, 0], [size, H]), false, true),
            ),
          );
        }) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
        const un = tf.slice(v('layers.0.u'), [4 * H, 0], [H, H]);
        const n = tf.tanh(tf.add(tf.slice(wx, [0, 4 * H], [batch, H]), tf.matMul(tf.mul(r, h) as tf.Tensor2D, un, false, true)));
        c = tf.add(tf.mul(u, n), tf.mul(f, c)) as tf.Tensor2D;
        h = tf.mul(o, c) as tf.Tensor2D;
      } else if (shape.cell === 'lstm') {
        // basicLSTMCell of TensorFlow.js has the gates i, g, f, o and one kernel [inputs + H][4 H].
        const order = (t: tf.Tensor): tf.Tensor => {
          const [i, f, g, o] = tf.split(t, 4, t.rank - 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
          return tf.concat([i, g, f, o], t.rank - 1);
        };
        const kernel = order(tf.transpose(tf.concat([v('layers.0.w'), v('layers.0.u')], 1))) as tf.Tensor2D;
        [c, h] = tf.basicLSTMCell(tf.scalar(0), kernel, order(v('layers.0.b')) as tf.Tensor1D, x, c, h);
      } else {
        const [wr, wz, wn] = tf.split(wx, 3, 1) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
        const [ur, uz, un] = tf.split(v('layers.0.u'), 3, 0) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
        const r = tf.sigmoid(tf.add(wr, tf.matMul(h, ur, false, true)));
        const z = tf.sigmoid(tf.add(wz, tf.matMul(h, uz, false, true)));
        const recurrent =
          shape.reset === 'after'
            ? tf.mul(r, tf.add(tf.matMul(h, un, false, true), v('layers.0.bn')))
            : tf.matMul(tf.mul(r, h) as tf.Tensor2D, un, false, true);
        const n = tf.tanh(tf.add(wn, recurrent));
        h = tf.add(tf.mul(tf.sub(1, z), n), tf.mul(z, h)) as tf.Tensor2D;
      }
      return tf.add(product(h, 'head.w'), v('head.b'));
    });
    return tf.losses.meanSquaredError(target, tf.stack(rows)) as tf.Scalar;
  };
  const optimizer = tf.train.adam(rate, 0.9, 0.999, 1e-7);
  const list = [...variables.values()];
  return tf.tidy(() => Array.from({ length: 10 }, () => optimizer.minimize(loss, true, list)!.dataSync()[0]!));
}

describe('a chunk', () => {
  const shape: NetworkShape = { cell: 'gru', reset: 'after', inputs: 4, hidden: 20, layers: 2, outputs: 4, skip: true };
  const spec: LossSpec = { mean: 'huber', delta: 0.5, quantiles: [0.1, 0.5, 0.9] };

  test.each(CELLS)('$cell $reset $variant: state carried over two chunks = one long sequence', (cell) => {
    const kind: NetworkShape = { ...cell, inputs: 4, hidden: 20, layers: 2, outputs: 4, skip: true };
    const drawn = drawnWeights(kind, 70);
    const chunk = drawnChunk(kind, 3, 16, 1, 71);
    const long = prepared(kind, 3, 16, spec, { learningRate: 0 }, drawn, chunk);
    long.forward();
    const short = new Trainer(kind, { batch: 3, steps: 8 }, spec, { learningRate: 0 });
    short.load(drawn);
    short.state.set(chunk.state);
    const y = [0, 1].flatMap((half) => {
      const size = 8 * 3 * 4;
      short.x.set(chunk.x.subarray(half * size, (half + 1) * size));
      short.forward();
      short.backward();
      short.update();
      return [...short.y];
    });
    expect(y).toEqual([...long.y]);
    expect(short.state).toEqual(long.state);
  });

  test.each(CELLS)('$cell $reset $variant: warm steps are steps whose targets are unknown, bit for bit', (cell) => {
    const kind: NetworkShape = { ...cell, inputs: 4, hidden: 20, layers: 2, outputs: 4, skip: true };
    const drawn = drawnWeights(kind, 86);
    const chunk = drawnChunk(kind, 3, 9, 1, 87);
    const cut = { ...chunk, target: chunk.target.map((value, i) => (i < 4 * 3 ? NaN : value)) };
    const plain = prepared(kind, 3, 9, spec, { learningRate: 0.1 }, drawn, cut);
    const warm = new Trainer(kind, { batch: 3, steps: 9, warm: 4 }, spec, { learningRate: 0.1 });
    warm.load(drawn);
    warm.x.set(chunk.x);
    warm.target.set(chunk.target);
    warm.state.set(chunk.state);
    expect(warm.forward()).toBe(plain.forward());
    expect(warm.state).toEqual(plain.state);
    expect(warm.y.subarray(4 * 3 * 4)).toEqual(plain.y.subarray(4 * 3 * 4));
    for (const trainer of [warm, plain]) trainer.backward();
    expect(bits(warm.gradients())).toEqual(bits(plain.gradients()));
    for (const trainer of [warm, plain]) trainer.update();
    expect(bits(warm.weights())).toEqual(bits(plain.weights()));
  });

  test('unknown targets add nothing; with none known, loss and gradients are 0 and weights stay', () => {
    const drawn = drawnWeights(shape, 72);
    const chunk = drawnChunk(shape, 3, 5, 1, 73);
    chunk.target.fill(NaN);
    const trainer = prepared(shape, 3, 5, spec, { learningRate: 0.1 }, drawn, chunk);
    expect(trainer.forward()).toBe(0);
    trainer.backward();
    for (const values of trainer.gradients().values()) expect(values.every((value) => value === 0)).toBe(true);
    expect(trainer.update()).toBe(0);
    expect(bits(trainer.weights())).toEqual(bits(drawn));
  });

  test('the same inputs give the same bits, and load forgets the moments', () => {
    const drawn = drawnWeights(shape, 74);
    const chunk = drawnChunk(shape, 5, 9, 1, 75);
    const trainers = [0, 1].map(() => prepared(shape, 5, 9, spec, { learningRate: 0.01, clipNorm: 1 }, drawn, chunk));
    const losses = trainers.map((trainer) => tenLosses(trainer, chunk.state));
    expect(losses[0]).toEqual(losses[1]);
    expect(bits(trainers[0]!.weights())).toEqual(bits(trainers[1]!.weights()));
    trainers[0]!.load(drawn);
    expect(tenLosses(trainers[0]!, chunk.state)).toEqual(losses[1]);
  });

  test('update gives the norm before clipping; clipping scales the gradients to it', () => {
    const drawn = drawnWeights(shape, 76);
    const chunk = drawnChunk(shape, 5, 9, 1, 77);
    const trainer = prepared(shape, 5, 9, spec, { learningRate: 0.01 }, drawn, chunk);
    trainer.forward();
    trainer.backward();
    let squares = 0;
    for (const values of trainer.gradients().values()) for (const value of values) squares += value * value;
    expect(trainer.update() / Math.sqrt(squares)).toBeCloseTo(1, 6);
  });

  test('a gradient that is not finite changes nothing', () => {
    const drawn = drawnWeights(shape, 78);
    const chunk = drawnChunk(shape, 2, 3, 1, 79);
    chunk.x[5] = Infinity;
    const trainer = prepared(shape, 2, 3, spec, { learningRate: 0.01 }, drawn, chunk);
    expect(Number.isFinite(trainer.forward())).toBe(false);
    trainer.backward();
    expect(Number.isFinite(trainer.update())).toBe(false);
    expect(bits(trainer.weights())).toEqual(bits(drawn));
  });

  test('what cannot be is refused', () => {
    const make = (sizes: TrainerSizes, loss: LossSpec, optimizer: OptimizerSpec) => () =>
      new Trainer(shape, sizes, loss, optimizer);
    const sizes = { batch: 2, steps: 3 };
    const rate = { learningRate: 0.1 };
    expect(make({ batch: 65536, steps: 1048576 }, spec, rate)).toThrow(expect.objectContaining({ code: 'NN_TOO_LARGE' }));
    expect(make({ batch: 0, steps: 3 }, spec, rate)).toThrow(expect.objectContaining({ code: 'NN_SHAPE' }));
    expect(make({ ...sizes, warm: 3 }, spec, rate)).toThrow(expect.objectContaining({ code: 'NN_OPTION' }));
    expect(make(sizes, { mean: 'squared', quantiles: [0.5, 0.6] }, rate)).toThrow(expect.objectContaining({ code: 'NN_OPTION' }));
    expect(make(sizes, { mean: 'squared', quantiles: [1, 0.5, 0.6] }, rate)).toThrow(
      expect.objectContaining({ code: 'NN_OPTION' }),
    );
    expect(make(sizes, spec, { learningRate: NaN })).toThrow(expect.objectContaining({ code: 'NN_OPTION' }));
    expect(make(sizes, spec, { learningRate: 1, beta1: 1 })).toThrow(expect.objectContaining({ code: 'NN_OPTION' }));
  });
});

/** Classes and likelihoods at the output, categories at the input: finite differences, the kernel against the reference, and bounds. */
import { describe, expect, test } from 'vitest';
import { exp } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { initialWeights } from '../../src/nn/initial.ts';
import { groupOf, type Loss } from '../../src/nn/losses.ts';
import { Network } from '../../src/nn/network.ts';
import { loss as referenceLoss } from '../../src/nn/reference-losses.ts';
import { doubles } from '../../src/nn/reference.ts';
import type { NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { CELLS, HEADS, difference, drawnChunk, drawnWeights, nameOf, referenceRun } from './cases.ts';

const INPUTS: readonly Pick<NetworkShape, 'categories' | 'embedding'>[] = [
  {},
  { categories: 5 },
  { categories: 7, embedding: 3 },
  { categories: 4, embedding: 11 },
];
const [BATCH, STEPS, TARGETS] = [3, 8, 2];
const SQUARED: Loss = { mean: 'squared', quantiles: [] };

function named(loss: Loss): string {
  return 'head' in loss ? `${loss.head} ${groupOf(loss)}` : loss.mean;
}

/** Each head and each kind of input with a cell of its own, so that every cell meets both. */
const CASES = CELLS.flatMap((cell, c) =>
  [...HEADS, SQUARED].map((loss, l) => {
    const shape: NetworkShape = {
      ...cell,
      ...INPUTS[(c + l) % INPUTS.length],
      inputs: 3,
      hidden: 9,
      layers: 1 + (l % 2),
      outputs: TARGETS * groupOf(loss),
      skip: (c + l) % 3 !== 0,
    };
    const seed = 500 + 10 * c + l;
    const classes = 'classes' in loss ? loss.classes : undefined;
    const spread = shape.embedding ? `table ${shape.embedding}` : shape.categories ? 'one-hot' : 'numbers';
    return { name: `${nameOf(shape)}, ${spread}, ${named(loss)}`, shape, loss, seed, classes };
  }),
);

describe('reference = finite differences', () => {
  test.each(CASES)('$name', ({ shape, loss, seed, classes }) => {
    const weights = doubles(shape, drawnWeights(shape, seed));
    const chunk = drawnChunk(shape, BATCH, STEPS, TARGETS, seed + 1, classes);
    const { gradients } = referenceRun(shape, weights, loss, chunk, BATCH);
    const random = new Random(seed + 2);
    const wrong: string[] = [];
    for (const [name, values] of weights) {
      for (let n = 0; n < Math.min(10, values.length); n++) {
        const i = random.below(values.length);
        const kept = values[i]!;
        const [up, down] = [1e-6, -1e-6].map((offset) => {
          values[i] = kept + offset;
          return referenceRun(shape, weights, loss, chunk, BATCH).loss;
        }) as [number, number];
        values[i] = kept;
        const gap = Math.abs((up - down) / 2e-6 - gradients.get(name)![i]!);
        if (!(gap < 1e-7)) wrong.push(`${name}[${i}]: ${gap}`);
      }
    }
    expect(wrong, `seed ${seed}`).toEqual([]);
  });
});

describe('kernel = reference', () => {
  test.each(CASES)('$name', ({ shape, loss, seed, classes }) => {
    const weights = drawnWeights(shape, seed);
    const chunk = drawnChunk(shape, BATCH, STEPS, TARGETS, seed + 1, classes);
    const trainer = new Trainer(shape, { batch: BATCH, steps: STEPS }, loss, { learningRate: 0.01 });
    trainer.load(weights);
    trainer.x.set(chunk.x);
    trainer.target.set(chunk.target);
    trainer.state.set(chunk.state);
    const found: Record<string, number> = {};
    const value = trainer.forward();
    trainer.backward();
    const expected = referenceRun(shape, doubles(shape, weights), loss, chunk, BATCH);
    found['loss'] = Math.abs(value / expected.loss - 1);
    found['y'] = difference(trainer.y, expected.y);
    found['state'] = difference(trainer.state, expected.state);
    for (const [name, values] of trainer.gradients()) found[name] = difference(values, expected.gradients.get(name)!);
    const wrong = Object.entries(found).filter(([, gap]) => !(gap < 2e-5));
    expect(wrong, JSON.stringify(found)).toEqual([]);
  });
});

test.each(CASES)('$name: a step is what training computes, to the bit', ({ shape, loss, seed, classes }) => {
  const chunk = drawnChunk(shape, BATCH, STEPS, TARGETS, seed, classes);
  const trainer = new Trainer(shape, { batch: BATCH, steps: STEPS }, loss, { learningRate: 0.01 });
  const network = new Network(shape);
  trainer.load(drawnWeights(shape, seed));
  network.setWeights(0, trainer.weights());
  trainer.x.set(chunk.x);
  trainer.forward();
  network.reserve(BATCH);
  network.reserveWave(BATCH);
  network.lanes.set(Array.from({ length: BATCH }, (_, b) => b));
  const y = Array.from({ length: STEPS }, (_, t) => {
    network.x.set(chunk.x.subarray(t * BATCH * shape.inputs, (t + 1) * BATCH * shape.inputs));
    network.step(0, BATCH);
    return [...network.y.subarray(0, BATCH * shape.outputs)];
  });
  expect(Float32Array.from(y.flat())).toEqual(trainer.y);
});

describe('one-hot', () => {
  test('is a table with ones on its diagonal, to the bit', () => {
    const shape: NetworkShape = { cell: 'gru', inputs: 2, categories: 6, hidden: 7, layers: 1, outputs: 3, skip: true };
    const weights = drawnWeights(shape, 1);
    const table: NetworkShape = { ...shape, embedding: 6 };
    const diagonal = Float32Array.from({ length: 36 }, (_, i) => Number(i % 7 === 0));
    const outputs = [shape, table].map((one) => {
      const network = new Network(one);
      network.setWeights(0, one.embedding ? new Map(weights).set('embed.w', diagonal) : weights);
      network.reserve(1);
      return [0, 5, 2, 2].flatMap((category) => {
        network.x.set([category, 0.25]);
        network.step(0, 1);
        return [...network.y];
      });
    });
    expect(outputs[1]).toEqual(outputs[0]);
  });
});

/** Symbols alone, each many times: the kernel sums their gradients by symbol before it multiplies. */
describe('symbols that come many times', () => {
  const loss: Loss = { head: 'categorical', classes: 5 };
  test.each(CELLS.flatMap((cell) => [3, 8].map((embedding) => [nameOf({ ...cell } as NetworkShape), cell, embedding] as const)))(
    '%s, embedding %#',
    (_, cell, embedding) => {
      const shape: NetworkShape = { ...cell, inputs: 1, categories: 6, embedding, hidden: 9, layers: 2, outputs: 5, skip: false };
      const weights = drawnWeights(shape, 7);
      const chunk = drawnChunk(shape, BATCH, STEPS, 1, 8, 5);
      const trainer = new Trainer(shape, { batch: BATCH, steps: STEPS }, loss, { learningRate: 0 });
      trainer.load(weights);
      // twice, so that nothing is left over from the first time
      for (let time = 0; time < 2; time++) {
        trainer.x.set(chunk.x);
        trainer.target.set(chunk.target);
        trainer.state.set(chunk.state);
        trainer.forward();
        trainer.backward();
      }
      const expected = referenceRun(shape, doubles(shape, weights), loss, chunk, BATCH).gradients;
      for (const [name, values] of trainer.gradients()) expect(difference(values, expected.get(name)!), name).toBeLessThan(1e-5);
    },
  );
});

// one symbol a row, of few: multiplied once a symbol, and gradients of several steps are made at once, of the last ones together with none
describe('symbols: kernel = reference', () => {
  test.each(CELLS)('%o', (cell) => {
    const [batch, steps, classes] = [5, 30, 6];
    const shape: NetworkShape = {
      ...cell,
      ...{ inputs: 1, categories: classes, embedding: 3, hidden: 9, layers: 2, outputs: classes, skip: false },
    };
    const loss: Loss = { head: 'categorical', classes };
    const weights = drawnWeights(shape, 71);
    const chunk = drawnChunk(shape, batch, steps, 1, 72, classes);
    const trainer = new Trainer(shape, { batch, steps }, loss, { learningRate: 0.01 });
    trainer.load(weights);
    trainer.x.set(chunk.x);
    trainer.target.set(chunk.target);
    trainer.state.set(chunk.state);
    const value = trainer.forward();
    trainer.backward();
    const expected = referenceRun(shape, doubles(shape, weights), loss, chunk, batch);
    const found: Record<string, number> = { loss: Math.abs(value / expected.loss - 1), y: difference(trainer.y, expected.y) };
    for (const [name, values] of trainer.gradients()) found[name] = difference(values, expected.gradients.get(name)!);
    expect(Object.entries(found).filter(([, gap]) => !(gap < 2e-5))).toEqual([]);
  });
});

describe('losses', () => {
  const of = (loss: Loss, y: number[], truth: number): number =>
    referenceLoss(loss, [[Float64Array.from(y)]], [[Float64Array.of(truth)]]).loss;

  test('logits of 0 cost log V, and huge ones stay finite', () => {
    expect(of({ head: 'categorical', classes: 4 }, [0, 0, 0, 0], 2)).toBeCloseTo(Math.log(4), 12);
    const shape: NetworkShape = { cell: 'none', inputs: 1, hidden: 1, layers: 1, outputs: 3, skip: false };
    const trainer = new Trainer(shape, { batch: 1, steps: 1 }, { head: 'categorical', classes: 3 }, { learningRate: 0.1 });
    trainer.load(new Map(initialWeights(shape, 0)).set('head.b', Float32Array.of(3e38, -3e38, 0)));
    trainer.target[0] = 1;
    expect(trainer.forward() / 6e38).toBeCloseTo(1, 5);
    trainer.backward();
    expect([...trainer.gradients().get('head.b')!]).toEqual([1, -1, 0]);
  });

  test.each([{ head: 'gaussian' }, { head: 'student', degrees: 3 }, { head: 'student', degrees: 1 }] as const)(
    'the density of %o integrates to 1',
    (loss) => {
      // With the substitution x = tan u, because Student's tails are long.
      const n = 200000;
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const u = ((i + 0.5) / n - 0.5) * Math.PI;
        sum += (exp(-of(loss, [0.7, -0.4], Math.tan(u))) / Math.cos(u) ** 2) * (Math.PI / n);
      }
      expect(sum).toBeCloseTo(1, 6);
    },
  );
});

describe('what is none of the set is refused', () => {
  const shape: NetworkShape = { cell: 'lstm', inputs: 1, categories: 3, hidden: 4, layers: 1, outputs: 3, skip: false };
  const code = (code: string): unknown => expect.objectContaining({ code });

  test.each([-1, 3, 1.5, NaN, Infinity])('category %d, by the network with nothing changed, and by training', (category) => {
    const network = new Network(shape);
    network.setWeights(0, drawnWeights(shape, 1));
    network.reserve(2);
    network.reserveWave(2);
    network.lanes[1] = 1;
    network.x.set([1, category]);
    expect(() => network.step(0, 2)).toThrow(code('NN_CATEGORY'));
    expect(network.state.every((value) => value === 0)).toBe(true);
    const trainer = new Trainer(shape, { batch: 1, steps: 1 }, { head: 'categorical', classes: 3 }, { learningRate: 0.1 });
    trainer.load(drawnWeights(shape, 1));
    trainer.x[0] = category;
    expect(() => trainer.forward()).toThrow(code('NN_CATEGORY'));
  });

  test('classes, options and shapes', () => {
    const make = (loss: Loss, change: Partial<NetworkShape> = {}): Trainer =>
      new Trainer({ ...shape, ...change }, { batch: 1, steps: 1 }, loss, { learningRate: 0.1 });
    for (const truth of [-1, 3, 0.5, Infinity]) {
      const trainer = make({ head: 'categorical', classes: 3 });
      trainer.load(drawnWeights(shape, 1));
      trainer.target[0] = truth;
      expect(() => trainer.forward(), `${truth}`).toThrow(code('NN_CATEGORY'));
    }
    expect(() => make({ head: 'categorical', classes: 2 })).toThrow(code('NN_OPTION'));
    expect(() => make({ head: 'categorical', classes: 1 })).toThrow(code('NN_OPTION'));
    expect(() => make({ head: 'student', degrees: 0 }, { outputs: 2 })).toThrow(code('NN_OPTION'));
    expect(() => make({ head: 'poisson' as 'gaussian' }, { outputs: 2 })).toThrow(code('NN_OPTION'));
    expect(() => make({ head: 'gaussian' }, { outputs: 2, categories: undefined as never, embedding: 2 })).toThrow(
      code('NN_SHAPE'),
    );
    expect(() => make({ head: 'gaussian' }, { outputs: 2, categories: 0 })).toThrow(code('NN_SHAPE'));
  });
});

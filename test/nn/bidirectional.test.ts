/** Both ways over a sequence: finite differences, the kernel against the reference, PyTorch's numbers, and what it may not be used for. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { exportable } from '../../src/interop/exportable.ts';
import { Bidirectional } from '../../src/nn/bidirectional.ts';
import { loadModel, saveModel } from '../../src/nn/files.ts';
import { initialWeights, rememberFor, zeroWeights } from '../../src/nn/initial.ts';
import type { Loss } from '../../src/nn/losses.ts';
import { Network } from '../../src/nn/network.ts';
import { backwardBothWays, forwardBothWays } from '../../src/nn/reference-bidirectional.ts';
import { loss as referenceLoss } from '../../src/nn/reference-losses.ts';
import { doubles, type Doubles } from '../../src/nn/reference.ts';
import { tensorsOf, type NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { CELLS, difference, drawnChunk, drawnWeights, nameOf, type Chunk } from './cases.ts';

const [BATCH, STEPS] = [4, 9];
const LENGTHS = [9, 5, 1, 7];
const SQUARED: Loss = { mean: 'squared', quantiles: [] };

interface Case {
  readonly name: string;
  readonly shape: NetworkShape;
  readonly loss: Loss;
  readonly seed: number;
}

/** Every cell with a state, of one layer to three, with quantities and with symbols. */
const CASES = CELLS.filter(({ cell }) => cell !== 'none').flatMap((cell, c) =>
  [0, 5].flatMap((classes) =>
    [1, 2, 3].map((layers): Case => {
      const sizes = { hidden: layers === 2 ? 8 : 5, layers, outputs: classes || 2, skip: false, inputs: 3 };
      const shape: NetworkShape = { ...cell, bidirectional: true, ...sizes, ...(classes && { categories: 6 }) };
      const loss: Loss = classes ? { head: 'categorical', classes } : SQUARED;
      return {
        name: `${nameOf(shape)}, ${classes ? 'symbols' : 'quantities'}`,
        shape,
        loss,
        seed: 700 + 10 * c + layers + classes,
      };
    }),
  ),
);

function chunkOf({ shape, loss, seed }: Case): Chunk {
  const classes = 'classes' in loss ? loss.classes : undefined;
  return drawnChunk({ ...shape, layers: 1 }, BATCH, STEPS, classes ? 1 : 2, seed + 1, classes);
}

const rows = (from: Float32Array, b: number, length: number, width: number): Float64Array[] =>
  Array.from({ length }, (_, t) => Float64Array.from(from.subarray((t * BATCH + b) * width, (t * BATCH + b + 1) * width)));

/** The reference over a batch; y [sequence][T][outputs]. */
function reference({ shape, loss: spec }: Case, weights: Doubles, chunk: Chunk) {
  const targets = chunk.target.length / BATCH / STEPS;
  const runs = LENGTHS.map((length, b) => forwardBothWays(shape, weights, rows(chunk.x, b, length, shape.inputs)));
  const y = runs.map((run) => run.y);
  const truth = LENGTHS.map((length, b) => rows(chunk.target, b, length, targets));
  const { loss, dy } = referenceLoss(spec, y, truth);
  const gradients = doubles(shape);
  runs.forEach((run, b) => backwardBothWays(shape, weights, run, dy[b]!, gradients));
  return { loss, gradients, y };
}

/** What the network says, [sequence][T * outputs]. */
function outputs(network: Bidirectional, lengths: readonly number[]): Float32Array[] {
  const { outputs } = network.shape;
  const { batch } = network.sizes;
  return lengths.map((length, b) =>
    Float32Array.from(
      Array.from({ length }, (_, t) => [...network.y.subarray((t * batch + b) * outputs, (t * batch + b + 1) * outputs)]).flat(),
    ),
  );
}

function filled(each: Case, chunk: Chunk): Bidirectional {
  const network = new Bidirectional(each.shape, { batch: BATCH, steps: STEPS }, each.loss, { learningRate: 0.01 });
  network.load(drawnWeights(each.shape, each.seed));
  network.lengths.set(LENGTHS);
  network.x.set(chunk.x);
  network.target.set(chunk.target);
  return network;
}

describe('reference = finite differences', () => {
  test.each(CASES)('$name', (each) => {
    const weights = doubles(each.shape, drawnWeights(each.shape, each.seed));
    const chunk = chunkOf(each);
    const { gradients } = reference(each, weights, chunk);
    const random = new Random(each.seed + 2);
    const wrong: string[] = [];
    for (const [name, values] of weights) {
      for (let n = 0; n < Math.min(8, values.length); n++) {
        const i = random.below(values.length);
        const kept = values[i]!;
        const [up, down] = [1e-6, -1e-6].map((offset) => {
          values[i] = kept + offset;
          return reference(each, weights, chunk).loss;
        }) as [number, number];
        values[i] = kept;
        const gap = Math.abs((up - down) / 2e-6 - gradients.get(name)![i]!);
        if (!(gap < 1e-7)) wrong.push(`${name}[${i}]: ${gap}`);
      }
    }
    expect(wrong, `seed ${each.seed}`).toEqual([]);
  });
});

describe('kernel = reference', () => {
  test.each(CASES)('$name', (each) => {
    const chunk = chunkOf(each);
    const network = filled(each, chunk);
    const value = network.forward();
    network.backward();
    const expected = reference(each, doubles(each.shape, drawnWeights(each.shape, each.seed)), chunk);
    const found: Record<string, number> = { loss: Math.abs(value / expected.loss - 1) };
    outputs(network, LENGTHS).forEach(
      (y, b) =>
        (found[`y ${b}`] = difference(
          y,
          expected.y[b]!.flatMap((row) => [...row]),
        )),
    );
    const gradients = network.gradients();
    expect([...gradients.keys()]).toEqual(tensorsOf(each.shape).map(({ name }) => name));
    for (const [name, values] of gradients) found[name] = difference(values, expected.gradients.get(name)!);
    const wrong = Object.entries(found).filter(([, gap]) => !(gap < 2e-5));
    expect(wrong, JSON.stringify(found)).toEqual([]);
  });
});

interface Fixture {
  readonly steps: number;
  readonly inputs: number;
  readonly hidden: number;
  readonly lengths: readonly number[];
  readonly rate: number;
  readonly clip: number;
  readonly cases: readonly {
    readonly cell: 'rnn' | 'gru' | 'lstm';
    readonly layers: number;
    readonly classes: number;
    readonly x: number[];
    readonly truth: number[];
    readonly weights: Record<string, number[]>;
    readonly y: number[][];
    readonly loss: number;
    readonly gradients: Record<string, number[]>;
    readonly losses: number[];
  }[];
}

describe("PyTorch's numbers", () => {
  const file = new URL('../fixtures/torch/bidirectional.json', import.meta.url);
  const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;
  const { steps, inputs, hidden, lengths, rate, clip } = fixture;
  const titled = fixture.cases.map((each) => ({ ...each, title: `${each.cell} x ${each.layers}, ${each.classes} classes` }));

  test.each(titled)('$title: outputs, gradients, ten steps of Adam', (each) => {
    const { cell, layers, classes } = each;
    const shape: NetworkShape = { cell, bidirectional: true, inputs, hidden, layers, outputs: classes || 1, skip: false };
    const loss: Loss = classes ? { head: 'categorical', classes } : SQUARED;
    const optimizer = { learningRate: rate, clipNorm: clip };
    const network = new Bidirectional(shape, { batch: lengths.length, steps }, loss, optimizer);
    network.load(new Map(Object.entries(each.weights).map(([name, values]) => [name, Float32Array.from(values)])));
    network.lengths.set(lengths);
    network.x.set(each.x);
    network.target.set(each.truth);
    const losses: number[] = [];
    each.losses.forEach((_, i) => {
      losses.push(network.forward());
      network.backward();
      if (i === 0) {
        outputs(network, lengths).forEach((y, b) => expect(difference(y, each.y[b]!)).toBeLessThan(1e-5));
        for (const [name, values] of network.gradients())
          expect(difference(values, each.gradients[name]!), name).toBeLessThan(2e-5);
      }
      network.update();
    });
    expect(losses[0]! / each.loss).toBeCloseTo(1, 5);
    losses.forEach((value, i) => expect(value / each.losses[i]!, `step ${i}`).toBeCloseTo(1, 4));
  });
});

describe('both ways', () => {
  const shape: NetworkShape = { cell: 'gru', bidirectional: true, inputs: 1, hidden: 6, layers: 2, outputs: 1, skip: false };
  const run = (x: readonly number[], batch = 1, steps = x.length): number[] => {
    const network = new Bidirectional(shape, { batch, steps }, SQUARED, { learningRate: 0.01 });
    network.load(drawnWeights(shape, 4));
    network.x.fill(NaN);
    network.target.fill(5);
    network.lengths.fill(x.length);
    x.forEach((value, t) => network.x.fill(value, t * batch, (t + 1) * batch));
    network.forward();
    network.backward();
    for (const [name, values] of network.gradients()) expect(values.every(Number.isFinite), name).toBe(true);
    return x.map((_, t) => network.y[t * batch]!);
  };

  test('the first row knows of the last, and the last of the first', () => {
    const plain = run([0.1, 0.2, 0.3, 0.4]);
    expect(run([0.1, 0.2, 0.3, 0.9])[0]).not.toBe(plain[0]);
    expect(run([0.9, 0.2, 0.3, 0.4])[3]).not.toBe(plain[3]);
  });

  test('what stands beside or behind a sequence changes no bit of it', () => {
    expect(run([0.1, -0.2, 0.3], 5, 8)).toEqual(run([0.1, -0.2, 0.3]));
  });

  test('with the weights of the two ways exchanged a sequence turned round gives the same turned round', () => {
    const one: NetworkShape = { ...shape, layers: 1 };
    const weights = drawnWeights(one, 5);
    const exchanged = new Map(
      [...weights].map(([name, values]) => {
        if (name === 'head.w') return [name, Float32Array.of(...values.subarray(6), ...values.subarray(0, 6))] as const;
        if (name === 'head.b') return [name, values] as const;
        const other = name.includes('back') ? name.replace('back.', '') : name.replace('layers.0', 'layers.0.back');
        return [name, weights.get(other)!] as const;
      }),
    );
    const x = [0.3, -0.5, 0.7, 0.1, 0.2];
    const [plain, turned] = [weights, exchanged].map((each, i) => {
      const network = new Bidirectional(one, { batch: 1, steps: 5 }, SQUARED, { learningRate: 0.01 });
      network.load(each);
      network.x.set(i === 0 ? x : x.toReversed());
      network.forward();
      return [...network.y];
    });
    expect(difference(turned!.toReversed(), plain!)).toBeLessThan(1e-6);
  });

  test('weights go out as they came in, are saved and read again, and begin as a network begins', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidecast-both-ways-'));
    const network = new Bidirectional(shape, { batch: 1, steps: 1 }, SQUARED, { learningRate: 0.01 });
    const weights = drawnWeights(shape, 6);
    network.load(weights);
    expect(network.weights()).toEqual(weights);
    saveModel(folder, { shape, weights, meta: {} });
    expect(loadModel(folder)).toEqual({ shape, weights, meta: {} });
    rmSync(folder, { recursive: true });
    const remembering = rememberFor(shape, initialWeights(shape, 1), 50, 2);
    const [there, back] = ['layers.1.b', 'layers.1.back.b'].map((name) => [...remembering.get(name)!.subarray(6, 12)]);
    expect([...there!, ...back!].every((bias) => bias > 0)).toBe(true);
    expect(back).not.toEqual(there);
  });

  test('what cannot be is refused', () => {
    const refused = (code: string) => expect.objectContaining({ code }) as unknown;
    const make = (more: Partial<NetworkShape>) => () =>
      new Bidirectional({ ...shape, ...more }, { batch: 1, steps: 2 }, SQUARED, { learningRate: 0.01 });
    expect(make({ cell: 'none' })).toThrow(refused('NN_SHAPE'));
    expect(make({ skip: true })).toThrow(refused('NN_SHAPE'));
    expect(make({ categories: 3, embedding: 2 })).toThrow(refused('NN_SHAPE'));
    expect(make({ bidirectional: undefined as never })).toThrow(refused('NN_SHAPE'));
    expect(make({ layers: 0 })).toThrow(refused('NN_SHAPE'));
    const network = make({})();
    expect(() => network.load(zeroWeights({ ...shape, layers: 1 }))).toThrow(refused('NN_WEIGHTS'));
    network.load(drawnWeights(shape, 1));
    for (const length of [-1, 3]) {
      network.lengths[0] = length;
      expect(() => network.forward()).toThrow(refused('NN_OPTION'));
    }
  });

  test('row by row and carried state are for one way only', () => {
    expect(() => new Network(shape)).toThrow(/only for whole sequences, whose end is known/);
    expect(() => new Trainer(shape, { batch: 1, steps: 1 }, SQUARED, { learningRate: 0.01 })).toThrow(/whose end is known/);
  });
});

test('without layers a network is a linear map, live and in training', () => {
  const shape: NetworkShape = { cell: 'none', inputs: 3, hidden: 3, layers: 0, outputs: 2, skip: false };
  const weights = drawnWeights(shape, 3);
  const network = new Network(shape);
  network.setWeights(0, weights);
  network.reserve(1);
  network.x.set([0.5, -1, 2]);
  network.step(0, 1);
  const [w, b] = [weights.get('head.w')!, weights.get('head.b')!];
  const expected = [0, 1].map((o) => b[o]! + 0.5 * w[3 * o]! - w[3 * o + 1]! + 2 * w[3 * o + 2]!);
  expect(difference(network.y, expected)).toBeLessThan(1e-6);
  expect(() => new Network({ ...shape, hidden: 4 })).toThrow(expect.objectContaining({ code: 'NN_SHAPE' }));
});

test('no other program is given a bidirectional network', () => {
  const shape: NetworkShape = { cell: 'lstm', bidirectional: true, inputs: 1, hidden: 2, layers: 1, outputs: 1, skip: false };
  expect(() => exportable(shape)).toThrow(expect.objectContaining({ code: 'EXPORT_UNKNOWN' }));
});

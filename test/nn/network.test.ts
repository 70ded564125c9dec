/** The network at work: the split into waves shows in no bit; memory grows without losing anything; sizes are checked first. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { initialWeights } from '../../src/nn/initial.ts';
import { Network } from '../../src/nn/network.ts';
import { stateSizeOf, type NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { CELLS, drawnChunk, drawnWeights, fill } from './cases.ts';

const SEED = 20240607;
const bits = (values: Float32Array): Int32Array => new Int32Array(values.slice().buffer);

const same = (a: Float32Array, b: Float32Array): boolean => a.length === b.length && a.every((value, i) => value === b[i]);

const shapes = fc.record({
  kind: fc.constantFrom(...CELLS),
  inputs: fc.integer({ min: 1, max: 9 }),
  hidden: fc.integer({ min: 1, max: 41 }),
  layers: fc.integer({ min: 1, max: 3 }),
  outputs: fc.integer({ min: 1, max: 19 }),
  skip: fc.boolean(),
});

describe('waves', () => {
  test('rows of any wave, in any order, give the bits that one row alone gives', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 75 }), fc.integer(), ({ kind, ...sizes }, lanes, draw) => {
        const shape: NetworkShape = { ...kind, ...sizes };
        const weights = drawnWeights(shape, draw);
        const [alone, together] = [new Network(shape), new Network(shape)];
        for (const network of [alone, together]) {
          network.setWeights(1, weights);
          network.reserve(lanes);
          network.reserveWave(lanes);
        }
        const random = new Random(draw);
        fill(alone.state, random);
        together.state.set(alone.state);
        for (let step = 0; step < 3; step++) {
          const order = random.permutation(lanes);
          const inputs = new Float32Array(lanes * shape.inputs);
          fill(inputs, random, 3);
          const expected = new Float32Array(lanes * shape.outputs);
          for (let lane = 0; lane < lanes; lane++) {
            alone.x.set(inputs.subarray(lane * shape.inputs, (lane + 1) * shape.inputs));
            alone.lanes[0] = lane;
            alone.step(1, 1);
            expected.set(alone.y.subarray(0, shape.outputs), lane * shape.outputs);
          }
          const found = new Float32Array(lanes * shape.outputs);
          for (let done = 0; done < lanes;) {
            const rows = Math.min(lanes - done, 1 + random.below(lanes));
            const some = order.subarray(done, done + rows);
            some.forEach((lane, row) => {
              together.lanes[row] = lane;
              together.x.set(inputs.subarray(lane * shape.inputs, (lane + 1) * shape.inputs), row * shape.inputs);
            });
            together.step(1, rows);
            some.forEach((lane, row) => {
              found.set(together.y.subarray(row * shape.outputs, (row + 1) * shape.outputs), lane * shape.outputs);
            });
            done += rows;
          }
          expect(bits(found)).toEqual(bits(expected));
          expect(bits(together.state)).toEqual(bits(alone.state));
        }
      }),
      { seed: SEED, numRuns: 120 },
    );
  });

  test('a NaN in one lane stays there', () => {
    for (const cell of CELLS) {
      const shape: NetworkShape = { ...cell, inputs: 3, hidden: 11, layers: 2, outputs: 2, skip: true };
      const [clean, soiled] = [new Network(shape), new Network(shape)].map((network) => {
        network.setWeights(0, drawnWeights(shape, 5));
        network.reserve(9);
        network.reserveWave(9);
        for (let lane = 0; lane < 9; lane++) network.lanes[lane] = lane;
        return network;
      }) as [Network, Network];
      for (let step = 0; step < 3; step++) {
        for (const network of [clean, soiled]) fill(network.x, new Random(step));
        soiled.x[4 * shape.inputs] = NaN;
        clean.step(0, 9);
        soiled.step(0, 9);
        for (let lane = 0; lane < 9; lane++) {
          const at = lane * clean.stateSize;
          const [a, b] = [clean, soiled].map((network) => bits(network.state.subarray(at, at + network.stateSize)));
          if (lane !== 4) expect(b).toEqual(a);
        }
      }
    }
  });
});

test.each(CELLS)('$cell $reset $variant: a step is what training computes, to the bit', (cell) => {
  const shape: NetworkShape = { ...cell, inputs: 5, hidden: 24, layers: 2, outputs: 3, skip: true };
  const [batch, steps] = [7, 12];
  const weights = drawnWeights(shape, 11);
  const chunk = drawnChunk(shape, batch, steps, 3, 12);
  const trainer = new Trainer(shape, { batch, steps }, { mean: 'squared', quantiles: [] }, { learningRate: 0.1 });
  trainer.load(weights);
  trainer.x.set(chunk.x);
  trainer.state.set(chunk.state);
  trainer.forward();
  const network = new Network(shape);
  network.setWeights(0, weights);
  network.reserve(batch);
  network.reserveWave(batch);
  network.state.set(chunk.state);
  network.lanes.set(Int32Array.from({ length: batch }, (_, lane) => lane));
  for (let t = 0; t < steps; t++) {
    network.x.set(chunk.x.subarray(t * batch * shape.inputs, (t + 1) * batch * shape.inputs));
    network.step(0, batch);
    const width = batch * shape.outputs;
    expect(bits(network.y.subarray(0, width))).toEqual(bits(trainer.y.subarray(t * width, (t + 1) * width)));
  }
  expect(bits(network.state)).toEqual(bits(trainer.state));
});

describe('memory', () => {
  const shape: NetworkShape = { cell: 'lstm', inputs: 3, hidden: 10, layers: 2, outputs: 2, skip: false };

  test('lanes and waves grow in any order; state and the wave are kept, new lanes are zero', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 5000 })), { maxLength: 12 }),
        fc.integer(),
        (growths, draw) => {
          const network = new Network(shape);
          const random = new Random(draw);
          for (const [wave, n] of growths) {
            fill(network.state, random);
            fill(network.x, random);
            const before = { state: network.state.slice(), x: network.x.slice(), lanes: network.lanes.slice() };
            if (wave) network.reserveWave(n);
            else network.reserve(n);
            expect(same(network.state.subarray(0, before.state.length), before.state)).toBe(true);
            expect(same(network.x.subarray(0, before.x.length), before.x)).toBe(true);
            expect(network.state.subarray(before.state.length).every((value) => value === 0)).toBe(true);
            expect(network.lanes.length).toBeGreaterThanOrEqual(wave ? n : 1);
          }
        },
      ),
      { seed: SEED, numRuns: 40 },
    );
  });

  test('weights survive growth, and slots are apart', () => {
    const network = new Network(shape);
    const run = (slot: number): number[] => {
      network.state.fill(0);
      network.x.fill(0.5);
      network.lanes[0] = 0;
      network.step(slot, 1);
      return [...network.y.subarray(0, 2)];
    };
    network.reserve(1);
    network.setWeights(0, drawnWeights(shape, 1));
    network.setWeights(1, drawnWeights(shape, 2));
    const before = [run(0), run(1)];
    expect(before[0]).not.toEqual(before[1]);
    network.reserve(100000);
    network.reserveWave(3000);
    expect([run(0), run(1)]).toEqual(before);
  });

  test('an untrained network says exactly 0', () => {
    for (const cell of CELLS) {
      const network = new Network({ ...shape, ...cell, skip: true });
      network.setWeights(0, initialWeights(network.shape, 3));
      network.reserve(1);
      network.x.fill(2);
      network.step(0, 1);
      expect([...network.y]).toEqual([0, 0]);
      expect(network.state.some((value) => value !== 0)).toBe(true);
    }
  });

  test('what cannot be is refused before anything is allocated', () => {
    const refused = (change: Partial<NetworkShape>, code: string): void => {
      expect(() => new Network({ ...shape, ...change }), JSON.stringify(change)).toThrow(expect.objectContaining({ code }));
    };
    refused({ hidden: 100000000 }, 'NN_SHAPE');
    refused({ hidden: 4096, layers: 8 }, 'NN_TOO_LARGE');
    for (const bad of [0, -1, 1.5, NaN, Infinity]) refused({ inputs: bad }, 'NN_SHAPE');
    refused({ cell: 'tcn' as 'rnn' }, 'NN_SHAPE');
    refused({ reset: 'before' }, 'NN_SHAPE');
    refused({ cell: 'gru', variant: 'relevance' }, 'NN_SHAPE');
    refused({ variant: 'usual' as 'relevance' }, 'NN_SHAPE');
    const network = new Network(shape);
    expect(() => network.reserve(1e9)).toThrow(expect.objectContaining({ code: 'NN_TOO_LARGE' }));
    expect(() => network.reserveWave(1e9)).toThrow(expect.objectContaining({ code: 'NN_TOO_LARGE' }));
    expect(() => network.step(0, 1)).toThrow(expect.objectContaining({ code: 'NN_OPTION' }));
    network.setWeights(0, drawnWeights(shape, 1));
    expect(() => network.step(0, 1)).toThrow(expect.objectContaining({ code: 'NN_LANE' }));
    network.reserve(2);
    network.lanes[0] = 2;
    expect(() => network.step(0, 1)).toThrow(expect.objectContaining({ code: 'NN_LANE' }));
    network.lanes[0] = -1;
    expect(() => network.step(0, 1)).toThrow(expect.objectContaining({ code: 'NN_LANE' }));
    expect(network.state.length).toBe(2 * stateSizeOf(shape));
  });

  test('weights that do not fit leave the slot as it was', () => {
    const network = new Network(shape);
    network.reserve(1);
    network.setWeights(0, drawnWeights(shape, 1));
    network.step(0, 1);
    const before = [...network.y];
    for (const spoil of [
      (weights: Map<string, Float32Array>) => weights.delete('head.b'),
      (weights: Map<string, Float32Array>) => weights.set('other', new Float32Array(1)),
      (weights: Map<string, Float32Array>) => weights.set('head.b', new Float32Array(3)),
      (weights: Map<string, Float32Array>) => weights.set('head.b', Float32Array.of(0, NaN)),
    ]) {
      const weights = new Map(drawnWeights(shape, 2));
      spoil(weights);
      expect(() => network.setWeights(0, weights)).toThrow(expect.objectContaining({ code: 'NN_WEIGHTS' }));
    }
    network.state.fill(0);
    network.step(0, 1);
    expect([...network.y]).toEqual(before);
  });
});

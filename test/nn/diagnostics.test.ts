/** Diagnostics: exact against finite differences; the plain cell's gradient vanishes where the gated cells' does not; clipping holds. */
import { describe, expect, it } from 'vitest';
import { EXERCISES } from '../../connectors/formats/exercises.ts';
import { Random } from '../../src/core/random.ts';
import { diagnose, drawnProbes, type Diagnosis, type Probe } from '../../src/nn/diagnostics.ts';
import { diagnoseBothWays, diagnosePairs } from '../../src/nn/diagnostics-closed.ts';
import { initialWeights, rememberFor, zeroWeights } from '../../src/nn/initial.ts';
import { doubles, forward, zeroState } from '../../src/nn/reference.ts';
import { waysOf, type NetworkShape } from '../../src/nn/shape.ts';
import { Trainer } from '../../src/nn/trainer.ts';
import { CELLS, drawnWeights, nameOf } from './cases.ts';

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

describe('what is measured', () => {
  const shapes = CELLS.flatMap((cell): NetworkShape[] => [
    { ...cell, inputs: 2, hidden: 5, layers: 1, outputs: 3, skip: false },
    { ...cell, inputs: 3, categories: 4, hidden: 4, layers: 2, outputs: 2, skip: true },
  ]);

  it.each(shapes.map((shape) => [nameOf(shape), shape] as const))('%s: |dL/dh| as by finite differences', (_, shape) => {
    const rows = 9;
    const weights = drawnWeights(shape, 7, 0.9);
    const w = doubles(shape, weights);
    const [probe] = drawnProbes(shape, rows, 1, 3) as [Probe];
    const { gradient } = diagnose(shape, weights, [probe]);
    const H = shape.hidden;
    const own = shape.cell === 'lstm' ? 2 * H : H;
    const top = (shape.layers - 1) * own;
    const found = (of: 'h' | 'c') => gradient.find((reach) => reach.layer === shape.layers - 1 && reach.of === of)!.norms;
    const direction = probe.dy(new Float64Array(shape.outputs));
    for (let k = 1; k < rows; k++) {
      const before = forward(shape, w, probe.x.slice(0, rows - k), zeroState(shape)).state;
      const slopes = Array.from({ length: own }, (_, j) => {
        const [up, down] = [1e-5, -1e-5].map((step) => {
          const state = before.slice();
          state[top + j]! += step;
          return dot(direction, forward(shape, w, probe.x.slice(rows - k), state).y[k - 1]!);
        });
        return (up! - down!) / 2e-5;
      });
      expect(found('h')[k]).toBeCloseTo(Math.hypot(...slopes.slice(0, H)), 8);
      if (shape.cell === 'lstm') expect(found('c')[k]).toBeCloseTo(Math.hypot(...slopes.slice(H)), 8);
    }
  });

  it.each(
    CELLS.filter(({ cell }) => cell !== 'none').map((cell) => [
      nameOf({ ...cell, inputs: 2, hidden: 4, layers: 2, outputs: 3, skip: false }),
      cell,
    ]),
  )('%s as an encoder: the first answer’s |dL/dh| as by finite differences', (_, cell) => {
    const encoder: NetworkShape = { ...cell, inputs: 2, hidden: 4, layers: 2, outputs: 1, skip: false };
    const decoder: NetworkShape = { ...encoder, inputs: 1, outputs: 3 };
    const weights = { encoder: drawnWeights(encoder, 7, 0.9), decoder: drawnWeights(decoder, 8, 0.9) };
    const w = { encoder: doubles(encoder, weights.encoder), decoder: doubles(decoder, weights.decoder) };
    const rows = 6;
    const { gradient, impulse } = diagnosePairs({ encoder, decoder }, weights, 0.5, { rows, count: 1, seed: 3 });
    const [probe] = drawnProbes(encoder, rows, 1, 3) as [Probe];
    const direction = drawnProbes(decoder, 1, 1, 3)[0]!.dy(new Float64Array(3));
    const answer = (state: Float64Array): Float64Array => forward(decoder, w.decoder, [Float64Array.of(0.5)], state).y[0]!;
    const own = cell.cell === 'lstm' ? 8 : 4;
    for (let k = 0; k < rows; k++) {
      const before = forward(encoder, w.encoder, probe.x.slice(0, rows - k), zeroState(encoder)).state;
      const slopes = Array.from({ length: 4 }, (_, j) => {
        const [up, down] = [1e-5, -1e-5].map((step) => {
          const state = before.slice();
          state[own + j]! += step;
          return dot(direction, answer(forward(encoder, w.encoder, probe.x.slice(rows - k), state).state));
        });
        return (up! - down!) / 2e-5;
      });
      expect(gradient.find(({ layer, of }) => layer === 1 && of === 'h')!.norms[k]).toBeCloseTo(Math.hypot(...slopes), 8);
      const other = probe.x.with(
        rows - 1 - k,
        probe.x[rows - 1 - k]!.map((value) => value + 1),
      );
      const [plain, moved] = [probe.x, other].map((x) => answer(forward(encoder, w.encoder, x, zeroState(encoder)).state));
      expect(impulse[k]).toBeCloseTo(Math.hypot(...plain!.map((value, o) => value - moved![o]!)), 12);
    }
  });

  it('of one that reads both ways: an input is felt later by the way forward alone, and before by the way back', () => {
    const shape: NetworkShape = { cell: 'gru', bidirectional: true, inputs: 2, hidden: 4, layers: 1, outputs: 2, skip: false };
    const weights = drawnWeights(shape, 5);
    const look = { rows: 5, count: 2, seed: 1 };
    const silent = (way: string): Diagnosis => {
      const without = new Map(weights);
      for (const name of weights.keys())
        if (['w', 'u', 'b', 'bn'].some((one) => name === `${way}.${one}`))
          without.set(name, new Float32Array(weights.get(name)!.length));
      return diagnoseBothWays(shape, without, look);
    };
    // the one without a way forward, and the one without a way back
    const [noForward, noBack] = waysOf(shape, 0).map(silent);
    const all = diagnoseBothWays(shape, weights, look);
    expect(noForward!.impulse.map((size) => size > 0)).toEqual([true, false, false, false, false]);
    expect(noForward!.before!.impulse.every((size) => size > 0)).toBe(true);
    expect(noBack!.before!.impulse.map((size) => size > 0)).toEqual([true, false, false, false, false]);
    expect(noBack!.impulse.every((size) => size > 0)).toBe(true);
    all.impulse.slice(1).forEach((size, k) => expect(size).toBeCloseTo(noBack!.impulse[k + 1]!, 12));
    expect(all.hidden.map(({ way }) => way)).toEqual(['forward', 'back']);
  });

  it('an impulse is felt in the outputs for as long as the state keeps it', () => {
    // h_t = tanh(h_{t-1} / 2 + x_t), near enough to a halving for small numbers
    const shape: NetworkShape = { cell: 'rnn', inputs: 1, hidden: 1, layers: 1, outputs: 1, skip: false };
    const weights = zeroWeights(shape);
    weights.get('layers.0.w')!.fill(1e-3);
    weights.get('layers.0.u')!.fill(0.5);
    weights.get('head.w')!.fill(1);
    const x = Array.from({ length: 30 }, () => new Float64Array(1));
    const { impulse, felt, gradient, hidden } = diagnose(shape, weights, [{ x, dy: () => Float64Array.of(1) }]);
    expect(impulse[3]! / impulse[0]!).toBeCloseTo(1 / 8, 5);
    expect(felt).toBe(7); // 2^-6 is above a hundredth, 2^-7 is not
    expect(gradient[0]!.norms[4]).toBeCloseTo(1 / 16, 10);
    expect(gradient[0]!.slope).toBeCloseTo(100 * Math.log10(0.5), 8);
    expect(hidden[0]).toMatchObject({ mean: 0, saturated: 0 });
  });

  it('what has no memory feels nothing later', () => {
    const shape: NetworkShape = { cell: 'none', inputs: 2, hidden: 6, layers: 1, outputs: 1, skip: true };
    const { gradient, felt } = diagnose(shape, drawnWeights(shape, 1), drawnProbes(shape, 20, 2, 1));
    expect(Math.max(...gradient[0]!.norms.slice(1))).toBe(0);
    expect(felt).toBe(1);
  });
});

/** Sequences of the exercise `memory`: the answer is asked for at the last row, the first number stands in the first ten. */
const LAG = 200;
const ROWS = 210;
function remembered(random: Random): Float64Array {
  const rows = new Float64Array(3 * ROWS);
  EXERCISES.memory.write(random, ROWS, rows);
  return rows;
}

function fill(trainer: Trainer, random: Random): void {
  const { batch } = trainer.sizes;
  trainer.target.fill(NaN);
  trainer.state.fill(0);
  for (let b = 0; b < batch; b++) {
    const rows = remembered(random);
    for (let t = 0; t < ROWS; t++) trainer.x.set(rows.subarray(3 * t, 3 * t + 2), 2 * (t * batch + b));
    trainer.target[(ROWS - 1) * batch + b] = rows.at(-1)!;
  }
}

describe(`the gradient over ${LAG} rows`, () => {
  const SIZES = { batch: 32, steps: ROWS };
  const trained = (cell: 'rnn' | 'gru' | 'lstm'): Diagnosis => {
    const shape: NetworkShape = { cell, inputs: 2, hidden: 32, layers: 1, outputs: 1, skip: false };
    const trainer = new Trainer(shape, SIZES, { mean: 'squared', quantiles: [] }, { learningRate: 0.01, clipNorm: 1 });
    trainer.load(rememberFor(shape, initialWeights(shape, 1), LAG, 2));
    const random = new Random(5);
    for (let update = 0; update < 30; update++) {
      fill(trainer, random);
      trainer.forward();
      trainer.backward();
      trainer.update();
    }
    const probes = Array.from({ length: 8 }, (): Probe => {
      const rows = remembered(random);
      const x = Array.from({ length: ROWS }, (_, t) => rows.slice(3 * t, 3 * t + 2));
      return { x, dy: (y) => Float64Array.of(2 * (y[0]! - rows.at(-1)!)) };
    });
    return diagnose(shape, trainer.weights(), probes);
  };

  it('falls away in the plain cell, and not in the gated ones, with the same initialisation and budget', () => {
    const found = Object.fromEntries((['rnn', 'gru', 'lstm'] as const).map((cell) => [cell, trained(cell)]));
    const [rnn, gru, lstm] = [found['rnn']!, found['gru']!, found['lstm']!];
    expect(rnn.gradient[0]!.slope).toBeLessThan(-10);
    expect(rnn.gradient[0]!.norms[LAG]! / rnn.gradient[0]!.norms[1]!).toBeLessThan(1e-20);
    expect(rnn.felt).toBeLessThan(50);
    for (const { gradient, felt } of [gru, lstm]) {
      for (const { slope, norms } of gradient) {
        expect(slope).toBeGreaterThan(-1);
        expect(norms[LAG]! / norms[1]!).toBeGreaterThan(0.01);
      }
      expect(felt).toBeGreaterThan(LAG);
    }
  });
});

it('clipping keeps a run finite that diverges without', () => {
  const shape: NetworkShape = { cell: 'rnn', inputs: 2, hidden: 16, layers: 1, outputs: 1, skip: false };
  const run = (clipNorm: number): { losses: number[]; clipped: number } => {
    // an epsilon this large makes Adam plain gradient descent with a step of 0.3
    const plain = { learningRate: 3e29, epsilon: 1e30, beta1: 0, clipNorm };
    const trainer = new Trainer(shape, { batch: 8, steps: ROWS }, { mean: 'squared', quantiles: [] }, plain);
    trainer.load(initialWeights(shape, 1));
    const random = new Random(3);
    let clipped = 0;
    const losses = Array.from({ length: 60 }, () => {
      fill(trainer, random);
      const loss = trainer.forward();
      trainer.backward();
      if (!(trainer.update() <= clipNorm)) clipped++;
      return loss;
    });
    return { losses, clipped };
  };
  const held = run(1);
  expect(Math.max(...held.losses)).toBeLessThan(10);
  expect(held.clipped).toBeGreaterThan(0);
  expect(run(Infinity).losses.at(-1)).toBeNaN();
});

/** Networks, weights and data that the tests of src/nn share: everything from a seed. */
import { Random } from '../../src/core/random.ts';
import { zeroWeights } from '../../src/nn/initial.ts';
import type { Loss, LossSpec } from '../../src/nn/losses.ts';
import { loss } from '../../src/nn/reference-losses.ts';
import { backward, doubles, forward, type Doubles } from '../../src/nn/reference.ts';
import { stateSizeOf, type NetworkShape, type Weights } from '../../src/nn/shape.ts';

export const CELLS: readonly Pick<NetworkShape, 'cell' | 'reset' | 'variant'>[] = [
  { cell: 'rnn' },
  { cell: 'gru', reset: 'before' },
  { cell: 'gru', reset: 'after' },
  { cell: 'lstm' },
  { cell: 'lstm', variant: 'relevance' },
  { cell: 'none' },
];

export const LOSSES: readonly LossSpec[] = [
  { mean: 'squared', quantiles: [0.1, 0.5, 0.9] },
  { mean: 'huber', delta: 0.4, quantiles: [0.2] },
  { mean: 'absolute', quantiles: [] },
];

export const HEADS: readonly Loss[] = [
  { head: 'categorical', classes: 2 },
  { head: 'categorical', classes: 11 },
  { head: 'gaussian' },
  { head: 'student', degrees: 4.5 },
];

export function nameOf(shape: NetworkShape): string {
  return `${shape.cell}${shape.reset ? ` reset ${shape.reset}` : ''}${shape.variant ? ` ${shape.variant}` : ''} ${shape.layers} x ${shape.hidden}${shape.skip ? ' skip' : ''}`;
}

/** Weights, biases and head included, uniform in +-scale. */
export function drawnWeights(shape: NetworkShape, seed: number, scale = 0.4): Weights {
  const random = new Random(seed);
  const weights = zeroWeights(shape);
  for (const values of weights.values()) fill(values, random, scale);
  return weights;
}

export function fill(values: Float32Array | Float64Array, random: Random, scale = 1): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(scale * (2 * random.uniform() - 1));
}

/** One chunk in the trainer's layout. */
export interface Chunk {
  readonly x: Float32Array; // [T][B][inputs]
  readonly target: Float32Array; // [T][B][K]
  readonly state: Float32Array; // [B][stateSize]
}

/** A chunk with about a fifth of its targets unknown; targets are classes where their number is given, and rows begin with a category where the shape has some. */
export function drawnChunk(
  shape: NetworkShape,
  batch: number,
  steps: number,
  targets: number,
  seed: number,
  classes?: number,
): Chunk {
  const random = new Random(seed);
  const chunk = {
    x: new Float32Array(steps * batch * shape.inputs),
    target: new Float32Array(steps * batch * targets),
    state: new Float32Array(batch * stateSizeOf(shape)),
  };
  fill(chunk.x, random);
  fill(chunk.target, random, 1.5);
  fill(chunk.state, random, 0.8);
  if (classes) for (let i = 0; i < chunk.target.length; i++) chunk.target[i] = random.below(classes);
  if (shape.categories) for (let i = 0; i < chunk.x.length; i += shape.inputs) chunk.x[i] = random.below(shape.categories);
  for (let i = 0; i < chunk.target.length; i++) if (random.uniform() < 0.2) chunk.target[i] = NaN;
  return chunk;
}

/** The reference over a chunk: loss, gradients, y [T][B][outputs] and the state after. */
export function referenceRun(
  shape: NetworkShape,
  weights: Doubles,
  spec: Loss,
  chunk: Chunk,
  batch: number,
): { loss: number; gradients: Doubles; y: Float64Array; state: Float64Array } {
  const steps = chunk.x.length / batch / shape.inputs;
  const targets = chunk.target.length / batch / steps;
  const size = stateSizeOf(shape);
  const rows = (from: Float32Array, b: number, width: number): Float64Array[] =>
    Array.from({ length: steps }, (_, t) =>
      Float64Array.from(from.subarray((t * batch + b) * width, (t * batch + b + 1) * width)),
    );
  const sequences = Array.from({ length: batch }, (_, b) => {
    const x = rows(chunk.x, b, shape.inputs);
    return { x, run: forward(shape, weights, x, Float64Array.from(chunk.state.subarray(b * size, (b + 1) * size))) };
  });
  const judged = loss(
    spec,
    sequences.map(({ run }) => run.y),
    sequences.map((_, b) => rows(chunk.target, b, targets)),
  );
  const gradients = doubles(shape);
  const y = new Float64Array(steps * batch * shape.outputs);
  const state = new Float64Array(batch * size);
  sequences.forEach(({ x, run }, b) => {
    backward(shape, weights, x, run, judged.dy[b]!, gradients);
    run.y.forEach((row, t) => y.set(row, (t * batch + b) * shape.outputs));
    state.set(run.state, b * size);
  });
  return { loss: judged.loss, gradients, y, state };
}

/** The largest difference, relative to the larger of 1e-3 and the largest value of the tensor. */
export function difference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  let size = 1e-3;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Number.isNaN(found[i]!) ? Infinity : Math.abs(found[i]! - expected[i]!));
    size = Math.max(size, Math.abs(expected[i]!));
  }
  return largest / size;
}

/** Weights to begin a training with. */
import { log } from '../core/math/math.ts';
import { Random } from '../core/random.ts';
import { cellOf, sizeOf, tensorsOf, waysOf, type NetworkShape, type Weights } from './shape.ts';

/**
 * Weights of an untrained network: the same for the same shape and seed.
 *
 * The table of an embedding is uniform in +-1. Matrices of the layers are uniform in +-sqrt(6 / (columns + H)) (Glorot and Bengio, 2010, a gate at a time); biases are 0, an
 * LSTM's forget bias 1 (Jozefowicz et al., 2015); the head is 0, so that the network's output is exactly 0.
 */
export function initialWeights(shape: NetworkShape, seed: number): Weights {
  const random = new Random(seed);
  const weights = new Map<string, Float32Array>();
  for (const tensor of tensorsOf(shape)) {
    const values = new Float32Array(sizeOf(tensor));
    if (tensor.shape.length === 2 && tensor.name.startsWith('layers.')) {
      const bound = Math.sqrt(6 / (tensor.shape[1]! + shape.hidden));
      for (let i = 0; i < values.length; i++) values[i] = bound * (2 * random.uniform() - 1);
    } else if (tensor.name === 'embed.w') {
      for (let i = 0; i < values.length; i++) values[i] = 2 * random.uniform() - 1;
    } else if (shape.cell === 'lstm' && tensor.name.endsWith('.b') && tensor.name !== 'head.b') {
      const forget = cellOf(shape) === 'lstm' ? 1 : 2;
      values.fill(1, forget * shape.hidden, (forget + 1) * shape.hidden);
    }
    weights.set(tensor.name, values);
  }
  return weights;
}

/**
 * Gates set to remember up to so many rows from the start: chrono initialisation (Tallec and Ollivier, 2018).
 *
 * With u uniform in 1 .. rows - 1 for each unit, an LSTM's forget bias is log u and its input bias -log u; a GRU's z has the bias log u,
 * since z is what it keeps. For another cell nothing changes.
 */
export function rememberFor(shape: NetworkShape, weights: Weights, rows: number, seed: number): Weights {
  const random = new Random(seed);
  const H = shape.hidden;
  const cell = cellOf(shape);
  const [keep, take] = { lstm: [1, 0], 'lstm relevance': [2, 1], 'gru before': [1], 'gru after': [1], rnn: [], none: [] }[cell];
  const changed = new Map(weights);
  const ways = Array.from({ length: shape.layers }, (_, layer) => waysOf(shape, layer)).flat();
  for (const way of ways) {
    const b = weights.get(`${way}.b`)!.slice();
    for (let j = 0; keep !== undefined && j < H; j++) {
      const bias = log(1 + random.uniform() * Math.max(0, rows - 2));
      b[keep * H + j] = bias;
      if (take !== undefined) b[take * H + j] = -bias;
    }
    changed.set(`${way}.b`, b);
  }
  return changed;
}

/** Tensors of a shape, all zero. */
export function zeroWeights(shape: NetworkShape): Map<string, Float32Array> {
  return new Map(tensorsOf(shape).map((tensor) => [tensor.name, new Float32Array(sizeOf(tensor))]));
}

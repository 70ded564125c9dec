/** Weights to begin a training with. */
import { Random } from '../core/random.ts';
import { cellOf, sizeOf, tensorsOf, type NetworkShape, type Weights } from './shape.ts';

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

/** Tensors of a shape, all zero. */
export function zeroWeights(shape: NetworkShape): Map<string, Float32Array> {
  return new Map(tensorsOf(shape).map((tensor) => [tensor.name, new Float32Array(sizeOf(tensor))]));
}

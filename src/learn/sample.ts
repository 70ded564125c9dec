/** One to many: a trained network goes on by itself, each symbol that it draws being what it reads next. */
import { exp } from '../core/math/math.ts';
import { Random } from '../core/random.ts';
import { Network } from '../nn/network.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { wordsOf } from './words.ts';

/** `length` symbols drawn after `first`, from a state of zeros; a temperature below 1 draws the likelier ones more often. */
export function sample(
  shape: NetworkShape,
  weights: Weights,
  first: number,
  { length, temperature }: { readonly length: number; readonly temperature: number },
  seed: number,
): number[] {
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(1);
  const random = new Random(seed);
  const drawn: number[] = [];
  let symbol = first;
  for (let i = 0; i < length; i++) {
    network.x[0] = symbol;
    network.step(0, 1);
    symbol = draw(network.y.subarray(0, shape.outputs), temperature, random.uniform());
    drawn.push(symbol);
  }
  return drawn;
}

function draw(logits: Float32Array, temperature: number, u: number): number {
  const largest = Math.max(...logits);
  const weights = Array.from(logits, (logit) => exp((logit - largest) / temperature));
  let left = u * weights.reduce((sum, weight) => sum + weight, 0);
  for (let j = 0; j < weights.length; j++) {
    left -= weights[j]!;
    if (left < 0) return j;
  }
  return weights.indexOf(1);
}

/** The share of a text's words that occur in another text; a word is letters and apostrophes, and the first and last of a sample may be cut. */
export function knownWords(text: string, vocabulary: string): number {
  const known = new Set(wordsOf(vocabulary));
  const drawn = wordsOf(text).slice(1, -1);
  return drawn.filter((word) => known.has(word)).length / drawn.length;
}

/** One to many: a trained network goes on by itself, each symbol that it draws being what it reads next. */
import { exp } from '../core/math/math.ts';
import { Random } from '../core/random.ts';
import { Network } from '../nn/network.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { wordsOf } from './words.ts';

/** How symbols are drawn: a temperature below 1 draws the likelier ones more often, and at 0 always the likeliest. */
export interface Drawing {
  readonly length: number;
  readonly temperature: number;
}

/** `length` symbols drawn after those of a beginning, which are read first, from a state of zeros. */
export function sample(
  shape: NetworkShape,
  weights: Weights,
  beginning: readonly number[],
  { length, temperature }: Drawing,
  seed: number,
): number[] {
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(1);
  const random = new Random(seed);
  const drawn: number[] = [];
  for (let i = 0; drawn.length < length; i++) {
    network.x[0] = i < beginning.length ? beginning[i]! : drawn.at(-1)!;
    network.step(0, 1);
    if (i + 1 >= beginning.length) drawn.push(draw(network.y.subarray(0, shape.outputs), temperature, random.uniform()));
  }
  return drawn;
}

function draw(logits: Float32Array, temperature: number, u: number): number {
  const largest = Math.max(...logits);
  if (temperature === 0) return logits.indexOf(largest);
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

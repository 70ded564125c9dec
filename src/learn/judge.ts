/** What a trained network is worth on sequences: every one stepped from its beginning, live, as a series would be. */
import { exp, log } from '../core/math/math.ts';
import { Network } from '../nn/network.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { writeRow, type Encoded } from './encoding.ts';

/** Of classes `exact`, `right` and `bits`, of numbers `error`; of a decoder with a loss to be reached `epochs`. What they are is said in `spec.ts`. */
export interface Judgement {
  readonly sequences: number;
  readonly answers: number;
  readonly exact?: number;
  readonly right?: number;
  readonly bits?: number;
  readonly error?: number;
  readonly epochs?: number;
}

/** Steps all sequences side by side and compares what comes out with the truth. */
export function judge(
  shape: NetworkShape,
  weights: Weights,
  classes: number,
  window: number,
  sequences: readonly Encoded[],
): Judgement {
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(sequences.length);
  network.reserveWave(sequences.length);
  const longest = sequences.reduce((most, { rows }) => Math.max(most, rows), 0);
  const flawed = new Set<number>();
  const sums = { answers: 0, right: 0, nats: 0, squares: 0, truth: 0, truths: 0 };
  for (let t = 0; t < longest; t++) {
    const { x, lanes, y } = network;
    let rows = 0;
    sequences.forEach((sequence, i) => {
      if (t >= sequence.rows) return;
      lanes[rows] = i;
      writeRow(sequence, t, window, x, rows++ * shape.inputs);
    });
    network.step(0, rows);
    for (let row = 0; row < rows; row++) {
      const truth = sequences[lanes[row]!]!.truth[t]!;
      if (truth !== truth) continue;
      sums.answers++;
      if (classes > 0) {
        const { best, nats } = readClass(y.subarray(row * classes, (row + 1) * classes), truth);
        sums.nats += nats;
        if (best === truth) sums.right++;
        else flawed.add(lanes[row]!);
      } else {
        const gap = y[row]! - truth;
        sums.squares += gap * gap;
        sums.truth += truth;
        sums.truths += truth * truth;
      }
    }
  }
  const { answers } = sums;
  const counted = { sequences: sequences.length, answers };
  if (classes > 0) {
    const exact = 1 - flawed.size / sequences.length;
    return { ...counted, exact, right: sums.right / answers, bits: sums.nats / answers / log(2) };
  }
  const mean = sums.truth / answers;
  return { ...counted, error: sums.squares / answers / (sums.truths / answers - mean * mean) };
}

/** The likeliest class, of equals the lower one, and the log loss of the truth. */
function readClass(logits: Float32Array, truth: number): { best: number; nats: number } {
  let best = 0;
  for (let j = 1; j < logits.length; j++) if (logits[j]! > logits[best]!) best = j;
  let total = 0;
  for (const logit of logits) total += exp(logit - logits[best]!);
  return { best, nats: log(total) + logits[best]! - logits[truth]! };
}

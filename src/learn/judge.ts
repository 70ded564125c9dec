/** What a trained network is worth on sequences: every one stepped from its beginning, live, as a series would be. */
import type { Verdict } from '../forecast/skill.ts';
import { Network } from '../nn/network.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { judgeClosed, longestOf } from './closed.ts';
import { writeRow, type Encoded } from './encoding.ts';
import { Tally } from './tally.ts';

/** Of classes `exact`, `right` and `bits`, of numbers `error`; of a decoder with a loss to be reached `epochs`, and those to it with the true values shown. What they are is said in `spec.ts`. */
export interface Judgement {
  readonly sequences: number;
  readonly answers: number;
  readonly exact?: number;
  readonly right?: number;
  readonly bits?: number;
  readonly error?: number;
  /** Where it is asked for: see `skill.ts`. */
  readonly skill?: number;
  readonly verdict?: Verdict;
  readonly epochs?: number;
  readonly epochsShown?: number;
}

/** Steps all sequences side by side, or reads them both ways, and compares what comes out with the truth. */
export function judge(
  shape: NetworkShape,
  weights: Weights,
  classes: number,
  window: number,
  sequences: readonly Encoded[],
): Judgement {
  if (shape.bidirectional) return judgeClosed(shape, weights, classes, window, sequences);
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  network.reserve(sequences.length);
  network.reserveWave(sequences.length);
  const longest = longestOf(sequences);
  const tally = new Tally(classes);
  for (let t = 0; t < longest; t++) {
    const { x, lanes, y } = network;
    let rows = 0;
    sequences.forEach((sequence, i) => {
      if (t >= sequence.rows) return;
      lanes[rows] = i;
      writeRow(sequence, t, window, x, rows++ * shape.inputs);
    });
    network.step(0, rows);
    for (let row = 0; row < rows; row++) tally.add(lanes[row]!, sequences[lanes[row]!]!.truth[t]!, y, row * shape.outputs);
  }
  return tally.judgement(sequences.length);
}

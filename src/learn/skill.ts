/** Whether a network knows more than how often each class is right: its log loss beside that of the base rate, answer by answer. */
import { exp, log } from '../core/math/math.ts';
import { Lanes } from '../core/lanes.ts';
import { compareLosses, LossDifferences, type BlockSums, type Verdict } from '../forecast/skill.ts';
import { Network } from '../nn/network.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import { writeRow, type Encoded } from './encoding.ts';

/** How sure it is. */
export interface Skill {
  /** Standard errors by which its log loss is below that of the base rate (Diebold-Mariano, for losses that resemble their neighbours). */
  readonly skill: number;
  readonly verdict: Verdict;
}

/** Steps every sequence live; `rates` are the shares of the classes in training. */
export function skillOf(
  shape: NetworkShape,
  weights: Weights,
  window: number,
  rates: Float64Array,
  sequences: readonly Encoded[],
): Skill {
  const network = new Network(shape, { slots: 1 });
  network.setWeights(0, weights);
  const lanes = new Lanes();
  const differences = new LossDifferences(lanes, { cells: 1, baselines: 1 });
  const sums: BlockSums = { lengths: 0, squaredLengths: 0, squares: new Float64Array(1), products: new Float64Array(1) };
  const [losses, total] = [new Float64Array(1), { answers: 0, ours: 0, theirs: 0 }];
  network.reserve(1);
  const lane = lanes.lane('one after another');
  const { block, sums: blocks } = differences.columns;
  for (const { truth, rows, ...rest } of sequences) {
    network.state.fill(0);
    lanes.reset(lane);
    let answers = 0;
    for (let row = 0; row < rows; row++) {
      writeRow({ truth, rows, ...rest }, row, window, network.x, 0);
      network.step(0, 1);
      const right = truth[row]!;
      if (right !== right) continue;
      const [ours, theirs] = [logLoss(network.y.subarray(0, rates.length), right), -log(rates[right]!)];
      losses[0] = ours - theirs;
      differences.add(lane, 0, 1, ++answers, losses);
      total.ours += ours;
      total.theirs += theirs;
    }
    total.answers += answers;
    differences.gather(block.data, blocks.data, 0, sums);
  }
  const { statistic, low, high } = compareLosses(total.answers, total.ours, total.theirs, sums, 0, 1);
  // of a log loss a small part is much: what can be shown counts, however small
  return { skill: -statistic, verdict: high < 0 ? 'better' : low > 0 ? 'worse' : 'no skill' };
}

function logLoss(logits: Float32Array, right: number): number {
  const largest = Math.max(...logits);
  return log(logits.reduce((sum, logit) => sum + exp(logit - largest), 0)) + largest - logits[right]!;
}

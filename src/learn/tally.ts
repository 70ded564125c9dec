/** Answers of a network beside the truth, one after the other, and what they come to. */
import { exp, log } from '../core/math/math.ts';
import type { Judgement } from './judge.ts';

/** Counts answers that are classes, or numbers where there are no classes. */
export class Tally {
  readonly #classes: number;
  readonly #flawed = new Set<number>();
  readonly #sums = { answers: 0, right: 0, nats: 0, squares: 0, truth: 0, truths: 0 };

  constructor(classes: number) {
    this.#classes = classes;
  }

  /** One answer of a sequence: outputs from `at` on, the logit of each class or a number. A truth of NaN is not asked for. */
  add(sequence: number, truth: number, y: Float32Array | Float64Array, at = 0): void {
    if (truth !== truth) return;
    const sums = this.#sums;
    sums.answers++;
    if (this.#classes > 0) {
      const { best, nats } = readClass(y.subarray(at, at + this.#classes), truth);
      sums.nats += nats;
      if (best === truth) sums.right++;
      else this.#flawed.add(sequence);
    } else {
      const gap = y[at]! - truth;
      sums.squares += gap * gap;
      sums.truth += truth;
      sums.truths += truth * truth;
    }
  }

  /** What all answers come to, of so many sequences. */
  judgement(sequences: number): Judgement {
    const { answers, right, nats, squares, truth, truths } = this.#sums;
    if (this.#classes > 0) {
      const exact = 1 - this.#flawed.size / sequences;
      return { sequences, answers, exact, right: right / answers, bits: nats / answers / log(2) };
    }
    const mean = truth / answers;
    return { sequences, answers, error: squares / answers / (truths / answers - mean * mean) };
  }
}

/** The likeliest class, of equals the lower one, and the log loss of the truth. */
function readClass(logits: Float32Array | Float64Array, truth: number): { best: number; nats: number } {
  let best = 0;
  for (let j = 1; j < logits.length; j++) if (logits[j]! > logits[best]!) best = j;
  let total = 0;
  for (const logit of logits) total += exp(logit - logits[best]!);
  return { best, nats: log(total) + logits[best]! - logits[truth]! };
}

/** Counting instead of learning: controls that beside their chances for every class need no network. */
import { log } from '../core/math/math.ts';
import type { Encoded } from './encoding.ts';
import type { Judgement } from './judge.ts';

/** What the chances of the classes come to, one row of `chances` for each answer that is asked; all of them above 0. */
export function judgeChances(
  sequences: readonly Encoded[],
  chances: (sequence: Encoded, row: number) => ArrayLike<number>,
): Judgement {
  let answers = 0;
  let nats = 0;
  let right = 0;
  let exact = 0;
  for (const sequence of sequences) {
    let flaws = 0;
    for (let row = 0; row < sequence.rows; row++) {
      const truth = sequence.truth[row]!;
      if (truth !== truth) continue;
      const p = chances(sequence, row);
      answers++;
      nats -= log(p[truth]!);
      if (likeliest(p) === truth) right++;
      else flaws++;
    }
    if (flaws === 0) exact++;
  }
  const counted = { sequences: sequences.length, answers };
  return { ...counted, exact: exact / sequences.length, right: right / answers, bits: nats / answers / log(2) };
}

/** How often each class is the answer, as shares of all answers: the base rate, which knows nothing else. */
export function baseRate(classes: number, training: readonly Encoded[]): Float64Array {
  const counts = new Float64Array(classes);
  let all = 0;
  for (const { truth } of training) {
    for (const value of truth) {
      if (value !== value) continue;
      counts[value]!++;
      all++;
    }
  }
  return counts.map((count) => count / all);
}

/** Of equals the lower one. */
function likeliest(p: ArrayLike<number>): number {
  let best = 0;
  for (let j = 1; j < p.length; j++) if (p[j]! > p[best]!) best = j;
  return best;
}

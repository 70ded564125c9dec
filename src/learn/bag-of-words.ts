/** Which words a text has, and not in which order: the control of a network that reads. */
import { exp, log } from '../core/math/math.ts';
import { baseRate, judgeChances } from './counted.ts';
import type { Encoded } from './encoding.ts';
import type { Judgement } from './judge.ts';
import { textOf, wordsOf } from './words.ts';

/**
 * Multinomial naive Bayes with one added to each count (McCallum and Nigam, 1998): log p(class | text) is, but for a constant,
 * log p(class) + the sum over words of log (count(word, class) + 1) / (words of the class + different words).
 *
 * Words that training had not tell nothing.
 */
export class BagOfWords {
  readonly #symbols: readonly number[];
  readonly #prior: Float64Array;
  /** log p(word | class), [class]. */
  readonly #words = new Map<string, Float64Array>();

  constructor(symbols: readonly number[], classes: number, training: readonly Encoded[]) {
    this.#symbols = symbols;
    this.#prior = baseRate(classes, training).map((share) => log(share));
    const totals = new Float64Array(classes);
    for (const sequence of training) {
      const truth = sequence.truth.at(-1)!;
      if (truth !== truth) continue;
      for (const word of this.#read(sequence)) {
        const counts = this.#words.get(word) ?? new Float64Array(classes);
        this.#words.set(word, counts);
        counts[truth]!++;
        totals[truth]!++;
      }
    }
    for (const counts of this.#words.values()) {
      counts.forEach((count, j) => (counts[j] = log((count + 1) / (totals[j]! + this.#words.size))));
    }
  }

  /** Its `exact`, `right` and `bits` on sequences that are asked at their last row. */
  judge(sequences: readonly Encoded[]): Judgement {
    return judgeChances(sequences, (sequence) => {
      const scores = this.#prior.slice();
      for (const word of this.#read(sequence)) this.#words.get(word)?.forEach((score, j) => (scores[j]! += score));
      const largest = Math.max(...scores);
      const chances = scores.map((score) => exp(score - largest));
      const sum = chances.reduce((total, chance) => total + chance, 0);
      return chances.map((chance) => chance / sum);
    });
  }

  #read({ columns }: Encoded): string[] {
    return wordsOf(textOf(columns[0]!.map((symbol) => this.#symbols[symbol]!)).toLowerCase());
  }
}

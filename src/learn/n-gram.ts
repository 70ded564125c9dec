/** Counting instead of learning: what followed the last few symbols in training, as the baseline of a language model. */
import { TidecastError } from '../core/errors.ts';
import { pow } from '../core/math/math.ts';
import { judgeChances } from './counted.ts';
import type { Encoded } from './encoding.ts';
import type { Judgement } from './judge.ts';

/**
 * A model of order n: the next symbol by the n - 1 before it, mixed with the shorter contexts (Witten and Bell, 1991).
 *
 * p(s | context) = (count(context, s) + kinds(context) * p(s | shorter context)) / (count(context) + kinds(context)), where kinds is the
 * number of different symbols seen after the context; below the empty context all symbols are equal.
 */
export class NGram {
  readonly #order: number;
  readonly #symbols: number;
  /** By length of the context: how often each context, and each symbol after it, was seen, and how many kinds of symbols. */
  readonly #seen: {
    readonly of: Map<number, number>;
    readonly after: Map<number, number>;
    readonly kinds: Map<number, number>;
  }[];

  /** Throws LEARN_CLASSES where contexts could not be told apart any more. */
  constructor(order: number, symbols: number, training: readonly Encoded[]) {
    if (pow(symbols, order) > Number.MAX_SAFE_INTEGER) throw new TidecastError('LEARN_CLASSES', { symbols, order });
    this.#order = order;
    this.#symbols = symbols;
    this.#seen = Array.from({ length: order }, () => ({ of: new Map(), after: new Map(), kinds: new Map() }));
    for (const { columns, truth, rows } of training) {
      for (let row = 0; row < rows; row++) {
        if (truth[row] === truth[row]) this.#count(columns[0]!, row, truth[row]!);
      }
    }
  }

  /** Its `exact`, `right` and `bits` on sequences. */
  judge(sequences: readonly Encoded[]): Judgement {
    return judgeChances(sequences, ({ columns }, row) => this.#chances(columns[0]!, row));
  }

  #count(symbols: Float64Array, row: number, next: number): void {
    for (let length = 0; length < this.#order && length <= row + 1; length++) {
      const { of, after, kinds } = this.#seen[length]!;
      const context = this.#context(symbols, row, length);
      const pair = context * this.#symbols + next;
      const before = after.get(pair) ?? 0;
      if (before === 0) kinds.set(context, (kinds.get(context) ?? 0) + 1);
      after.set(pair, before + 1);
      of.set(context, (of.get(context) ?? 0) + 1);
    }
  }

  /** Chances of every symbol after a row. */
  #chances(symbols: Float64Array, row: number): Float64Array {
    const p = new Float64Array(this.#symbols).fill(1 / this.#symbols);
    for (let length = 0; length < this.#order && length <= row + 1; length++) {
      const { of, after, kinds } = this.#seen[length]!;
      const context = this.#context(symbols, row, length);
      const total = of.get(context);
      if (total === undefined) break;
      const different = kinds.get(context)!;
      for (let next = 0; next < p.length; next++) {
        p[next] = ((after.get(context * this.#symbols + next) ?? 0) + different * p[next]!) / (total + different);
      }
    }
    return p;
  }

  /** The last symbols up to a row as one number. */
  #context(symbols: Float64Array, row: number, length: number): number {
    let context = 0;
    for (let back = length - 1; back >= 0; back--) context = context * this.#symbols + symbols[row - back]!;
    return context;
  }
}

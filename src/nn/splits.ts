/** What growing a regression tree does with all its rows, by the kernel: histograms, the best split of one, rows to its two sides. */
import { Instance } from './kernel/instance.ts';

/** Bins of an input's histogram, at most. */
export const BINS = 64;

/** The best split of some rows. */
export interface Split {
  /** In G^2 / n; 0: there is none. */
  readonly gain: number;
  readonly input: number;
  /** It and all bins before it go left. */
  readonly bin: number;
  /** Sum of signs on the left. */
  readonly left: number;
}

/** Where rows are not to be split. */
export const NO_SPLIT: Split = { gain: 0, input: -1, bin: 0, left: 0 };

/** Rows of inputs as bins, in an order that splits change. */
export class Splits {
  /** Rows; the ones of a leaf are neighbours. */
  readonly order: Int32Array;
  /** Per row what it adds to a bin: the upper half counts, the lower half is a sign. */
  readonly marks: Int32Array;
  readonly #instance = new Instance();
  readonly #rows: number;
  readonly #edges: readonly { readonly length: number }[];
  readonly #used: Int32Array;
  readonly #bins: Int32Array;
  readonly #at: Record<'order' | 'marks' | 'marked' | 'codes' | 'used' | 'bins' | 'best', number>;
  readonly #best: readonly [Float64Array, Int32Array];
  /** Addresses of histograms that nobody has, and words of one. */
  readonly #spare: number[];
  readonly #words: number;
  #inputs = 0;

  /** `codes[input * rows + row]` is a bin below {@link BINS}; `edges`: of each input, as long as it has bins but one. `limits`: histograms at a time, and inputs in each. */
  constructor(
    codes: Uint8Array,
    rows: number,
    edges: readonly { readonly length: number }[],
    limits: { readonly inputs: number; readonly histograms: number },
  ) {
    this.#rows = rows;
    this.#edges = edges;
    const instance = this.#instance;
    const most = Math.ceil(limits.inputs / 4) * 4;
    this.#words = most * BINS;
    const take = (words: number) => instance.take(words + 1);
    this.#at = {
      order: take(rows),
      marks: take(rows),
      marked: take(rows),
      codes: take(codes.length / 4),
      used: take(most),
      bins: take(most),
      best: take(5),
    };
    this.#spare = Array.from({ length: limits.histograms }, () => instance.take(this.#words));
    const { order, marks, used, bins, best } = this.#at;
    new Uint8Array(instance.buffer, this.#at.codes, codes.length).set(codes);
    this.order = instance.words(order, rows);
    this.marks = instance.words(marks, rows);
    this.#used = instance.words(used, most);
    this.#bins = instance.words(bins, most);
    this.#best = [new Float64Array(instance.buffer, best, 1), instance.words(best, 5)];
  }

  /** Names the inputs that histograms are of from now on. */
  use(inputs: Int32Array): void {
    this.#inputs = inputs.length;
    // the last one again where there are not four: what it counts there is not read
    this.#used.fill(inputs.at(-1) ?? 0).set(inputs);
    inputs.forEach((input, i) => (this.#bins[i] = this.#edges[input]!.length));
  }

  /** A histogram of rows `order[from .. to)`, to be given back by {@link free}. */
  histogram(from: number, to: number): number {
    const { order, marks, marked, codes, used } = this.#at;
    const out = this.#spare.pop()!;
    const inputs = Math.ceil(this.#inputs / 4) * 4;
    this.#instance.kernel.histogram(order + 4 * from, to - from, marks, marked, codes, this.#rows, used, inputs, out);
    return out;
  }

  free(histogram: number): void {
    this.#spare.push(histogram);
  }

  /** Takes the rows of another histogram out of one. */
  subtract(from: number, other: number): void {
    this.#instance.kernel.subtract(from, other, this.#words);
  }

  /** The best split of the `n` rows of a histogram, whose signs sum up to `sum`; `least` rows on each side. */
  best(histogram: number, n: number, sum: number, least: number): Split {
    const { bins, best } = this.#at;
    this.#instance.kernel.bestSplit(histogram, bins, this.#inputs, n, sum, least, best);
    const [[gain], words] = this.#best;
    return gain! > 0 ? { gain: gain!, input: this.#used[words[2]!]!, bin: words[3]!, left: words[4]! } : NO_SPLIT;
  }

  /** Rows `order[from .. to)` up to a bin of an input go first; gives where the others begin. */
  part(from: number, to: number, input: number, bin: number): number {
    const { order, marked, codes } = this.#at;
    return from + this.#instance.kernel.part(order + 4 * from, to - from, codes + input * this.#rows, bin, marked);
  }
}

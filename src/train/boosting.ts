/**
 * Gradient-boosted regression trees for the absolute error, by histograms.
 *
 * Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001), its LAD_TreeBoost: trees fit
 * the signs of the residuals, leaves hold medians. Histograms, leaf-wise growth and the difference of a parent and one child as the
 * other are those of Ke et al., "LightGBM", NeurIPS 2017.
 */
import type { Random } from '../core/random.ts';
import { NO_SPLIT, Splits, type Split } from '../nn/splits.ts';
import { treesOf, type Trees } from '../nn/trees.ts';
import type { Binned } from './binned.ts';

export interface BoostingOptions {
  readonly rounds: number;
  readonly leaves: number;
  readonly rate: number;
  /** Rows that a leaf holds at least. */
  readonly least: number;
  /** Shares of the rows and of the inputs that each tree sees. */
  readonly rowShare: number;
  readonly inputShare: number;
}

/** A row in a histogram: the upper half of a bin counts, the lower half sums signs. So one addition does both, and a difference too. */
const ONE = 1 << 16;
/** Rows that fit in. */
const MOST_ROWS = (1 << 15) - 1;

interface Leaf extends Split {
  readonly node: number;
  /** Its rows: `order[from .. to)`. */
  readonly from: number;
  readonly to: number;
  /** Sum of signs. */
  readonly sum: number;
  /** None where it will not be split. */
  readonly histogram: number | undefined;
}

/** Trees that are added to `base` (the prediction so far, which is moved along) to come nearer to `y`; at most 32,767 rows. */
export function boost(x: Binned, y: Float32Array, base: Float32Array, random: Random, options: BoostingOptions): Trees {
  if (x.rows > MOST_ROWS) throw new RangeError(`${x.rows} rows are too many for a tree`);
  const grower = new Grower(x, y, base, random, options);
  for (let round = 0; round < options.rounds; round++) grower.grow();
  return treesOf(grower.nodes);
}

class Grower {
  /** Four numbers a node: input (-1: a leaf), threshold or value, left, right child; `left` < 0 in a root's leaf. */
  readonly nodes: number[] = [];
  readonly #x: Binned;
  readonly #y: Float32Array;
  readonly #score: Float32Array;
  readonly #random: Random;
  readonly #o: BoostingOptions;
  readonly #splits: Splits;
  /** By node of the tree that grows: the bin that goes left with all before it. */
  readonly #bins: Uint8Array;
  readonly #residual: Float32Array;

  constructor(x: Binned, y: Float32Array, score: Float32Array, random: Random, options: BoostingOptions) {
    this.#x = x;
    this.#y = y;
    this.#score = score;
    this.#random = random;
    this.#o = options;
    const inputs = this.#share(x.inputs);
    this.#splits = new Splits(x.codes, x.rows, x.edges, { inputs, histograms: options.leaves + 1 });
    this.#bins = new Uint8Array(2 * options.leaves);
    this.#residual = new Float32Array(x.rows);
  }

  /** Inputs that a tree sees. */
  #share(inputs: number): number {
    return Math.max(1, Math.round(this.#o.inputShare * inputs));
  }

  grow(): void {
    const { rows, inputs } = this.#x;
    const { rowShare, leaves: most, rate } = this.#o;
    const { order, marks } = this.#splits;
    let [n, out, sum] = [0, rows, 0];
    for (let row = 0; row < rows; row++) {
      const off = this.#y[row]! - this.#score[row]!;
      const sign = off > 0 ? 1 : off < 0 ? -1 : 0;
      marks[row] = ONE + sign;
      if (this.#random.uniform() < rowShare) {
        order[n++] = row;
        sum += sign;
      } else order[--out] = row;
    }
    this.#splits.use(this.#random.permutation(inputs).subarray(0, this.#share(inputs)).sort());
    const root = this.#node();
    const leaves: Leaf[] = [this.#leaf(root, 0, n, sum, this.#splits.histogram(0, n))];
    while (leaves.length < most) {
      let best = 0;
      for (let i = 1; i < leaves.length; i++) if (leaves[i]!.gain > leaves[best]!.gain) best = i;
      const leaf = leaves[best]!;
      if (!(leaf.gain > 1e-9)) break;
      leaves.splice(best, 1, ...this.#split(leaf, root, leaves.length + 1 === most));
    }
    for (const { node, from, to, histogram } of leaves) {
      const value = (this.nodes[node * 4 + 1] = rate * this.#median(from, to));
      for (let i = from; i < to; i++) this.#score[order[i]!] = this.#score[order[i]!]! + value;
      if (histogram !== undefined) this.#splits.free(histogram);
    }
    this.#move(root, n);
  }

  #node(): number {
    this.nodes.push(-1, 0, -1, -1);
    return this.nodes.length / 4 - 1;
  }

  /** `last`: its children stay leaves. */
  #split(leaf: Leaf, root: number, last: boolean): [Leaf, Leaf] {
    const { node, from, to, input, bin, sum, left: leftSum } = leaf;
    const splits = this.#splits;
    const left = splits.part(from, to, input, bin);
    const children = [this.#node(), this.#node()] as const;
    this.nodes[node * 4] = input;
    this.nodes[node * 4 + 1] = this.#x.edges[input]![bin]!;
    this.nodes[node * 4 + 2] = children[0];
    this.nodes[node * 4 + 3] = children[1];
    this.#bins[node - root] = bin;
    const leftSmaller = left - from <= to - left;
    let small: number | undefined;
    let large: number | undefined;
    if (!last && Math.max(left - from, to - left) >= 2 * this.#o.least) {
      small = leftSmaller ? splits.histogram(from, left) : splits.histogram(left, to);
      large = leaf.histogram!;
      splits.subtract(large, small);
    } else splits.free(leaf.histogram!);
    return [
      this.#leaf(children[0], from, left, leftSum, leftSmaller ? small : large),
      this.#leaf(children[1], left, to, sum - leftSum, leftSmaller ? large : small),
    ];
  }

  #leaf(node: number, from: number, to: number, sum: number, histogram: number | undefined): Leaf {
    const { least } = this.#o;
    const splits = histogram !== undefined && to - from >= 2 * least;
    return { node, from, to, sum, histogram, ...(splits ? this.#splits.best(histogram, to - from, sum, least) : NO_SPLIT) };
  }

  #median(from: number, to: number): number {
    const { order } = this.#splits;
    const residual = this.#residual.subarray(0, to - from);
    for (let i = from; i < to; i++) residual[i - from] = this.#y[order[i]!]! - this.#score[order[i]!]!;
    return medianOf(residual);
  }

  /** The score of rows that the tree did not see, `order[from ..)`, moves by the value of their leaf. */
  #move(root: number, from: number): void {
    const { codes, rows } = this.#x;
    const { nodes } = this;
    const { order } = this.#splits;
    for (let i = from; i < rows; i++) {
      const row = order[i]!;
      let node = root;
      for (let input; (input = nodes[node * 4]!) >= 0;)
        node = codes[input * rows + row]! <= this.#bins[node - root]! ? nodes[node * 4 + 2]! : nodes[node * 4 + 3]!;
      this.#score[row] = this.#score[row]! + nodes[node * 4 + 1]!;
    }
  }
}

/** The median; 0 of nothing. Reorders. By selection (Hoare, "Algorithm 65: find", 1961): sorting every leaf took an eighth of a training. */
export function medianOf(values: Float32Array): number {
  const n = values.length;
  if (n === 0) return 0;
  const middle = (n - 1) >> 1;
  let [from, to] = [0, n - 1];
  while (from < to) {
    const pivot = values[(from + to) >> 1]!;
    let [i, j] = [from, to];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const swapped = values[i]!;
      values[i++] = values[j]!;
      values[j--] = swapped;
    }
    if (j < middle) from = i;
    if (middle < i) to = j;
  }
  const low = values[middle]!;
  if (n % 2 === 1) return low;
  let high = Infinity;
  for (let i = middle + 1; i < n; i++) if (values[i]! < high) high = values[i]!;
  return low / 2 + high / 2;
}

/**
 * Gradient-boosted regression trees for the absolute error, by histograms.
 *
 * Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001), its LAD_TreeBoost: trees fit
 * the signs of the residuals, leaves hold medians. Histograms, leaf-wise growth and the difference of a parent and one child as the
 * other are those of Ke et al., "LightGBM", NeurIPS 2017.
 */
import type { Random } from '../core/random.ts';
import { treesOf, type Trees } from '../forecast/trees.ts';
import { BINS, type Binned } from './binned.ts';

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

interface Leaf {
  readonly node: number;
  /** Its rows: `order[from .. to)`. */
  readonly from: number;
  readonly to: number;
  /** Sum of signs. */
  readonly sum: number;
  /** Per input and bin; none where it will not be split. */
  readonly histogram: Int32Array | undefined;
  readonly gain: number;
  /** The best split, and the sum of signs to its left. */
  readonly input: number;
  readonly bin: number;
  readonly left: number;
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
  readonly #order: Int32Array;
  readonly #side: Int32Array;
  /** Per row what it adds to a bin, and the same in the order of a leaf. */
  readonly #mark: Int32Array;
  readonly #marks: Int32Array;
  /** By node of the tree that grows: the bin that goes left with all before it. */
  readonly #bins: Uint8Array;
  readonly #residual: Float32Array;
  readonly #spare: Int32Array[] = [];
  #used: Int32Array;

  constructor(x: Binned, y: Float32Array, score: Float32Array, random: Random, options: BoostingOptions) {
    this.#x = x;
    this.#y = y;
    this.#score = score;
    this.#random = random;
    this.#o = options;
    this.#order = new Int32Array(x.rows);
    this.#side = new Int32Array(x.rows);
    this.#mark = new Int32Array(x.rows);
    this.#marks = new Int32Array(x.rows);
    this.#bins = new Uint8Array(2 * options.leaves);
    this.#residual = new Float32Array(x.rows);
    this.#used = new Int32Array(0);
  }

  grow(): void {
    const { rows, inputs } = this.#x;
    const { rowShare, inputShare, leaves: most, rate } = this.#o;
    let [n, out, sum] = [0, rows, 0];
    for (let row = 0; row < rows; row++) {
      const off = this.#y[row]! - this.#score[row]!;
      const sign = off > 0 ? 1 : off < 0 ? -1 : 0;
      this.#mark[row] = ONE + sign;
      if (this.#random.uniform() < rowShare) {
        this.#order[n++] = row;
        sum += sign;
      } else this.#order[--out] = row;
    }
    this.#used = this.#random
      .permutation(inputs)
      .subarray(0, Math.max(1, Math.round(inputShare * inputs)))
      .sort();
    const root = this.#node();
    const leaves: Leaf[] = [this.#leaf(root, 0, n, sum, this.#histogram(0, n))];
    while (leaves.length < most) {
      let best = 0;
      for (let i = 1; i < leaves.length; i++) if (leaves[i]!.gain > leaves[best]!.gain) best = i;
      const leaf = leaves[best]!;
      if (!(leaf.gain > 1e-9)) break;
      leaves.splice(best, 1, ...this.#split(leaf, root, leaves.length + 1 === most));
    }
    for (const { node, from, to, histogram } of leaves) {
      const value = (this.nodes[node * 4 + 1] = rate * this.#median(from, to));
      for (let i = from; i < to; i++) this.#score[this.#order[i]!] = this.#score[this.#order[i]!]! + value;
      if (histogram) this.#spare.push(histogram);
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
    const histogram = leaf.histogram!;
    const column = this.#x.codes.subarray(input * this.#x.rows, (input + 1) * this.#x.rows);
    const order = this.#order;
    let [left, right] = [from, 0];
    for (let i = from; i < to; i++) {
      const row = order[i]!;
      if (column[row]! <= bin) order[left++] = row;
      else this.#side[right++] = row;
    }
    order.set(this.#side.subarray(0, right), left);
    const children = [this.#node(), this.#node()] as const;
    this.nodes[node * 4] = input;
    this.nodes[node * 4 + 1] = this.#x.edges[input]![bin]!;
    this.nodes[node * 4 + 2] = children[0];
    this.nodes[node * 4 + 3] = children[1];
    this.#bins[node - root] = bin;
    const leftSmaller = left - from <= to - left;
    let small: Int32Array | undefined;
    let large: Int32Array | undefined;
    if (!last && Math.max(left - from, to - left) >= 2 * this.#o.least) {
      small = leftSmaller ? this.#histogram(from, left) : this.#histogram(left, to);
      large = histogram;
      for (let i = 0; i < large.length; i++) large[i] = large[i]! - small[i]!;
    } else this.#spare.push(histogram);
    return [
      this.#leaf(children[0], from, left, leftSum, leftSmaller ? small : large),
      this.#leaf(children[1], left, to, sum - leftSum, leftSmaller ? large : small),
    ];
  }

  #histogram(from: number, to: number): Int32Array {
    const { codes, rows } = this.#x;
    const order = this.#order;
    const marks = this.#marks;
    const used = this.#used;
    const histogram = this.#spare.pop() ?? new Int32Array((used.length + 1) * BINS);
    histogram.fill(0);
    for (let i = from; i < to; i++) marks[i] = this.#mark[order[i]!]!;
    // two inputs in one go share the reading of rows; an odd last one is counted a second time into a place of its own
    for (let u = 0; u < used.length; u += 2) {
      const [a, b] = [used[u]! * rows, (used[u + 1] ?? used[u]!) * rows];
      const [atA, atB] = [u * BINS, (u + 1) * BINS];
      for (let i = from; i < to; i++) {
        const row = order[i]!;
        const mark = marks[i]!;
        const [binA, binB] = [atA + codes[a + row]!, atB + codes[b + row]!];
        histogram[binA] = histogram[binA]! + mark;
        histogram[binB] = histogram[binB]! + mark;
      }
    }
    return histogram;
  }

  /** A leaf with its best split: the largest gain in G^2 / n. */
  #leaf(node: number, from: number, to: number, sum: number, histogram: Int32Array | undefined): Leaf {
    const { least } = this.#o;
    const n = to - from;
    const whole = (sum * sum) / Math.max(1, n);
    let [gain, input, bin, left] = [0, -1, 0, 0];
    for (let u = 0; histogram && n >= 2 * least && u < this.#used.length; u++) {
      const bins = this.#x.edges[this.#used[u]!]!.length;
      const at = u * BINS;
      let [g, c] = [0, 0];
      for (let b = 0; b < bins; b++) {
        const both = histogram[at + b]!;
        // a split after an empty bin is the one before it
        if (both === 0) continue;
        const signs = (both << 16) >> 16;
        g += signs;
        c += (both - signs) >> 16;
        if (c < least) continue;
        if (n - c < least) break;
        const better = (g * g) / c + ((sum - g) * (sum - g)) / (n - c) - whole;
        if (better > gain) [gain, input, bin, left] = [better, this.#used[u]!, b, g];
      }
    }
    return { node, from, to, sum, histogram, gain, input, bin, left };
  }

  #median(from: number, to: number): number {
    const residual = this.#residual.subarray(0, to - from);
    for (let i = from; i < to; i++) residual[i - from] = this.#y[this.#order[i]!]! - this.#score[this.#order[i]!]!;
    return medianOf(residual);
  }

  /** The score of rows that the tree did not see, `order[from ..)`, moves by the value of their leaf. */
  #move(root: number, from: number): void {
    const { codes, rows } = this.#x;
    const { nodes } = this;
    for (let i = from; i < rows; i++) {
      const row = this.#order[i]!;
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

/**
 * Gradient-boosted regression trees for the absolute error, by histograms.
 *
 * Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29 (2001), its LAD_TreeBoost: trees fit
 * the signs of the residuals, leaves hold medians. Histograms, leaf-wise growth and the difference of a parent and one child as the
 * other are those of Ke et al., "LightGBM", NeurIPS 2017.
 */
import type { Random } from '../core/random.ts';
import { treesOf, type Trees } from '../forecast/trees.ts';

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

const BINS = 64;
/** Rows that the edges of the bins are taken from. */
const SAMPLE = 4096;

/** Inputs as codes of bins, column by column, and the edges between them. */
export class Binned {
  readonly rows: number;
  readonly inputs: number;
  readonly codes: Uint8Array;
  readonly edges: readonly Float32Array[];

  /** `x`: row-major `rows x inputs`. */
  constructor(x: Float32Array, rows: number, inputs: number) {
    this.rows = rows;
    this.inputs = inputs;
    this.codes = new Uint8Array(rows * inputs);
    const stride = Math.max(1, Math.floor(rows / SAMPLE));
    const sample = new Float32Array(Math.ceil(rows / stride));
    this.edges = Array.from({ length: inputs }, (_, f) => {
      for (let i = 0, row = 0; row < rows; row += stride) sample[i++] = x[row * inputs + f]!;
      const edges = edgesOf(sample.slice().sort());
      const column = this.codes.subarray(f * rows, (f + 1) * rows);
      for (let row = 0; row < rows; row++) column[row] = binOf(edges, x[row * inputs + f]!);
      return edges;
    });
  }
}

/** Upper edges of all bins but the last, ascending, each between two values that occur. */
function edgesOf(sorted: Float32Array): Float32Array {
  const edges: number[] = [];
  for (let bin = 1; bin < BINS; bin++) {
    const at = Math.floor((bin * sorted.length) / BINS);
    const [below, above] = [sorted[at - 1], sorted[at]!];
    const edge = below === undefined ? above : below / 2 + above / 2;
    if (below !== undefined && below < above && edge > (edges.at(-1) ?? -Infinity)) edges.push(edge);
  }
  return Float32Array.from(new Set(edges.map(Math.fround)));
}

/** The first bin whose edge is not below `x`. */
function binOf(edges: Float32Array, x: number): number {
  let [low, high] = [0, edges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x <= edges[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

interface Leaf {
  readonly node: number;
  /** Its rows: `order[from .. to)`. */
  readonly from: number;
  readonly to: number;
  /** Per input and bin: sum of signs, count. */
  readonly histogram: Int32Array;
  readonly gain: number;
  readonly input: number;
  readonly bin: number;
}

/** Trees that are added to `base` (the prediction so far, which is moved along) to come nearer to `y`. */
export function boost(x: Binned, y: Float32Array, base: Float32Array, random: Random, options: BoostingOptions): Trees {
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
  readonly #sign: Int8Array;
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
    this.#sign = new Int8Array(x.rows);
    this.#residual = new Float32Array(x.rows);
    this.#used = new Int32Array(0);
  }

  grow(): void {
    const { rows, inputs } = this.#x;
    const { rowShare, inputShare, leaves: most, rate } = this.#o;
    let n = 0;
    for (let row = 0; row < rows; row++) {
      const off = this.#y[row]! - this.#score[row]!;
      this.#sign[row] = off > 0 ? 1 : off < 0 ? -1 : 0;
      if (this.#random.uniform() < rowShare) this.#order[n++] = row;
    }
    this.#used = this.#random
      .permutation(inputs)
      .subarray(0, Math.max(1, Math.round(inputShare * inputs)))
      .sort();
    const root = this.#node();
    const leaves: Leaf[] = [this.#leaf(root, 0, n, this.#histogram(0, n))];
    while (leaves.length < most) {
      let best = 0;
      for (let i = 1; i < leaves.length; i++) if (leaves[i]!.gain > leaves[best]!.gain) best = i;
      const leaf = leaves[best]!;
      if (!(leaf.gain > 1e-9)) break;
      leaves.splice(best, 1, ...this.#split(leaf));
    }
    for (const { node, from, to, histogram } of leaves) {
      this.nodes[node * 4 + 1] = rate * this.#median(from, to);
      this.#spare.push(histogram);
    }
    this.#move(root);
  }

  #node(): number {
    this.nodes.push(-1, 0, -1, -1);
    return this.nodes.length / 4 - 1;
  }

  #split(leaf: Leaf): [Leaf, Leaf] {
    const { node, from, to, input, bin, histogram } = leaf;
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
    const leftSmaller = left - from <= to - left;
    const small = leftSmaller ? this.#histogram(from, left) : this.#histogram(left, to);
    for (let i = 0; i < histogram.length; i++) histogram[i] = histogram[i]! - small[i]!;
    return [
      this.#leaf(children[0], from, left, leftSmaller ? small : histogram),
      this.#leaf(children[1], left, to, leftSmaller ? histogram : small),
    ];
  }

  #histogram(from: number, to: number): Int32Array {
    const { codes, rows } = this.#x;
    const order = this.#order;
    const sign = this.#sign;
    const histogram = this.#spare.pop() ?? new Int32Array(this.#used.length * BINS * 2);
    histogram.fill(0);
    for (let u = 0; u < this.#used.length; u++) {
      const base = this.#used[u]! * rows;
      const at = u * BINS * 2;
      for (let i = from; i < to; i++) {
        const row = order[i]!;
        const bin = at + codes[base + row]! * 2;
        histogram[bin] = histogram[bin]! + sign[row]!;
        histogram[bin + 1] = histogram[bin + 1]! + 1;
      }
    }
    return histogram;
  }

  /** A leaf with its best split: the largest gain in G^2 / n. */
  #leaf(node: number, from: number, to: number, histogram: Int32Array): Leaf {
    const { least } = this.#o;
    const n = to - from;
    let sum = 0;
    for (let i = from; i < to; i++) sum += this.#sign[this.#order[i]!]!;
    const whole = (sum * sum) / Math.max(1, n);
    let [gain, input, bin] = [0, -1, 0];
    for (let u = 0; u < this.#used.length; u++) {
      const bins = this.#x.edges[this.#used[u]!]!.length;
      const at = u * BINS * 2;
      let [g, c] = [0, 0];
      for (let b = 0; b < bins; b++) {
        g += histogram[at + b * 2]!;
        c += histogram[at + b * 2 + 1]!;
        if (c < least) continue;
        if (n - c < least) break;
        const better = (g * g) / c + ((sum - g) * (sum - g)) / (n - c) - whole;
        if (better > gain) [gain, input, bin] = [better, this.#used[u]!, b];
      }
    }
    return { node, from, to, histogram, gain, input, bin };
  }

  #median(from: number, to: number): number {
    const residual = this.#residual.subarray(0, to - from);
    for (let i = from; i < to; i++) residual[i - from] = this.#y[this.#order[i]!]! - this.#score[this.#order[i]!]!;
    residual.sort();
    const n = residual.length;
    return n === 0 ? 0 : residual[(n - 1) >> 1]! / 2 + residual[n >> 1]! / 2;
  }

  /** Every row's score moves by the value of its leaf. */
  #move(root: number): void {
    const { codes, rows, edges } = this.#x;
    const { nodes } = this;
    const from = root * 4;
    // thresholds as bins, once a tree
    const bins = new Int32Array((nodes.length - from) / 4);
    for (let n = 0; n < bins.length; n++) {
      const input = nodes[from + n * 4]!;
      if (input >= 0) bins[n] = binOf(edges[input]!, nodes[from + n * 4 + 1]!);
    }
    for (let row = 0; row < rows; row++) {
      let node = root;
      for (let input; (input = nodes[node * 4]!) >= 0;)
        node = codes[input * rows + row]! <= bins[node - root]! ? nodes[node * 4 + 2]! : nodes[node * 4 + 3]!;
      this.#score[row] = this.#score[row]! + nodes[node * 4 + 1]!;
    }
  }
}

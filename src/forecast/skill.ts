/** Whether a difference between two losses is more than luck: the Diebold-Mariano comparison, online. */
import type { Column, Lanes } from '../core/lanes.ts';

export type Verdict = 'better' | 'worse' | 'no skill';

/** How the output compares with a baseline. */
export interface Skill {
  /** 1 - MAE / MAE of the baseline on the same rows; NaN where the baseline makes no error. */
  readonly skill: number;
  /** Mean of |error| of the output - |error| of the baseline, raw units: negative is better. */
  readonly difference: number;
  /** Its 95 % interval; NaN before there are enough rows to say. */
  readonly low: number;
  readonly high: number;
  /** Diebold-Mariano statistic: the difference over its standard error. */
  readonly statistic: number;
  /** `no skill`: the interval includes 0, or there is none yet, or the difference is too small for anyone to care about ({@link MATTERS}). */
  readonly verdict: Verdict;
}

/** Sums from which a long-run variance follows; they add up over series. */
export interface BlockSums {
  /** Sum of block lengths so far, over all rows, and of their squares. */
  lengths: number;
  squaredLengths: number;
  /** Per baseline: sum of squared block sums, and of block sums times their lengths. */
  readonly squares: Float64Array;
  readonly products: Float64Array;
}

/** Rows below which no interval is given. */
const ENOUGH = 30;
const NORMAL_975 = 1.959963984540054;
/**
 * A smaller share of the baseline's error is no difference, however sure it is: with enough rows every difference can be shown.
 * (A region of practical equivalence: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.)
 */
export const MATTERS = 0.005;

/**
 * Long-run variance of loss differences d in O(1) memory: Wu, "Recursive estimation of time-average variance constants", Annals of
 * Applied Probability 19(4), 2009. It stands in for the Newey-West (Bartlett) sum, which is an average over windows of one length
 * and needs that many old values. Rows are cut into blocks; with l(i) the place of row i in its block and W(i) the sum of d from the
 * block's start to i, the variance is sum (W(i) - l(i) mean)^2 / sum l(i). Blocks grow as n^(1/3) and are never shorter than
 * `6 h`, since errors h steps ahead overlap for h rows.
 *
 * Per series and cell 3 doubles, and 3 more per baseline.
 */
export class LossDifferences {
  readonly cells: number;
  readonly baselines: number;
  /** Length of the open block, sum of lengths, sum of squared lengths. */
  readonly #block: Column<Float64Array>;
  /** Per baseline: sum of the open block, sum of squares, sum of products. */
  readonly #sums: Column<Float64Array>;

  constructor(lanes: Lanes, options: { readonly cells: number; readonly baselines: number; readonly name?: string }) {
    const name = options.name ?? 'skill';
    this.cells = options.cells;
    this.baselines = options.baselines;
    this.#block = lanes.f64(`${name}.block`, options.cells * 3);
    this.#sums = lanes.f64(`${name}.sums`, options.cells * options.baselines * 3);
  }

  /** One more row of a cell, its `row`-th (from 1), `steps` ahead: `losses[b]` is the output's loss minus that of baseline b. */
  add(lane: number, cell: number, steps: number, row: number, losses: Float64Array): void {
    const block = this.#block.data;
    const sums = this.#sums.data;
    const at = (lane * this.cells + cell) * 3;
    let length = block[at]!;
    const fresh = length === 0 || (length >= 6 * steps && length * length * length >= GROWTH * row);
    length = fresh ? 1 : length + 1;
    block[at] = length;
    block[at + 1] = block[at + 1]! + length;
    block[at + 2] = block[at + 2]! + length * length;
    for (let b = 0, i = at * this.baselines; b < this.baselines; b++, i += 3) {
      const sum = (fresh ? 0 : sums[i]!) + losses[b]!;
      sums[i] = sum;
      sums[i + 1] = sums[i + 1]! + sum * sum;
      sums[i + 2] = sums[i + 2]! + sum * length;
    }
  }

  /** Adds a cell's sums to `into`. */
  gather(block: Float64Array, sums: Float64Array, cell: number, into: BlockSums): void {
    into.lengths += block[cell * 3 + 1]!;
    into.squaredLengths += block[cell * 3 + 2]!;
    for (let b = 0; b < this.baselines; b++) {
      const i = (cell * this.baselines + b) * 3;
      into.squares[b] = into.squares[b]! + sums[i + 1]!;
      into.products[b] = into.products[b]! + sums[i + 2]!;
    }
  }

  /** The columns, for whoever reads them of an evicted series. */
  get columns(): { readonly block: Column<Float64Array>; readonly sums: Column<Float64Array> } {
    return { block: this.#block, sums: this.#sums };
  }
}

/** A block ends when its length cubed passes this times the row: 1.5 n^(1/3) rows, as Wu proposes for blocks that start at k^(3/2). */
const GROWTH = 3.375;

/**
 * The comparison from the sums: `ours` and `theirs` are sums of |error| over the same `n` rows, made `ahead` rows before.
 *
 * For few rows the statistic is corrected, and read in Student's distribution with n - 1 degrees: Harvey, Leybourne and Newbold, "Testing the
 * equality of prediction mean squared errors", International Journal of Forecasting 13, 1997.
 */
export function compareLosses(n: number, ours: number, theirs: number, sums: BlockSums, baseline: number, ahead: number): Skill {
  const difference = (ours - theirs) / n;
  const skill = theirs > 0 ? 1 - ours / theirs : NaN;
  const squared =
    sums.squares[baseline]! - 2 * difference * sums.products[baseline]! + difference * difference * sums.squaredLengths;
  const correction = (n + 1 - 2 * ahead + (ahead * (ahead - 1)) / n) / n;
  const error = Math.sqrt(Math.max(0, squared) / sums.lengths / n / correction);
  if (!(n >= ENOUGH) || !Number.isFinite(error) || !Number.isFinite(difference)) {
    return { skill, difference, low: NaN, high: NaN, statistic: NaN, verdict: 'no skill' };
  }
  const reach = student975(n - 1) * error;
  const [low, high] = [difference - reach, difference + reach];
  const matters = Math.abs(skill) >= MATTERS;
  const verdict = high < 0 && matters ? 'better' : low > 0 && matters ? 'worse' : 'no skill';
  return { skill, difference, low, high, statistic: error > 0 ? difference / error : NaN, verdict };
}

/** The 97.5 % point of Student's distribution, by two terms of Fisher's expansion: right to 0.001 from 20 degrees on. */
function student975(degrees: number): number {
  const z = NORMAL_975;
  const zz = z * z;
  return z + (z * (zz + 1)) / 4 / degrees + (z * ((5 * zz + 16) * zz + 3)) / 96 / degrees / degrees;
}

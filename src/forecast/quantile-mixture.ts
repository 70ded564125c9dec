/** The mixture's quantiles: every expert has some, per level a rule with a regret bound combines them, and a conformal correction follows. */
import { exp, log } from '../core/math/math.ts';
import type { Column, Lanes } from '../core/lanes.ts';

/** Learning rate one step ahead, per mean loss of the combination; h steps ahead it is divided by the fourth root of h. */
export const QUANTILE_RATE = 0.1;
/** Share of the weight that is dealt out anew at every truth. */
export const QUANTILE_SHARE = 0.003;
/** Share of the start that the mixture's mean has. */
const TRUST = 0.9;
/** How fast mean errors and losses are followed, and how fast the mean error that makes the width around the mixture's mean. */
const SLOW = 0.01;
const FAST = 0.1;
/** An error or a loss counts as at most this many mean ones. */
const CUT = 30;
/** Steps of the experts' trackers and of the correction one step ahead: they fall with the number of truths, down to a floor. */
const EXPERT_STEP = 0.5;
const EXPERT_FLOOR = 0.05;
const STEP = 0.2;
const FLOOR = 0.02;
/** Trackers stay within this many mean errors, and experts' quantiles within as many of the mixture's mean. */
const REACH = 40;

/**
 * Quantiles of N experts, the last of which is the mixture of the others' means, combined a level at a time.
 *
 * An expert's quantile x(e, tau) is its own where it has any, as it is. Else it is m(e) + s(e) k(e, tau): m is its mean, and s the slow running
 * mean of the mixture's |error|, for the mixture itself a fast one, so that there is a choice of how the width moves. k is a quantile tracker
 * (Angelopoulos, Candes and Tibshirani, "Conformal PID control for time series prediction", NeurIPS 2023): it starts as the quantiles of a
 * Laplace distribution, and when y comes, k += step (tau - [y < x]). No quantile counts as further than 40 mean errors from the mixture's mean.
 *
 * Fixed share (Herbster and Warmuth, "Tracking the best expert", Machine Learning 32, 1998) on the pinball loss gives each level weights of its
 * own, the pointwise combination of Berrisch and Ziel, "CRPS learning", Journal of Econometrics 237, 2023: with p(e) the weights at a level,
 * f = sum p(e) x(e), l the pinball loss and u its running mean for f, e's loss is z(e) = (l(x(e)) - l(f)) / u; then v(e) = p(e) exp(-c z(e)) and
 * p(e) = (1 - a) v(e) / sum v + a / N. In those units, over T truths and against any sequence of experts with m changes, the loss
 * of f exceeds theirs by at most (1/c) [ln 1/q + m ln(N / a) - (T - 1 - m) ln(1 - a)] + c/8 sum range(z)^2, q being the first one's
 * share of the start: nine tenths for the mixture's mean.
 *
 * What is issued is f + s k(tau) in order, k being one more tracker, which starts at 0 and hears what was issued (before it was put in
 * order): with constant steps the long-run share of truths below is tau for any sequence on which k stays bounded (ibid., prop. 1).
 *
 * Chosen on the first parts of the NAB files and of ETTh1, regime shifts, walks and seeded series with errors of many shapes.
 *
 * Per series and cell (target x step), with L levels: `N L + L + 3` doubles and `(N + 1) L` floats. Every call is O(N L).
 */
export class QuantileMixture {
  readonly cells: number;
  readonly experts: number;
  readonly levels: readonly number[];
  /** Experts with quantiles of their own. */
  readonly owners: readonly number[];
  /** Level by level; all zero for one that has heard of no loss. */
  readonly #weights: Column<Float64Array>;
  /** k less its start, of the experts and then of the correction, `levels` each. */
  readonly #track: Column<Float32Array>;
  /** Slow and fast running means of |error|, the number of truths, then u by level. */
  readonly #scale: Column<Float64Array>;
  readonly #horizon: number;
  readonly #start: Float64Array;
  /** Weights before the first truth. */
  readonly #first: Float64Array;
  /** Experts' quantiles, `experts x levels`; weights of a cell; what comes of both. */
  readonly #quantiles: Float64Array;
  readonly #p: Float64Array;
  readonly #combined: Float64Array;

  /** `horizon`: cells a target, a step each. `owners`: numbers of the experts with own quantiles, ascending. */
  constructor(
    lanes: Lanes,
    options: {
      readonly experts: number;
      readonly owners: readonly number[];
      readonly cells: number;
      readonly horizon: number;
      readonly levels: readonly number[];
    },
  ) {
    const { experts, owners, cells, horizon, levels } = options;
    this.experts = experts;
    this.owners = owners;
    this.cells = cells;
    this.levels = levels;
    this.#horizon = horizon;
    const n = levels.length;
    this.#weights = lanes.f64('quantiles.weights', cells * n * experts);
    this.#track = lanes.f32('quantiles.track', cells * (experts + 1) * n);
    this.#scale = lanes.f64('quantiles.scale', cells * (3 + n));
    this.#start = Float64Array.from(levels, laplace);
    this.#first = new Float64Array(experts).fill((1 - TRUST) / (experts - 1)).fill(TRUST, experts - 1);
    this.#quantiles = new Float64Array(experts * n);
    this.#p = new Float64Array(experts * n);
    this.#combined = new Float64Array(n);
  }

  /**
   * Quantiles for what the experts say now, `into[to .. to + levels)`, not in order where trackers have crossed: {@link sorted}.
   * `means[at .. at + experts)` are the experts' means, `own[ownAt ..)` the quantiles of each owner.
   */
  apply(
    lane: number,
    cell: number,
    means: Float64Array,
    at: number,
    own: Float64Array,
    ownAt: number,
    into: Float64Array,
    to: number,
  ): void {
    const n = this.levels.length;
    const place = lane * this.cells + cell;
    this.#combine(place, means, at, own, ownAt);
    const track = this.#track.data;
    const k = (place * (this.experts + 1) + this.experts) * n;
    const scale = this.#scale.data[place * (3 + n)]!;
    for (let i = 0; i < n; i++) into[to + i] = bounded(this.#combined[i]! + scale * track[k + i]!);
  }

  /**
   * Learns from the truth: all else as it was when the forecast was issued, `issued` as {@link apply} gave it. More than one step ahead
   * the experts' losses are those of today's trackers and weights around what they said then.
   */
  update(
    lane: number,
    cell: number,
    means: Float64Array,
    at: number,
    own: Float64Array,
    ownAt: number,
    issued: Float64Array,
    issuedAt: number,
    truth: number,
  ): void {
    const { experts, levels } = this;
    const n = levels.length;
    const error = Math.abs(truth - means[at + experts - 1]!);
    if (!(error < Infinity)) return;
    const place = lane * this.cells + cell;
    this.#combine(place, means, at, own, ownAt);
    const scales = this.#scale.data;
    const s = place * (3 + n);
    const count = scales[s + 2]! + 1;
    scales[s + 2] = count;
    const step = (cell % this.#horizon) + 1;
    for (let i = 0; i < n; i++) {
      const loss = pinball(levels[i]!, truth - this.#combined[i]!);
      if (!(loss < Infinity)) continue;
      const unit = (scales[s + 3 + i] = followed(scales[s + 3 + i]!, loss, SLOW, count));
      if (unit > 0) this.#reweigh(place, i, truth, loss, unit, QUANTILE_RATE / Math.sqrt(Math.sqrt(step)));
    }
    if (scales[s]! > 0) {
      const slower = Math.sqrt(step);
      const rate = Math.max(EXPERT_FLOOR, EXPERT_STEP / Math.sqrt(count)) / slower;
      const k = place * (experts + 1) * n;
      for (let e = 0; e < experts; e++) this.#follow(k + e * n, this.#quantiles, e * n, truth, rate);
      this.#follow(k + experts * n, issued, issuedAt, truth, Math.max(FLOOR, STEP / Math.sqrt(count)) / slower);
    }
    scales[s] = followed(scales[s]!, error, SLOW, count);
    scales[s + 1] = followed(scales[s + 1]!, error, FAST, count);
  }

  #load(place: number): void {
    const { experts } = this;
    const size = experts * this.levels.length;
    const weights = this.#weights.data;
    for (let j = 0, from = place * size; j < size; j += experts, from += experts) {
      const fresh = weights[from] === 0;
      for (let e = 0; e < experts; e++) this.#p[j + e] = fresh ? this.#first[e]! : weights[from + e]!;
    }
  }

  /** The experts' quantiles and their weighted mean. */
  #combine(place: number, means: Float64Array, at: number, own: Float64Array, ownAt: number): void {
    const { experts, owners } = this;
    const n = this.levels.length;
    const track = this.#track.data;
    const start = this.#start;
    const quantiles = this.#quantiles;
    const slow = this.#scale.data[place * (3 + n)]!;
    const fast = this.#scale.data[place * (3 + n) + 1]!;
    // an expert counts a little even when it is far off: it must not be able to move the combination by much
    const reach = REACH * Math.max(slow, fast);
    const low = bounded(means[at + experts - 1]! - reach);
    const high = bounded(means[at + experts - 1]! + reach);
    for (let e = 0, o = 0, j = 0, k = place * (experts + 1) * n; e < experts; e++) {
      const owner = owners[o] === e;
      const scale = e < experts - 1 ? slow : fast;
      for (let i = 0; i < n; i++, j++, k++) {
        const quantile = owner ? own[ownAt + o * n + i]! : means[at + e]! + scale * (start[i]! + track[k]!);
        quantiles[j] = Math.max(low, Math.min(high, quantile));
      }
      if (owner) o++;
    }
    this.#load(place);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      let least = Infinity;
      let most = -Infinity;
      for (let e = 0; e < experts; e++) {
        const quantile = quantiles[e * n + i]!;
        sum += this.#p[i * experts + e]! * quantile;
        if (quantile < least) least = quantile;
        if (quantile > most) most = quantile;
      }
      // weights sum to 1 but for rounding: where all say the same, so does the combination
      this.#combined[i] = sum < least ? least : sum > most ? most : sum;
    }
  }

  #reweigh(place: number, i: number, truth: number, loss: number, unit: number, rate: number): void {
    const { experts } = this;
    const n = this.levels.length;
    const p = this.#p;
    const weights = this.#weights.data;
    const from = (place * n + i) * experts;
    let sum = 0;
    for (let e = 0; e < experts; e++) {
      const excess = (pinball(this.levels[i]!, truth - this.#quantiles[e * n + i]!) - loss) / unit;
      sum += p[i * experts + e] = p[i * experts + e]! * exp(-rate * Math.max(-CUT, Math.min(CUT, excess)));
    }
    for (let e = 0; e < experts; e++)
      weights[from + e] = ((1 - QUANTILE_SHARE) * p[i * experts + e]!) / sum + QUANTILE_SHARE / experts;
  }

  #follow(k: number, quantiles: Float64Array, at: number, truth: number, rate: number): void {
    const track = this.#track.data;
    for (let i = 0; i < this.levels.length; i++) {
      const tau = this.levels[i]!;
      const moved = track[k + i]! + rate * (truth < quantiles[at + i]! ? tau - 1 : tau);
      track[k + i] = Math.max(-REACH, Math.min(REACH, moved));
    }
  }
}

/** Quantiles `from[at .. at + n)` in order, `into[to .. to + n)`: at least as good as if they crossed (Chernozhukov, Fernandez-Val and Galichon 2010). */
export function sorted(from: Float64Array, at: number, n: number, into: Float64Array, to: number): void {
  for (let i = 0; i < n; i++) {
    const quantile = from[at + i]!;
    let j = to + i;
    for (; j > to && into[j - 1]! > quantile; j--) into[j] = into[j - 1]!;
    into[j] = quantile;
  }
}

function followed(before: number, value: number, rate: number, count: number): number {
  if (!(before > 0)) return value;
  return before + Math.max(rate, 1 / count) * (Math.min(value, CUT * before) - before);
}

function pinball(tau: number, error: number): number {
  return error < 0 ? (tau - 1) * error : tau * error;
}

function bounded(x: number): number {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, x));
}

/** The tau-quantile of a Laplace distribution whose mean absolute value is 1. */
function laplace(tau: number): number {
  return tau < 0.5 ? log(2 * tau) : -log(2 * (1 - tau));
}

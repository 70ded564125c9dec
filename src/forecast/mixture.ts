/** The mixture over experts: an online rule with a regret bound, so that the output is never much worse than the best expert. */
import { exp } from '../core/math/math.ts';
import type { Column, Lanes } from '../core/lanes.ts';

/** Learning rate, per mean error of the mixture. */
export const RATE = 0.1;
/** Share of the weight that is dealt out anew at every truth: what lets it follow a regime. */
export const SHARE = 0.003;
/** A loss counts as at most this many mean errors: one broken value must not decide the weights. */
const CUT = 30;
const SCALE_RATE = 0.01;
/** Share of the start that a reference has. */
const TRUST = 0.9;

/**
 * Fixed share (Herbster and Warmuth, "Tracking the best expert", Machine Learning 32, 1998; Cesa-Bianchi, Gaillard, Lugosi and
 * Stoltz, "Mirror descent meets fixed share", NeurIPS 2012) on absolute errors in units of the mixture's own running error.
 *
 * With x(e) the experts' forecasts, p(e) the weights, f = sum p(e) x(e), y the truth and s the running mean of |f - y|, expert e's
 * loss is z(e) = (|x(e) - y| - |f - y|) / s; then v(e) = p(e) exp(-z(e) / 10), and p(e) = (1 - a) v(e) / sum v + a / experts with
 * a = 0.003. In those units, over T truths and against any sequence of experts with k changes, the mixture's error exceeds theirs by at
 * most 10 [ln 1/q + k ln(N / a) - (T - 1 - k) ln(1 - a)] + 1/80 sum range(z)^2, q being the first expert's share of the start: 1/N, or,
 * where a reference is named, nine tenths for it and the rest for the others, so that whoever claims skill has to show it. Scaling the data
 * changes nothing.
 *
 * Rule and constants were chosen on the first 30 % of four NAB files and the first 11,520 rows of ETTh1, with the experts of the default
 * mixture: against shares of 0.0003, 0.001 and 0.01, rates of 0.03 to 0.2, losses that are in part their gradient (a fifth to all of it:
 * they follow correlated errors twelve steps ahead too eagerly), weights by powers of recent errors, and averages of these. They lie
 * within 2 % of each other on the geometric mean; of those within 0.2 % of the best this is the simplest.
 *
 * Per series and cell (target x step): `experts + 2` doubles. Weights are > 0 and sum to 1. Every call is O(experts).
 */
export class Mixture {
  readonly experts: number;
  readonly cells: number;
  /** Weights; all zero for a cell that has seen no truth. */
  readonly #weights: Column<Float64Array>;
  /** Running mean of |f - y|, and the number of truths. */
  readonly #scale: Column<Float64Array>;
  readonly #p: Float64Array;
  /** Weights before the first truth. */
  readonly #start: Float64Array;

  /** `reference`: the expert that nine tenths of the weight start with. Default: none, all start equal. */
  constructor(
    lanes: Lanes,
    options: { readonly experts: number; readonly cells: number; readonly reference?: number; readonly name?: string },
  ) {
    const name = options.name ?? 'mixture';
    this.experts = options.experts;
    this.cells = options.cells;
    this.#weights = lanes.f64(`${name}.weights`, options.cells * options.experts);
    this.#scale = lanes.f64(`${name}.scale`, options.cells * 2);
    this.#p = new Float64Array(options.experts);
    const { experts, reference } = options;
    this.#start = new Float64Array(experts).fill(1 / experts);
    if (reference !== undefined && experts > 1)
      this.#start.fill((1 - TRUST) / (experts - 1)).fill(TRUST, reference, reference + 1);
  }

  /**
   * Learns from the truth of a cell: `forecasts[at + e * stride]` is what expert e said for it when the forecast was issued.
   * More than one step ahead the losses are those of today's weights, not of the weights at issue.
   * A forecast or truth that is not finite teaches nothing.
   */
  update(lane: number, cell: number, forecasts: Float64Array, at: number, stride: number, truth: number): void {
    const { experts } = this;
    const mixed = this.combine(lane, cell, forecasts, at, stride);
    const own = Math.abs(mixed - truth);
    if (!Number.isFinite(own)) return;
    const place = lane * this.cells + cell;
    const scales = this.#scale.data;
    const count = scales[place * 2 + 1]! + 1;
    const before = scales[place * 2]!;
    const follow = before > 0 ? Math.min(own, CUT * before) : own;
    const scale = before + Math.max(SCALE_RATE, 1 / count) * (follow - before);
    scales[place * 2] = scale;
    scales[place * 2 + 1] = count;
    if (!(scale > 0)) return;
    const p = this.#p;
    let sum = 0;
    for (let e = 0; e < experts; e++) {
      const loss = (Math.abs(forecasts[at + e * stride]! - truth) - own) / scale;
      p[e] = p[e]! * exp(-RATE * Math.max(-CUT, Math.min(CUT, loss)));
      sum += p[e]!;
    }
    const weights = this.#weights.data;
    const from = place * experts;
    for (let e = 0; e < experts; e++) weights[from + e] = ((1 - SHARE) * p[e]!) / sum + SHARE / experts;
  }

  /** The weighted mean of what the experts say for a cell now. */
  combine(lane: number, cell: number, forecasts: Float64Array, at: number, stride: number): number {
    const p = this.#p;
    this.weights(lane, cell, p);
    let sum = 0;
    for (let e = 0; e < this.experts; e++) sum += p[e]! * forecasts[at + e * stride]!;
    return sum;
  }

  /** The weights of a cell, `into[0 .. experts)`: the starting ones before its first truth. */
  weights(lane: number, cell: number, into: Float64Array): void {
    const { experts } = this;
    const weights = this.#weights.data;
    const from = (lane * this.cells + cell) * experts;
    const fresh = weights[from] === 0;
    for (let e = 0; e < experts; e++) into[e] = fresh ? this.#start[e]! : weights[from + e]!;
  }
}

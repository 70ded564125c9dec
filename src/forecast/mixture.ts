/** The mixture over experts: an online rule with a regret bound, so that the output is never much worse than the best expert. */
import { exp } from '../core/math/math.ts';
import type { Column, Lanes } from '../core/lanes.ts';

/** Learning rate one step ahead, per mean error of the mixture; h steps ahead it is divided by the fourth root of h. */
export const RATE = 0.1;
/** Share of the weight that is dealt out anew at every truth: what lets it follow a regime. */
export const SHARE = 0.003;
/** The same of the quick rule: h steps ahead both are divided by h. */
export const QUICK_RATE = 1;
export const QUICK_SHARE = 0.005;
/** A loss counts as at most this many mean errors: one broken value must not decide the weights. */
const CUT = 30;
const SCALE_RATE = 0.01;
/** Share of the start that a reference has. */
const TRUST = 0.9;

/**
 * Three rules, two inside the other, on absolute errors in units of the mixture's own running error s.
 *
 * The blend b = sum q(e) x(e) of the experts' forecasts x(e) is that of ML-Poly (Gaillard, Stoltz and van Erven, "A second-order bound with
 * excess losses", COLT 2014) on the gradient of the loss: with r(e) = sign(b - y) (b - x(e)) / s for the truth y, q(e) is proportional to the
 * positive part of sum r(e) over sum r(e)^2. It needs no rate, and comes near the best fixed weighted mean: experts whose errors differ
 * together do better than each. It does not forget.
 *
 * Fixed share (Herbster and Warmuth, "Tracking the best expert", Machine Learning 32, 1998; Cesa-Bianchi, Gaillard, Lugosi and
 * Stoltz, "Mirror descent meets fixed share", NeurIPS 2012) mixes the N experts, the blend and the quick rule below: M = N + 2. With p(e)
 * its weights, f = sum p(e) x(e), and s the running mean of |f - y|, e's loss is z(e) = (|x(e) - y| - |f - y|) / s; then
 * v(e) = p(e) exp(-c z(e)), and p(e) = (1 - a) v(e) / sum v + a / M with a = 0.003 and c = 0.1, which h steps ahead, where errors that
 * follow each other are mostly the same error, is divided by the fourth root of h. In those units, over T truths and against any sequence
 * of experts with k changes, the mixture's error exceeds theirs by at most
 * (1/c) [ln 1/q + k ln(M / a) - (T - 1 - k) ln(1 - a)] + c/8 sum range(z)^2, q being the first expert's share of the start: 1/M, or, where a
 * reference is named, nine tenths for it and the rest for the others, so that whoever claims skill has to show it. Scaling the data
 * changes nothing.
 *
 * The quick rule is fixed share over the N experts with the same losses, c = 1 and a = 0.005, both divided by h: it has changed its mind a few
 * rows after a regime has, and is trusted as far as that pays (two rates at once, as in MetaGrad; van Erven and Koolen, NeurIPS 2016).
 *
 * Rules and constants were chosen on the first 30 % of four NAB files, pieces of M4's and ETTh1's training parts and seeded series, with the
 * experts of the default mixture. Beside fixed share alone the blend takes 0.8 % off the error one step ahead and, with the slower rate,
 * 1.3 % twelve steps ahead (geometric means; single series -5 to +2 %); the quick rule takes another 2.2 % off one step ahead and nothing
 * twelve steps ahead, and 2 % off the 500 rows after a change of regime. Tried too: the blend alone (it trusts models too early), with forgetting, averages of
 * both, BOA in its place, gradients inside fixed share, weights by powers of recent errors.
 *
 * Per series and cell (target x step): `4 experts + 4` doubles. Weights are > 0 and sum to 1. Every call is O(experts).
 */
export class Mixture {
  readonly experts: number;
  readonly cells: number;
  /** Weights of the experts, the blend and the quick rule; all zero for a cell that has seen no truth. */
  readonly #weights: Column<Float64Array>;
  /** The quick rule's weights of the experts. */
  readonly #quick: Column<Float64Array>;
  /** Per expert the blend's sum of r, then that of r^2. */
  readonly #regrets: Column<Float64Array>;
  /** Running mean of |f - y|, and the number of truths. */
  readonly #scale: Column<Float64Array>;
  readonly #steps: Float64Array;
  readonly #p: Float64Array;
  readonly #q: Float64Array;
  readonly #v: Float64Array;
  /** Weights before the first truth, of fixed share and in the rules inside it. */
  readonly #start: Float64Array;
  readonly #inner: Float64Array;
  /** What blend and quick rule say. */
  #blend = 0;
  #quickly = 0;

  /** `reference`: the expert that nine tenths of the weight start with. Default: none, all start equal. `horizon`: cells a target, a step each. */
  constructor(
    lanes: Lanes,
    options: {
      readonly experts: number;
      readonly cells: number;
      readonly horizon?: number;
      readonly reference?: number;
      readonly name?: string;
    },
  ) {
    const { experts, cells, horizon = cells, reference, name = 'mixture' } = options;
    this.experts = experts;
    this.cells = cells;
    this.#weights = lanes.f64(`${name}.weights`, cells * (experts + 2));
    this.#quick = lanes.f64(`${name}.quick`, cells * experts);
    this.#regrets = lanes.f64(`${name}.regrets`, cells * 2 * experts);
    this.#scale = lanes.f64(`${name}.scale`, cells * 2);
    this.#steps = Float64Array.from({ length: cells }, (_, cell) => (cell % horizon) + 1);
    this.#p = new Float64Array(experts + 2);
    this.#q = new Float64Array(experts);
    this.#v = new Float64Array(experts);
    this.#start = startOf(experts + 2, reference);
    this.#inner = startOf(experts, reference);
  }

  /**
   * Learns from the truth of a cell: `forecasts[at + e * stride]` is what expert e said for it when the forecast was issued.
   * More than one step ahead the losses are those of today's weights, not of the weights at issue.
   * A forecast or truth that is not finite teaches nothing.
   */
  update(lane: number, cell: number, forecasts: Float64Array, at: number, stride: number, truth: number): void {
    const { experts } = this;
    const place = lane * this.cells + cell;
    this.#load(place);
    const mixed = this.#mix(forecasts, at, stride);
    const [blend, quickly] = [this.#blend, this.#quickly];
    const own = Math.abs(mixed - truth);
    if (!Number.isFinite(own)) return;
    const scales = this.#scale.data;
    const count = scales[place * 2 + 1]! + 1;
    const before = scales[place * 2]!;
    const follow = before > 0 ? Math.min(own, CUT * before) : own;
    const scale = before + Math.max(SCALE_RATE, 1 / count) * (follow - before);
    scales[place * 2] = scale;
    scales[place * 2 + 1] = count;
    if (!(scale > 0)) return;
    const steps = this.#steps[cell]!;
    const rate = RATE / Math.sqrt(Math.sqrt(steps));
    const quick = QUICK_RATE / steps;
    const [p, v] = [this.#p, this.#v];
    const side = Math.sign(blend - truth);
    const regrets = this.#regrets.data;
    let [sum, quickSum] = [0, 0];
    for (let e = 0, k = place * 2 * experts; e < experts; e++, k++) {
      const said = forecasts[at + e * stride]!;
      const loss = cut((Math.abs(said - truth) - own) / scale);
      p[e] = p[e]! * exp(-rate * loss);
      sum += p[e]!;
      v[e] = v[e]! * exp(-quick * loss);
      quickSum += v[e]!;
      const regret = cut((side * (blend - said)) / scale);
      regrets[k] = regrets[k]! + regret;
      regrets[k + experts] = regrets[k + experts]! + regret * regret;
    }
    p[experts] = p[experts]! * exp(-rate * cut((Math.abs(blend - truth) - own) / scale));
    p[experts + 1] = p[experts + 1]! * exp(-rate * cut((Math.abs(quickly - truth) - own) / scale));
    sum += p[experts]! + p[experts + 1]!;
    deal(p, experts + 2, sum, SHARE, this.#weights.data, place * (experts + 2));
    deal(v, experts, quickSum, QUICK_SHARE / steps, this.#quick.data, place * experts);
  }

  /** The weighted mean of what the experts say for a cell now. */
  combine(lane: number, cell: number, forecasts: Float64Array, at: number, stride: number): number {
    this.#load(lane * this.cells + cell);
    return this.#mix(forecasts, at, stride);
  }

  /** What each expert counts in a cell, by itself and in the blend, `into[0 .. experts)`. */
  weights(lane: number, cell: number, into: Float64Array): void {
    this.#load(lane * this.cells + cell);
    const { experts } = this;
    const p = this.#p;
    for (let e = 0; e < experts; e++) into[e] = p[e]! + p[experts]! * this.#q[e]! + p[experts + 1]! * this.#v[e]!;
  }

  /** Takes the weights of all rules from the columns. */
  #load(place: number): void {
    const { experts } = this;
    const weights = this.#weights.data;
    const from = place * (experts + 2);
    const fresh = weights[from] === 0;
    for (let e = 0; e < experts + 2; e++) this.#p[e] = fresh ? this.#start[e]! : weights[from + e]!;
    const q = this.#q;
    const quick = this.#quick.data;
    const regrets = this.#regrets.data;
    let sum = 0;
    for (let e = 0, k = place * 2 * experts; e < experts; e++, k++) {
      this.#v[e] = fresh ? this.#inner[e]! : quick[place * experts + e]!;
      const squares = regrets[k + experts]!;
      // the square of a tiny regret may be nothing
      q[e] = regrets[k]! > 0 && squares > 0 ? regrets[k]! / squares : 0;
      sum += q[e]!;
    }
    for (let e = 0; e < experts; e++) q[e] = sum > 0 ? q[e]! / sum : this.#inner[e]!;
  }

  #mix(forecasts: Float64Array, at: number, stride: number): number {
    const { experts } = this;
    let [sum, blend, quickly] = [0, 0, 0];
    let least = Infinity;
    let most = -Infinity;
    for (let e = 0; e < experts; e++) {
      const said = forecasts[at + e * stride]!;
      sum += this.#p[e]! * said;
      blend += this.#q[e]! * said;
      quickly += this.#v[e]! * said;
      if (said < least) least = said;
      if (said > most) most = said;
    }
    this.#blend = blend;
    this.#quickly = quickly;
    sum += this.#p[experts]! * blend + this.#p[experts + 1]! * quickly;
    // weights sum to 1 but for rounding: where all say the same, so does the mean
    return sum < least ? least : sum > most ? most : sum;
  }
}

/** Weights before the first truth. */
function startOf(experts: number, reference: number | undefined): Float64Array {
  if (reference === undefined || experts === 1) return new Float64Array(experts).fill(1 / experts);
  return new Float64Array(experts).fill((1 - TRUST) / (experts - 1)).fill(TRUST, reference, reference + 1);
}

/** Weights over their sum, with a share of it dealt out equally. */
function deal(weights: Float64Array, n: number, sum: number, share: number, into: Float64Array, to: number): void {
  for (let e = 0; e < n; e++) into[to + e] = ((1 - share) * weights[e]!) / sum + share / n;
}

function cut(loss: number): number {
  return Math.max(-CUT, Math.min(CUT, loss));
}

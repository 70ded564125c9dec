/** Intervals that say what they mean: quantiles calibrated online by conformal quantile tracking. */
import { log } from '../core/math/math.ts';
import type { Column, Lanes } from '../core/lanes.ts';

/** How fast the scale of the error is followed. */
const SCALE_RATE = 0.05;
/** Step of the tracker, in scales: falls with the number of truths, down to a floor that keeps it awake. */
const STEP_FIRST = 0.5;
const STEP_LAST = 0.05;
/** How fast the running distance of the base quantiles from their centre is followed. */
const SPREAD_RATE = 0.06;
/** An error beyond this many scales counts as this many when the scale is followed. */
const CUT = 10;
const LARGEST = 1e300;
/** Trackers stay within this many scales. */
const REACH = 40;
/** The base may make an interval this many times wider or narrower than usual. */
const SWING = 10;
const LARGEST_SPREAD = 1e6;

/**
 * Quantile tracking (Angelopoulos, Candes and Tibshirani, "Conformal PID control for time series prediction", NeurIPS 2023; after
 * Gibbs and Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021), asymmetric, one tracker a level.
 *
 * With c the centre of the base quantiles b(tau), s the running mean of |y - c|, and w(tau) the distance |b(tau) - c| over its own
 * running mean: q(tau) = c + s w(tau) k(tau), and when y comes k(tau) += step (tau - [y < q(tau)]). The base says how the width
 * moves from row to row, the tracker how wide it is: so a model without quantiles (b = mean, w = 1), one with good ones, one with
 * ones of a wrong size, and the change from one to the other are the same to it. k starts as the quantiles of a Laplace
 * distribution. Issued quantiles are in order.
 *
 * With constant steps the long-run share of truths below q(tau) is tau for any sequence on which k stays bounded (ibid., prop. 1).
 *
 * Per series and cell (target x step): `2 levels` floats, a double and an integer. Every call is O(levels).
 */
export class Interval {
  readonly cells: number;
  readonly levels: readonly number[];
  /** k less its start, then the running mean of |b - c| / s: `cells x 2 levels`. */
  readonly #track: Column<Float32Array>;
  readonly #scale: Column<Float64Array>;
  readonly #count: Column<Int32Array>;
  readonly #start: Float64Array;

  constructor(lanes: Lanes, options: { readonly cells: number; readonly levels: readonly number[]; readonly name?: string }) {
    const name = options.name ?? 'interval';
    this.cells = options.cells;
    this.levels = options.levels;
    this.#track = lanes.f32(`${name}.track`, options.cells * options.levels.length * 2);
    this.#scale = lanes.f64(`${name}.scale`, options.cells);
    this.#count = lanes.i32(`${name}.count`, options.cells);
    this.#start = Float64Array.from(options.levels, laplace);
  }

  /**
   * Turns base quantiles `base[at .. at + levels)` (all equal to the mean where the model has none) into calibrated ones,
   * `into[to .. to + levels)`. It changes nothing.
   */
  apply(lane: number, cell: number, base: Float64Array, at: number, into: Float64Array, to: number): void {
    const n = this.levels.length;
    const place = lane * this.cells + cell;
    const scale = this.#scale.data[place]!;
    const track = this.#track.data;
    const k = place * 2 * n;
    const centre = this.#centre(base, at);
    for (let i = 0; i < n; i++) {
      const usual = scale * track[k + n + i]!;
      const distance = Math.abs(base[at + i]! - centre);
      const width = usual > 0 && distance > 0 ? Math.max(1 / SWING, Math.min(SWING, distance / usual)) : 1;
      const quantile = centre + scale * width * (this.#start[i]! + track[k + i]!);
      let j = to + i;
      for (; j > to && into[j - 1]! > quantile; j--) into[j] = into[j - 1]!;
      into[j] = Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, quantile));
    }
  }

  /** Learns from the truth: `base` and `issued` as they were when the forecast was issued. */
  update(
    lane: number,
    cell: number,
    base: Float64Array,
    baseAt: number,
    issued: Float64Array,
    issuedAt: number,
    truth: number,
  ): void {
    const n = this.levels.length;
    const place = lane * this.cells + cell;
    const centre = this.#centre(base, baseAt);
    const error = Math.min(Math.abs(truth - centre), LARGEST);
    if (!(error >= 0)) return;
    const count = (this.#count.data[place] = Math.min(this.#count.data[place]! + 1, 1_000_000_000));
    const track = this.#track.data;
    const k = place * 2 * n;
    const known = this.#scale.data[place]!;
    if (known > 0) {
      const step = Math.max(STEP_LAST, STEP_FIRST / Math.sqrt(count));
      for (let i = 0; i < n; i++) {
        const tau = this.levels[i]!;
        const moved = track[k + i]! + step * (truth < issued[issuedAt + i]! ? tau - 1 : tau);
        track[k + i] = Math.max(-REACH, Math.min(REACH, moved));
      }
      this.#order(track, k);
    }
    const rate = Math.max(SCALE_RATE, 1 / count);
    const scale = known > 0 && count > 8 ? known + rate * (Math.min(error, CUT * known) - known) : known + rate * (error - known);
    this.#scale.data[place] = scale;
    if (!(scale > 0)) return;
    for (let i = 0; i < n; i++) {
      const distance = Math.min(Math.abs(base[baseAt + i]! - centre) / scale, LARGEST_SPREAD);
      if (distance === 0) continue;
      const before = track[k + n + i]!;
      track[k + n + i] = before === 0 ? distance : before + SPREAD_RATE * (distance - before);
    }
  }

  /**
   * Puts the trackers in order. Issued quantiles are in order, so a tracker that had passed its neighbour would hear what its
   * neighbour should, and run away.
   */
  #order(track: Float32Array, k: number): void {
    const start = this.#start;
    for (let i = 1; i < this.levels.length; i++) {
      const value = start[i]! + track[k + i]!;
      let j = i;
      for (; j > 0 && start[j - 1]! + track[k + j - 1]! > value; j--)
        track[k + j] = start[j - 1]! + track[k + j - 1]! - start[j]!;
      if (j < i) track[k + j] = value - start[j]!;
    }
  }

  #centre(base: Float64Array, at: number): number {
    const n = this.levels.length;
    return base[at + ((n - 1) >> 1)]! / 2 + base[at + (n >> 1)]! / 2;
  }
}

/** The tau-quantile of a Laplace distribution whose mean absolute value is 1. */
function laplace(tau: number): number {
  return tau < 0.5 ? log(2 * tau) : -log(2 * (1 - tau));
}

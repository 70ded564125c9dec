/**
 * What the network sees of a row, and what it is asked to say: everything relative to the row itself and to the series' own scale.
 *
 * Per channel: distance from the mean, the last change, distances from a quick and a slow level, the last rows (for the linear skip),
 * and per season what followed the same phase one season ago. Once per row: sine and cosine of the next row's time of day and week,
 * how late the row is for its grid (a closed market is no gap), and whether it was filled in; of what is known ahead its values at the
 * first step, the last and two between; and of what kind the series is. Live, in training and in rebuilding a state it is this code, over
 * the same ring, with the scaler as it stood at that row: so the network never meets a number that it was not trained on.
 */
import { ROW_IMPUTED } from '../core/batch.ts';
import type { Ring } from '../window/ring.ts';
import type { GridClock } from './forecaster.ts';
import { BesideInputs, type Beside } from './beside.ts';
import { SeasonRows } from './season-rows.ts';
import { CHANGE, DEVIATION, MEAN, QUICK, SCALER_SIZE, SLOW } from './scaler.ts';

/** Inputs of the clock: sine and cosine of the time of day and of the week. */
export const CLOCK = 4;
const CLIP = 10;
const TARGET_CLIP = 50;

export interface FeatureSizes {
  readonly channels: number;
  readonly targets: number;
  readonly horizon: number;
  readonly seasons: readonly number[];
  /** How many of the last rows are inputs of their own. */
  readonly lags: number;
  /** Known-ahead inputs and attributes, where there are any. */
  readonly beside?: Beside | undefined;
}

/** Rows of the future, one season back, that are inputs: the first, the last and two between. */
function aheadOf(horizon: number, season: number): readonly number[] {
  const steps = [1, 2, Math.ceil(horizon / 2), horizon].filter((step) => step <= season);
  return [...new Set(steps)].sort((a, b) => a - b);
}

/** Turns ring rows into network inputs and targets; one instance a pipeline. */
export class Features {
  readonly sizes: FeatureSizes;
  /** Inputs a row. */
  readonly count: number;
  /** Of those, the ones of a channel, channel by channel; then come {@link CLOCK} of the clock. */
  readonly own: number;
  readonly #ring: Ring;
  readonly #clock: GridClock;
  readonly #rows: SeasonRows;
  readonly #ahead: readonly (readonly number[])[];
  readonly #beside: BesideInputs;
  /** Steps at which what is known ahead is an input. */
  readonly #told: readonly number[];
  readonly #scale: Float64Array;

  /** `seriesOf`: name of a lane's series. */
  constructor(ring: Ring, clock: GridClock, sizes: FeatureSizes, seriesOf: (lane: number) => string | undefined) {
    this.#ring = ring;
    this.#clock = clock;
    this.#rows = new SeasonRows(ring, clock);
    this.sizes = sizes;
    this.#ahead = sizes.seasons.map((season) => aheadOf(sizes.horizon, season));
    const seasonal = this.#ahead.reduce((sum, steps) => sum + steps.length + 1, 0);
    this.#beside = new BesideInputs(ring, sizes.beside, seriesOf);
    this.#told = aheadOf(sizes.horizon, Infinity);
    this.#scale = new Float64Array(this.#beside.scales);
    const beside = this.#beside.fixed + this.#told.length * this.#beside.perStep;
    this.own = 4 + sizes.lags + seasonal;
    this.count = sizes.channels * this.own + CLOCK + 2 + beside;
  }

  /** Rows that must lie before a row for its inputs to be complete. */
  static lookback(sizes: Pick<FeatureSizes, 'seasons' | 'lags'>): number {
    return Math.max(sizes.lags, 1, ...sizes.seasons) + 1;
  }

  /** Writes the inputs of the row `back` rows ago, scaled by `state[at ..]` as it stood after that row, to `into[to ..]`. */
  write(lane: number, back: number, state: Float64Array, at: number, into: Float32Array, to: number): void {
    const { channels, lags, seasons } = this.sizes;
    const ring = this.#ring;
    const { capacity } = ring;
    const values = ring.values.data;
    const held = ring.held(lane) | 0;
    const reach = (held - back) | 0;
    // this row's slot as a small integer: a remainder of doubles for every lag would cost more than the network
    let slot = (ring.slot(lane) - back) | 0;
    if (slot < 0) slot += capacity;
    const base = lane * capacity;
    const at0 = base + slot;
    const pace = this.#rows.pace(lane, back);
    let f = to;
    for (let c = 0; c < channels; c++) {
      const s = at + c * SCALER_SIZE;
      const y = values[at0 * channels + c]!;
      const perChange = inverse(state[s + CHANGE]!);
      const perDeviation = inverse(state[s + DEVIATION]!);
      into[f++] = clip((y - state[s + MEAN]!) * perDeviation);
      into[f++] = reach > 1 ? clip((y - values[before(at0, slot, 1, capacity) * channels + c]!) * perChange) : 0;
      into[f++] = clip((y - state[s + QUICK]!) * perChange);
      into[f++] = clip((y - state[s + SLOW]!) * perChange);
      const known = Math.min(lags, reach - 2);
      const wrap = slot > 1 ? slot : 1;
      let from = ((at0 - 2) * channels + c) | 0;
      for (let lag = 1; lag <= known; lag++) {
        if (lag === wrap) from = (from + capacity * channels) | 0;
        into[f++] = clip((values[from]! - y) * perChange);
        from = (from - channels) | 0;
      }
      for (let lag = Math.max(0, known); lag < lags; lag++) into[f++] = 0;
      for (let k = 0; k < seasons.length; k++) {
        const season = seasons[k]!;
        const ahead = this.#ahead[k]!;
        if (reach <= season) {
          for (let a = 0; a <= ahead.length; a++) into[f++] = 0;
          continue;
        }
        if (!this.#rows.isEven(lane, back, season)) {
          f = this.#writeUneven(lane, back, c, y, pace, k, perDeviation, perChange, into, f);
          continue;
        }
        const then = values[before(at0, slot, season, capacity) * channels + c]!;
        into[f++] = clip((y - then) * perDeviation);
        for (let a = 0; a < ahead.length; a++)
          into[f++] = clip((values[before(at0, slot, season - ahead[a]!, capacity) * channels + c]! - then) * perChange);
      }
    }
    const time = ring.times.data[at0]!;
    this.#clock.phases(pace === 1 ? this.#clock.after(time, 1) : this.#rows.due(lane, back, 1, pace), into, f);
    const last = reach > 1 ? ring.times.data[before(at0, slot, 1, capacity)]! : time - this.#clock.interval;
    into[f + 4] = clip((time - this.#clock.after(last, 1)) / this.#clock.interval);
    into[f + 5] = ring.flags.data[at0]! & ROW_IMPUTED ? 1 : 0;
    if (this.sizes.beside) this.#writeBeside(lane, back, state, at, into, f + 6);
  }

  /** What followed one season ago where rows do not lie on the grid; 0 where nothing lies near. */
  #writeUneven(
    lane: number,
    back: number,
    channel: number,
    y: number,
    pace: number,
    k: number,
    perDeviation: number,
    perChange: number,
    into: Float32Array,
    to: number,
  ): number {
    const season = this.sizes.seasons[k]!;
    let f = to;
    const then = this.#ring.value(lane, this.#rows.phase(lane, back, 0, pace, season), channel);
    into[f++] = clip((y - then) * perDeviation);
    for (const step of this.#ahead[k]!)
      into[f++] = clip((this.#ring.value(lane, this.#rows.phase(lane, back, step, pace, season), channel) - then) * perChange);
    return f;
  }

  #writeBeside(lane: number, back: number, state: Float64Array, at: number, into: Float32Array, to: number): void {
    const beside = this.#beside;
    beside.writeFixed(lane, into, to);
    beside.scale(state, at, this.#scale, 0);
    for (let i = 0; i < this.#told.length; i++) {
      const place = to + beside.fixed + i * beside.perStep;
      beside.writeStep(lane, back, this.#told[i]!, this.#scale, 0, into, place);
      for (let k = place; k < place + beside.perStep; k++) into[k] = clip(into[k]!);
    }
  }

  /** What one unit of the network's output is worth at a row, raw: the mean absolute change, 0 for a series that never moved. */
  unit(state: Float64Array, at: number, target: number): number {
    return state[at + target * SCALER_SIZE + CHANGE]!;
  }

  /** The true outputs of the row `back` rows ago: (value h rows later - value) / unit, NaN where not known or filled in; `targets x horizon`. */
  writeTruth(lane: number, back: number, state: Float64Array, at: number, into: Float32Array, to: number): void {
    const { targets, horizon } = this.sizes;
    const ring = this.#ring;
    for (let t = 0; t < targets; t++) {
      const y = ring.value(lane, back, t);
      const per = inverse(this.unit(state, at, t));
      for (let h = 1; h <= horizon; h++) {
        const known = h <= back && !(ring.flag(lane, back - h) & ROW_IMPUTED);
        const truth = known && per > 0 ? (ring.value(lane, back - h, t) - y) * per : NaN;
        into[to + t * horizon + h - 1] = truth > TARGET_CLIP ? TARGET_CLIP : truth < -TARGET_CLIP ? -TARGET_CLIP : truth;
      }
    }
  }
}

/** Where the row `n` before the one at `at`, which is the slot `slot` of its ring, lies. No closure: one a row would be garbage. */
function before(at: number, slot: number, n: number, capacity: number): number {
  return n <= slot ? at - n : at - n + capacity;
}

function inverse(scale: number): number {
  return scale > 1e-300 ? 1 / scale : 0;
}

function clip(x: number): number {
  // a difference of huge values may be infinite, and infinity times a zero scale is no number
  return x > CLIP ? CLIP : x < -CLIP ? -CLIP : x === x ? x : 0;
}

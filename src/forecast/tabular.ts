/**
 * What the models that are fitted in one go (`ridge`, `boosted`) see of a row and a step ahead: one flat row of numbers, all of them
 * distances from the row's value in units of the series' mean change.
 *
 * Of the target: the last rows, three running levels, per season the value one season ago; how late the last rows came; of every other channel its last change and
 * its distances from its levels; of the row forecast for: per season the values at its own phase in the last seasons and around the
 * nearest, sine and cosine of its time of day and week, how many steps it is ahead, and what is known of it; of what kind the series is. What is not known is 0. Live and in training it
 * is this code over the same ring, with the scaler as it stood at that row.
 */
import type { Ring } from '../window/ring.ts';
import type { GridClock } from './forecaster.ts';
import { BesideInputs, type Beside } from './beside.ts';
import { LATE, SeasonRows } from './season-rows.ts';
import { CHANGE, MEAN, QUICK, SCALER_SIZE, SLOW } from './scaler.ts';

const LAGS = 24;
const CLIP = 50;
/** How many seasons back the phase of the row forecast for is looked up. */
const SEASONS_BACK = 4;
const PER_CHANNEL = 3;
/** Around the nearest season, beside the phase itself: the row before and after it, and how far it is from where that season stood at the origin. */
const AROUND = 3;
const CLOCK = 4;
const [VALUE, DIFFERENCE] = [1, 2];

export interface TabularSizes {
  readonly channels: number;
  readonly targets: number;
  readonly horizon: number;
  readonly seasons: readonly number[];
  /** Known-ahead inputs and attributes, where there are any. */
  readonly beside?: Beside | undefined;
}

/** Turns ring rows into inputs; one instance a pipeline. */
export class Tabular {
  readonly sizes: TabularSizes;
  /** Inputs a row, target and step; the first {@link fixed} do not depend on the step. */
  readonly count: number;
  readonly fixed: number;
  /** The inputs that may stand in for the last value as what others are distances from: the slow level, and by season the nearest phase. */
  readonly level = LAGS + 1;
  readonly phases: readonly number[];
  /** Where the four numbers of the clock begin, and those of how late rows come. */
  readonly clock: number;
  readonly late: number;
  /** By input: {@link VALUE} where it is the distance of a value or level of the target from the last value, {@link DIFFERENCE} where it is one of two others. */
  readonly #values: Uint8Array;
  readonly #ring: Ring;
  readonly #clock: GridClock;
  readonly #rows: SeasonRows;
  readonly beside: BesideInputs;

  /** `seriesOf`: name of a lane's series. */
  constructor(ring: Ring, clock: GridClock, sizes: TabularSizes, seriesOf: (lane: number) => string | undefined) {
    this.#ring = ring;
    this.#clock = clock;
    this.#rows = new SeasonRows(ring, clock);
    this.sizes = sizes;
    const { channels, seasons } = sizes;
    this.beside = new BesideInputs(ring, sizes.beside, seriesOf);
    this.fixed = LAGS + 3 + seasons.length + LATE.length + (channels - 1) * PER_CHANNEL + this.beside.fixed;
    this.count = this.fixed + seasons.length * (SEASONS_BACK + AROUND) + CLOCK + 1 + this.beside.perStep;
    this.late = LAGS + 3 + seasons.length;
    this.clock = this.fixed + seasons.length * (SEASONS_BACK + AROUND);
    this.phases = seasons.map((_, s) => this.fixed + s * (SEASONS_BACK + AROUND));
    const levels = LAGS + 3;
    this.#values = new Uint8Array(this.count).fill(VALUE, 0, levels).fill(DIFFERENCE, levels, levels + seasons.length);
    for (const phase of this.phases) {
      const moved = phase + SEASONS_BACK + AROUND - 1;
      this.#values.fill(VALUE, phase, moved).fill(DIFFERENCE, moved, moved + 1);
    }
  }

  /** Rows that must lie before a row for its inputs to be complete. */
  static lookback({ seasons }: Pick<TabularSizes, 'seasons'>): number {
    return Math.max(LAGS, ...seasons.map((season) => season + 2)) + 1;
  }

  /** Raw worth of one unit of a target at a row; 0 for a series that never moved. */
  unit(scaler: Float64Array, at: number, target: number): number {
    return scaler[at + target * SCALER_SIZE + CHANGE]!;
  }

  /** Inputs `x[at ..]` with the distances of the target's values from a {@link level} or one of {@link phases} in place of those from the last value, and the last value's in its own place; `size` mean changes are the unit. */
  recentre(x: Float32Array, at: number, centre: number, size: number, into: Float32Array, to: number): void {
    const shift = x[at + centre]!;
    for (let i = 0; i < this.count; i++) {
      const kind = this.#values[i];
      into[to + i] = kind ? (x[at + i]! - (kind === VALUE ? shift : 0)) / size : x[at + i]!;
    }
    into[to + centre] = -shift / size;
  }

  /** The mean of the series in mean changes, at least 1: what distances are measured in where a share of it tells more. `last`: the last value, in raw units. */
  size(x: Float32Array, at: number, last: number, unit: number): number {
    return Math.max(1, last / unit + x[at + this.level + 1]!);
  }

  /** Writes what does not depend on the step, of the row `back` rows ago, with `scaler[at ..]` as it stood after it. */
  writeFixed(lane: number, back: number, target: number, scaler: Float64Array, at: number, into: Float32Array, to: number): void {
    const { channels, seasons } = this.sizes;
    const ring = this.#ring;
    const held = ring.held(lane);
    const per = inverse(this.unit(scaler, at, target));
    const y = ring.value(lane, back, target);
    let f = to;
    for (let lag = 1; lag <= LAGS; lag++)
      into[f++] = back + lag < held ? clip((ring.value(lane, back + lag, target) - y) * per) : 0;
    const own = at + target * SCALER_SIZE;
    into[f++] = clip((scaler[own + QUICK]! - y) * per);
    into[f++] = clip((scaler[own + SLOW]! - y) * per);
    into[f++] = clip((scaler[own + MEAN]! - y) * per);
    for (const season of seasons) {
      const then = this.#isEven(lane, back, season) ? back + season : this.#rows.phase(lane, back, 0, 1, season);
      into[f++] = then >= 0 && then < held ? clip((y - ring.value(lane, then, target)) * per) : 0;
    }
    this.#rows.writeLate(lane, back, into, f);
    f += LATE.length;
    for (let c = 0; c < channels; c++) {
      if (c === target) continue;
      const s = at + c * SCALER_SIZE;
      const each = inverse(scaler[s + CHANGE]!);
      const x = ring.value(lane, back, c);
      into[f++] = back + 1 < held ? clip((x - ring.value(lane, back + 1, c)) * each) : 0;
      into[f++] = clip((x - scaler[s + QUICK]!) * each);
      into[f++] = clip((x - scaler[s + SLOW]!) * each);
    }
    this.beside.writeFixed(lane, into, f);
  }

  #isEven(lane: number, back: number, season: number): boolean {
    return this.#rows.isEven(lane, back, SEASONS_BACK * season + 1);
  }

  /** Writes the rest, for the row `step` steps ahead; `unit` as {@link unit} gives it, `scale[scaleAt ..]` as `beside.scale` does. */
  writeStep(
    lane: number,
    back: number,
    target: number,
    step: number,
    unit: number,
    scale: Float64Array,
    scaleAt: number,
    into: Float32Array,
    to: number,
  ): void {
    const { seasons } = this.sizes;
    const ring = this.#ring;
    const held = ring.held(lane);
    const per = inverse(unit);
    const y = ring.value(lane, back, target);
    let f = to + this.fixed;
    const pace = this.#rows.pace(lane, back);
    const due = this.#rows.due(lane, back, step, pace);
    for (const season of seasons) {
      const even = this.#isEven(lane, back, season);
      // the nearest whole number of seasons before the row forecast for at which something was known
      const times = Math.max(1, Math.ceil((even ? step : step * pace) / season));
      const near = times * season - step;
      let phase = -1;
      for (let k = 0; k < SEASONS_BACK; k++) {
        const there = even ? back + near + k * season : this.#rows.before(lane, back, (times + k) * season, due, season);
        if (k === 0) phase = there;
        into[f++] = there >= 0 && there < held ? clip((ring.value(lane, there, target) - y) * per) : k > 0 ? into[f - 2]! : 0;
      }
      const known = phase >= 0;
      into[f++] = known && phase + 1 < held ? clip((ring.value(lane, phase + 1, target) - y) * per) : 0;
      into[f++] = known && phase > back && phase - 1 < held ? clip((ring.value(lane, phase - 1, target) - y) * per) : 0;
      const origin = even ? back + near + step : this.#rows.before(lane, back, times * season, ring.time(lane, back), season);
      into[f++] =
        known && origin >= 0 && origin < held
          ? clip((ring.value(lane, phase, target) - ring.value(lane, origin, target)) * per)
          : 0;
    }
    this.#clock.phases(due, into, f);
    into[f + CLOCK] = step;
    this.beside.writeStep(lane, back, step, scale, scaleAt, into, f + CLOCK + 1);
  }
}

function inverse(scale: number): number {
  return scale > 1e-300 ? 1 / scale : 0;
}

function clip(x: number): number {
  return x > CLIP ? CLIP : x < -CLIP ? -CLIP : x === x ? x : 0;
}

/** The last rows of every lane, raw: what lags, training sequences and rebuilt states are read from. */
import type { Column, Lanes } from '../core/lanes.ts';
import { remainder } from '../core/math/remainder.ts';

/**
 * A ring of `capacity` rows a lane: times (epoch ms), values (raw, row-major `capacity x channels`) and flags.
 * `back` counts from the newest row: 0 is the row pushed last.
 */
export class Ring {
  readonly capacity: number;
  readonly channels: number;
  readonly count: Column<Float64Array>;
  readonly times: Column<Float64Array>;
  readonly values: Column<Float64Array>;
  /** `ROW_IMPUTED`, `ROW_RESET` of each row. */
  readonly flags: Column<Uint8Array>;

  constructor(lanes: Lanes, options: { readonly capacity: number; readonly channels: number }) {
    this.capacity = options.capacity;
    this.channels = options.channels;
    this.count = lanes.f64('ring.count');
    this.times = lanes.f64('ring.times', this.capacity);
    this.values = lanes.f64('ring.values', this.capacity * this.channels);
    this.flags = lanes.u8('ring.flags', this.capacity);
  }

  /** Adds row `at` of row-major `values` to a lane. An imputed value is stored like an observed one: lags read what forecasters saw. */
  push(lane: number, time: number, values: Float64Array, at: number, flags = 0): void {
    const { capacity, channels } = this;
    const count = this.count.data[lane]!;
    const slot = remainder(count, capacity);
    this.times.data[lane * capacity + slot] = time;
    this.flags.data[lane * capacity + slot] = flags;
    const to = (lane * capacity + slot) * channels;
    for (let c = 0; c < channels; c++) this.values.data[to + c] = values[at * channels + c]!;
    this.count.data[lane] = count + 1;
  }

  /** Rows held: at most `capacity`. */
  held(lane: number): number {
    return Math.min(this.count.data[lane]!, this.capacity);
  }

  /** Slot of the newest row; -1 before the first. */
  slot(lane: number): number {
    const count = this.count.data[lane]!;
    return count === 0 ? -1 : remainder(count - 1, this.capacity);
  }

  /** Rows ever pushed. */
  total(lane: number): number {
    return this.count.data[lane]!;
  }

  /** Raw value, or NaN where the ring does not reach back so far. */
  value(lane: number, back: number, channel: number): number {
    const count = this.count.data[lane]!;
    if (back < 0 || back >= count || back >= this.capacity) return NaN;
    const slot = remainder(count - 1 - back, this.capacity);
    return this.values.data[(lane * this.capacity + slot) * this.channels + channel]!;
  }

  /** Event time in epoch ms, or NaN. */
  time(lane: number, back: number): number {
    const count = this.count.data[lane]!;
    if (back < 0 || back >= count || back >= this.capacity) return NaN;
    return this.times.data[lane * this.capacity + remainder(count - 1 - back, this.capacity)]!;
  }

  /** The flags of a row, 0 where the ring does not reach. */
  flag(lane: number, back: number): number {
    const count = this.count.data[lane]!;
    if (back < 0 || back >= count || back >= this.capacity) return 0;
    return this.flags.data[lane * this.capacity + remainder(count - 1 - back, this.capacity)]!;
  }

  /** Forgets a lane's rows. */
  clear(lane: number): void {
    this.count.data[lane] = 0;
  }
}

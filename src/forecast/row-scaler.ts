/** Every series' running levels and scales, as they stand now and as they stood at the oldest row of its ring. */
import type { Column, Lanes } from '../core/lanes.ts';
import { ROW_IMPUTED } from '../core/batch.ts';
import type { Ring } from '../window/ring.ts';
import { learnScale, SCALER_SIZE } from './scaler.ts';

/** Kept beside the ring: from the tail, training and rebuilding replay how every row was scaled. */
export class RowScaler {
  /** Numbers a lane: `channels x SCALER_SIZE`. */
  readonly size: number;
  readonly now: Column<Float64Array>;
  readonly tail: Column<Float64Array>;
  readonly #ring: Ring;

  constructor(lanes: Lanes, ring: Ring) {
    this.size = SCALER_SIZE * ring.channels;
    this.#ring = ring;
    this.now = lanes.f64('scaler.now', this.size);
    this.tail = lanes.f64('scaler.tail', this.size);
  }

  /** Brings a lane up to the row that its ring was given last. */
  follow(lane: number): void {
    const { size } = this;
    const ring = this.#ring;
    const total = ring.total(lane);
    const at = lane * size;
    this.learn(lane, 0, total, this.now.data, at);
    if (total === 1) this.tail.data.set(this.now.data.subarray(at, at + size), at);
    else if (total > ring.capacity) this.learn(lane, ring.capacity - 1, total - ring.capacity + 1, this.tail.data, at);
  }

  /** Lets `state[at ..]` learn the row `back` rows ago, which is the lane's row number `n` (1 for its first). */
  learn(lane: number, back: number, n: number, state: Float64Array, at: number): void {
    learnRow(this.#ring, lane, back, n, state, at);
  }

  /** A copy of a series' scaler as it stood after the oldest row of its ring. */
  tailOf(lane: number): Float64Array {
    return this.tail.data.slice(lane * this.size, (lane + 1) * this.size);
  }
}

/** Lets the scaler `state[at ..]` learn a row of a ring; a filled-in row teaches nothing. */
export function learnRow(ring: Ring, lane: number, back: number, n: number, state: Float64Array, at: number): void {
  if (n > 1 && ring.flag(lane, back) & ROW_IMPUTED) return;
  for (let c = 0; c < ring.channels; c++) learnScale(state, at + c * SCALER_SIZE, n, ring.value(lane, back, c));
}

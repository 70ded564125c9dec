/** Judges ticks row by row in arrival order: time, values, order, duplicates. */
import type { Reject, RejectReason, TickBatch } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import type { Column } from '../core/lanes.ts';
import type { State } from '../core/state.ts';
import { Ahead } from './ahead.ts';
import { Seen } from './duplicates.ts';
import { HELD, Order } from './order.ts';
import { TickRows } from './tick-rows.ts';
import { finiteTargets, Values } from './values.ts';
import { LAST_INSTANT } from './zone.ts';

/** All of it decided; durations in ms. */
export interface SieveOptions {
  readonly lateness: number;
  readonly duplicates: 'keep' | 'first';
  readonly maxJump: number | undefined;
  readonly jumpPatience: number;
  readonly maxAhead: number;
  readonly targets: number;
  readonly channels: number;
  readonly reject: (reject: Reject) => void;
}

/**
 * Lets through what is in order and usable, per series in order of time; reports the rest.
 *
 * 1. no usable time -> `no-time`; a target that is not finite -> `not-finite`; neither moves the series' clock.
 * 2. older than the series' newest time minus lateness, or than its last released row -> `late`.
 * 3. too far ahead of the series' newest time -> `future`.
 * 4. same series, time and id (if such copies are unwanted) -> `duplicate`.
 * 5. in order of time: a wild change -> `jump`; a missing covariate keeps its last value.
 */
export class Sieve {
  readonly #options: SieveOptions;
  readonly #keys: readonly (string | undefined)[];
  /** Newest accepted event time, epoch ms; NaN before the first. */
  readonly #newest: Column<Float64Array>;
  readonly #ahead: Ahead;
  readonly #order: Order | undefined;
  readonly #seen: Seen | undefined;
  readonly #values: Values | undefined;
  readonly #out: TickRows;
  /** A row as `Order` holds it. */
  readonly #row: Float64Array;

  constructor(state: State, options: SieveOptions) {
    const { lanes } = state;
    this.#options = options;
    this.#keys = lanes.keys;
    this.#newest = lanes.f64('clean.newest', 1, NaN);
    this.#ahead = new Ahead(lanes, { max: options.maxAhead, patience: options.jumpPatience });
    this.#order = options.lateness > 0 ? new Order(state, options) : undefined;
    this.#seen = options.duplicates === 'first' ? new Seen(state) : undefined;
    const judged = options.maxJump !== undefined || options.channels > options.targets;
    this.#values = judged ? new Values(lanes, { ...options, patience: options.jumpPatience }) : undefined;
    this.#out = new TickRows(options.channels);
    this.#row = new Float64Array(HELD + options.channels);
  }

  /** The rows let through now: the batch itself when that is all of it, else a view valid until the next call; undefined if none. */
  next(batch: TickBatch): TickBatch | undefined {
    const { lanes, times, channels, ids, watermark } = batch;
    const rows = times.length;
    if (rows > 0 && channels.length !== this.#options.channels) {
      throw new TidecastError('STREAM_CHANNELS', { declared: this.#options.channels, delivered: channels.length });
    }
    const simple = !this.#order && !this.#values && !(this.#seen && ids);
    const { maxAhead, targets } = this.#options;
    const newest = this.#newest.data;
    let clean = 0;
    if (simple) {
      // nearly every row of nearly every file is strictly newer, close by and finite: judged here, passed on as it came
      for (; clean < rows; clean++) {
        const lane = lanes[clean]!;
        const time = times[clean]!;
        const before = newest[lane]!;
        const plain = time > before && time - before <= maxAhead && time <= LAST_INSTANT;
        if (!(plain && finiteTargets(channels, clean, targets)) && !this.#admits(batch, clean)) break;
        newest[lane] = time;
      }
      if (clean === rows) return rows > 0 || watermark !== undefined ? batch : undefined;
    }
    return this.#pick(batch, clean, simple);
  }

  /** Rows before `clean` pass; if `judged`, the row at `clean` is refused already. */
  #pick(batch: TickBatch, clean: number, judged: boolean): TickBatch | undefined {
    const out = this.#out;
    out.clear();
    for (let i = 0; i < clean; i++) this.#pass(batch.lanes[i]!, this.#load(batch, i), 0);
    for (let i = judged ? clean + 1 : 0; i < batch.times.length; i++) {
      if (!this.#admits(batch, i)) continue;
      const lane = batch.lanes[i]!;
      const row = this.#load(batch, i);
      if (!this.#order) this.#settle(lane, row, 0);
      else if (!this.#hold(this.#order, lane, row)) this.#refuse(batch, i, 'duplicate');
    }
    if (this.#order && batch.watermark !== undefined) this.#order.releaseAll(batch.watermark, this.#settle);
    if (out.length === 0 && batch.watermark === undefined) return undefined;
    return out.batch(batch.partition, batch.ids !== undefined, batch.watermark);
  }

  /** Steps 1 to 3, and 4 for copies of what was let through; moves the series' clock when there is nothing to wait for. */
  #admits(batch: TickBatch, i: number): boolean {
    const lane = batch.lanes[i]!;
    const time = batch.times[i]!;
    const newest = this.#newest.data;
    const { lateness, targets } = this.#options;
    const seen = this.#seen;
    if (!(Math.abs(time) <= LAST_INSTANT)) return this.#refuse(batch, i, 'no-time');
    if (!finiteTargets(batch.channels, i, targets)) return this.#refuse(batch, i, 'not-finite');
    const latest = this.#order ? this.#order.released.data[lane]! : newest[lane]!;
    if (time < newest[lane]! - lateness || time < latest) return this.#refuse(batch, i, 'late');
    if (this.#ahead.refuses(lane, time, newest[lane]!)) return this.#refuse(batch, i, 'future');
    if (seen && time === latest && seen.has(lane, batch.ids ? batch.ids[i]! : NaN)) return this.#refuse(batch, i, 'duplicate');
    return true;
  }

  #hold(order: Order, lane: number, row: Float64Array): boolean {
    if (!order.hold(lane, row, this.#seen !== undefined)) return false;
    const newest = this.#newest.data;
    if (!(row[0]! <= newest[lane]!)) newest[lane] = row[0]!;
    order.release(lane, newest[lane]! - this.#options.lateness, this.#settle);
    return true;
  }

  /** Step 5, and what is remembered of a row that is let go. */
  readonly #settle = (lane: number, rows: Float64Array, at: number): void => {
    const time = rows[at]!;
    const latest = this.#order ? this.#order.released.data[lane]! : this.#newest.data[lane]!;
    if (this.#seen) {
      if (time === latest) this.#seen.add(lane, rows[at + 3]!);
      else this.#seen.start(lane, rows[at + 3]!);
    }
    if (!this.#order) this.#newest.data[lane] = time;
    if (!this.#values || this.#values.take(lane, time, rows, at + HELD)) return this.#pass(lane, rows, at);
    const values = [...rows.subarray(at + HELD, at + HELD + this.#options.channels)];
    this.#options.reject({
      partition: rows[at + 2]!,
      offset: rows[at + 1]!,
      reason: 'jump',
      series: this.#keys[lane],
      time,
      values,
    });
  };

  #pass(lane: number, rows: Float64Array, at: number): void {
    this.#out.push(lane, rows[at]!, rows[at + 1]!, rows[at + 3]!, rows, at + HELD);
  }

  #load(batch: TickBatch, i: number): Float64Array {
    const row = this.#row;
    row[0] = batch.times[i]!;
    row[1] = batch.offsets[i]!;
    row[2] = batch.partition;
    row[3] = batch.ids ? batch.ids[i]! : NaN;
    for (let c = 0; c < this.#options.channels; c++) row[HELD + c] = batch.channels[c]![i]!;
    return row;
  }

  #refuse(batch: TickBatch, i: number, reason: RejectReason): false {
    const time = batch.times[i]!;
    this.#options.reject({
      partition: batch.partition,
      offset: batch.offsets[i]!,
      reason,
      series: this.#keys[batch.lanes[i]!],
      time: time === time ? time : undefined,
      values: batch.channels.map((channel) => channel[i]!),
    });
    return false;
  }
}

/** Puts each series' ticks into order of event time, within a bound on lateness. */
import type { Column, Lanes } from '../core/lanes.ts';
import type { Saved, State } from '../core/state.ts';

/** A held row: time, offset, partition, id, then its values. */
export const HELD = 4;

type Release = (lane: number, rows: Float64Array, at: number) => void;

/** One series' held rows, in order of time and, within a time, of arrival. */
class Buffer {
  /** Its series; undefined once it was let go of. */
  key: string | undefined;
  readonly width: number;
  rows: Float64Array;
  /** First and past-the-last held row. */
  from = 0;
  to = 0;

  constructor(key: string, width: number, rows: Float64Array) {
    this.key = key;
    this.width = width;
    this.rows = rows;
    this.to = rows.length / width;
  }

  /** The row before which a tick of that time belongs. */
  place(time: number): number {
    const { rows, width } = this;
    if (this.to === this.from || rows[(this.to - 1) * width]! <= time) return this.to;
    let low = this.from;
    let high = this.to - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle * width]! <= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  insert(place: number, row: Float64Array): void {
    const { width } = this;
    if ((this.to + 1) * width > this.rows.length) place -= this.#makeRoom();
    this.rows.copyWithin((place + 1) * width, place * width, this.to * width);
    this.rows.set(row, place * width);
    this.to++;
  }

  #makeRoom(): number {
    const { from, width } = this;
    const held = this.rows.subarray(from * width, this.to * width);
    const rows = from * 2 > this.to ? this.rows : new Float64Array(Math.max(4 * width, held.length * 2));
    rows.set(held);
    this.rows = rows;
    this.to -= from;
    this.from = 0;
    return from;
  }
}

/**
 * Holds rows back until no older one may come: a row is let go once its series has had a tick `lateness` ms newer.
 *
 * Every series has its own clock, so how series are interleaved never shows; every decision is made row by row in arrival order,
 * so how the stream is cut into batches never shows. Rows are kept by series name: an evicted series finds its rows again.
 * Memory: the rows of the last `lateness` of each series.
 */
export class Order {
  /** Time of the last row let go, epoch ms; NaN before the first. */
  readonly released: Column<Float64Array>;
  readonly #lanes: Lanes;
  readonly #width: number;
  readonly #byKey = new Map<string, Buffer>();
  /** What was found last for a lane; right only while the lane is still its series'. */
  readonly #byLane: (Buffer | undefined)[] = [];

  constructor(state: State, options: { readonly channels: number }) {
    this.#lanes = state.lanes;
    this.#width = HELD + options.channels;
    this.released = state.lanes.f64('clean.released', 1, NaN);
    state.add('clean.held', { snapshot: () => this.#snapshot(), restore: (saved) => this.#restore(saved) });
  }

  /** Holds a row (`HELD` numbers, then the values; copied). With `dedupe`, false for an id that is held at the same time already. */
  hold(lane: number, row: Float64Array, dedupe: boolean): boolean {
    const buffer = this.#buffer(lane);
    const place = buffer.place(row[0]!);
    if (dedupe) {
      for (let at = place - 1; at >= buffer.from && buffer.rows[at * this.#width] === row[0]; at--) {
        if (Object.is(buffer.rows[at * this.#width + 3], row[3])) return false;
      }
    }
    buffer.insert(place, row);
    return true;
  }

  /** Lets go of a series' rows up to and including a time. */
  release(lane: number, upTo: number, into: Release): void {
    this.#drain(lane, this.#buffer(lane), upTo, into);
  }

  /** Lets go of every series' rows up to and including a time, by lane number; each series with held rows costs a visit. */
  releaseAll(upTo: number, into: Release): void {
    const due: number[] = [];
    for (const [key, buffer] of this.#byKey) {
      if (buffer.from === buffer.to) {
        this.#byKey.delete(key);
        buffer.key = undefined;
      } else if (buffer.rows[buffer.from * this.#width]! <= upTo) {
        // an evicted series is called back; if no lane is free, its rows wait
        if (this.#lanes.find(key) >= 0 || this.#lanes.open < this.#lanes.max) due.push(this.#lanes.lane(key));
      }
    }
    due.sort((a, b) => a - b);
    for (const lane of due) this.release(lane, upTo, into);
  }

  #buffer(lane: number): Buffer {
    const key = this.#lanes.keys[lane]!;
    const last = this.#byLane[lane];
    if (last !== undefined && last.key === key) return last;
    const buffer = this.#byKey.get(key) ?? new Buffer(key, this.#width, new Float64Array(0));
    this.#byKey.set(key, buffer);
    this.#byLane[lane] = buffer;
    return buffer;
  }

  #drain(lane: number, buffer: Buffer, upTo: number, into: Release): void {
    const { width } = buffer;
    while (buffer.from < buffer.to) {
      const at = buffer.from * width;
      const time = buffer.rows[at]!;
      if (!(time <= upTo)) return;
      buffer.from++;
      into(lane, buffer.rows, at);
      this.released.data[lane] = time;
    }
    buffer.from = buffer.to = 0;
  }

  #snapshot(): Saved {
    const held = [...this.#byKey].filter(([, { from, to }]) => from < to);
    const counts = Int32Array.from(held, ([, { from, to }]) => to - from);
    const rows = new Float64Array(counts.reduce((sum, n) => sum + n, 0) * this.#width);
    let at = 0;
    for (const [, buffer] of held) {
      rows.set(buffer.rows.subarray(buffer.from * this.#width, buffer.to * this.#width), at);
      at += (buffer.to - buffer.from) * this.#width;
    }
    return { keys: held.map(([key]) => key), counts, rows };
  }

  #restore(saved: Saved): void {
    const { keys, counts, rows } = saved as { keys: string[]; counts: Int32Array; rows: Float64Array };
    this.#byKey.clear();
    this.#byLane.length = 0;
    let at = 0;
    keys.forEach((key, i) => {
      const own = rows.slice(at, (at += counts[i]! * this.#width));
      this.#byKey.set(key, new Buffer(key, this.#width, own));
    });
  }
}

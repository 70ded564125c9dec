/** A reusable batch of ticks to write into, row by row. */
import type { TickBatch } from '../core/batch.ts';

/** Columns that grow and are never given back: `batch()` is a view, valid until the next `clear()`. */
export class TickRows {
  length = 0;
  #capacity = 0;
  #lanes = new Int32Array(0);
  #times = new Float64Array(0);
  #offsets = new Float64Array(0);
  #ids = new Float64Array(0);
  #channels: Float64Array[];

  constructor(channels: number) {
    this.#channels = Array.from({ length: channels }, () => new Float64Array(0));
  }

  clear(): void {
    this.length = 0;
  }

  /** Adds a row whose values lie at `values[at .. at + channels)`. */
  push(lane: number, time: number, offset: number, id: number, values: Float64Array, at: number): void {
    const row = this.length++;
    if (row >= this.#capacity) this.#grow(row + 1);
    this.#lanes[row] = lane;
    this.#times[row] = time;
    this.#offsets[row] = offset;
    this.#ids[row] = id;
    for (let c = 0; c < this.#channels.length; c++) this.#channels[c]![row] = values[at + c]!;
  }

  /** The rows, with ids if `ids`. */
  batch(partition: number, ids: boolean, watermark: number | undefined): TickBatch {
    const n = this.length;
    return {
      partition,
      lanes: this.#lanes.subarray(0, n),
      times: this.#times.subarray(0, n),
      channels: this.#channels.map((channel) => channel.subarray(0, n)),
      ids: ids ? this.#ids.subarray(0, n) : undefined,
      offsets: this.#offsets.subarray(0, n),
      watermark,
    };
  }

  #grow(rows: number): void {
    this.#capacity = Math.max(64, rows, this.#capacity * 2);
    const larger = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = new Float64Array(this.#capacity);
      grown.set(old);
      return grown;
    };
    const lanes = new Int32Array(this.#capacity);
    lanes.set(this.#lanes);
    this.#lanes = lanes;
    this.#times = larger(this.#times);
    this.#offsets = larger(this.#offsets);
    this.#ids = larger(this.#ids);
    this.#channels = this.#channels.map(larger);
  }
}

/** A reusable batch of rows to write into. */
import type { RowBatch } from '../core/batch.ts';

/** Columns that grow and are never given back: `batch()` is a view, valid until the next `clear()`. */
export class RowWriter {
  length = 0;
  readonly #channels: number;
  #capacity = 0;
  #lanes = new Int32Array(0);
  #times = new Float64Array(0);
  #values = new Float64Array(0);
  #elapsed = new Float64Array(0);
  #steps = new Int32Array(0);
  #flags = new Uint8Array(0);

  constructor(channels: number) {
    this.#channels = channels;
  }

  clear(): void {
    this.length = 0;
  }

  /** Adds a row whose values lie at `values[at .. at + channels)`; the other numbers are as in `RowBatch`. */
  push(lane: number, time: number, values: Float64Array, at: number, elapsed: number, steps: number, flags: number): void {
    const row = this.length++;
    if (row >= this.#capacity) this.#grow(row + 1);
    this.#lanes[row] = lane;
    this.#times[row] = time;
    for (let c = 0; c < this.#channels; c++) this.#values[row * this.#channels + c] = values[at + c]!;
    this.#elapsed[row] = elapsed;
    this.#steps[row] = steps;
    this.#flags[row] = flags;
  }

  batch(watermark: number | undefined): RowBatch {
    const length = this.length;
    return {
      length,
      lanes: this.#lanes.subarray(0, length),
      times: this.#times.subarray(0, length),
      values: this.#values.subarray(0, length * this.#channels),
      channels: this.#channels,
      elapsed: this.#elapsed.subarray(0, length),
      steps: this.#steps.subarray(0, length),
      flags: this.#flags.subarray(0, length),
      watermark,
    };
  }

  #grow(rows: number): void {
    const n = Math.max(64, rows, this.#capacity * 2);
    const larger = <A extends Float64Array | Int32Array | Uint8Array>(grown: A, old: A): A => {
      grown.set(old);
      return grown;
    };
    this.#capacity = n;
    this.#lanes = larger(new Int32Array(n), this.#lanes);
    this.#times = larger(new Float64Array(n), this.#times);
    this.#values = larger(new Float64Array(n * this.#channels), this.#values);
    this.#elapsed = larger(new Float64Array(n), this.#elapsed);
    this.#steps = larger(new Int32Array(n), this.#steps);
    this.#flags = larger(new Uint8Array(n), this.#flags);
  }
}

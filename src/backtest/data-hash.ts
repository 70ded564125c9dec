/** A name for the data that a backtest ran on: equal rows, equal hash, however they were cut into batches. */
import { createHash, type Hash } from 'node:crypto';
import type { SourceBatch } from '../core/batch.ts';

/** SHA-256 over the columns as they were read: series, times, values, in the order of arrival. */
export class DataHash {
  readonly #names = new Map<string, number>();
  readonly #columns: Hash[] = [];

  /** Takes a batch in. */
  add(batch: SourceBatch): void {
    const ids = batch.series.map((name) => this.#idOf(name));
    this.#update(
      0,
      Int32Array.from(batch.codes, (code) => ids[code] ?? -1),
    );
    this.#update(1, batch.times);
    batch.channels.forEach((column, i) => this.#update(2 + i, column));
  }

  /** The hash of everything so far, hexadecimal. */
  digest(): string {
    const all = createHash('sha256').update(JSON.stringify([...this.#names.keys()]));
    for (const column of this.#columns) all.update(column.copy().digest());
    return all.digest('hex');
  }

  #idOf(name: string): number {
    let id = this.#names.get(name);
    if (id === undefined) this.#names.set(name, (id = this.#names.size));
    return id;
  }

  #update(at: number, column: Float64Array | Int32Array): void {
    (this.#columns[at] ??= createHash('sha256')).update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  }
}

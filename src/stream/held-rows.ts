/** Rows that wait for weights, in order of arrival. */
import type { TickBatch } from '../core/batch.ts';
import type { Lanes } from '../core/lanes.ts';
import type { Saved, Stateful } from '../core/state.ts';
import { concat, pick } from './tick-parts.ts';

export class HeldRows implements Stateful {
  /** The earliest time held; Infinity where nothing is. */
  from = Infinity;
  readonly #lanes: Lanes;
  #batches: TickBatch[] = [];

  constructor(lanes: Lanes) {
    this.#lanes = lanes;
  }

  /** Keeps the batch, which must be a copy. */
  push(batch: TickBatch): void {
    this.#batches.push(batch);
    for (const time of batch.times) if (time < this.from) this.from = time;
  }

  /** Lets go of rows at or before `until`; undefined if there are none. */
  take(until: number): TickBatch | undefined {
    if (this.#batches.length === 0 || this.from > until) return undefined;
    const all = concat(this.#batches);
    const go: number[] = [];
    const stay: number[] = [];
    all.times.forEach((time, i) => (time > until ? stay : go).push(i));
    this.#batches = [];
    this.from = Infinity;
    if (stay.length > 0) this.push(pick(all, stay));
    return pick(all, go);
  }

  /** Lanes that have rows here. */
  lanes(): ReadonlySet<number> {
    return new Set(this.#batches.flatMap(({ lanes }) => [...lanes]));
  }

  /** By series, because lanes are given away. */
  snapshot(): Saved {
    if (this.#batches.length === 0) return null;
    const { partition, lanes, times, channels, ids, offsets } = concat(this.#batches);
    return {
      partition,
      series: [...lanes].map((lane) => this.#lanes.keys[lane]!),
      times: times.slice(),
      channels: channels.map((channel) => channel.slice()),
      ids: ids ? ids.slice() : null,
      offsets: offsets.slice(),
    };
  }

  restore(saved: Saved): void {
    this.#batches = [];
    this.from = Infinity;
    if (saved === null) return;
    const { partition, series, times, channels, ids, offsets } = saved as unknown as {
      partition: number;
      series: string[];
      times: Float64Array;
      channels: Float64Array[];
      ids: Float64Array | null;
      offsets: Float64Array;
    };
    const lanes = Int32Array.from(series, (key) => this.#lanes.lane(key));
    this.push({ partition, lanes, times, channels, offsets, ...(ids ? { ids } : {}) });
  }
}

/** How far each partition has come in event time, and from these the watermark. */
import type { Saved, Stateful } from '../core/state.ts';

interface ClockOptions {
  readonly lateness?: number;
  readonly maxAhead?: number;
  /**
   * A partition whose newest time is further behind the newest of all than this, and that has nothing to be read, does not hold back the
   * watermark, ms. Default: none is left out.
   */
  readonly idleAfter?: number;
}

/** Ticks of the future in a row after which the future is believed. */
const PATIENCE = 3;
/** As in `clean`: a year. */
const MAX_AHEAD = 366 * 86_400_000;

export class PartitionClocks implements Stateful {
  readonly #options: ClockOptions;
  /** Newest event time by partition. */
  readonly #newest: Record<string, number> = {};
  /** Newest time that was not believed, and how often in a row, by partition. */
  readonly #ahead: Record<string, { time: number; count: number }> = {};
  /** Partitions that have something to be read, and its event time. */
  waiting: Readonly<Record<string, number>> = {};

  constructor(options: ClockOptions) {
    this.#options = options;
  }

  get newest(): number {
    return Math.max(-Infinity, ...Object.values(this.#newest));
  }

  /** No tick before this event time is still to come. */
  get watermark(): number {
    const { lateness = 0, idleAfter = Infinity } = this.#options;
    const newest = this.newest;
    let least = Infinity;
    for (const partition in this.#newest) {
      const time = this.#newest[partition]!;
      if (time < least && (newest - time <= idleAfter || partition in this.waiting)) least = time;
    }
    if (least === Infinity) return -Infinity;
    // a partition that was not heard of yet
    for (const partition in this.waiting) if (!(partition in this.#newest)) least = Math.min(least, this.waiting[partition]!);
    return least - lateness;
  }

  of(partition: string): number {
    return this.#newest[partition] ?? -Infinity;
  }

  /** Whether a time later than its partition's newest moves the clock: one far ahead must be followed by others that agree. */
  believes(partition: string, time: number): boolean {
    const newest = this.of(partition);
    const { maxAhead = MAX_AHEAD } = this.#options;
    if (time === Infinity) return false;
    if (newest === -Infinity || time - newest <= maxAhead) return true;
    const before = this.#ahead[partition];
    if (before && time <= before.time) return false;
    const count = (before?.count ?? 0) + 1;
    this.#ahead[partition] = { time, count };
    return count > PATIENCE;
  }

  advance(partition: string, time: number): void {
    if (time > this.of(partition)) delete this.#ahead[partition];
    this.#newest[partition] = time;
  }

  /** What was there to be read of a partition was read. */
  done(partition: string): void {
    const { [partition]: _, ...rest } = this.waiting;
    this.waiting = rest;
  }

  /** The partition holds nothing back any more. */
  forget(partition: string): void {
    delete this.#newest[partition];
  }

  snapshot(): Saved {
    return {
      newest: { keys: Object.keys(this.#newest), times: Float64Array.from(Object.values(this.#newest)) },
      ahead: Object.fromEntries(Object.entries(this.#ahead).map(([key, each]) => [key, { ...each }])),
      waiting: { keys: Object.keys(this.waiting), times: Float64Array.from(Object.values(this.waiting)) },
    };
  }

  restore(saved: Saved): void {
    const { newest, ahead, waiting } = saved as unknown as {
      newest: { keys: string[]; times: Float64Array };
      ahead: Record<string, { time: number; count: number }>;
      waiting: { keys: string[]; times: Float64Array };
    };
    newest.keys.forEach((key, i) => (this.#newest[key] = newest.times[i]!));
    Object.assign(this.#ahead, ahead);
    this.waiting = Object.fromEntries(waiting.keys.map((key, i) => [key, waiting.times[i]!]));
  }
}

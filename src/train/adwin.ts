/** ADWIN: whether the mean of a bounded stream has moved, over a window that finds its own length. */
import { log } from '../core/math/math.ts';
import type { Column, Lanes } from '../core/lanes.ts';

/** Buckets of one size; one more and the two oldest become one of the next. */
const BUCKETS = 3;
/** Sizes: 1, 2, 4, ... values. Beyond `BUCKETS x (2^LEVELS - 1)` values the oldest are forgotten. */
const LEVELS = 9;
/** Values below which a part of the window is not compared. */
const LEAST = 3;
/** How often a mean that does not move is taken for one that does: at most this, over all cuts of a window. */
const DELTA = 0.002;
/** Per level: number of buckets, then sum and squared deviation of each, oldest first. */
const LEVEL = 1 + 2 * (BUCKETS + 1);

export interface AdwinOptions {
  /** Windows a series. */
  readonly cells: number;
  /** Each value is a mean over so many draws between 0 and 1. */
  readonly draws: number;
  /** Prefix of the column. */
  readonly name: string;
}

/**
 * ADWIN2 (Bifet and Gavalda, "Learning from time-changing data with adaptive windowing", SIAM International Conference on Data Mining,
 * 2007). The window is cut into an older and a newer part wherever two buckets meet; with m the harmonic mean of their lengths halved,
 * v the window's variance and d = DELTA / ln(window), the parts differ when their means are further apart than
 * sqrt(2 v ln(2/d) / m) + 2 ln(2/d) / (3 m draws), and the oldest bucket goes. The last term is Bernstein's for values that may lie anywhere
 * between 0 and 1; a mean over `draws` of them lies that much closer together.
 *
 * Per series and cell 81 doubles, O(log window) for a window of at most 1533 values; a value costs O(log window).
 */
export class Adwin {
  readonly #options: AdwinOptions;
  readonly #column: Column<Float64Array>;

  constructor(lanes: Lanes, options: AdwinOptions) {
    this.#options = options;
    this.#column = lanes.f64(`${options.name}.window`, options.cells * LEVELS * LEVEL);
  }

  /** One more value of a cell: 1 where the mean has grown, -1 where it has shrunk, else 0. */
  add(lane: number, cell: number, value: number): -1 | 0 | 1 {
    const from = (lane * this.#options.cells + cell) * LEVELS * LEVEL;
    this.#insert(from, value);
    const moved = this.#cut(from);
    for (let cut: number = moved; cut !== 0; cut = this.#cut(from)) this.#dropOldest(from);
    return moved;
  }

  /** Empties a window. */
  clear(lane: number, cell: number): void {
    const from = (lane * this.#options.cells + cell) * LEVELS * LEVEL;
    this.#column.data.fill(0, from, from + LEVELS * LEVEL);
  }

  /** Values in the window, and their mean. */
  window(lane: number, cell: number): { readonly length: number; readonly mean: number } {
    const { length, sum } = this.#total((lane * this.#options.cells + cell) * LEVELS * LEVEL);
    return { length, mean: sum / length };
  }

  #insert(from: number, value: number): void {
    const data = this.#column.data;
    let [sum, squares] = [value, 0];
    for (let level = 0; level < LEVELS; level++) {
      const at = from + level * LEVEL;
      const n = data[at]!;
      data[at + 1 + 2 * n] = sum;
      data[at + 2 + 2 * n] = squares;
      data[at] = n + 1;
      if (n < BUCKETS) return;
      const size = 1 << level;
      const apart = (data[at + 1]! - data[at + 3]!) / size;
      sum = data[at + 1]! + data[at + 3]!;
      squares = data[at + 2]! + data[at + 4]! + (apart * apart * size) / 2;
      this.#shift(at, 2);
    }
  }

  /** Takes the oldest buckets of a level away. */
  #shift(at: number, buckets: number): void {
    const data = this.#column.data;
    data.copyWithin(at + 1, at + 1 + 2 * buckets, at + LEVEL);
    data.fill(0, at + LEVEL - 2 * buckets, at + LEVEL);
    data[at] = data[at]! - buckets;
  }

  #dropOldest(from: number): void {
    for (let level = LEVELS - 1; level >= 0; level--) {
      if (this.#column.data[from + level * LEVEL]! === 0) continue;
      return this.#shift(from + level * LEVEL, 1);
    }
  }

  #total(from: number): { readonly length: number; readonly sum: number; readonly squares: number } {
    const data = this.#column.data;
    let [length, sum, squares] = [0, 0, 0];
    for (let level = LEVELS - 1; level >= 0; level--) {
      const at = from + level * LEVEL;
      const size = 1 << level;
      for (let bucket = 0; bucket < data[at]!; bucket++) {
        const own = data[at + 1 + 2 * bucket]!;
        const apart = length > 0 ? sum / length - own / size : 0;
        squares += data[at + 2 + 2 * bucket]! + (apart * apart * length * size) / (length + size);
        length += size;
        sum += own;
      }
    }
    return { length, sum, squares };
  }

  /** 1 or -1 where some cut parts a newer mean that is higher, or lower; else 0. */
  #cut(from: number): -1 | 0 | 1 {
    const data = this.#column.data;
    const { length, sum, squares } = this.#total(from);
    if (length < 2 * LEAST) return 0;
    const spread = log((2 * log(length)) / DELTA);
    let [older, olderSum] = [0, 0];
    for (let level = LEVELS - 1; level >= 0; level--) {
      const at = from + level * LEVEL;
      for (let bucket = 0; bucket < data[at]!; bucket++) {
        older += 1 << level;
        olderSum += data[at + 1 + 2 * bucket]!;
        const newer = length - older;
        if (older < LEAST) continue;
        if (newer < LEAST) return 0;
        const m = 1 / (1 / older + 1 / newer);
        const bound = Math.sqrt((2 * (squares / length) * spread) / m) + (2 * spread) / (3 * m * this.#options.draws);
        const apart = (sum - olderSum) / newer - olderSum / older;
        if (Math.abs(apart) > bound) return apart > 0 ? 1 : -1;
      }
    }
    return 0;
  }
}

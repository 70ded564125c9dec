/** Level and scale of each input, block by block, and whether they have moved. */
import { log } from '../core/math/math.ts';
import type { Column, Lanes } from '../core/lanes.ts';
import { PageHinkley } from './page-hinkley.ts';

/** Per channel: sums of the values and of the |changes| of the open block, and their numbers. */
const OPEN = 4;
/** Per feature: number of blocks, the last one's value, mean |difference| from block to block. */
const CLOSED = 3;
const FEATURES = 2;
/** How many usual differences must add up: a level may wander, a scale hardly does. */
const LEVEL_THRESHOLD = 10;
const SCALE_THRESHOLD = 6;
/** Differences before one is judged. */
const ENOUGH = 8;
/** Newer differences count at least this much in their mean. */
const SCALE_WEIGHT = 1 / 64;
/** A difference counts as at most this many usual ones, in their mean and as evidence. */
const CUT = 100;
const MEAN_CUT = 4;

/**
 * The level of a block is its mean value, its scale the logarithm of its mean |change| from row to row. {@link PageHinkley} sees how each
 * differs from the block before, in units of how much it usually does: sums of differences are how far a series has gone, and one that
 * wanders is expected to; only what goes further and faster than it ever does is drift.
 *
 * 18 doubles a channel.
 */
export class InputBlocks {
  readonly #channels: number;
  readonly #rows: number;
  readonly #open: Column<Float64Array>;
  readonly #closed: Column<Float64Array>;
  readonly #test: PageHinkley;

  /** `rows`: in a block. */
  constructor(lanes: Lanes, channels: number, rows: number) {
    this.#channels = channels;
    this.#rows = rows;
    this.#open = lanes.f64('drift.open', channels * OPEN);
    this.#closed = lanes.f64('drift.closed', channels * FEATURES * CLOSED);
    this.#test = new PageHinkley(lanes, { name: 'drift.inputs', cells: channels * FEATURES });
  }

  /** A row's value, and its |change| from the row before; NaN where there is none. */
  add(lane: number, channel: number, value: number, change: number): void {
    const open = this.#open.data;
    const at = (lane * this.#channels + channel) * OPEN;
    if (value === value) {
      open[at] = open[at]! + value;
      open[at + 1] = open[at + 1]! + 1;
    }
    if (change === change) {
      open[at + 2] = open[at + 2]! + change;
      open[at + 3] = open[at + 3]! + 1;
    }
  }

  /** Ends a block; whether level or scale have moved. A block with half of its values missing is passed over. */
  close(lane: number, channel: number): boolean {
    const open = this.#open.data;
    const at = (lane * this.#channels + channel) * OPEN;
    const [sum, values, moved, changes] = [open[at]!, open[at + 1]!, open[at + 2]!, open[at + 3]!];
    open.fill(0, at, at + OPEN);
    if (Math.min(values, changes) * 2 < this.#rows) return false;
    const level = this.#judge(lane, channel * FEATURES, sum / values, LEVEL_THRESHOLD);
    const scale = this.#judge(lane, channel * FEATURES + 1, log(Math.max(moved / changes, Number.MIN_VALUE)), SCALE_THRESHOLD);
    return level || scale;
  }

  #judge(lane: number, feature: number, value: number, threshold: number): boolean {
    const closed = this.#closed.data;
    const cell = lane * this.#channels * FEATURES + feature;
    const at = cell * CLOSED;
    const n = closed[at]!;
    const difference = value - closed[at + 1]!;
    // sums of huge values overflow
    if (difference - difference !== 0) return false;
    closed[at] = n + 1;
    closed[at + 1] = value;
    if (n === 0) return false;
    const usual = closed[at + 2]!;
    const bounded = usual > 0 ? Math.min(Math.abs(difference), MEAN_CUT * usual) : Math.abs(difference);
    closed[at + 2] = usual + Math.max(1 / n, SCALE_WEIGHT) * (bounded - usual);
    if (n <= ENOUGH || difference === 0) return false;
    if (!this.#test.add(lane, feature, Math.max(-CUT, Math.min(CUT, difference / usual)), threshold)) return false;
    // what is usual from here on is learned anew
    closed[at] = 1;
    closed[at + 2] = 0;
    return true;
  }
}

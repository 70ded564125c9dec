/**
 * Where a season ago lies among a series' rows. On the grid it is a number of rows; where rows are missing, late or double it is the
 * row from which so many rows of the grid lead to the time asked for, by the clock on the wall: that is what a day follows where clocks are
 * changed, and what a file of local times without the repeated hour is even by.
 */
import type { Ring } from '../window/ring.ts';
import type { GridClock } from './forecaster.ts';

/** Over how many of the last rows it is seen how late they came; over the last of these the latest row, which may have been a mere gap, does not count: that is what is expected of the next. */
export const LATE = [1, 6, 24] as const;
/** A row counts as at most this many intervals late. */
const LATEST = 10;
/** A row further off than this share of the season is of another phase. */
const NEAR = 1 / 24;

export class SeasonRows {
  readonly #ring: Ring;
  readonly #clock: GridClock;
  readonly #late = new Float32Array(LATE.length);

  constructor(ring: Ring, clock: GridClock) {
    this.#ring = ring;
    this.#clock = clock;
  }

  /** Whether the last `rows` rows before the one `back` rows ago, as far as they are held, lie on the grid to half an interval. */
  isEven(lane: number, back: number, rows: number): boolean {
    const ring = this.#ring;
    const known = Math.min(rows, ring.held(lane) - back - 1);
    if (known <= 0) return true;
    const [then, now] = [ring.time(lane, back + known), ring.time(lane, back)];
    const off = this.#clock.after(then, known) - now;
    const half = this.#clock.interval / 2;
    return Math.abs(off) <= half || Math.abs(off + this.#changed(then, now)) <= half;
  }

  /** By how many intervals the row `back` rows ago was late for its grid: a closed market is no delay. Below 0 where it came early. */
  late(lane: number, back: number): number {
    const ring = this.#ring;
    const { interval } = this.#clock;
    const [time, before] = [ring.time(lane, back), ring.time(lane, back + 1)];
    const late = (time - before) / interval - 1;
    if (Math.abs(late) <= 0.5) return late;
    const passed = (time - this.#clock.after(before, 1)) / interval;
    const byTheWall = passed - this.#changed(before, time) / interval;
    return Math.abs(byTheWall) < Math.abs(passed) ? byTheWall : passed;
  }

  /** Writes the mean lateness over the last {@link LATE} rows, each at most {@link LATEST} intervals; the last without the largest. */
  writeLate(lane: number, back: number, into: Float32Array, to: number): void {
    const rows = Math.min(LATE[2], this.#ring.held(lane) - back - 1);
    let [sum, most, f] = [0, -Infinity, to];
    for (let i = 1; i <= rows; i++) {
      const late = Math.min(LATEST, this.late(lane, back + i - 1));
      sum += late;
      if (late > most) most = late;
      if (i === LATE[f - to] && f < to + 2) into[f++] = sum / i;
    }
    for (; f < to + 2; f++) into[f] = rows > 0 ? sum / rows : 0;
    into[f] = rows > 1 ? (sum - most) / (rows - 1) : 0;
  }

  /** How many intervals pass until the next row, if they come as late as the last ones did: 1 on the grid. */
  pace(lane: number, back: number): number {
    if (this.isEven(lane, back, LATE[2])) return 1;
    this.writeLate(lane, back, this.#late, 0);
    return 1 + this.#late[2]!;
  }

  /** When the row `step` steps after the one `back` rows ago is to be expected, at a {@link pace}. Epoch ms. */
  due(lane: number, back: number, step: number, pace: number): number {
    return this.#clock.after(this.#ring.time(lane, back), step) + step * (pace - 1) * this.#clock.interval;
  }

  /** How far back the row is, not newer than the one `back` rows ago, from which `rows` rows of the grid lead nearest to a time; -1 where none leads near, for a season of so many rows. */
  before(lane: number, back: number, rows: number, time: number, season: number): number {
    let [newer, older] = [back, this.#ring.held(lane) - 1];
    if (!(this.#off(lane, older, rows, time) <= 0)) return -1;
    while (newer < older) {
      const middle = (newer + older) >> 1;
      if (this.#off(lane, middle, rows, time) <= 0) older = middle;
      else newer = middle + 1;
    }
    const off = -this.#off(lane, older, rows, time);
    const other = older > back ? this.#off(lane, older - 1, rows, time) : Infinity;
    return Math.min(off, other) <= NEAR * season * this.#clock.interval ? older - Number(other < off) : -1;
  }

  /** The same for the row `step` steps on, the nearest whole number of seasons before it; `step` 0: for the row itself, one season before. */
  phase(lane: number, back: number, step: number, pace: number, season: number): number {
    const seasons = Math.max(1, Math.ceil((step * pace) / season));
    return this.before(lane, back, seasons * season, this.due(lane, back, step, pace), season);
  }

  #off(lane: number, row: number, rows: number, time: number): number {
    const then = this.#ring.time(lane, row);
    return this.#clock.after(then, rows) - time + this.#changed(then, time);
  }

  /** By how much clocks were put back between two times, ms. */
  #changed(from: number, to: number): number {
    return this.#clock.offset(from) - this.#clock.offset(to);
  }
}

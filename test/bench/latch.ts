/**
 * Made-up series whose next value depends on something long past: what a window of lags cannot hold and a carried state can.
 *
 * Four rows of +1 or of -1 on the channel `set` say which way a switch now stands. Later, for one row, `cue` is 1: in the row after it `value`
 * leaves its daily wave by 1, in the direction of the switch. Between the two nothing tells how the switch stands. Six times out of seven the
 * cue comes 5 to 94 rows after the switch was set (so that truncated back-propagation can see both), the seventh time more than 200 rows after it
 * was last seen: those responses are `late`, and half of them go each way.
 */

import { log, sin } from '../../src/core/math/math.ts';
import { Random, seedOf } from '../../src/core/random.ts';

/** A row is `value`, `set`, `cue`. */
export interface LatchSeries {
  readonly name: string;
  readonly value: Float64Array;
  readonly set: Float64Array;
  readonly cue: Float64Array;
  /** 1 in the rows of late responses. */
  readonly late: Uint8Array;
}

export interface LatchOptions {
  readonly series: number;
  /** Rows a series. */
  readonly rows: number;
  /** Rows from where the switch is set to a cue, and to a late one: from, to. */
  readonly soon?: readonly [number, number];
  readonly late?: readonly [number, number];
  readonly seed?: number;
}

const SOON_IN_A_ROW = 6;
/** Rows in which the switch is seen. */
const SEEN = 4;
const DAY = 24;
const WAVE = 0.25;
const NOISE = 0.005;
/** Of the channel `set`: running levels of it must not hold for ever what was seen. */
const SET_NOISE = 0.001;

/** The same for the same options, on every machine. */
export function latches({ series, rows, soon = [5, 94], late = [205, 264], seed = 1 }: LatchOptions): LatchSeries[] {
  return Array.from({ length: series }, (_, s) => {
    const random = new Random(seedOf('latch', seed, s));
    const between = ([from, to]: readonly [number, number]) => from + random.below(to - from + 1);
    const [value, set, cue, lates] = [
      new Float64Array(rows),
      new Float64Array(rows),
      new Float64Array(rows),
      new Uint8Array(rows),
    ];
    let bag: number[] = [];
    let row = random.below(100);
    for (let n = 1; row < rows; n++) {
      const isLate = n % (SOON_IN_A_ROW + 1) === 0;
      if (bag.length === 0) bag = Array.from(random.permutation(4), (i) => (i % 2 === 0 ? 1 : -1));
      const way = isLate ? bag.pop()! : random.uniform() < 0.5 ? -1 : 1;
      set.fill(way, row, row + SEEN);
      row += between(isLate ? late : soon);
      if (row + 1 < rows) {
        cue[row] = 1;
        value[row + 1] = way;
        lates[row + 1] = isLate ? 1 : 0;
      }
      row += between([3, 10]);
    }
    for (let i = 0; i < rows; i++) {
      value[i] = value[i]! + NOISE * random.normal(log) + WAVE * sin((2 * Math.PI * i) / DAY);
      set[i] = set[i]! + SET_NOISE * random.normal(log);
    }
    return { name: `s${s}`, value, set, cue, late: lates };
  });
}

/** As the lines of a CSV file, one row of every series an hour. */
export function latchLines(all: readonly LatchSeries[]): string[] {
  const lines = ['time,series,value,set,cue'];
  for (let row = 0; row < all[0]!.value.length; row++)
    for (const { name, value, set, cue } of all)
      lines.push(`${new Date(Date.UTC(2020, 0, 1, row)).toISOString()},${name},${value[row]},${set[row]},${cue[row]}`);
  return lines;
}

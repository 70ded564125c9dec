/** Page-Hinkley: whether the mean of a stream has moved, in four numbers. */
import type { Column, Lanes } from '../core/lanes.ts';

export interface PageHinkleyOptions {
  /** Streams a series. */
  readonly cells: number;
  /** Prefix of the column. */
  readonly name: string;
}

/** What a value may lie off the mean without counting. */
const SLACK = 0.5;
/** Count, mean, and what adds up above and below it. */
const SIZE = 4;

/**
 * The Page-Hinkley test (Page, "Continuous inspection schemes", Biometrika 41, 1954; Hinkley, "Inference about the change-point from
 * cumulative sum tests", Biometrika 58, 1971), both sides: g = max(0, g + x - mean - SLACK) is Hinkley's sum less its least so far, and so
 * for -x. Values come in units in which 1 is usual. After a detection it begins anew.
 */
export class PageHinkley {
  readonly #cells: number;
  readonly #column: Column<Float64Array>;

  constructor(lanes: Lanes, { cells, name }: PageHinkleyOptions) {
    this.#cells = cells;
    this.#column = lanes.f64(`${name}.sums`, cells * SIZE);
  }

  /** One more value of a cell; whether the mean has moved, which it has when more than `threshold` adds up. */
  add(lane: number, cell: number, value: number, threshold: number): boolean {
    const data = this.#column.data;
    const at = (lane * this.#cells + cell) * SIZE;
    const n = data[at]! + 1;
    const off = value - data[at + 1]!;
    data[at] = n;
    // no change at all counts as one value: the first alone is no mean
    data[at + 1] = data[at + 1]! + off / (n + 1);
    data[at + 2] = Math.max(0, data[at + 2]! + off - SLACK);
    data[at + 3] = Math.max(0, data[at + 3]! - off - SLACK);
    if (data[at + 2]! <= threshold && data[at + 3]! <= threshold) return false;
    data.fill(0, at, at + SIZE);
    return true;
  }
}

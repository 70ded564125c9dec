/** What becomes of rows that are missing from a series' grid. */
import { ROW_IMPUTED, ROW_RESET } from '../core/batch.ts';
import type { Column, Lanes } from '../core/lanes.ts';
import type { RowWriter } from './row-writer.ts';

/**
 * - `mask`: nothing is filled in; the next row says how many grid steps it is away (`steps`) and how long (`elapsed`).
 * - `forward-fill`: up to `limit` missing rows are written as imputed ones; after a longer gap nothing is, and the next row resets.
 * - `reset`: like `mask`, but after a gap of more than `limit` rows the next row resets.
 */
export type GapPolicy = 'forward-fill' | 'mask' | 'reset';

export interface GapOptions {
  readonly policy: GapPolicy;
  /** In missing rows. */
  readonly limit: number;
  readonly channels: number;
  /** Whether `steps` counts missing rows. It does for bars; where every tick is a row, the next row is always one step away. */
  readonly spaced: boolean;
  /** Nominal time of the row `steps` after a row. */
  readonly after: (time: number, steps: number) => number;
}

/** Writes each series' rows and, between them, what their gaps call for. */
export class Gaps {
  /** Time of the last observed row, epoch ms; NaN before the first. */
  readonly time: Column<Float64Array>;
  readonly #options: GapOptions;
  /** What a row right after the last one holds when nothing was observed. */
  readonly #fill: Column<Float64Array> | undefined;

  constructor(lanes: Lanes, options: GapOptions) {
    this.#options = options;
    this.time = lanes.f64('window.time', 1, NaN);
    this.#fill = options.policy === 'forward-fill' ? lanes.f64('window.fill', options.channels) : undefined;
  }

  /**
   * Writes an observed row, `missing` grid rows after the one before it.
   * `fill` are the values of imputed rows that may have to follow it.
   */
  row(out: RowWriter, lane: number, time: number, missing: number, values: Float64Array, fill: Float64Array): void {
    const { policy, limit, channels, spaced } = this.#options;
    const times = this.time.data;
    const last = times[lane]!;
    const first = last !== last;
    const filled = this.#fill && missing > 0 && missing <= limit ? missing : 0;
    for (let step = 1; step <= filled; step++) {
      const when = this.#options.after(last, step);
      out.push(lane, when, this.#fill!.data, lane * channels, when - last, 1, ROW_IMPUTED);
    }
    const resets = policy !== 'mask' && missing > limit;
    const steps = spaced ? 1 + missing - filled : 1;
    out.push(lane, time, values, 0, first ? 0 : time - last, steps, resets ? ROW_RESET : 0);
    times[lane] = time;
    if (this.#fill) for (let c = 0; c < channels; c++) this.#fill.data[lane * channels + c] = fill[c]!;
  }
}

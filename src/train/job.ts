/** What a training is made of: everything it needs and nothing else, so that it can run anywhere and be run again. */
import type { CalendarOptions } from '../window/calendar.ts';
import { seedOf } from '../core/random.ts';
import type { FeatureSizes } from '../forecast/features.ts';
import type { RowScaler } from '../forecast/row-scaler.ts';
import type { Lanes } from '../core/lanes.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import type { Ring } from '../window/ring.ts';
import { readRing, seriesNames, type RingRows } from '../window/sequences.ts';

export interface TrainingOptions {
  /** Newest rows a series that are used. */
  readonly rows: number;
  /** Rows over all series; beyond it series are drawn by chance. */
  readonly maxRows: number;
  /** Share of each series' rows, the newest, on which challenger and champion are compared. */
  readonly holdout: number;
  readonly epochs: number;
  readonly batch: number;
  /** Backward depth: steps of truncated BPTT. */
  readonly steps: number;
  /** Rows before a sequence that only warm its state. */
  readonly burnIn: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Largest global gradient norm. */
  readonly clip: number;
  readonly loss: 'squared' | 'huber' | 'absolute';
}

/** One series' rows up to the trigger, oldest first. */
export interface SeriesRows extends RingRows {
  readonly name: string;
  /** The scaler as it stood after the first of these rows. */
  readonly scaler: Float64Array;
}

export interface TrainingJob {
  /** Event time up to which rows are used, epoch ms. */
  readonly trigger: number;
  readonly seed: number;
  /** The network, if one is trained. */
  readonly shape: NetworkShape | undefined;
  /** Models that are fitted in one go. */
  readonly fitted: readonly string[];
  readonly sizes: FeatureSizes;
  readonly quantiles: readonly number[];
  readonly calendar: CalendarOptions;
  /** The weights in force: champion, and where the challenger starts from. */
  readonly weights: Weights;
  /** Whether the champion is the untrained network. */
  readonly first: boolean;
  readonly options: TrainingOptions;
  readonly series: readonly SeriesRows[];
}

export interface TrainingResult {
  readonly accepted: boolean;
  readonly weights: Weights;
  /** Training loss of the last epoch, per output, in scaled units. */
  readonly loss: number;
  /** Held-out losses. */
  readonly champion: number;
  readonly challenger: number;
  readonly rows: number;
  readonly series: number;
  /** Rows of the longest series. */
  readonly longest: number;
  /** Largest gradient norm met before clipping. */
  readonly gradientNorm: number;
  /** Updates of the challenger, and those whose gradient was clipped. */
  readonly updates: number;
  readonly clipped: number;
}

/** Collects the rows of every series, spilled ones included, in name order; beyond `maxRows` series are drawn by hash(seed, trigger, name). */
export function collectRows(
  lanes: Lanes,
  ring: Ring,
  scaler: RowScaler,
  trigger: number,
  seed: number,
  options: TrainingOptions,
): SeriesRows[] {
  // each series by a draw of its own: one without rows yet, or the next one to come, must not change who else is chosen
  const drawn = seriesNames(lanes).map((name) => ({ name, draw: seedOf(seed, 'series', trigger, name) }));
  drawn.sort((a, b) => a.draw - b.draw || (a.name < b.name ? -1 : 1));
  const chosen: SeriesRows[] = [];
  let rows = 0;
  for (const { name } of drawn) {
    if (rows >= options.maxRows) break;
    const series = readRing(lanes, ring, name, trigger);
    if (series.times.length === 0) continue;
    chosen.push({ name, ...series, scaler: tailOf(lanes, scaler, name) });
    rows += series.times.length;
  }
  return chosen.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function tailOf(lanes: Lanes, scaler: RowScaler, name: string): Float64Array {
  const lane = lanes.find(name);
  return lane >= 0 ? scaler.tailOf(lane) : (lanes.peekSpilled(name, scaler.tail) as Float64Array);
}

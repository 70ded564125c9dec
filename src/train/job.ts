/** What a training is made of: everything it needs and nothing else, so that it can run anywhere and be run again. */
import type { CalendarOptions } from '../window/calendar.ts';
import { Random, seedOf } from '../core/random.ts';
import type { FeatureSizes } from '../forecast/features.ts';
import type { Recurrent } from '../forecast/recurrent.ts';
import type { Lanes } from '../core/lanes.ts';
import type { NetworkShape, Weights } from '../nn/shape.ts';
import type { Ring } from '../window/ring.ts';

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
export interface SeriesRows {
  readonly name: string;
  readonly times: Float64Array;
  /** Row-major `rows x channels`, raw. */
  readonly values: Float64Array;
  readonly flags: Uint8Array;
  /** The scaler as it stood after the first of these rows, and which row of the series that is (1 for its first). */
  readonly scaler: Float64Array;
  readonly first: number;
}

export interface TrainingJob {
  /** Event time up to which rows are used, epoch ms. */
  readonly trigger: number;
  readonly seed: number;
  readonly shape: NetworkShape;
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
  /** Largest gradient norm met before clipping. */
  readonly gradientNorm: number;
}

/** Collects the rows of every series, spilled ones included, in name order; beyond `maxRows` series are drawn by hash(seed, trigger). */
export function collectRows(lanes: Lanes, ring: Ring, recurrent: Recurrent, trigger: number, seed: number, options: TrainingOptions): SeriesRows[] {
  const names = [...lanes.keys.filter((key) => key !== undefined), ...(lanes.spill?.keys() ?? [])].sort();
  const random = new Random(seedOf(seed, 'series', trigger));
  const order = random.permutation(names.length);
  const chosen: SeriesRows[] = [];
  let rows = 0;
  for (let i = 0; i < order.length && rows < options.maxRows; i++) {
    const name = names[order[i]!]!;
    const series = seriesRows(name, readSeries(lanes, ring, recurrent, name), ring, trigger);
    if (!series) continue;
    chosen.push(series);
    rows += series.times.length;
  }
  return chosen.sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface RawSeries {
  readonly count: number;
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly flags: Uint8Array;
  readonly tail: Float64Array;
}

function readSeries(lanes: Lanes, ring: Ring, recurrent: Recurrent, name: string): RawSeries {
  const lane = lanes.find(name);
  const { capacity, channels } = ring;
  if (lane >= 0) {
    return {
      count: ring.total(lane),
      times: ring.times.data.subarray(lane * capacity, (lane + 1) * capacity),
      values: ring.values.data.subarray(lane * capacity * channels, (lane + 1) * capacity * channels),
      flags: ring.flags.data.subarray(lane * capacity, (lane + 1) * capacity),
      tail: recurrent.tail(lane),
    };
  }
  const read = (column: Parameters<Lanes['peekSpilled']>[1]) => lanes.peekSpilled(name, column)!;
  return {
    count: read(ring.count)[0]!,
    times: read(ring.times) as Float64Array,
    values: read(ring.values) as Float64Array,
    flags: read(ring.flags) as Uint8Array,
    tail: read(recurrent.tailColumn) as Float64Array,
  };
}

function seriesRows(name: string, raw: RawSeries, ring: Ring, trigger: number): SeriesRows | undefined {
  const { capacity, channels } = ring;
  const held = Math.min(raw.count, capacity);
  let n = held;
  // newest rows may be later than the trigger
  while (n > 0 && raw.times[(raw.count - held + n - 1) % capacity]! > trigger) n--;
  if (n === 0) return undefined;
  const times = new Float64Array(n);
  const values = new Float64Array(n * channels);
  const flags = new Uint8Array(n);
  for (let j = 0; j < n; j++) {
    const slot = (raw.count - held + j) % capacity;
    times[j] = raw.times[slot]!;
    flags[j] = raw.flags[slot]!;
    for (let c = 0; c < channels; c++) values[j * channels + c] = raw.values[slot * channels + c]!;
  }
  return { name, times, values, flags, scaler: raw.tail.slice(), first: raw.count - held + 1 };
}

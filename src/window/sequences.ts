/** Which rows of the rings are training sequences: index logic only, copying is the caller's. */
import type { Column, ColumnArray, Lanes } from '../core/lanes.ts';
import type { Ring } from './ring.ts';

/** A series' rows in order of time. */
export interface SeriesRows {
  /** Epoch ms, one a row. */
  readonly times: Float64Array;
  /** Row-major `rows x channels`, raw. */
  readonly values: Float64Array;
  /** `ROW_IMPUTED`, `ROW_RESET` of each row. */
  readonly flags: Uint8Array;
}

export interface SequenceOptions {
  /** Only rows at or before this event time, epoch ms. */
  readonly until: number;
  /** Rows of a sequence, without its burn-in. */
  readonly length: number;
  /** Rows from one sequence's start to the next's. */
  readonly stride: number;
  /** Rows before a sequence that only warm the state up; fewer where the ring does not reach back so far. Default: 0. */
  readonly burnIn?: number | undefined;
}

/** `burnIn` rows to warm up, then `length` rows to learn from. */
export interface Sequence {
  readonly key: string;
  /** Lane of the series, or -1 when it is spilled. */
  readonly lane: number;
  /** First row (of the burn-in), counted in the rows that `readRing` gives for the same `until`. */
  readonly first: number;
  /** The same row counted back from the newest in the ring: `ring.value(lane, firstBack, channel)`, the next is at `firstBack - 1`. */
  readonly firstBack: number;
  readonly burnIn: number;
  readonly length: number;
}

/** Names of all series, live and spilled, in the order of their UTF-16 code units: the same on every machine. */
export function seriesNames(lanes: Lanes): string[] {
  const names = new Set(lanes.spill?.keys() ?? []);
  for (const key of lanes.keys) if (key !== undefined) names.add(key);
  return [...names].sort();
}

/** A copy of a series' rows up to `until` (epoch ms, inclusive), live or spilled, oldest first; empty for an unknown series. */
export function readRing(lanes: Lanes, ring: Ring, key: string, until: number): SeriesRows {
  const { capacity, channels } = ring;
  const lane = lanes.find(key);
  const { held, newest, rows } = extent(lanes, ring, key, until);
  const times = part(lanes, ring.times, key, lane);
  const values = part(lanes, ring.values, key, lane);
  const flags = part(lanes, ring.flags, key, lane);
  const out = { times: new Float64Array(rows), values: new Float64Array(rows * channels), flags: new Uint8Array(rows) };
  for (let row = 0; row < rows; row++) {
    const slot = (newest - held + 1 + row) % capacity;
    out.times[row] = times[slot]!;
    out.flags[row] = flags[slot]!;
    for (let c = 0; c < channels; c++) out.values[row * channels + c] = values[slot * channels + c]!;
  }
  return out;
}

/**
 * The sequences of all series, series in name order, each series' from old to new.
 *
 * The last sequence of a series ends with its newest row at or before `until`; the others lie whole strides before it. A series
 * with fewer than `length` rows has none.
 */
export function planSequences(lanes: Lanes, ring: Ring, options: SequenceOptions): Sequence[] {
  const plan: Sequence[] = [];
  for (const key of seriesNames(lanes)) {
    const { held, rows } = extent(lanes, ring, key, options.until);
    for (const { first, burnIn, length } of cutSequences(rows, options)) {
      plan.push({ key, lane: lanes.find(key), first, firstBack: held - 1 - first, burnIn, length });
    }
  }
  return plan;
}

/** The sequences in `rows` consecutive rows: where each begins (with its burn-in), from old to new. */
export function cutSequences(
  rows: number,
  { length, stride, burnIn = 0 }: Omit<SequenceOptions, 'until'>,
): { readonly first: number; readonly burnIn: number; readonly length: number }[] {
  const cut = [];
  const step = Math.max(1, stride);
  for (let start = (rows - length) % step; length > 0 && start <= rows - length; start += step) {
    if (start < 0) continue;
    const before = Math.min(burnIn, start);
    cut.push({ first: start - before, burnIn: before, length });
  }
  return cut;
}

/** How many rows a ring holds of a series, how many of them lie at or before `until`, and the number of its newest. */
function extent(lanes: Lanes, ring: Ring, key: string, until: number): { held: number; rows: number; newest: number } {
  const lane = lanes.find(key);
  const count = part(lanes, ring.count, key, lane)[0] ?? 0;
  const held = Math.min(count, ring.capacity);
  const times = part(lanes, ring.times, key, lane);
  let low = 0;
  let high = held;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[(count - held + middle) % ring.capacity]! <= until) low = middle + 1;
    else high = middle;
  }
  return { held, rows: low, newest: count - 1 };
}

/** One series' numbers of a column: a view if it is live, a copy if it is spilled. */
function part(lanes: Lanes, column: Column, key: string, lane: number): ColumnArray {
  if (lane >= 0) return column.data.subarray(lane * column.stride, (lane + 1) * column.stride);
  return lanes.peekSpilled(key, column) ?? column.data.subarray(0, 0);
}

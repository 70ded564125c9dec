/** The rings' rows as training wants them: by series, in order of time, up to a moment; live and spilled series alike. */
import type { Column, ColumnArray, Lanes } from '../core/lanes.ts';
import type { Ring } from './ring.ts';

/** A series' rows in order of time. */
export interface RingRows {
  /** Number of the first of them in the series, 1 for its first ever. */
  readonly first: number;
  /** Epoch ms, one a row. */
  readonly times: Float64Array;
  /** Row-major `rows x channels`, raw. */
  readonly values: Float64Array;
  /** `ROW_IMPUTED`, `ROW_RESET` of each row. */
  readonly flags: Uint8Array;
}

/** Names of all series, live and spilled, in the order of their UTF-16 code units: the same on every machine. */
export function seriesNames(lanes: Lanes): string[] {
  const names = new Set(lanes.spill?.keys() ?? []);
  for (const key of lanes.keys) if (key !== undefined) names.add(key);
  return [...names].sort();
}

/** A copy of a series' rows up to `until` (epoch ms, inclusive), live or spilled, oldest first; empty for an unknown series. */
export function readRing(lanes: Lanes, ring: Ring, key: string, until: number): RingRows {
  const { capacity, channels } = ring;
  const lane = lanes.find(key);
  const { held, newest, rows } = extent(lanes, ring, key, until);
  const times = part(lanes, ring.times, key, lane);
  const values = part(lanes, ring.values, key, lane);
  const flags = part(lanes, ring.flags, key, lane);
  const out = {
    first: newest - held + 2,
    times: new Float64Array(rows),
    values: new Float64Array(rows * channels),
    flags: new Uint8Array(rows),
  };
  for (let row = 0; row < rows; row++) {
    const slot = (newest - held + 1 + row) % capacity;
    out.times[row] = times[slot]!;
    out.flags[row] = flags[slot]!;
    for (let c = 0; c < channels; c++) out.values[row * channels + c] = values[slot * channels + c]!;
  }
  return out;
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

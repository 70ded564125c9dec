/** Batches of ticks in, batches of rows out: as they are, or as bars. */
import type { Reject, RowBatch, TickBatch } from '../core/batch.ts';
import type { State } from '../core/state.ts';
import { Bars } from './bars.ts';
import type { Calendar } from './calendar.ts';
import { type BarField, Fields } from './fields.ts';
import { Gaps, type GapPolicy } from './gaps.ts';
import { RowWriter } from './row-writer.ts';
import { LAST_INSTANT } from './zone.ts';

export interface RowOptions {
  readonly channels: number;
  readonly clock: Calendar;
  readonly gaps: { readonly policy: GapPolicy; readonly limit: number };
}

export interface BarRowOptions extends RowOptions {
  readonly panes: number;
  readonly fields: readonly BarField[];
  readonly reject: (reject: Reject) => void;
}

/** Makes rows of a batch: views, valid until the next call; undefined if there are none and no watermark. */
export type ToRows = (batch: TickBatch) => RowBatch | undefined;

/** Every tick is a row. Without filling or resets (`mask`) nothing but `elapsed` is worked out. */
export function tickRows(state: State, options: RowOptions): ToRows {
  return options.gaps.policy === 'mask' ? plainRows(state, options.channels) : filledRows(state, options);
}

function plainRows(state: State, channels: number): ToRows {
  const time = state.lanes.f64('window.time', 1, NaN);
  let elapsed = new Float64Array(0);
  let values = new Float64Array(0);
  let ones = new Int32Array(0);
  let zeros = new Uint8Array(0);
  return ({ lanes, times, channels: columns, watermark }) => {
    const length = times.length;
    if (length === 0 && watermark === undefined) return undefined;
    if (length > elapsed.length) {
      elapsed = new Float64Array(length);
      values = new Float64Array(channels > 1 ? length * channels : 0);
      ones = new Int32Array(length).fill(1);
      zeros = new Uint8Array(length);
    }
    const last = time.data;
    for (let i = 0; i < length; i++) {
      const lane = lanes[i]!;
      const since = times[i]! - last[lane]!;
      // NaN, before the first row, becomes 0
      elapsed[i] = since > 0 ? since : 0;
      last[lane] = times[i]!;
    }
    for (let c = 0; channels > 1 && c < channels; c++) {
      const column = columns[c]!;
      for (let i = 0, at = c; i < length; i++, at += channels) values[at] = column[i]!;
    }
    return {
      length,
      lanes,
      times,
      values: channels > 1 ? values.subarray(0, length * channels) : (columns[0] ?? values).subarray(0, length),
      channels,
      elapsed: elapsed.subarray(0, length),
      steps: ones.subarray(0, length),
      flags: zeros.subarray(0, length),
      watermark,
    };
  };
}

/** A gap is more than 1.5 intervals of open time; half an interval is what a tick may be off its time. */
const GAP = 1.5;

function filledRows(state: State, { channels, clock, gaps }: RowOptions): ToRows {
  const out = new RowWriter(channels);
  const writer = new Gaps(state.lanes, { ...gaps, channels, spaced: false, after: clock.after });
  const row = new Float64Array(channels);
  return ({ lanes, times, channels: columns, watermark }) => {
    out.clear();
    for (let i = 0; i < times.length; i++) {
      const lane = lanes[i]!;
      if (!(Math.abs(times[i]!) <= LAST_INSTANT)) continue;
      const last = writer.time.data[lane]!;
      const steps = last === last ? clock.steps(last, times[i]!) : 1;
      for (let c = 0; c < channels; c++) row[c] = columns[c]![i]!;
      writer.row(out, lane, times[i]!, steps > GAP ? Math.round(steps) - 1 : 0, row, row);
    }
    return out.length > 0 || watermark !== undefined ? out.batch(watermark) : undefined;
  };
}

/** Bars as rows; ticks of bars that are closed already are rejected as late. */
export function barRows(state: State, { channels, clock, gaps, panes, fields, reject }: BarRowOptions): ToRows {
  const { lanes } = state;
  const compiled = new Fields(fields, channels);
  const out = new RowWriter(compiled.length);
  const writer = new Gaps(lanes, { ...gaps, channels: compiled.length, spaced: true, after: clock.after });
  const bars = new Bars(state, {
    grid: clock,
    panes,
    fields: compiled,
    closed: (lane, end, missing, values, still) => writer.row(out, lane, end, missing, values, still),
  });
  return (batch) => {
    out.clear();
    for (let i = 0; i < batch.times.length; i++) {
      const lane = batch.lanes[i]!;
      const time = batch.times[i]!;
      const usable = Math.abs(time) <= LAST_INSTANT;
      if (usable && bars.add(lane, time, batch.channels, i)) continue;
      const values = batch.channels.map((channel) => channel[i]!);
      reject({
        partition: batch.partition,
        offset: batch.offsets[i]!,
        reason: usable ? 'late' : 'no-time',
        series: lanes.keys[lane],
        time,
        values,
      });
    }
    if (batch.watermark !== undefined) bars.close(batch.watermark);
    return out.length > 0 || batch.watermark !== undefined ? out.batch(batch.watermark) : undefined;
  };
}

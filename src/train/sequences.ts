/** Rows of a job as network inputs and targets, through the very code that serves live rows. */
import { ROW_RESET } from '../core/batch.ts';
import { State } from '../core/state.ts';
import { Features } from '../forecast/features.ts';
import { learnRow } from '../forecast/row-scaler.ts';
import { calendar } from '../window/calendar.ts';
import { Ring } from '../window/ring.ts';
import type { TrainingJob } from './job.ts';

/** One series, scaled: `x` is `rows x inputs`, `y` is `rows x (targets x horizon)` with NaN where the truth is not known. */
export interface ScaledSeries {
  readonly rows: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
  /** The first row that is held out; targets of earlier rows that lie at or beyond it are not trained on. */
  readonly split: number;
  /** The first row that is trained on. */
  readonly from: number;
  /** Non-zero where the state starts anew. */
  readonly resets: Uint8Array;
}

/** Scales every series of a job; each row by its series' scaler as it stood at that row. */
export function scaledSeries(job: TrainingJob): ScaledSeries[] {
  const longest = job.series.reduce((most, series) => Math.max(most, series.times.length), 1);
  const state = new State();
  const ring = new Ring(state.lanes, { capacity: longest, channels: job.sizes.channels });
  let name = '';
  const features = new Features(ring, calendar(job.calendar), job.sizes, () => name);
  const outputs = job.sizes.targets * job.sizes.horizon;
  const lane = state.lanes.lane('');
  const reach = Features.lookback(job.sizes);
  return job.series.map((series) => {
    const rows = series.times.length;
    ({ name } = series);
    ring.clear(lane);
    for (let j = 0; j < rows; j++) ring.push(lane, series.times[j]!, series.values, j, series.flags[j]!);
    const scaler = series.scaler.slice();
    const x = new Float32Array(rows * features.count);
    const y = new Float32Array(rows * outputs);
    for (let j = 0; j < rows; j++) {
      const back = rows - 1 - j;
      if (j > 0) learnRow(ring, lane, back, series.first + j, scaler, 0);
      features.write(lane, back, scaler, 0, x, j * features.count);
      features.writeTruth(lane, back, scaler, 0, y, j * outputs);
    }
    // the oldest rows of a ring lack the lags and seasons that every live row has
    const from = Math.max(0, rows - job.options.rows, rows > 3 * reach ? reach : 0);
    const split = from + Math.floor((rows - from) * (1 - job.options.holdout));
    return { rows, x, y, split, from, resets: series.flags.map((flag) => flag & ROW_RESET) };
  });
}

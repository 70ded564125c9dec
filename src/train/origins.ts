/** Rows of a job as origins of forecasts: the inputs of the models that are fitted in one go, through the very code that serves live rows. */
import { ROW_IMPUTED } from '../core/batch.ts';
import { Random, seedOf } from '../core/random.ts';
import { State } from '../core/state.ts';
import { learnRow } from '../forecast/row-scaler.ts';
import { Tabular } from '../forecast/tabular.ts';
import { calendar } from '../window/calendar.ts';
import { Ring } from '../window/ring.ts';
import type { TrainingJob } from './job.ts';

/** Of more origins than this, over the number of targets, some are drawn by chance: as many as come out of it, give or take, a histogram can count. */
const MOST = 31_000;
const TARGET_CLIP = 50;
const LANE = 0;

/** Origins of one target, oldest first within each series. */
export class Origins {
  readonly tabular: Tabular;
  readonly count: number;
  /** Share of a series' origins that lie before each, in [0, 1): the newest are held out where a penalty is chosen. */
  readonly age: Float32Array;
  /** A ring and its inputs for each series: one ring for all would be as long as the longest for each of them. */
  readonly #series: readonly { readonly ring: Ring; readonly tabular: Tabular }[];
  readonly #target: number;
  readonly span: number;
  /** Origin -> index into the series. */
  readonly #of: Int32Array;
  readonly #backs: Int32Array;
  readonly #units: Float64Array;
  /** `count x tabular.fixed`. */
  readonly #fixed: Float32Array;
  /** `count x beside.scales`. */
  readonly #scales: Float64Array;

  constructor(job: TrainingJob, target: number) {
    const { series, sizes, options } = job;
    const clock = calendar(job.calendar);
    this.#series = series.map(({ name, times, values, flags }) => {
      const { lanes } = new State({ maxLanes: 1 });
      const ring = new Ring(lanes, { capacity: Math.max(1, times.length), channels: sizes.channels });
      lanes.lane('');
      for (let j = 0; j < times.length; j++) ring.push(LANE, times[j]!, values, j, flags[j]!);
      return { ring, tabular: new Tabular(ring, clock, sizes, () => name) };
    });
    const tabular = (this.tabular = this.#series[0]!.tabular);
    this.#target = target;
    this.span = Math.max(...series.map(({ times }) => times.at(-1)! - times[0]!));
    const reach = Tabular.lookback(sizes);
    const firstOf = (rows: number) => Math.max(0, rows - options.rows, Math.min(reach, rows >> 1));
    const all = series.reduce((sum, { times }) => sum + Math.max(0, times.length - firstOf(times.length)), 0);
    const share = Math.min(1, MOST / sizes.targets / Math.max(1, all));
    const random = new Random(seedOf(job.seed, 'origins', job.trigger, target));
    const most = Math.ceil(all);
    this.#of = new Int32Array(most);
    this.#backs = new Int32Array(most);
    this.#units = new Float64Array(most);
    this.age = new Float32Array(most);
    this.#fixed = new Float32Array(Math.ceil(most * (share < 1 ? share * 1.1 : 1) + 100) * tabular.fixed);
    const { scales } = tabular.beside;
    this.#scales = new Float64Array(most * scales);
    let n = 0;
    for (const [s, { times, flags, scaler: tail, first }] of series.entries()) {
      const { ring, tabular: own } = this.#series[s]!;
      const rows = times.length;
      const scaler = tail.slice();
      const from = firstOf(rows);
      for (let j = 0; j < rows; j++) {
        const back = rows - 1 - j;
        if (j > 0) learnRow(ring, LANE, back, first + j, scaler, 0);
        const unit = tabular.unit(scaler, 0, target);
        if (j < from || back === 0 || !(unit > 1e-300) || flags[j]! & ROW_IMPUTED) continue;
        if (share < 1 && random.uniform() >= share) continue;
        if ((n + 1) * tabular.fixed > this.#fixed.length) break;
        this.#of[n] = s;
        this.#backs[n] = back;
        this.#units[n] = unit;
        this.age[n] = (j - from) / (rows - from);
        own.beside.scale(scaler, 0, this.#scales, n * scales);
        own.writeFixed(LANE, back, target, scaler, 0, this.#fixed, n * tabular.fixed);
        n++;
      }
    }
    this.count = n;
  }

  /** {@link Tabular.size} of an origin. */
  size(n: number): number {
    const last = this.#series[this.#of[n]!]!.ring.value(LANE, this.#backs[n]!, this.#target);
    return this.tabular.size(this.#fixed, n * this.tabular.fixed, last, this.#units[n]!);
  }

  /** Inputs for a step ahead (`count x tabular.count`), and the truth in units of each origin, NaN where it is not known. */
  step(step: number, x: Float32Array, y: Float32Array): void {
    const { count, fixed, beside } = this.tabular;
    for (let n = 0; n < this.count; n++) {
      const [back, unit] = [this.#backs[n]!, this.#units[n]!];
      const { ring, tabular } = this.#series[this.#of[n]!]!;
      const to = n * count;
      for (let i = 0; i < fixed; i++) x[to + i] = this.#fixed[n * fixed + i]!;
      tabular.writeStep(LANE, back, this.#target, step, unit, this.#scales, n * beside.scales, x, to);
      const known = back >= step && !(ring.flag(LANE, back - step) & ROW_IMPUTED);
      const change = known ? (ring.value(LANE, back - step, this.#target) - ring.value(LANE, back, this.#target)) / unit : NaN;
      y[n] = change > TARGET_CLIP ? TARGET_CLIP : change < -TARGET_CLIP ? -TARGET_CLIP : change;
    }
  }
}

/**
 * Station 5's heart: score what was forecast for now, learn, forecast again.
 *
 * For each row, in this order: the truth meets what was said for it (scores, expert weights, intervals), every model steps, the
 * mixture combines means and quantiles (or, where one model speaks alone, the interval calibrates its quantiles), and what was said is kept
 * until its truth comes.
 */
import { ROW_IMPUTED } from '../core/batch.ts';
import type { Column, Lanes } from '../core/lanes.ts';
import { remainder } from '../core/math/remainder.ts';
import type { Forecaster, ForecasterContext, Outlook, Wave } from './forecaster.ts';
import { Interval } from './interval.ts';
import { Mixture } from './mixture.ts';
import { QuantileMixture, sorted } from './quantile-mixture.ts';
import { Scores } from './score.ts';
import type { WeightsBox } from './weights.ts';

export interface EnsembleOptions {
  /** The forecasters; `naive` must be among them. */
  readonly models: readonly Forecaster[];
  /** `mixture`, or the name of the model that speaks alone. */
  readonly output: string;
  readonly baselines: readonly string[];
  /** Rows a series before scoring starts. */
  readonly warmup: number;
  /** Event time before which rows count as warm-up too, epoch ms. */
  readonly scoreFrom?: number | undefined;
}

/** Where one wave's results go: row `k` of the wave is row `index[k]` of these arrays (layouts as in `ForecastBatch`). */
export interface EnsembleOutput {
  readonly index: Int32Array;
  readonly mean: Float64Array;
  readonly quantiles: Float64Array;
  readonly naive: Float64Array;
  readonly validTimes: Float64Array;
  readonly actual: Float64Array;
  readonly scoredTimes: Float64Array;
  readonly errors: Float64Array;
}

/** All forecasters of a pipeline, their mixture, its intervals and its scores. */
export class Ensemble {
  readonly lanes: Lanes;
  readonly names: readonly string[];
  readonly scores: Scores;
  readonly mixture: Mixture | undefined;
  readonly context: ForecasterContext;
  readonly #models: readonly Forecaster[];
  /** Of the mixture; of a model that speaks alone. */
  readonly #quantiles: QuantileMixture | undefined;
  readonly #interval: Interval | undefined;
  readonly #cells: number;
  readonly #levels: number;
  /** Numbers of a cell in `#spread`, the issued quantiles last. */
  readonly #width: number;
  readonly #output: number;
  readonly #naive: number;
  /** Models whose own quantiles count. */
  readonly #owners: readonly number[];
  /** What each model said, then the output: `horizon slots x cells x (models + 1)` a lane. */
  readonly #said: Column<Float64Array>;
  /** Quantiles of each owner (of a model that speaks alone: before calibration), then what was issued: `slots x cells x numbers x levels`. */
  readonly #spread: Column<Float64Array>;
  /** Grid index and event time of the origin in each slot; index 0 means empty. */
  readonly #origin: Column<Float64Array>;
  /** Grid index of the lane's newest row, counted from 1. */
  readonly #index: Column<Float64Array>;
  #outlooks: Outlook[] = [];
  readonly #scratch: Float64Array;
  readonly #scoreFrom: number;

  constructor(context: ForecasterContext, options: EnsembleOptions) {
    const { lanes, targets, horizon, quantiles } = context;
    const { models } = options;
    this.lanes = lanes;
    this.context = context;
    this.#models = models;
    this.#cells = targets * horizon;
    this.#levels = quantiles.length;
    const names = models.map((model) => model.name);
    this.#naive = names.indexOf('naive');
    this.#output = options.output === 'mixture' ? -1 : names.indexOf(options.output);
    this.#owners = models.flatMap(({ ownQuantiles }, m) => (ownQuantiles && (this.#output < 0 || this.#output === m) ? [m] : []));
    this.names = [...names, this.#output >= 0 ? `${options.output} (output)` : 'mixture'];
    this.mixture =
      this.#output >= 0
        ? undefined
        : new Mixture(lanes, { experts: models.length, cells: this.#cells, horizon, reference: this.#naive });
    if (this.mixture)
      this.#quantiles = new QuantileMixture(lanes, {
        experts: models.length + 1,
        owners: this.#owners,
        cells: this.#cells,
        horizon,
        levels: quantiles,
      });
    else this.#interval = new Interval(lanes, { cells: this.#cells, levels: quantiles });
    this.#width = ((this.mixture ? this.#owners.length : 1) + 1) * this.#levels;
    this.scores = new Scores(lanes, {
      models: this.names,
      baselines: options.baselines,
      targets,
      horizon,
      levels: quantiles,
      warmup: options.warmup,
    });
    this.#said = lanes.f64('ensemble.said', horizon * this.#cells * (models.length + 1));
    this.#spread = lanes.f64('ensemble.spread', horizon * this.#cells * this.#width);
    this.#origin = lanes.f64('ensemble.origin', horizon * 2);
    this.#index = lanes.f64('ensemble.index');
    this.#scoreFrom = options.scoreFrom ?? -Infinity;
    this.#scratch = new Float64Array(this.#levels);
  }

  /** The weights of the trained models, if there are any. */
  get weights(): WeightsBox | undefined {
    const { inputs } = this.context;
    return inputs.trained ? inputs.box : undefined;
  }

  /** Grid index of a lane's newest row, counted from 1. */
  indexOf(lane: number): number {
    return this.#index.data[lane]!;
  }

  /** What was issued at a lane's newest row for a cell, `target x horizon + step - 1`: the mean, and the quantiles into `into`. */
  newest(lane: number, cell: number, into: Float64Array): number {
    const { horizon } = this.context;
    const at = (lane * horizon + remainder(this.#index.data[lane]!, horizon)) * this.#cells + cell;
    sorted(this.#spread.data, (at + 1) * this.#width - this.#levels, this.#levels, into, 0);
    const models = this.#models.length;
    return this.#said.data[at * (models + 1) + models]!;
  }

  /** One wave: `steps` are the grid steps since each lane's previous row (1 where no gap was left open). */
  step(wave: Wave, steps: Int32Array, out: EnsembleOutput): void {
    this.#reserve(wave.rows);
    for (let k = 0; k < wave.rows; k++) this.#meetTruth(wave, k, steps[k]!, out);
    const { ring, inputs } = this.context;
    for (let k = 0; k < wave.rows; k++) ring.push(wave.lanes[k]!, wave.times[k]!, wave.values, k, wave.flags[k]!);
    inputs.follow(wave);
    for (let m = 0; m < this.#models.length; m++) this.#models[m]!.step(wave, this.#outlooks[m]!);
    for (let k = 0; k < wave.rows; k++) this.#say(wave, k, out);
  }

  #reserve(rows: number): void {
    const have = this.#outlooks[0] ? this.#outlooks[0].mean.length / this.#cells : 0;
    if (have >= rows) return;
    this.#outlooks = this.#models.map((model) => ({
      mean: new Float64Array(rows * this.#cells),
      quantiles: new Float64Array(model.ownQuantiles ? rows * this.#cells * this.#levels : 0),
    }));
  }

  #meetTruth(wave: Wave, k: number, steps: number, out: EnsembleOutput): void {
    const { targets, horizon, clock } = this.context;
    const lane = wave.lanes[k]!;
    const row = out.index[k]!;
    const models = this.#models.length;
    const cells = this.#cells;
    const now = this.#index.data[lane]! + (this.#index.data[lane] === 0 ? 1 : steps);
    this.#index.data[lane] = now;
    const imputed = (wave.flags[k]! & ROW_IMPUTED) !== 0;
    for (let t = 0; t < targets; t++) out.actual[row * targets + t] = imputed ? NaN : wave.values[k * wave.channels + t]!;
    const said = this.#said.data;
    const spread = this.#spread.data;
    for (let h = 1; h <= horizon; h++) {
      const then = now - h;
      const slot = lane * horizon + (then > 0 ? remainder(then, horizon) : 0);
      const known = then > 0 && this.#origin.data[slot * 2] === then && !imputed;
      out.scoredTimes[row * horizon + h - 1] = known ? clock.after(this.#origin.data[slot * 2 + 1]!, h) : NaN;
      for (let t = 0; t < targets; t++) {
        const cell = t * horizon + h - 1;
        if (!known) {
          out.errors[row * cells + cell] = NaN;
          continue;
        }
        const truth = wave.values[k * wave.channels + t]!;
        const at = (slot * cells + cell) * (models + 1);
        const base = (slot * cells + cell) * this.#width;
        const issued = base + this.#width - this.#levels;
        out.errors[row * cells + cell] = truth - said[at + models]!;
        sorted(spread, issued, this.#levels, this.#scratch, 0);
        this.scores.add(lane, t, h - 1, said, at, 1, this.#scratch, 0, truth, wave.times[k]! < this.#scoreFrom ? 0 : now);
        this.mixture?.update(lane, cell, said, at, 1, truth);
        this.#quantiles?.update(lane, cell, said, at, spread, base, spread, issued, truth);
        this.#interval?.update(lane, cell, spread, base, spread, issued, truth);
      }
    }
  }

  #say(wave: Wave, k: number, out: EnsembleOutput): void {
    const { targets, horizon, clock } = this.context;
    const lane = wave.lanes[k]!;
    const row = out.index[k]!;
    const models = this.#models.length;
    const cells = this.#cells;
    const levels = this.#levels;
    const now = this.#index.data[lane]!;
    const slot = lane * horizon + remainder(now, horizon);
    const time = wave.times[k]!;
    this.#origin.data[slot * 2] = now;
    this.#origin.data[slot * 2 + 1] = time;
    for (let h = 1; h <= horizon; h++) out.validTimes[row * horizon + h - 1] = clock.after(time, h);
    const said = this.#said.data;
    const spread = this.#spread.data;
    const naive = this.#outlooks[this.#naive]!.mean;
    for (let t = 0; t < targets; t++) {
      const last = wave.values[k * wave.channels + t]!;
      for (let h = 0; h < horizon; h++) {
        const cell = t * horizon + h;
        const at = (slot * cells + cell) * (models + 1);
        for (let m = 0; m < models; m++) said[at + m] = finite(this.#outlooks[m]!.mean[k * cells + cell]!, last);
        const mean = this.mixture ? finite(this.mixture.combine(lane, cell, said, at, 1), last) : said[at + this.#output]!;
        said[at + models] = mean;
        const to = row * cells + cell;
        out.mean[to] = mean;
        out.naive[to] = naive[k * cells + cell]!;
        const base = (slot * cells + cell) * this.#width;
        const issued = base + this.#width - levels;
        for (let o = 0; o < this.#owners.length; o++) {
          const m = this.#owners[o]!;
          this.#own(m, k * cells + cell, said[at + m]!, spread, base + o * levels);
        }
        if (this.#quantiles) this.#quantiles.apply(lane, cell, said, at, spread, base, spread, issued);
        else {
          if (this.#owners.length === 0) spread.fill(mean, base, issued);
          this.#interval!.apply(lane, cell, spread, base, spread, issued);
        }
        sorted(spread, issued, levels, out.quantiles, to * levels);
      }
    }
  }

  /** The quantiles of a model in order, `into[to .. to + levels)`; what is not finite is the mean. */
  #own(model: number, from: number, mean: number, into: Float64Array, to: number): void {
    const said = this.#outlooks[model]!;
    const levels = this.#levels;
    // a model that was silent has left the quantiles of another row
    const spoke = said.mean[from]! === mean;
    for (let q = 0; q < levels; q++) this.#scratch[q] = spoke ? finite(said.quantiles[from * levels + q]!, mean) : mean;
    sorted(this.#scratch, 0, levels, into, to);
  }
}

function finite(x: number, otherwise: number): number {
  return x - x === 0 ? x : otherwise;
}

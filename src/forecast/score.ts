/** How good it was: sums per series, target, step ahead and model, from which every score follows exactly. One table of sums, read and
 * written in one place: over 300 lines for that. */
import type { Column, ColumnArray, Lanes } from '../core/lanes.ts';
import { compareLosses, LossDifferences, type BlockSums, type Skill } from './skill.ts';

/** Scores of one model. Raw units, but `smape` (0 to 200) and `mase`; NaN where there is nothing to say. */
export interface ModelScore {
  readonly mae: number;
  readonly rmse: number;
  readonly smape: number;
  /** MAE over the one-step naive MAE of the warm-up rows. */
  readonly mase: number;
}

/** A central interval of the output. */
export interface IntervalScore {
  /** What it promises, e.g. 0.8 between the levels 0.1 and 0.9. */
  readonly nominal: number;
  readonly coverage: number;
  /** Mean width, raw units. */
  readonly width: number;
}

/** Everything known about a target and step, of one series or of all. */
export interface ScoreSummary {
  /** Rows scored. */
  readonly n: number;
  readonly models: Readonly<Record<string, ModelScore>>;
  /** Mean pinball loss by level, of the output. */
  readonly pinball: readonly number[];
  readonly intervals: readonly IntervalScore[];
  /** The output against each baseline. */
  readonly skill: Readonly<Record<string, Skill>>;
}

export interface ScoreOptions {
  /** Names of the models; the last is the output. `naive` must be among them for MASE. */
  readonly models: readonly string[];
  /** Which of the models the output is compared with. */
  readonly baselines: readonly string[];
  readonly targets: number;
  readonly horizon: number;
  readonly levels: readonly number[];
  /** Rows of a series before scoring starts. */
  readonly warmup: number;
  /** Whether squares and sMAPE are kept for every model (default), or for the output only. */
  readonly full?: boolean;
  /** Prefix of the columns, `score` by default. */
  readonly name?: string;
}

interface Sums {
  n: number;
  readonly absolute: Float64Array;
  readonly square: Float64Array;
  readonly smape: Float64Array;
  /** Sum of |error| over each series' own scale. */
  readonly scaled: Float64Array;
  readonly pinball: Float64Array;
  readonly cover: Float64Array;
  readonly blocks: BlockSums;
}

/**
 * Accumulators of the scores, columns of the lanes: checkpointed, exact, independent of the order of series.
 *
 * Doubles per series and cell (target x step): `1 + models + 2 kept + levels + 2 intervals + 3 + 3 baselines`, where `kept` is
 * `models`, or 1 unless `full`; and 2 a target. `add` is O(models + levels).
 */
export class Scores {
  readonly options: ScoreOptions;
  readonly #lanes: Lanes;
  readonly #cells: number;
  readonly #kept: number;
  readonly #pairs: number;
  readonly #naive: number;
  readonly #baselines: readonly number[];
  readonly #n: Column<Float64Array>;
  readonly #absolute: Column<Float64Array>;
  readonly #square: Column<Float64Array>;
  readonly #smape: Column<Float64Array>;
  readonly #pinball: Column<Float64Array>;
  /** Per interval: how often the truth was inside, and the sum of widths. */
  readonly #cover: Column<Float64Array>;
  /** Per target: sum of |one-step naive error| in the warm-up, and their number. */
  readonly #warm: Column<Float64Array>;
  readonly #differences: LossDifferences;
  readonly #losses: Float64Array;

  constructor(lanes: Lanes, options: ScoreOptions) {
    const { models, levels } = options;
    const name = options.name ?? 'score';
    const cells = options.targets * options.horizon;
    this.options = options;
    this.#lanes = lanes;
    this.#cells = cells;
    this.#kept = options.full === false ? 1 : models.length;
    this.#pairs = levels.length >> 1;
    this.#naive = models.indexOf('naive');
    this.#baselines = options.baselines.map((baseline) => models.indexOf(baseline));
    this.#n = lanes.f64(`${name}.n`, cells);
    this.#absolute = lanes.f64(`${name}.absolute`, cells * models.length);
    this.#square = lanes.f64(`${name}.square`, cells * this.#kept);
    this.#smape = lanes.f64(`${name}.smape`, cells * this.#kept);
    this.#pinball = lanes.f64(`${name}.pinball`, cells * levels.length);
    this.#cover = lanes.f64(`${name}.cover`, cells * this.#pairs * 2);
    this.#warm = lanes.f64(`${name}.warm`, options.targets * 2);
    this.#differences = new LossDifferences(lanes, { cells, baselines: options.baselines.length, name: `${name}.skill` });
    this.#losses = new Float64Array(options.baselines.length);
  }

  /**
   * The truth came for a forecast issued `step + 1` rows before (`step` counts from 0).
   * `forecasts[at + m * stride]` is what model m said; `quantiles[qAt .. qAt + levels)` are those issued; `row` is the number of rows
   * the series has seen, this one included. Rows up to `warmup` only make the MASE scale. A truth that is not finite is left out.
   */
  add(
    lane: number,
    target: number,
    step: number,
    forecasts: Float64Array,
    at: number,
    stride: number,
    quantiles: Float64Array,
    qAt: number,
    truth: number,
    row: number,
  ): void {
    if (!Number.isFinite(truth)) return;
    const { models, levels, warmup, horizon } = this.options;
    if (row <= warmup) {
      if (step > 0 || this.#naive < 0) return;
      const warm = this.#warm.data;
      const w = (lane * this.options.targets + target) * 2;
      warm[w] = warm[w]! + Math.abs(truth - forecasts[at + this.#naive * stride]!);
      warm[w + 1] = warm[w + 1]! + 1;
      return;
    }
    const cell = target * horizon + step;
    const place = lane * this.#cells + cell;
    const last = models.length - 1;
    const n = (this.#n.data[place] = this.#n.data[place]! + 1);
    const absolute = this.#absolute.data;
    const square = this.#square.data;
    const smape = this.#smape.data;
    for (let m = 0; m <= last; m++) {
      const forecast = forecasts[at + m * stride]!;
      const error = Math.abs(truth - forecast);
      const a = place * models.length + m;
      absolute[a] = absolute[a]! + error;
      const k = m + this.#kept - models.length;
      if (k < 0) continue;
      const s = place * this.#kept + k;
      square[s] = square[s]! + error * error;
      if (error > 0) smape[s] = smape[s]! + (200 * error) / (Math.abs(truth) + Math.abs(forecast));
    }
    this.#addQuantiles(place, quantiles, qAt, truth, levels);
    const output = Math.abs(truth - forecasts[at + last * stride]!);
    for (let b = 0; b < this.#losses.length; b++) {
      this.#losses[b] = output - Math.abs(truth - forecasts[at + this.#baselines[b]! * stride]!);
    }
    this.#differences.add(lane, cell, step + 1, n, this.#losses);
  }

  #addQuantiles(place: number, quantiles: Float64Array, qAt: number, truth: number, levels: readonly number[]): void {
    const pinball = this.#pinball.data;
    const cover = this.#cover.data;
    for (let i = 0; i < levels.length; i++) {
      const above = truth - quantiles[qAt + i]!;
      const p = place * levels.length + i;
      pinball[p] = pinball[p]! + (above >= 0 ? levels[i]! * above : (levels[i]! - 1) * above);
    }
    for (let i = 0; i < this.#pairs; i++) {
      const low = quantiles[qAt + i]!;
      const high = quantiles[qAt + levels.length - 1 - i]!;
      const c = (place * this.#pairs + i) * 2;
      if (truth >= low && truth <= high) cover[c] = cover[c]! + 1;
      cover[c + 1] = cover[c + 1]! + (high - low);
    }
  }

  /** Scores of one series. `step` counts from 0. */
  summary(lane: number, target: number, step: number): ScoreSummary {
    const sums = this.#sums();
    this.#gather((column) => column.data.subarray(lane * column.stride, (lane + 1) * column.stride), target, step, sums);
    return this.#summarise(sums, step);
  }

  /** Scores of one series by name, evicted or not. */
  summaryOf(name: string, target: number, step: number): ScoreSummary {
    const sums = this.#sums();
    this.#gather(this.#reader(name), target, step, sums);
    return this.#summarise(sums, step);
  }

  /**
   * Scores over all series, evicted ones included: errors are pooled, MASE is scaled by each series' own scale first.
   * Series are added in the order of their names, so the bits do not depend on lane numbers. The interval of a pooled loss
   * difference takes series as independent: where they move together it is too narrow.
   */
  total(target: number, step: number): ScoreSummary {
    return this.totals([{ target, step }])[0]!;
  }

  /** The totals of several cells in one pass; with `spilled: false` over the series in memory only, for a look while the line runs. */
  totals(cells: readonly { readonly target: number; readonly step: number }[], { spilled = true } = {}): ScoreSummary[] {
    const names = new Set(this.#lanes.keys.filter((key) => key !== undefined));
    if (spilled) for (const key of this.#lanes.spill?.keys() ?? []) names.add(key);
    const sums = cells.map(() => this.#sums());
    for (const name of [...names].sort()) {
      const read = this.#reader(name);
      cells.forEach(({ target, step }, i) => this.#gather(read, target, step, sums[i]!));
    }
    return sums.map((each, i) => this.#summarise(each, cells[i]!.step));
  }

  /** Reads a series' numbers of a column, from its lane or from where it was spilled. */
  #reader(name: string): (column: Column) => ColumnArray {
    const lane = this.#lanes.find(name);
    if (lane >= 0) return (column) => column.data.subarray(lane * column.stride, (lane + 1) * column.stride);
    const known = new Map<Column, ColumnArray>();
    return (column) => {
      const data = known.get(column) ?? this.#lanes.peekSpilled(name, column) ?? new Float64Array(column.stride);
      known.set(column, data);
      return data;
    };
  }

  #sums(): Sums {
    const { models, levels, baselines } = this.options;
    const blocks = {
      lengths: 0,
      squaredLengths: 0,
      squares: new Float64Array(baselines.length),
      products: new Float64Array(baselines.length),
    };
    const zeros = (n: number) => new Float64Array(n);
    return {
      n: 0,
      absolute: zeros(models.length),
      square: zeros(this.#kept),
      smape: zeros(this.#kept),
      scaled: zeros(models.length),
      pinball: zeros(levels.length),
      cover: zeros(this.#pairs * 2),
      blocks,
    };
  }

  #gather(read: (column: Column) => ColumnArray, target: number, step: number, sums: Sums): void {
    const cell = target * this.options.horizon + step;
    const addTo = (into: Float64Array, column: Column): Float64Array => {
      const from = read(column) as Float64Array;
      for (let i = 0; i < into.length; i++) into[i] = into[i]! + from[cell * into.length + i]!;
      return from;
    };
    const n = read(this.#n)[cell]!;
    if (n === 0) return;
    sums.n += n;
    const absolute = addTo(sums.absolute, this.#absolute);
    addTo(sums.square, this.#square);
    addTo(sums.smape, this.#smape);
    addTo(sums.pinball, this.#pinball);
    addTo(sums.cover, this.#cover);
    const warm = read(this.#warm);
    const scale = warm[target * 2]! / warm[target * 2 + 1]!;
    for (let m = 0; m < sums.scaled.length; m++) {
      sums.scaled[m] = sums.scaled[m]! + absolute[cell * sums.scaled.length + m]! / scale;
    }
    const { block, sums: blockSums } = this.#differences.columns;
    this.#differences.gather(read(block) as Float64Array, read(blockSums) as Float64Array, cell, sums.blocks);
  }

  #summarise(sums: Sums, step: number): ScoreSummary {
    const { models, levels, baselines } = this.options;
    const { n } = sums;
    const ofModel = (m: number): ModelScore => {
      const k = m + this.#kept - models.length;
      return {
        mae: sums.absolute[m]! / n,
        rmse: k < 0 ? NaN : Math.sqrt(sums.square[k]! / n),
        smape: k < 0 ? NaN : sums.smape[k]! / n,
        mase: sums.scaled[m]! / n,
      };
    };
    return {
      n,
      models: Object.fromEntries(models.map((name, m) => [name, ofModel(m)])),
      pinball: Array.from(sums.pinball, (sum) => sum / n),
      intervals: Array.from({ length: this.#pairs }, (_, i) => ({
        nominal: levels[levels.length - 1 - i]! - levels[i]!,
        coverage: sums.cover[i * 2]! / n,
        width: sums.cover[i * 2 + 1]! / n,
      })),
      skill: Object.fromEntries(
        baselines.map((name, b) => [
          name,
          compareLosses(n, sums.absolute[models.length - 1]!, sums.absolute[this.#baselines[b]!]!, sums.blocks, b, step + 1),
        ]),
      ),
    };
  }
}

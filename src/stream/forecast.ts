/** Station 5: rows in, forecasts out. */
import { defer, filter, map, type OperatorFunction } from 'rxjs';
import type { ForecastBatch, RowBatch, ScorePoint } from '../core/batch.ts';
import type { Ensemble, EnsembleOutput } from '../forecast/ensemble.ts';
import type { Wave } from '../forecast/forecaster.ts';
import { scorePoints } from '../forecast/score-points.ts';
import { OpinionsOf } from './opinions.ts';
import type { Drift } from '../train/drift.ts';

export interface ForecastOptions {
  /** Grid rows of a series from one of its `ForecastBatch.scores` to the next. Default: none are given. */
  readonly scoreEvery?: number;
  /** Whether batches carry `opinions`. Default: no. */
  readonly opinions?: boolean;
  /** Sees every row and the error of what was forecast for it. */
  readonly drift?: Drift | undefined;
}

/**
 * Scores what was forecast for each row, steps every model, and forecasts again.
 *
 * A batch is cut into waves in each of which a series occurs at most once; a wave is one matrix product over all its series. The cut
 * never shows in the numbers.
 *
 * ```
 * rows       --[a b a]--------[b]--|
 * waves        [a b][a]       [b]
 * forecasts  --[a b a]--------[b]--|
 * ```
 *
 * Errors of the source are passed on; a batch is valid until the subscriber returns.
 */
export function forecast(ensemble: Ensemble, options: ForecastOptions = {}): OperatorFunction<RowBatch, ForecastBatch> {
  return (source) =>
    defer(() => {
      const waves = new Waves(ensemble, options);
      return source.pipe(
        filter(({ length }) => length > 0),
        map((batch) => waves.run(batch)),
      );
    });
}

/** Cuts batches into waves and gathers each wave's columns; its buffers are reused from batch to batch. */
export class Waves {
  readonly #ensemble: Ensemble;
  /** Per lane: the last batch it was seen in, and its wave there. */
  #seen = new Float64Array(0);
  #batch = 0;
  #capacity = 0;
  #waveOf = new Int32Array(0);
  #order = new Int32Array(0);
  #starts = new Int32Array(0);
  #gathered!: {
    lanes: Int32Array;
    times: Float64Array;
    values: Float64Array;
    elapsed: Float64Array;
    flags: Uint8Array;
    steps: Int32Array;
  };
  #out!: EnsembleOutput;
  #model = new Int32Array(0);

  readonly #scoreEvery: number;
  readonly #drift: Drift | undefined;

  readonly #opinions: OpinionsOf | undefined;

  constructor(ensemble: Ensemble, { scoreEvery = Infinity, drift, opinions = false }: ForecastOptions = {}) {
    this.#ensemble = ensemble;
    this.#scoreEvery = scoreEvery;
    this.#drift = drift;
    this.#opinions = opinions ? new OpinionsOf(ensemble) : undefined;
  }

  run(batch: RowBatch): ForecastBatch {
    const ensemble = this.#ensemble;
    const { lanes, weights } = ensemble;
    const { targets, horizon } = ensemble.context;
    const quantiles = ensemble.context.quantiles.length;
    const n = batch.length;
    this.#reserve(n, batch.channels);
    this.#opinions?.reserve(n);
    const waves = this.#cut(batch);
    const scores: ScorePoint[] = [];
    for (let w = 0; w < waves; w++) {
      const from = this.#starts[w]!;
      const rows = this.#starts[w + 1]! - from;
      const wave = this.#gather(batch, from, rows);
      ensemble.step(wave, this.#gathered.steps, this.#out);
      this.#opinions?.note(this.#gathered.lanes, this.#out.index, rows);
      this.#drift?.step(wave, this.#out.index, this.#out.errors);
      if (this.#scoreEvery < Infinity) this.#score(rows, scores);
    }
    const versions = weights?.versions ?? [];
    for (let i = 0; i < n; i++) this.#model[i] = weights ? Math.max(0, versions.indexOf(weights.at(batch.times[i]!))) : 0;
    const cells = targets * horizon;
    return {
      length: n,
      lanes: batch.lanes,
      keys: lanes.keys,
      issued: batch.times,
      targets,
      horizon,
      quantileCount: quantiles,
      validTimes: this.#out.validTimes.subarray(0, n * horizon),
      mean: this.#out.mean.subarray(0, n * cells),
      quantiles: this.#out.quantiles.subarray(0, n * cells * quantiles),
      naive: this.#out.naive.subarray(0, n * cells),
      model: this.#model.subarray(0, n),
      models: weights ? versions.map(({ hash }) => hash) : [''],
      actual: this.#out.actual.subarray(0, n * targets),
      scoredTimes: this.#out.scoredTimes.subarray(0, n * horizon),
      errors: this.#out.errors.subarray(0, n * cells),
      scores: scores.length > 0 ? scores : undefined,
      opinions: this.#opinions?.take(n),
    };
  }

  /** Scores of the wave's series that have come past a multiple of `scoreEvery` rows: at the row, so that batches do not show. */
  #score(rows: number, into: ScorePoint[]): void {
    const ensemble = this.#ensemble;
    const { lanes, steps, times } = this.#gathered;
    for (let k = 0; k < rows; k++) {
      const lane = lanes[k]!;
      const index = ensemble.indexOf(lane);
      if (Math.floor(index / this.#scoreEvery) === Math.floor((index - steps[k]!) / this.#scoreEvery)) continue;
      into.push(...scorePoints(ensemble, lane, times[k]!));
    }
  }

  /** Orders the rows by wave (a counting sort, stable) and returns the number of waves. */
  #cut(batch: RowBatch): number {
    const n = batch.length;
    if (this.#seen.length < this.#ensemble.lanes.size * 2) {
      const grown = new Float64Array(Math.max(64, this.#ensemble.lanes.size * 4));
      grown.set(this.#seen);
      this.#seen = grown;
    }
    const seen = this.#seen;
    const waveOf = this.#waveOf;
    const order = this.#order;
    const starts = this.#starts.fill(0, 0, n + 1);
    const stamp = ++this.#batch;
    let waves = 0;
    for (let i = 0; i < n; i++) {
      const at = batch.lanes[i]! * 2;
      const wave = seen[at] === stamp ? seen[at + 1]! + 1 : 0;
      seen[at] = stamp;
      seen[at + 1] = wave;
      waveOf[i] = wave;
      starts[wave + 1]!++;
      if (wave >= waves) waves = wave + 1;
    }
    for (let w = 0; w < waves; w++) starts[w + 1]! += starts[w]!;
    for (let i = 0; i < n; i++) order[starts[waveOf[i]!]!++] = i;
    for (let w = waves; w > 0; w--) starts[w] = starts[w - 1]!;
    starts[0] = 0;
    return waves;
  }

  /** Rows `from ..` of the order; where each of them came from is where its results go. */
  #gather(batch: RowBatch, from: number, rows: number): Wave {
    const to = this.#gathered;
    const { index } = this.#out;
    const { channels } = batch;
    for (let k = 0; k < rows; k++) {
      const i = this.#order[from + k]!;
      index[k] = i;
      to.lanes[k] = batch.lanes[i]!;
      to.times[k] = batch.times[i]!;
      to.elapsed[k] = batch.elapsed[i]!;
      to.flags[k] = batch.flags[i]!;
      to.steps[k] = batch.steps[i]!;
      for (let c = 0; c < channels; c++) to.values[k * channels + c] = batch.values[i * channels + c]!;
    }
    return { rows, lanes: to.lanes, times: to.times, values: to.values, channels, elapsed: to.elapsed, flags: to.flags };
  }

  #reserve(rows: number, channels: number): void {
    if (this.#capacity >= rows) return;
    const { targets, horizon } = this.#ensemble.context;
    const quantiles = this.#ensemble.context.quantiles.length;
    const cells = targets * horizon;
    this.#capacity = rows;
    this.#waveOf = new Int32Array(rows);
    this.#order = new Int32Array(rows);
    this.#starts = new Int32Array(rows + 1);
    this.#model = new Int32Array(rows);
    this.#gathered = {
      lanes: new Int32Array(rows),
      times: new Float64Array(rows),
      values: new Float64Array(rows * channels),
      elapsed: new Float64Array(rows),
      flags: new Uint8Array(rows),
      steps: new Int32Array(rows),
    };
    this.#out = {
      index: new Int32Array(rows),
      mean: new Float64Array(rows * cells),
      quantiles: new Float64Array(rows * cells * quantiles),
      naive: new Float64Array(rows * cells),
      validTimes: new Float64Array(rows * horizon),
      actual: new Float64Array(rows * targets),
      scoredTimes: new Float64Array(rows * horizon),
      errors: new Float64Array(rows * cells),
    };
  }
}

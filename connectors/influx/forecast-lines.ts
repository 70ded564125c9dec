/** Forecasts, and the truth about earlier ones, as lines of InfluxDB's line protocol. */
import type { ForecastBatch } from '../../src/core/batch.ts';
import type { SinkContext } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { quantileName } from '../formats/forecast-tables.ts';
import { floatText, measurementText, nameProblem, stringText, tagText } from '../formats/line-protocol.ts';

/** Where the lines of a series are gathered. */
export interface Gathered {
  text: string;
  points: number;
}

/** A point that cannot be written at all. */
export interface Unwritable {
  readonly reason: string;
  readonly point: string;
}

/** A lane's series: the beginning of all its lines, and where they go. */
interface Head {
  readonly series: string;
  readonly text: string;
  readonly place: number;
  readonly problem: string | undefined;
}

/**
 * Turns batches into lines.
 *
 * One point a series, target, step and moment forecast for, with the tags `pipeline`, `series`, `step`, `target`. The forecast gives its
 * fields `mean`, `q0025` ..., `naive`, `issued`, `model`; the truth, later, gives `actual` and `error` to the same point. All are floats but
 * `issued` (integer, epoch ms) and `model` (text). What is not finite is left out; a point without a field is not written. Times are
 * whole milliseconds.
 */
export class ForecastLines {
  readonly #start: string;
  readonly #places: number;
  /** Target -> step -> the rest of the tags and the space behind them. */
  readonly #tails: readonly (readonly string[])[];
  readonly #quantiles: readonly string[];
  readonly #heads: Head[] = [];

  /** Lines of one series always go to the same of `places` places. Throws `INFLUX_NAME` for names of the pipeline that cannot be written. */
  constructor(measurement: string, context: SinkContext, places: number) {
    const { pipeline, targets, horizon, quantiles } = context;
    for (const [what, name] of [['pipeline', pipeline], ...targets.map((target) => ['target', target])] as [string, string][]) {
      const problem = nameProblem(name);
      if (problem) throw new TidecastError('INFLUX_NAME', { [what]: JSON.stringify(name), problem });
    }
    this.#start = `${measurementText(measurement)},pipeline=${tagText(pipeline)},series=`;
    this.#places = places;
    this.#tails = targets.map((target) =>
      Array.from({ length: horizon }, (_, step) => `,step=${step + 1},target=${tagText(target)} `),
    );
    this.#quantiles = quantiles.map((level) => `,${quantileName(level)}=`);
  }

  /** Adds the lines of a batch to `places`; gives back what cannot be written. */
  add(batch: ForecastBatch, places: readonly Gathered[]): Unwritable[] {
    const unwritable: Unwritable[] = [];
    const models = batch.models.map((model) => (model === '' ? '' : `,model=${stringText(model)}`));
    for (let row = 0; row < batch.length; row++) {
      const head = this.#head(batch, row);
      if (head.problem === undefined) {
        const place = places[head.place]!;
        this.#forecasts(batch, row, head.text, models, place);
        this.#truth(batch, row, head.text, place);
        continue;
      }
      const { problem: reason, series } = head;
      const lines: Gathered = { text: '', points: 0 };
      this.#forecasts(batch, row, this.#start + JSON.stringify(series), models, lines);
      this.#truth(batch, row, this.#start + JSON.stringify(series), lines);
      for (const point of lines.text.split('\n')) if (point !== '') unwritable.push({ reason, point });
    }
    return unwritable;
  }

  #forecasts(batch: ForecastBatch, row: number, head: string, models: readonly string[], place: Gathered): void {
    const { targets, horizon, quantileCount, mean, naive, quantiles, validTimes } = batch;
    const origin = batch.issued[row]!;
    const issued = `${Number.isFinite(origin) ? `,issued=${Math.round(origin)}i` : ''}${models[batch.model[row]!] ?? ''} `;
    let text = '';
    for (let target = 0; target < targets; target++) {
      const tails = this.#tails[target]!;
      for (let step = 0; step < horizon; step++) {
        const at = (row * targets + target) * horizon + step;
        const time = validTimes[row * horizon + step]!;
        if (!Number.isFinite(time)) continue;
        let fields = Number.isFinite(mean[at]!) ? `,mean=${floatText(mean[at]!)}` : '';
        for (let q = 0; q < quantileCount; q++) {
          const value = quantiles[at * quantileCount + q]!;
          if (Number.isFinite(value)) fields += this.#quantiles[q]! + floatText(value);
        }
        if (Number.isFinite(naive[at]!)) fields += `,naive=${floatText(naive[at]!)}`;
        if (fields === '') continue;
        text += head + tails[step]! + fields.slice(1) + issued + Math.round(time) + '\n';
        place.points++;
      }
    }
    place.text += text;
  }

  #truth(batch: ForecastBatch, row: number, head: string, place: Gathered): void {
    const { targets, horizon, actual, errors, scoredTimes } = batch;
    for (let target = 0; target < targets; target++) {
      const value = actual[row * targets + target]!;
      const observed = Number.isFinite(value) ? `actual=${floatText(value)}` : '';
      for (let step = 0; step < horizon; step++) {
        const time = scoredTimes[row * horizon + step]!;
        const error = errors[(row * targets + target) * horizon + step]!;
        // no error: nothing was forecast there
        if (!Number.isFinite(time) || Number.isNaN(error)) continue;
        const fields = Number.isFinite(error) ? `${observed && `${observed},`}error=${floatText(error)}` : observed;
        if (fields === '') continue;
        place.text += head + this.#tails[target]![step]! + fields + ' ' + Math.round(time) + '\n';
        place.points++;
      }
    }
  }

  #head(batch: ForecastBatch, row: number): Head {
    const lane = batch.lanes[row]!;
    const series = batch.keys[lane] ?? '';
    const known = this.#heads[lane];
    if (known && known.series === series) return known;
    const problem = nameProblem(series);
    const text = problem === undefined ? this.#start + tagText(series) : '';
    return (this.#heads[lane] = { series, text, place: placeOf(series) % this.#places, problem });
  }
}

/** A number that depends on the name alone (FNV-1a over its UTF-16 units). */
function placeOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Errors of the forecasts that were sent out. */
import type { ForecastBatch } from '../../../src/core/batch.ts';

/** Errors by cell (target x step), of origins from the first that is scored. */
export class Errors {
  readonly #from: number;
  readonly #only: (series: string, row: number) => boolean;
  readonly #rows = new Map<string, number>();
  readonly absolute: number[] = [];
  readonly squared: number[] = [];
  /** |error| over the mean of |truth| and |forecast|, in percent. */
  readonly relative: number[] = [];
  readonly count: number[] = [];
  /** What was forecast last for each series, first target. */
  readonly last = new Map<string, Float64Array>();

  /** `only`: the rows whose errors count. */
  constructor(from: number, only: (series: string, row: number) => boolean = () => true) {
    this.#from = from;
    this.#only = only;
  }

  /** Of a cell, as are the next two. */
  mae(cell: number): number {
    return this.absolute[cell]! / this.count[cell]!;
  }

  mse(cell: number): number {
    return this.squared[cell]! / this.count[cell]!;
  }

  smape(cell: number): number {
    return this.relative[cell]! / this.count[cell]!;
  }

  take(batch: ForecastBatch): void {
    const { length, lanes, keys, targets, horizon, errors, mean, actual } = batch;
    const cells = targets * horizon;
    for (let row = 0; row < length; row++) {
      const key = keys[lanes[row]!]!;
      const n = this.#rows.get(key) ?? 0;
      this.#rows.set(key, n + 1);
      if (!this.#only(key, n)) continue;
      this.last.set(key, mean.slice(row * cells, row * cells + horizon));
      for (let cell = 0; cell < cells; cell++) {
        const error = errors[row * cells + cell]!;
        if (n - (cell % horizon) - 1 < this.#from || Number.isNaN(error)) continue;
        this.absolute[cell] = (this.absolute[cell] ?? 0) + Math.abs(error);
        this.squared[cell] = (this.squared[cell] ?? 0) + error * error;
        const truth = actual[row * targets + Math.floor(cell / horizon)]!;
        const relative = error === 0 ? 0 : (200 * Math.abs(error)) / (Math.abs(truth) + Math.abs(truth - error));
        this.relative[cell] = (this.relative[cell] ?? 0) + relative;
        this.count[cell] = (this.count[cell] ?? 0) + 1;
      }
    }
  }
}

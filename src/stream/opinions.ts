/** What every model said, wave by wave, read from the ensemble's columns right after it stepped. */
import type { Opinions } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import type { Column } from '../core/lanes.ts';
import type { Ensemble } from '../forecast/ensemble.ts';

/** Gathers the opinions of a batch; its arrays are reused from batch to batch. */
export class OpinionsOf {
  readonly #ensemble: Ensemble;
  readonly #models: readonly string[];
  readonly #cells: number;
  readonly #said: Column;
  readonly #weights: Float64Array;
  #index = new Float64Array(0);
  #saidOut = new Float64Array(0);
  #weightsOut = new Float64Array(0);

  constructor(ensemble: Ensemble) {
    const { targets, horizon } = ensemble.context;
    this.#ensemble = ensemble;
    this.#models = ensemble.names.slice(0, -1);
    this.#cells = targets * horizon;
    const said = ensemble.lanes.column('ensemble.said');
    // slots x cells x (models, then the output), as the ensemble keeps them
    if (said?.stride !== horizon * this.#cells * (this.#models.length + 1))
      throw new TidecastError('INTERNAL', { column: 'ensemble.said', stride: said?.stride ?? 0 });
    this.#said = said;
    this.#weights = new Float64Array(this.#models.length).fill(NaN);
  }

  /** Makes room for a batch of so many rows. */
  reserve(rows: number): void {
    if (this.#index.length >= rows) return;
    this.#index = new Float64Array(rows);
    this.#saidOut = new Float64Array(rows * this.#cells * this.#models.length);
    this.#weightsOut = new Float64Array(rows * this.#cells * this.#models.length);
  }

  /** The wave that was just stepped: row `k` of it is row `index[k]` of the batch. */
  note(lanes: Int32Array, index: Int32Array, rows: number): void {
    const { mixture, context } = this.#ensemble;
    const models = this.#models.length;
    const said = this.#said.data;
    for (let k = 0; k < rows; k++) {
      const lane = lanes[k]!;
      const now = this.#ensemble.indexOf(lane);
      const from = (lane * context.horizon + (now % context.horizon)) * this.#cells;
      this.#index[index[k]!] = now;
      for (let cell = 0; cell < this.#cells; cell++) {
        mixture?.weights(lane, cell, this.#weights);
        const to = (index[k]! * this.#cells + cell) * models;
        for (let m = 0; m < models; m++) {
          this.#saidOut[to + m] = said[(from + cell) * (models + 1) + m]!;
          this.#weightsOut[to + m] = this.#weights[m]!;
        }
      }
    }
  }

  /** The opinions of the batch, valid as long as the batch is. */
  take(rows: number): Opinions {
    const cells = rows * this.#cells * this.#models.length;
    return {
      models: this.#models,
      index: this.#index.subarray(0, rows),
      said: this.#saidOut.subarray(0, cells),
      weights: this.#weightsOut.subarray(0, cells),
    };
  }
}

/** Forecasts of one series that wait for their truth. */
import type { ForecastBatch } from '../core/batch.ts';

/** Sizes that every series shares. */
export interface PendingShape {
  readonly targets: number;
  readonly horizon: number;
  readonly levels: number;
  readonly models: number;
  /** Only origins whose grid index is a multiple of this are kept. */
  readonly stride: number;
}

/** A ring of origins: `ceil(horizon / stride)` slots of `targets x horizon` cells, each with all that was said of it. */
export class Pending {
  readonly shape: PendingShape;
  readonly slots: number;
  /** Grid index of the origin in each slot; 0: empty. */
  readonly origin: Float64Array;
  readonly issued: Float64Array;
  /** `slots x horizon`. */
  readonly valid: Float64Array;
  readonly model: string[];
  /** `slots x cells`: whether the forecast was written already. */
  readonly done: Uint8Array;
  /** `slots x cells`, and `x levels` or `x models`. */
  readonly mean: Float64Array;
  readonly naive: Float64Array;
  readonly quantiles: Float64Array;
  readonly said: Float64Array;
  readonly weights: Float64Array;
  /** What the naive forecaster said one row ago, one step ahead, a target. */
  readonly before: Float64Array;

  constructor(shape: PendingShape) {
    const { targets, horizon, levels, models, stride } = shape;
    const slots = Math.ceil(horizon / stride);
    const cells = slots * targets * horizon;
    this.shape = shape;
    this.slots = slots;
    this.origin = new Float64Array(slots);
    this.issued = new Float64Array(slots);
    this.valid = new Float64Array(slots * horizon);
    this.model = new Array<string>(slots).fill('');
    this.done = new Uint8Array(cells);
    this.mean = new Float64Array(cells);
    this.naive = new Float64Array(cells);
    this.quantiles = new Float64Array(cells * levels);
    this.said = new Float64Array(cells * models);
    this.weights = new Float64Array(cells * models);
    this.before = new Float64Array(targets).fill(NaN);
  }

  /** The slot of an origin, whether it is there or not; -1 where none is kept for it. */
  slotOf(index: number): number {
    const { stride } = this.shape;
    return index > 0 && index % stride === 0 ? (index / stride) % this.slots : -1;
  }

  /** Keeps row `row` of a batch, the series' row `index`, in its slot. */
  keep(slot: number, index: number, batch: ForecastBatch, row: number): void {
    const { targets, horizon, levels, models } = this.shape;
    const cells = targets * horizon;
    const copy = (to: Float64Array, from: Float64Array, each: number) =>
      to.set(from.subarray(row * each, (row + 1) * each), slot * each);
    this.origin[slot] = index;
    this.issued[slot] = batch.issued[row]!;
    this.model[slot] = batch.models[batch.model[row]!] ?? '';
    this.done.fill(0, slot * cells, (slot + 1) * cells);
    copy(this.valid, batch.validTimes, horizon);
    copy(this.mean, batch.mean, cells);
    copy(this.naive, batch.naive, cells);
    copy(this.quantiles, batch.quantiles, cells * levels);
    copy(this.said, batch.opinions!.said, cells * models);
    copy(this.weights, batch.opinions!.weights, cells * models);
  }
}

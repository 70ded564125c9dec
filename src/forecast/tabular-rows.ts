/** The inputs of the models that are fitted in one go, for the rows of a wave: made once, read by all of them. */
import type { Wave } from './forecaster.ts';
import type { RowScaler } from './row-scaler.ts';
import type { Tabular } from './tabular.ts';

/** `x` is `rows x targets x horizon x count`; valid until the next wave. */
export class TabularRows {
  readonly tabular: Tabular;
  x = new Float32Array(0);
  readonly #scaler: RowScaler;
  readonly #scale: Float64Array;

  constructor(tabular: Tabular, scaler: RowScaler) {
    this.tabular = tabular;
    this.#scaler = scaler;
    this.#scale = new Float64Array(tabular.beside.scales);
  }

  /** Where the inputs of a row's cell (target x horizon + step - 1) begin. */
  at(row: number, cell: number): number {
    const { targets, horizon } = this.tabular.sizes;
    return (row * targets * horizon + cell) * this.tabular.count;
  }

  /** Raw worth of one unit of a target for a lane now. */
  unit(lane: number, target: number): number {
    return this.tabular.unit(this.#scaler.now.data, lane * this.#scaler.size, target);
  }

  /** Makes the inputs of a wave; rings and scalers hold its rows already. */
  fill(wave: Wave): void {
    const { tabular } = this;
    const { targets, horizon } = tabular.sizes;
    const { count, fixed } = tabular;
    const size = wave.rows * targets * horizon * count;
    if (this.x.length < size) this.x = new Float32Array(size);
    const { x } = this;
    const scaler = this.#scaler.now.data;
    for (let row = 0; row < wave.rows; row++) {
      const lane = wave.lanes[row]!;
      const at = lane * this.#scaler.size;
      tabular.beside.scale(scaler, at, this.#scale, 0);
      for (let target = 0; target < targets; target++) {
        const first = this.at(row, target * horizon);
        const unit = tabular.unit(scaler, at, target);
        tabular.writeFixed(lane, 0, target, scaler, at, x, first);
        for (let step = 1; step <= horizon; step++) {
          const to = first + (step - 1) * count;
          if (step > 1) x.copyWithin(to, first, first + fixed);
          tabular.writeStep(lane, 0, target, step, unit, this.#scale, 0, x, to);
        }
      }
    }
  }
}

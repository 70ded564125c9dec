/** What the trained models have in common: their weights, and what they see of a row. Made only where a model asks for it. */
import type { Lanes } from '../core/lanes.ts';
import type { Ring } from '../window/ring.ts';
import type { GridClock, Wave } from './forecaster.ts';
import type { Recurrent } from './recurrent.ts';
import { RowScaler } from './row-scaler.ts';
import { Tabular, type TabularSizes } from './tabular.ts';
import { TabularRows } from './tabular-rows.ts';
import { WeightsBox } from './weights.ts';

export class Inputs {
  /** All trained models have their tensors here: one training, one version, one swap. */
  readonly box = new WeightsBox();
  /** Models that are fitted in one go, by name. */
  readonly fitted: string[] = [];
  /** The network, once it is built: for a model that reads its hidden state. */
  network: Recurrent | undefined;
  readonly #lanes: Lanes;
  readonly #ring: Ring;
  readonly #clock: GridClock;
  readonly sizes: TabularSizes;
  #scaler: RowScaler | undefined;
  #rows: TabularRows | undefined;

  constructor(lanes: Lanes, ring: Ring, clock: GridClock, sizes: TabularSizes) {
    this.#lanes = lanes;
    this.#ring = ring;
    this.#clock = clock;
    this.sizes = sizes;
  }

  /** Whether anything here is trained. */
  get trained(): boolean {
    return this.#scaler !== undefined;
  }

  scaler(): RowScaler {
    return (this.#scaler ??= new RowScaler(this.#lanes, this.#ring));
  }

  /** Numbers that the models that are fitted in one go see of a row, target and step; undefined without such a model. */
  get columns(): number | undefined {
    return this.#rows?.tabular.count;
  }

  /** For a model that is fitted in one go. */
  rowsFor(model: string): TabularRows {
    this.fitted.push(model);
    return (this.#rows ??= new TabularRows(
      new Tabular(this.#ring, this.#clock, this.sizes, (lane) => this.#lanes.keys[lane]),
      this.scaler(),
    ));
  }

  /** Follows the rows of a wave, which are in their rings; called before the models step. */
  follow(wave: Wave): void {
    if (!this.#scaler) return;
    for (let row = 0; row < wave.rows; row++) this.#scaler.follow(wave.lanes[row]!);
    // before the first training there is nothing to be read
    if (this.#rows && this.box.current.version > 0) this.#rows.fill(wave);
  }
}

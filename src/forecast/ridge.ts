/** The ridge forecaster: one linear map a target and step, over lags, levels, seasons and the clock, fitted anew at every training. */
import { z } from 'zod';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';
import type { TabularRows } from './tabular-rows.ts';
import { Tabular } from './tabular.ts';
import type { WeightsBox } from './weights.ts';

const config = z.strictObject({});

/** Name of the tensor: `targets x horizon x (inputs + 3)`, the last of each the constant, the least and the greatest change. */
export const RIDGE = 'ridge/w';

/** Numbers of one map. */
export function ridgeSize(inputs: number): number {
  return inputs + 3;
}

class Ridge implements Forecaster {
  readonly name = 'ridge';
  readonly ownQuantiles = false;
  readonly #context: ForecasterContext;
  readonly #rows: TabularRows;
  readonly #box: WeightsBox;

  constructor(context: ForecasterContext) {
    this.#context = context;
    this.#rows = context.inputs.rowsFor(this.name);
    this.#box = context.inputs.box;
  }

  step(wave: Wave, outlook: Outlook): void {
    const { targets, horizon } = this.#context;
    const { count } = this.#rows.tabular;
    for (let row = 0, to = 0; row < wave.rows; row++) {
      const w = this.#box.at(wave.times[row]!).weights.get(RIDGE);
      for (let target = 0; target < targets; target++) {
        const last = wave.values[row * wave.channels + target]!;
        const unit = this.#rows.unit(wave.lanes[row]!, target);
        for (let step = 0; step < horizon; step++, to++) {
          const cell = target * horizon + step;
          const change = w ? ridgeOf(w, cell * ridgeSize(count), this.#rows.x, this.#rows.at(row, cell), count) : 0;
          outlook.mean[to] = finite(last + unit * change, last);
        }
      }
    }
  }
}

/** What a map says, in units: within the changes that it was fitted to, because it may be asked far outside of them. */
export function ridgeOf(w: Float32Array, wAt: number, x: Float32Array, at: number, count: number): number {
  const change = linearOf(w, wAt, x, at, count);
  return Math.max(w[wAt + count + 1]!, Math.min(w[wAt + count + 2]!, change));
}

/** The map without its bounds. */
export function linearOf(w: Float32Array, wAt: number, x: Float32Array, at: number, count: number): number {
  let sum = w[wAt + count]!;
  for (let i = 0; i < count; i++) sum += w[wAt + i]! * x[at + i]!;
  return sum;
}

function finite(x: number, otherwise: number): number {
  return x - x === 0 ? x : otherwise;
}

export default defineForecaster<z.infer<typeof config>>({
  name: 'ridge',
  status: 'beta',
  summary:
    'Ridge regression over lags, levels, seasons, other channels and the clock, for each step ahead; fitted at every training.',
  config,
  example: '',
  guarantees: [
    'One map for all series, in units of each series’ own mean change; a map of its own for every target and step ahead.',
    'Fitted to rows up to the trigger of a training, with weights that count large errors less (Huber). Before the first training it is the naive forecaster.',
    'A forecast changes by no more, in units, than the rows did that it was fitted to.',
    'It remembers nothing but its weights.',
  ],
  lookback: (_config, { seasons }) => Tabular.lookback({ seasons }),
  build: (_config, context) => new Ridge(context),
});

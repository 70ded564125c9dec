/** The naive forecaster: every step ahead is the last value. What everything else is measured against. */
import { z } from 'zod';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';

const config = z.strictObject({});

/** Writes the row's own values, `rows x targets x horizon`, raw units. It remembers nothing. */
class Naive implements Forecaster {
  readonly name = 'naive';
  readonly ownQuantiles = false;
  readonly #targets: number;
  readonly #horizon: number;

  constructor(context: ForecasterContext) {
    this.#targets = context.targets;
    this.#horizon = context.horizon;
  }

  step(wave: Wave, outlook: Outlook): void {
    for (let row = 0, to = 0; row < wave.rows; row++) {
      for (let target = 0; target < this.#targets; target++) {
        const value = wave.values[row * wave.channels + target]!;
        for (let step = 0; step < this.#horizon; step++) outlook.mean[to++] = value;
      }
    }
  }
}

export default defineForecaster<z.infer<typeof config>>({
  name: 'naive',
  status: 'stable',
  summary: 'The last value, for every step ahead.',
  config,
  example: '',
  guarantees: [
    'It remembers nothing, so it is the same after a gap, a reset and a restart.',
    'At a row that a gap policy filled in, the last value is the filled-in one.',
  ],
  lookback: () => 1,
  build: (_config, context) => new Naive(context),
});

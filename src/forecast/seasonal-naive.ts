/** The seasonal naive forecaster: the value one season before the moment forecast for. */
import { z } from 'zod';
import { ROW_RESET } from '../core/batch.ts';
import type { Column } from '../core/lanes.ts';
import type { Ring } from '../window/ring.ts';
import { SeasonRows } from './season-rows.ts';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';

const config = z.strictObject({
  season: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('Rows in one season. Default: the first of the pipeline’s `forecast.season`; without any, the last value.'),
});
type Config = z.infer<typeof config>;

/** Rows are counted up to here. */
const MOST = 1_000_000_000;

/**
 * y(t + h) = y(t + h - k m) with the smallest k for which that row is known: for h <= m, one season ago (Hyndman and
 * Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 5.2). The last value until a season was seen since the last reset.
 */
class SeasonalNaive implements Forecaster {
  readonly name = 'seasonal-naive';
  readonly ownQuantiles = false;
  readonly #ring: Ring;
  readonly #targets: number;
  readonly #horizon: number;
  readonly #season: number;
  readonly #rows: SeasonRows;
  /** Rows since the series began or was reset. */
  readonly #since: Column<Int32Array>;

  constructor(season: number, context: ForecasterContext) {
    this.#ring = context.ring;
    this.#targets = context.targets;
    this.#horizon = context.horizon;
    this.#season = season;
    this.#rows = new SeasonRows(context.ring, context.clock);
    this.#since = context.lanes.i32(`seasonal-naive.${season}.since`);
  }

  step(wave: Wave, outlook: Outlook): void {
    const season = this.#season;
    const all = this.#since.data;
    for (let row = 0, to = 0; row < wave.rows; row++) {
      const lane = wave.lanes[row]!;
      const since = (wave.flags[row]! & ROW_RESET) !== 0 ? 1 : Math.min(all[lane]! + 1, MOST);
      all[lane] = since;
      const even = since < season || this.#rows.isEven(lane, 0, season);
      const pace = even ? 1 : this.#rows.pace(lane, 0);
      for (let target = 0; target < this.#targets; target++) {
        const last = wave.values[row * wave.channels + target]!;
        for (let step = 1; step <= this.#horizon; step++) {
          const back = even ? season - 1 - ((step - 1) % season) : this.#rows.phase(lane, 0, step, pace, season);
          outlook.mean[to++] = since >= season && back >= 0 && back < since ? this.#ring.value(lane, back, target) : last;
        }
      }
    }
  }
}

export default defineForecaster<Config>({
  name: 'seasonal-naive',
  status: 'stable',
  summary: 'The value one season before the moment forecast for.',
  config,
  example: 'season: 48',
  guarantees: [
    'Until a whole season was seen it says what `naive` says; a reset counts as a new beginning.',
    'A season is so many rows of the grid: where rows are missing, late or double it is looked up by time, for the moment at which the row forecast for is to be expected; where nothing lies near, it says what `naive` says.',
    'Memory: 4 bytes a series; the values are read from the shared ring, which must hold a season.',
  ],
  lookback: (config, { seasons }) => config.season ?? seasons[0] ?? 1,
  build: (config, context) => new SeasonalNaive(config.season ?? context.season ?? 1, context),
});

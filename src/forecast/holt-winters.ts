/** Exponential smoothing: level, damped trend and a season that is added or multiplies, with the parameters chosen online from a small bank. */
import { z } from 'zod';
import { ROW_IMPUTED, ROW_RESET } from '../core/batch.ts';
import type { Column } from '../core/lanes.ts';
import { SeasonRows } from './season-rows.ts';
import { defineForecaster, type Forecaster, type ForecasterContext, type Outlook, type Wave } from './forecaster.ts';

const config = z.strictObject({
  season: z
    .int()
    .min(0)
    .max(100_000)
    .optional()
    .describe('Rows in the season; 0: none. Default: the longest of the pipeline’s `forecast.season` of at most 400 rows.'),
  damped: z.boolean().default(true).describe('Whether settings with a damped trend are in the bank.'),
});
type Config = z.infer<typeof config>;

/** Smoothing of the level, of the trend, damping of the trend, smoothing of the season, what is left of an error one row later. */
export interface Setting {
  readonly alpha: number;
  readonly beta: number;
  readonly phi: number;
  readonly gamma: number;
  readonly rho: number;
}

const level = (alpha: number): Setting => ({ alpha, beta: 0, phi: 1, gamma: 0, rho: 0 });

/** The bank: levels from slow to naive, two damped trends, two settings with a season that is added, two with one that multiplies. More of each changed little (test/bench/nab.ts). */
export const BANK = {
  level: [level(0.1), level(0.3), level(0.6), level(1)],
  damped: [
    { alpha: 0.6, beta: 0.2, phi: 0.9, gamma: 0, rho: 0 },
    { alpha: 0.9, beta: 0.3, phi: 0.8, gamma: 0, rho: 0 },
  ],
  seasonal: [
    { alpha: 0.05, beta: 0, phi: 1, gamma: 0.1, rho: 0.8 },
    { alpha: 0.6, beta: 0, phi: 1, gamma: 0.1, rho: 0 },
  ],
  multiplicative: [
    { alpha: 0.05, beta: 0, phi: 1, gamma: 0.1, rho: 0.8 },
    { alpha: 0.6, beta: 0, phi: 1, gamma: 0.1, rho: 0 },
  ],
} as const satisfies Record<string, readonly Setting[]>;

/** Longest season that is taken by default: four settings hold a double a row of it. */
const AFFORDABLE = 400;
/** How fast the settings' errors are forgotten. */
const ERROR_RATE = 0.01;
/** One broken value must neither decide the choice of the setting nor stay in the season for years: errors are cut at this many usual ones. */
const ERROR_CUT = 1000;
const SEASON_CUT = 100;
const LARGEST = Number.MAX_VALUE / 8;
/** Nothing multiplies its way to 0 or below: such a value counts against it as so many usual errors more. */
const UNFIT = 100;
/** What multiplies stays between these. */
const [LEAST_FACTOR, MOST_FACTOR] = [0.02, 50];

/** Numbers per setting: level, trend, last error, mean absolute error. */
const LEVEL = 0;
const TREND = 1;
const REST = 2;
const ERROR = 3;
const KEPT = 4;

/**
 * Every setting runs on every series; the one with the lowest exponentially forgotten absolute one-step error speaks.
 *
 * Error-correction form (Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, ch. 2; the remainder after
 * Taylor, "Short-term electricity demand forecasting using double seasonal exponential smoothing", 2003): with
 * f = l + phi b + s(t - m), u = y - f and e = u - rho u(t-1): l = l + phi b + alpha e, b = phi b + alpha beta e, s(t) = s(t - m) + gamma e,
 * and y(t + h) is forecast as l + (phi + ... + phi^h) b + s(t + h - m) + rho^h u. Where the season multiplies, f = (l + phi b) s(t - m), level and
 * trend move by e / s(t - m), and s(t) = s(t - m) + gamma e / (l + phi b). Seasons start from the first season's rows.
 */
class HoltWinters implements Forecaster {
  readonly name = 'holt-winters';
  readonly ownQuantiles = false;
  readonly #context: ForecasterContext;
  readonly #season: number;
  readonly #bank: readonly Setting[];
  /** Settings from here on have a season. */
  readonly #seasonal: number;
  /** Settings from here on have one that multiplies. */
  readonly #multiplying: number;
  /** Steps of the grid since the series began or was reset, counted from 1. */
  readonly #since: Column<Float64Array>;
  readonly #rows: SeasonRows;
  readonly #kept: Column<Float64Array>;
  readonly #seasons: Column<Float64Array>;

  constructor(config: Config, context: ForecasterContext) {
    this.#context = context;
    this.#season = seasonOf(config, context.seasons);
    const plain = [...BANK.level, ...(config.damped ? BANK.damped : [])];
    this.#bank = [...plain, ...(this.#season > 0 ? [...BANK.seasonal, ...BANK.multiplicative] : [])];
    this.#seasonal = plain.length;
    this.#multiplying = plain.length + BANK.seasonal.length;
    const { lanes, targets } = context;
    this.#rows = new SeasonRows(context.ring, context.clock);
    this.#since = lanes.f64('holt-winters.since');
    this.#kept = lanes.f64('holt-winters.kept', targets * this.#bank.length * KEPT);
    this.#seasons = lanes.f64('holt-winters.seasons', targets * (this.#bank.length - plain.length) * this.#season);
  }

  step(wave: Wave, outlook: Outlook): void {
    const { targets, horizon } = this.#context;
    const since = this.#since.data;
    for (let row = 0; row < wave.rows; row++) {
      const lane = wave.lanes[row]!;
      const flags = wave.flags[row]!;
      const known = (flags & ROW_RESET) !== 0 ? 0 : since[lane]!;
      // a row's place in the season is that of its time: rows may be missing, late or double
      const now = known === 0 ? 1 : known + this.#steps(lane, 0);
      since[lane] = now;
      const pace = this.#season > 0 ? this.#rows.pace(lane, 0) : 1;
      const speaking = now >= this.#season ? this.#bank.length : this.#seasonal;
      for (let target = 0; target < targets; target++) {
        const value = wave.values[row * wave.channels + target]!;
        const at = lane * targets + target;
        if (known === 0) this.#start(at, value);
        else this.#learn(at, value, now - 1, (flags & ROW_IMPUTED) === 0);
        if (known < this.#season && now >= this.#season) this.#startSeason(lane, target, now - 1);
        this.#forecast(at, value, now - 1, pace, speaking, outlook.mean, (row * targets + target) * horizon);
      }
    }
  }

  /** How many steps of the grid the row `back` rows ago came after the one before it. */
  #steps(lane: number, back: number): number {
    return Math.max(0, 1 + Math.round(this.#rows.late(lane, back)));
  }

  #start(at: number, value: number): void {
    const kept = this.#kept.data;
    for (let i = 0; i < this.#bank.length; i++) {
      const k = (at * this.#bank.length + i) * KEPT;
      kept[k + LEVEL] = value;
      kept[k + TREND] = 0;
      kept[k + REST] = 0;
    }
    for (let i = this.#seasonal; i < this.#bank.length; i++) {
      const from = this.#place(at, i, 0);
      this.#seasons.data.fill(Number(i >= this.#multiplying), from, from + this.#season);
    }
  }

  /** The row at the grid's place `known` (from 0, since the last reset) came. An imputed one moves time on as if it had been what was forecast. */
  #learn(at: number, value: number, known: number, observed: boolean): void {
    const kept = this.#kept.data;
    for (let i = 0; i < this.#bank.length; i++) {
      const { alpha, beta, phi, gamma, rho } = this.#bank[i]!;
      const k = (at * this.#bank.length + i) * KEPT;
      const s = this.#place(at, i, known);
      const multiplies = i >= this.#multiplying;
      const season = i < this.#seasonal || known < this.#season ? Number(multiplies) : this.#seasons.data[s]!;
      const trend = phi * kept[k + TREND]!;
      const before = kept[k + LEVEL]! + trend;
      const rest = rho * kept[k + REST]!;
      const off = observed
        ? Math.max(-LARGEST, Math.min(LARGEST, value - (multiplies ? before * season : before + season)))
        : rest;
      const error = off - rest;
      const moved = multiplies ? error / season : error;
      kept[k + LEVEL] = before + alpha * moved;
      kept[k + TREND] = trend + alpha * beta * moved;
      kept[k + REST] = off;
      const usual = kept[k + ERROR]!;
      if (i >= this.#seasonal && known >= this.#season) {
        const cut = usual > 0 ? SEASON_CUT * usual : LARGEST;
        const bounded = gamma * Math.max(-cut, Math.min(cut, error));
        this.#seasons.data[s] = multiplies ? (before > 0 ? factor(season + bounded / before) : season) : season + bounded;
      }
      if (observed)
        kept[k + ERROR] =
          usual +
          ERROR_RATE *
            (multiplies && !(value > 0)
              ? UNFIT * usual
              : Math.min(Math.abs(error), usual > 0 ? ERROR_CUT * usual : LARGEST) - usual);
      if (Number.isFinite(kept[k + LEVEL]! + kept[k + TREND]! + season)) continue;
      kept[k + LEVEL] = value;
      kept[k + TREND] = 0;
      kept[k + REST] = 0;
      if (i >= this.#seasonal)
        this.#seasons.data.fill(Number(multiplies), this.#place(at, i, 0), this.#place(at, i, 0) + this.#season);
    }
  }

  /** A whole season was seen for the first time: its rows' distances from their mean are where the seasonal settings start. */
  #startSeason(lane: number, target: number, known: number): void {
    const { ring, targets } = this.#context;
    const season = this.#season;
    const at = lane * targets + target;
    const held = ring.held(lane);
    let rows = 0;
    for (let row = known; rows < held && row >= Math.max(0, known - season + 1); row -= this.#steps(lane, rows++));
    let mean = 0;
    for (let back = 0; back < rows; back++) mean += ring.value(lane, back, target) / rows;
    const kept = this.#kept.data;
    for (let i = this.#seasonal; i < this.#bank.length; i++) {
      for (let back = 0, row = known; back < rows; back++) {
        const [value, before] = [ring.value(lane, back, target), back + 1 < rows ? ring.value(lane, back + 1, target) : NaN];
        const steps = before === before ? this.#steps(lane, back) : 1;
        // between two rows that are further apart it went straight from one to the other
        for (let j = 0; j < steps; j++, row--) {
          const off = value - mean + (j > 0 ? ((before - value) * j) / steps : 0);
          this.#seasons.data[this.#place(at, i, row)] =
            i < this.#multiplying ? Math.max(-LARGEST, Math.min(LARGEST, off)) : mean > 0 ? factor(1 + off / mean) : 1;
        }
      }
      const k = (at * this.#bank.length + i) * KEPT;
      kept[k + LEVEL] = mean;
      kept[k + TREND] = 0;
      kept[k + REST] = 0;
      kept[k + ERROR] = kept[(at * this.#bank.length + this.#best(at, this.#seasonal)) * KEPT + ERROR]!;
    }
  }

  #forecast(at: number, value: number, known: number, pace: number, speaking: number, into: Float64Array, to: number): void {
    const i = this.#best(at, speaking);
    const { phi, rho } = this.#bank[i]!;
    const kept = this.#kept.data;
    const k = (at * this.#bank.length + i) * KEPT;
    let trend = 0;
    let damping = phi;
    let rest = kept[k + REST]!;
    for (let step = 1; step <= this.#context.horizon; step++, damping *= phi) {
      trend += damping * kept[k + TREND]!;
      rest *= rho;
      const season = i < this.#seasonal ? 0 : this.#seasons.data[this.#place(at, i, known + Math.round(step * pace))]!;
      const before = kept[k + LEVEL]! + trend;
      const sum = (i < this.#multiplying ? before + season : before * season) + rest;
      into[to + step - 1] = Number.isFinite(sum) ? sum : value;
    }
  }

  #best(at: number, among: number): number {
    const kept = this.#kept.data;
    const from = at * this.#bank.length;
    let best = 0;
    for (let i = 1; i < among; i++) if (kept[(from + i) * KEPT + ERROR]! < kept[(from + best) * KEPT + ERROR]!) best = i;
    return best;
  }

  /** Where setting i of a lane's target keeps the season of row `row`, counted since the last reset. */
  #place(at: number, i: number, row: number): number {
    return (at * (this.#bank.length - this.#seasonal) + i - this.#seasonal) * this.#season + (row % this.#season);
  }
}

function factor(x: number): number {
  return Math.max(LEAST_FACTOR, Math.min(MOST_FACTOR, x));
}

function seasonOf(config: Config, seasons: readonly number[]): number {
  return config.season ?? Math.max(0, ...seasons.filter((season) => season <= AFFORDABLE));
}

export default defineForecaster<Config>({
  name: 'holt-winters',
  status: 'stable',
  summary: 'Exponential smoothing with level, damped trend and season; the best of a small bank of settings speaks.',
  config,
  example: 'season: 48',
  guarantees: [
    'It never waits for a fit: every setting of the bank runs on every series, and the best by recent one-step error speaks.',
    'Memory a series and target: 40 doubles, and 32 bytes a row of the season.',
    'A season is so many rows of the grid: where rows are missing, late or double a row’s place in it is that of its time.',
    'A reset starts levels and seasons anew and keeps the record of which setting was good.',
  ],
  lookback: (config, { seasons }) => Math.max(1, seasonOf(config, seasons)),
  build: (config, context) => new HoltWinters(config, context),
});

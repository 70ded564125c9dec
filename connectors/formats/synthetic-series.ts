/** Seeded made-up series. Each is a pure function of its seed, run forward one row at a time. */
import { exp, log, sin } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import type { Session } from './session.ts';

/** One made-up series: `next` moves `time` and `values` on by a row. */
export interface Generator {
  readonly time: number;
  readonly values: Float64Array;
  /** Number of the trade, where there is one. */
  readonly id: number;
  next(): void;
}

export interface SeriesOptions {
  readonly start: number;
  /** Milliseconds from row to row; the mean where they are irregular. */
  readonly interval: number;
  readonly noise: number;
  /** Rows a season. */
  readonly period: number;
  readonly amplitude: number;
  readonly level: number;
  /** Change of the level a row. */
  readonly trend: number;
  /** Mean rows of a regime. */
  readonly regime: number;
  readonly session: Session;
}

export type Kind = 'seasonal' | 'random-walk' | 'regime-shift' | 'irregular' | 'trades';

/** A generator of a kind. */
export function generator(kind: Kind, seed: number, options: SeriesOptions): Generator {
  const random = new Random(seed);
  switch (kind) {
    case 'seasonal':
      return new Regular(options, seasonal(random, options));
    case 'random-walk':
      return new Regular(options, randomWalk(random, options));
    case 'regime-shift':
      return new Regular(options, regimeShift(random, options));
    case 'irregular':
      return new Irregular(random, options);
    case 'trades':
      return new Trades(random, options);
  }
}

type Value = (row: number) => number;

const TURN = 2 * Math.PI;

function seasonal(random: Random, { noise, period, amplitude, level, trend }: SeriesOptions): Value {
  const phase = random.uniform() * TURN;
  return (row) => {
    const angle = (TURN * (row % period)) / period;
    return level + trend * row + amplitude * (sin(angle + phase) + 0.4 * sin(2 * angle + phase)) + noise * random.normal(log);
  };
}

function randomWalk(random: Random, { noise, level, trend }: SeriesOptions): Value {
  let value = level;
  return () => (value += trend + noise * random.normal(log));
}

/** An autoregression around a level; from time to time level, persistence and noise are drawn anew. */
function regimeShift(random: Random, { noise, amplitude, level, regime }: SeriesOptions): Value {
  let [value, center, persistence, spread, left] = [level, level, 0.8, noise, 0];
  return () => {
    if (left-- <= 0) {
      left = Math.ceil(-regime * log(1 - random.uniform()));
      center = level + 3 * amplitude * random.normal(log);
      persistence = 0.2 + 0.75 * random.uniform();
      spread = noise * (0.5 + 2 * random.uniform());
    }
    return (value = center + persistence * (value - center) + spread * random.normal(log));
  };
}

class Regular implements Generator {
  time: number;
  readonly id = NaN;
  readonly values = new Float64Array(1);
  readonly #interval: number;
  readonly #start: number;
  readonly #value: Value;
  #row = 0;

  constructor({ start, interval }: SeriesOptions, value: Value) {
    this.time = start;
    this.#start = start;
    this.#interval = interval;
    this.#value = value;
    this.values[0] = value(0);
  }

  next(): void {
    this.#row++;
    this.time = this.#start + this.#row * this.#interval;
    this.values[0] = this.#value(this.#row);
  }
}

/** A season in time, seen at random moments: mostly about an interval apart, one time in ten after a long gap. */
class Irregular implements Generator {
  time: number;
  readonly id = NaN;
  readonly values = new Float64Array(1);
  readonly #random: Random;
  readonly #options: SeriesOptions;
  readonly #phase: number;

  constructor(random: Random, options: SeriesOptions) {
    this.#random = random;
    this.#options = options;
    this.#phase = random.uniform() * TURN;
    this.time = options.start + Math.floor(random.uniform() * options.interval);
    this.#look();
  }

  next(): void {
    const { interval } = this.#options;
    const gap = this.#random.below(10) === 0 ? 1 - 6 * log(1 - this.#random.uniform()) : 0.5 + this.#random.uniform() * 0.6;
    this.time += Math.max(1, Math.round(gap * interval * 0.68));
    this.#look();
  }

  #look(): void {
    const { start, interval, period, amplitude, level, trend, noise } = this.#options;
    const row = (this.time - start) / interval;
    this.values[0] =
      level + trend * row + amplitude * sin((TURN * (row % period)) / period + this.#phase) + noise * this.#random.normal(log);
  }
}

/** Prices in cents and sizes: bursts within one millisecond, nothing while the market is closed, a jump at its opening. */
class Trades implements Generator {
  time: number;
  id = 0;
  readonly values = new Float64Array(2);
  readonly #random: Random;
  readonly #options: SeriesOptions;
  #cents: number;
  #closes: number;

  constructor(random: Random, options: SeriesOptions) {
    this.#random = random;
    this.#options = options;
    this.#cents = Math.max(1, Math.round(options.level * 100));
    const { from, to } = options.session.at(options.start);
    this.time = from;
    this.#closes = to;
    this.#trade();
  }

  next(): void {
    this.id++;
    // a third of the trades come with the one before; the others after three halves of the mean
    if (this.#random.below(3) !== 0) this.time += Math.floor(-1.5 * this.#options.interval * log(1 - this.#random.uniform()));
    if (this.time >= this.#closes) {
      const { from, to } = this.#options.session.at(this.#closes);
      this.time = from;
      this.#closes = to;
      this.#move(20);
    }
    this.#move(1);
    this.#trade();
  }

  #move(scale: number): void {
    this.#cents = Math.max(1, this.#cents + Math.round(scale * this.#options.noise * this.#random.normal(log)));
  }

  #trade(): void {
    this.values[0] = this.#cents / 100;
    this.values[1] = Math.ceil(100 * exp(this.#random.normal(log)));
  }
}

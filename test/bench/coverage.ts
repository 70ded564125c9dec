/** How often the truth was inside the intervals that were sent out, over the whole run and over each tenth of it. */
import type { ForecastBatch } from '../../src/core/batch.ts';

export interface CoverageFigures {
  /** What is promised. */
  readonly nominal: number;
  /** Share of truths inside, at step 1, and at that of the longer steps which is furthest off; NaN where there is none. */
  readonly first: number;
  readonly longer: number;
  /** Furthest share of a tenth from what is promised, at step 1; NaN where a tenth has fewer than 300 truths. */
  readonly tenth: number;
}

/** Truths in a tenth at least. */
const TENTH = 300;

/** Follows all series and targets of a run; rows are counted from 0 in each series. */
export class Coverage {
  readonly #from: number;
  readonly #levels: readonly number[];
  /** By series: how many rows, and the newest quantiles of each of the last origins. */
  readonly #series = new Map<string, { rows: number; readonly issued: Float64Array[] }>();
  /** By interval and step, in order of time: whether each truth was inside. */
  readonly #inside: boolean[][][];

  /** `from`: the first origin that counts. */
  constructor(from: number, horizon: number, levels: readonly number[]) {
    this.#from = from;
    this.#levels = levels;
    this.#inside = Array.from({ length: levels.length >> 1 }, () => Array.from({ length: horizon }, () => []));
  }

  take({ length, lanes, keys, targets, horizon, actual, quantiles }: ForecastBatch): void {
    const n = this.#levels.length;
    const size = targets * horizon * n;
    for (let row = 0; row < length; row++) {
      const key = keys[lanes[row]!]!;
      const series = this.#series.get(key) ?? { rows: 0, issued: [] };
      this.#series.set(key, series);
      for (let step = 1; step <= horizon; step++) {
        const origin = series.rows - step;
        if (origin < this.#from || origin < 0) continue;
        const issued = series.issued[origin % horizon]!;
        for (let target = 0; target < targets; target++) {
          const truth = actual[row * targets + target]!;
          const at = (target * horizon + step - 1) * n;
          if (truth === truth)
            this.#inside.forEach((steps, i) =>
              steps[step - 1]!.push(truth >= issued[at + i]! && truth <= issued[at + n - 1 - i]!),
            );
        }
      }
      series.issued[series.rows++ % horizon] = quantiles.slice(row * size, (row + 1) * size);
    }
  }

  /** Share inside the interval nearest to `nominal`, over the steps `from` to `to`, counted from 1. */
  share(nominal: number, from: number, to: number): number {
    const n = this.#levels.length;
    const off = this.#inside.map((_, i) => Math.abs(this.#levels[n - 1 - i]! - this.#levels[i]! - nominal));
    return shareOf(this.#inside[off.indexOf(Math.min(...off))]!.slice(from - 1, to).flat());
  }

  figures(): CoverageFigures[] {
    return this.#inside.map((steps, i): CoverageFigures => {
      const nominal = this.#levels[this.#levels.length - 1 - i]! - this.#levels[i]!;
      const furthest = (shares: readonly number[]) =>
        shares.reduce((most, share) => (Math.abs(share - nominal) > Math.abs(most - nominal) ? share : most), shares[0] ?? NaN);
      const truths = steps[0]!;
      const tenth = Math.floor(truths.length / 10);
      const tenths = Array.from({ length: 10 }, (_, t) => shareOf(truths.slice(t * tenth, (t + 1) * tenth)));
      return {
        nominal,
        first: shareOf(truths),
        longer: furthest(steps.slice(1).map(shareOf)),
        tenth: tenth < TENTH ? NaN : furthest(tenths),
      };
    });
  }
}

function shareOf(inside: readonly boolean[]): number {
  return inside.filter(Boolean).length / inside.length;
}

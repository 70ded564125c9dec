/** One to many: paths that an ensemble takes from where its lanes stand, each fed its own draws; and their calibration. */
import { log } from '../core/math/math.ts';
import type { Random } from '../core/random.ts';
import type { Ensemble, EnsembleOutput } from './ensemble.ts';

/**
 * The value below which a share `u` (between 0 and 1) lies, by quantiles at `levels`.
 *
 * Between two levels it is a straight line in the log odds of u, and beyond the outer ones that line goes on: a bell between them, and
 * exponential tails. Of one level it is that quantile.
 */
export function quantileAt(levels: readonly number[], quantiles: Float64Array, u: number): number {
  if (levels.length === 1) return quantiles[0]!;
  let i = 1;
  while (i < levels.length - 1 && levels[i]! < u) i++;
  const [from, to] = [odds(levels[i - 1]!), odds(levels[i]!)];
  const share = (odds(u) - from) / (to - from);
  const value = quantiles[i - 1]! + share * (quantiles[i]! - quantiles[i - 1]!);
  // of quantiles at the end of the numbers there is nothing beyond
  return value - value === 0 ? value : quantiles[i]!;
}

function odds(u: number): number {
  return log(u / (1 - u));
}

/**
 * Rolls lanes `steps` rows on; gives `lanes x steps x targets` drawn values. `randoms` has a generator for each lane.
 *
 * A row's targets are drawn from the quantiles issued for it one row before, each by itself; other channels stay at their last value.
 * Models step over what was drawn as over any row, but the weights of the mixture and the calibration of its intervals stay as they
 * are: draws teach nothing about errors. `prefix` is that of the ensemble's columns.
 */
export function rollPaths(
  ensemble: Ensemble,
  lanes: Int32Array,
  randoms: readonly Random[],
  steps: number,
  prefix = '',
): Float64Array {
  const { ring, clock, targets, channels, horizon, quantiles: levels } = ensemble.context;
  const rows = lanes.length;
  const kept = ['interval', 'mixture', 'quantiles'].map((name) => ensemble.lanes.keep(prefix + name, lanes));
  const issued = new Float64Array(levels.length);
  const wave = {
    rows,
    lanes,
    channels,
    times: Float64Array.from(lanes, (lane) => ring.time(lane, 0)),
    values: Float64Array.from({ length: rows * channels }, (_, i) =>
      ring.value(lanes[Math.floor(i / channels)]!, 0, i % channels),
    ),
    elapsed: new Float64Array(rows),
    flags: new Uint8Array(rows),
  };
  const ones = new Int32Array(rows).fill(1);
  const out = outputOf(rows, targets, horizon, levels.length);
  const drawn = new Float64Array(rows * steps * targets);
  for (let step = 0; step < steps; step++) {
    for (let k = 0; k < rows; k++) {
      const time = clock.after(wave.times[k]!, 1);
      wave.elapsed[k] = time - wave.times[k]!;
      wave.times[k] = time;
      for (let t = 0; t < targets; t++) {
        ensemble.newest(lanes[k]!, t * horizon, issued);
        // strictly between 0 and 1
        const value = quantileAt(levels, issued, (randoms[k]!.next() + 0.5) / 4294967296);
        wave.values[k * channels + t] = drawn[(k * steps + step) * targets + t] = value;
      }
    }
    ensemble.step(wave, ones, out);
    for (const putBack of kept) for (let k = 0; k < rows; k++) putBack(k);
  }
  return drawn;
}

/**
 * Gives rolled paths the quantiles that were issued for each step directly, in place (ensemble copula coupling; Schefzik, Thorarinsdottir
 * and Gneiting 2013): of each step the values become evenly spread draws from these, in the order in which the paths stood.
 *
 * What is rolled knows how steps hang together, what was issued directly is calibrated. Beyond the steps issued a path keeps the
 * distance from what was drawn that it had at the last of them. `paths` is by path, then by step; `issued` by step.
 */
export function couple(paths: readonly number[][], levels: readonly number[], issued: readonly Float64Array[]): void {
  const steps = paths[0]!.length;
  const last = Math.min(steps, issued.length) - 1;
  const drawn = paths.map((path) => path[last]!);
  for (let step = 0; step <= last; step++) {
    const order = paths.map((_, i) => i).sort((a, b) => paths[a]![step]! - paths[b]![step]! || a - b);
    order.forEach((i, rank) => (paths[i]![step] = quantileAt(levels, issued[step]!, (rank + 0.5) / paths.length)));
  }
  paths.forEach((path, i) => {
    for (let step = last + 1; step < steps; step++) path[step]! += path[last]! - drawn[i]!;
  });
}

function outputOf(rows: number, targets: number, horizon: number, levels: number): EnsembleOutput {
  const cells = targets * horizon;
  return {
    index: Int32Array.from({ length: rows }, (_, k) => k),
    mean: new Float64Array(rows * cells),
    quantiles: new Float64Array(rows * cells * levels),
    naive: new Float64Array(rows * cells),
    validTimes: new Float64Array(rows * horizon),
    actual: new Float64Array(rows * targets),
    scoredTimes: new Float64Array(rows * horizon),
    errors: new Float64Array(rows * cells),
  };
}

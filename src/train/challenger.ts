/** Champion and challenger on the rows that neither was trained on. */
import type { Network } from '../nn/network.ts';
import type { LossSpec } from '../nn/losses.ts';
import type { ScaledSeries } from './sequences.ts';

/**
 * Mean loss over the held-out rows, one series after the other row by row, each from a zero state warmed on `burnIn` rows before them.
 * Scaled units; infinite when nothing is held out or an output is not finite.
 */
export function heldOutLoss(
  network: Network,
  slot: number,
  series: readonly ScaledSeries[],
  outputs: number,
  loss: LossSpec,
  burnIn: number,
): number {
  network.reserve(series.length);
  network.reserveWave(series.length);
  network.state.fill(0);
  const starts = series.map(({ split, from }) => Math.max(from, split - burnIn));
  const longest = series.reduce((most, { rows }, s) => Math.max(most, rows - starts[s]!), 0);
  let sum = 0;
  let count = 0;
  for (let step = 0; step < longest; step++) {
    let wave = 0;
    for (let s = 0; s < series.length; s++) {
      const { rows, x, resets } = series[s]!;
      const row = starts[s]! + step;
      if (row >= rows) continue;
      const inputs = x.length / rows;
      network.x.set(x.subarray(row * inputs, (row + 1) * inputs), wave * inputs);
      if (resets[row]) network.state.fill(0, s * network.stateSize, (s + 1) * network.stateSize);
      network.lanes[wave++] = s;
    }
    network.step(slot, wave);
    const { y, lanes } = network;
    for (let k = 0; k < wave; k++) {
      const s = series[lanes[k]!]!;
      const row = starts[lanes[k]!]! + step;
      if (row < s.split) continue;
      for (let o = 0; o < outputs; o++) {
        const truth = s.y[row * outputs + o]!;
        if (truth !== truth) continue;
        sum += lossOf(y, (k * outputs + o) * (1 + loss.quantiles.length), truth, loss);
        count++;
      }
    }
  }
  const mean = sum / count;
  return mean - mean === 0 ? mean : Infinity;
}

/** Loss of one target: of the mean, plus the average pinball loss of the quantiles (Koenker and Bassett 1978). */
function lossOf(y: Float32Array, at: number, truth: number, { mean, delta = 1, quantiles }: LossSpec): number {
  const off = Math.abs(truth - y[at]!);
  let total =
    mean === 'absolute' ? off : mean === 'squared' ? off * off : off <= delta ? (off * off) / 2 : delta * (off - delta / 2);
  for (let q = 0; q < quantiles.length; q++) {
    const gap = truth - y[at + 1 + q]!;
    total += Math.max(quantiles[q]! * gap, (quantiles[q]! - 1) * gap) / quantiles.length;
  }
  return total;
}

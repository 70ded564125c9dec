/**
 * Running levels and scales of a series, updated row by row: so that a row is scaled by what was known up to it and nothing later.
 *
 * Six numbers a channel: mean, mean absolute deviation from it, mean absolute change, a quick level, a slow level and the last value;
 * the first five are exponentially weighted means whose weight starts at 1/n, so that the first rows count fully.
 */

/** Numbers a channel. */
export const SCALER_SIZE = 6;
export const MEAN = 0;
export const DEVIATION = 1;
export const CHANGE = 2;
export const QUICK = 3;
export const SLOW = 4;
const LAST = 5;

const MEAN_WEIGHT = 1 / 1024;
const CHANGE_WEIGHT = 1 / 512;
const QUICK_WEIGHT = 0.3;
const SLOW_WEIGHT = 0.05;
/** Differences of legal values may overflow; scales never may. */
const HUGE = 1e300;

/** Learns row number `n` (1 for the first) of one channel into `state[at .. at+SCALER_SIZE)`. */
export function learnScale(state: Float64Array, at: number, n: number, value: number): void {
  const previous = state[at + LAST]!;
  state[at + LAST] = value;
  if (n <= 1) {
    state[at + MEAN] = value;
    state[at + DEVIATION] = 0;
    state[at + CHANGE] = 0;
    state[at + QUICK] = value;
    state[at + SLOW] = value;
    return;
  }
  const slow = Math.max(1 / n, MEAN_WEIGHT);
  const off = bounded(value - state[at + MEAN]!);
  state[at + MEAN] = bounded(state[at + MEAN]! + slow * off);
  state[at + DEVIATION] = state[at + DEVIATION]! + slow * (Math.abs(off) - state[at + DEVIATION]!);
  const change = Math.abs(bounded(value - previous));
  state[at + CHANGE] = state[at + CHANGE]! + Math.max(1 / (n - 1), CHANGE_WEIGHT) * (change - state[at + CHANGE]!);
  state[at + QUICK] = bounded(state[at + QUICK]! + QUICK_WEIGHT * bounded(value - state[at + QUICK]!));
  state[at + SLOW] = bounded(state[at + SLOW]! + Math.max(1 / n, SLOW_WEIGHT) * bounded(value - state[at + SLOW]!));
}

function bounded(x: number): number {
  return x > HUGE ? HUGE : x < -HUGE ? -HUGE : x;
}

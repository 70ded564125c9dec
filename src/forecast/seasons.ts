/**
 * Finds the lengths of the seasons of a series: peaks of its autocorrelation that chance does not explain.
 *
 * 1. Slow movement must not pass for a season: r(1) times the value before is taken off each value (prewhitening by an AR(1); Box and
 *    Jenkins 1970), which differences a random walk and leaves noise as it is.
 *    A straight line is taken off before.
 * 2. A lag is a candidate where the autocorrelation has a peak above what white noise reaches at any lag once in a hundred series, and
 *    where it is high at twice the lag as well (the hills of Vlachos, Yu and Castelli, "On periodicity detection", 2005): echoes that
 *    die out are no season, nor is a plateau without a valley before it.
 * 3. The shortest candidate that is nearly as high as the highest is a season. The mean of each of its phases is taken off, and what is
 *    left is looked at in the same way (as MSTL takes off one season after the other; Bandara, Hyndman and Bergmeir 2021).
 */
import { log } from '../core/math/math.ts';

/** Rows that are looked at, the newest. */
const MOST_ROWS = 8192;
/** A season was seen at least so often. */
const TIMES = 4;
const SHORTEST = 3;
const MOST_SEASONS = 3;
/** How often white noise may show a season. */
const FALSE_ALARMS = 0.01;
/** Beyond so many standard deviations a value counts as that far off. */
const CLIP = 4;
/** A peak is the highest within this share of its lag. */
const AROUND = 0.1;
const ECHO = 0.5;
const NEARLY = 0.7;
const ANEW = 1.5;
const ROUNDING = 1e-24;
/** Where less than this share of the power is left, there is nothing more to find. */
const REST = 1e-6;

/** Lengths of the seasons of `values` (finite, one a row), the shortest first; none where chance explains all. */
export function findSeasons(values: Float64Array): number[] {
  const x = prewhitened(values.subarray(Math.max(0, values.length - MOST_ROWS)));
  const found: number[] = [];
  const power = dot(x, 0);
  while (found.length < MOST_SEASONS && dot(x, 0) > REST * power) {
    const season = strongest(x, found);
    if (season === undefined) break;
    found.push(season);
    takeOff(x, season);
  }
  return found.sort((a, b) => a - b);
}

function prewhitened(values: Float64Array): Float64Array {
  const off = withoutLine(values);
  const squares = dot(off, 0);
  // what is left of a constant is rounding
  const r1 = squares > ROUNDING * dot(values, 0) ? dot(off, 1) / squares : NaN;
  if (r1 !== r1) return new Float64Array(0);
  const x = off.slice(1).map((value, i) => value - r1 * off[i]!);
  const spread = CLIP * Math.sqrt(dot(x, 0) / Math.max(1, x.length));
  return x.map((value) => Math.max(-spread, Math.min(spread, value)));
}

/** What is left of values without their least-squares line. */
function withoutLine(values: Float64Array): Float64Array {
  const n = values.length;
  const middle = (n - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value / n, 0);
  let [across, along] = [0, 0];
  for (let t = 0; t < n; t++) {
    across += (t - middle) * (values[t]! - mean);
    along += (t - middle) * (t - middle);
  }
  const slope = along > 0 ? across / along : 0;
  return values.map((value, t) => value - mean - slope * (t - middle));
}

/** Sum of x(t) x(t + lag). */
function dot(x: Float64Array, lag: number): number {
  let sum = 0;
  for (let t = lag; t < x.length; t++) sum += x[t]! * x[t - lag]!;
  return sum;
}

/** The shortest of the lags that stand out; undefined: none does. */
function strongest(x: Float64Array, known: readonly number[]): number | undefined {
  const n = x.length;
  const longest = Math.floor(n / TIMES);
  const power = dot(x, 0) / n;
  if (!(power > 0) || longest < SHORTEST) return undefined;
  const r = Float64Array.from({ length: (TIMES - 1) * longest + 1 }, (_, lag) => dot(x, lag) / (n - lag) / power);
  const candidates: number[] = [];
  for (let lag = SHORTEST; lag <= longest; lag++) {
    // at a long lag fewer pairs are behind the figure
    const bound = Math.sqrt((2 * log(longest / FALSE_ALARMS)) / (n - lag));
    if (!(r[lag]! > bound) || !isPeak(r, lag, longest)) continue;
    const sharp = sharpest(r, lag, longest);
    if (echoes(r, sharp, ECHO * r[lag]!) && valley(r, lag) < ECHO * r[lag]! && known.every((each) => isNew(r, sharp, each)))
      candidates.push(sharp);
  }
  const highest = Math.max(...candidates.map((lag) => r[lag]!));
  return candidates.find((lag) => r[lag]! >= NEARLY * highest);
}

/** Whether the autocorrelation is as high as this at a lag and at each multiple up to {@link TIMES}. */
function echoes(r: Float64Array, lag: number, high: number): boolean {
  for (let k = 1; k < TIMES; k++) if (!(r[k * lag]! > high)) return false;
  return true;
}

/** The least autocorrelation before a lag. */
function valley(r: Float64Array, lag: number): number {
  return r.subarray(Math.floor(lag / 3), lag).reduce((least, each) => Math.min(least, each), Infinity);
}

/** The mean autocorrelation at a lag and its multiples. */
function comb(r: Float64Array, lag: number): number {
  let [sum, teeth] = [0, 0];
  for (let k = lag; k < r.length; k += lag, teeth++) sum += r[k]!;
  return sum / teeth;
}

/** Whether a lag is no season that was taken off, and not only a multiple of one that is left over. */
function isNew(r: Float64Array, lag: number, season: number): boolean {
  const times = Math.round(lag / season);
  if (Math.abs(lag - times * season) > AROUND * season) return true;
  return times > 1 && r[lag]! > ANEW * r[season]!;
}

/** The lag around a peak whose multiples are peaks, too: noise may shift one of them, not all. */
function sharpest(r: Float64Array, peak: number, longest: number): number {
  const reach = Math.round(AROUND * peak);
  let best = peak;
  for (let lag = Math.max(SHORTEST, peak - reach); lag <= Math.min(longest, peak + reach); lag++)
    if (comb(r, lag) > comb(r, best)) best = lag;
  return best;
}

function isPeak(r: Float64Array, lag: number, longest: number): boolean {
  const reach = Math.max(1, Math.round(AROUND * lag));
  for (let other = Math.max(1, lag - reach); other <= Math.min(longest + 1, lag + reach); other++)
    if (r[other]! > r[lag]!) return false;
  return true;
}

function takeOff(x: Float64Array, season: number): void {
  for (let phase = 0; phase < season; phase++) {
    let [sum, rows] = [0, 0];
    for (let t = phase; t < x.length; t += season, rows++) sum += x[t]!;
    for (let t = phase; t < x.length; t += season) x[t]! -= sum / rows;
  }
}

/**
 * Finds the lengths of the seasons of a series: peaks of its autocorrelation that chance does not explain.
 *
 * 1. Slow movement must not pass for a season: a straight line is taken off, and what an ARMA(1,1) knows of the next value (prewhitening;
 *    Box and Jenkins 1970). Of a random walk the steps are left, of a level that wanders or shifts under noise the surprises, noise stays.
 * 2. A lag is a candidate where the autocorrelation has a peak above what white noise reaches at any lag once in a hundred series, and
 *    where it is high at its multiples as well (the hills of Vlachos, Yu and Castelli, "On periodicity detection", 2005): echoes that
 *    die out are no season, nor is a plateau without a valley before it.
 * 3. Lengths that a calendar makes likely (a day, a week) need less: the mean over their multiples, and of lags around them, which chance
 *    would lift at few lags only. A peak that is beside such a length, and hardly above it, is one there.
 * 4. The shortest candidate that is nearly as high as the highest is a season. The mean of each of its phases is taken off, and what is
 *    left is looked at in the same way (as MSTL takes off one season after the other; Bandara, Hyndman and Bergmeir 2021).
 */
import { log } from '../core/math/math.ts';

/** Rows that are looked at, the newest. */
const MOST_ROWS = 8192;
/** A season was seen at least so often; one that a calendar makes likely once less. */
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
/** A candidate may be lower than the highest: this share of it is enough, and less for a length of the calendar. */
const NEARLY = 0.7;
const USUALLY = 0.35;
/** How often noise may show a given length of the calendar. */
const USUAL_ALARMS = 0.0003;
/** Autocorrelations around a length of the calendar are seen together, in a triangle as wide as this part of it to each side. */
const WIDE = 24;
/** A peak is hardly above another lag where the two differ by less than so many standard deviations. */
const HARDLY = 2.8;
/** Of the moving-average part; the autoregressive one follows from it. */
const THETAS = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
const ANEW = 1.5;
const ROUNDING = 1e-24;
/** Where less than this share of the power is left, there is nothing more to find. */
const REST = 1e-6;

/**
 * Lengths of the seasons of `values` (finite, one a row), the shortest first; none where chance explains all. `usual`: those that a
 * calendar makes likely, in rows.
 */
export function findSeasons(values: Float64Array, usual: readonly number[] = []): number[] {
  const x = prewhitened(values.subarray(Math.max(0, values.length - MOST_ROWS)));
  const found: number[] = [];
  const power = dot(x, 0);
  while (found.length < MOST_SEASONS && dot(x, 0) > REST * power) {
    const season = strongest(x, found, usual);
    if (season === undefined) break;
    found.push(season);
    takeOff(x, season);
  }
  return found.sort((a, b) => a - b);
}

function prewhitened(values: Float64Array): Float64Array {
  const off = withoutLine(values);
  // what is left of a constant is rounding
  if (!(dot(off, 0) > ROUNDING * dot(values, 0))) return new Float64Array(0);
  let least = Infinity;
  let x = off;
  for (const theta of THETAS) {
    // (1 - phi B) y = (1 - theta B) x, for the phi that is best beside this theta
    const u = off.slice();
    for (let t = 1; t < u.length; t++) u[t]! += theta * u[t - 1]!;
    const phi = dot(u, 1) / dot(u, 0);
    const power = dot(u, 0) - phi * dot(u, 1);
    if (!(power < least)) continue;
    least = power;
    x = u.slice(1).map((value, i) => value - phi * u[i]!);
  }
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
function strongest(x: Float64Array, known: readonly number[], usual: readonly number[]): number | undefined {
  const n = x.length;
  const longest = Math.floor(n / TIMES);
  const power = dot(x, 0) / n;
  if (!(power > 0) || longest < SHORTEST) return undefined;
  const most = (TIMES - 1) * longest + widthOf(longest);
  const r = Float64Array.from({ length: most + 1 }, (_, lag) => dot(x, lag) / (n - lag) / power);
  const likely = usual.filter((lag) => lag >= SHORTEST && lag * (TIMES - 1) <= n);
  const candidates: number[] = [];
  for (let lag = SHORTEST; lag <= longest; lag++) {
    // at a long lag fewer pairs are behind the figure
    const bound = Math.sqrt((2 * log(longest / FALSE_ALARMS)) / (n - lag));
    if (!(r[lag]! > bound) || !isPeak(r, lag, longest)) continue;
    const sharp = likelier(r, n, sharpest(r, lag, longest), likely);
    if (echoes(r, sharp, ECHO * r[lag]!) && valley(r, lag) < ECHO * r[lag]!) candidates.push(sharp);
  }
  const beside = (lag: number) => candidates.some((each) => Math.abs(each - lag) <= AROUND * lag);
  candidates.push(...likely.filter((lag) => !beside(lag) && isLikely(r, n, lag, likely.length)));
  const fresh = candidates.filter((lag) => known.every((each) => isNew(r, lag, each))).sort((one, other) => one - other);
  const height = (lag: number) => Math.max(r[lag]!, around(r, lag, widthOf(lag)));
  const highest = Math.max(...fresh.map(height));
  return fresh.find((lag) => height(lag) >= (likely.includes(lag) ? USUALLY : NEARLY) * highest);
}

/** How many lags to each side are seen together with one of the calendar. */
function widthOf(lag: number): number {
  return Math.max(1, Math.round(lag / WIDE));
}

/** The autocorrelation around a lag: a mean whose weights fall to 0 at `width` lags to each side. */
function around(r: Float64Array, lag: number, width: number): number {
  let sum = 0;
  for (let off = 1 - width; off < width; off++) sum += (width - Math.abs(off)) * r[lag + off]!;
  return sum / (width * width);
}

/** That at a lag and its first multiples. */
function teeth(r: Float64Array, lag: number, width: number, number: number): number[] {
  return Array.from({ length: number }, (_, k) => around(r, (k + 1) * lag, width));
}

function meanOf(some: readonly number[]): number {
  return some.reduce((sum, each) => sum + each, 0) / some.length;
}

/** The standard deviation of the mean of {@link teeth} where the values are noise. */
function deviation(n: number, lag: number, width: number, number: number): number {
  const weights = (2 * width * width + 1) / (3 * width * width * width);
  const variances = Array.from({ length: number }, (_, k) => weights / (n - (k + 1) * lag));
  return Math.sqrt(meanOf(variances) / variances.length);
}

/** Whether a length of the calendar, one of so many, stands out: lag by lag, as where something comes at one moment, or of all around it. */
function isLikely(r: Float64Array, n: number, lag: number, lengths: number): boolean {
  const times = Math.min(TIMES, Math.floor(n / lag));
  return [1, widthOf(lag)].some((width) => {
    const each = teeth(r, lag, width, times - 1);
    const high = meanOf(each);
    const between = Array.from({ length: times - 1 }, (_, k) => around(r, Math.round((k + 0.5) * lag), width));
    return (
      high > deviation(n, lag, width, times - 1) * Math.sqrt(2 * log(lengths / USUAL_ALARMS)) &&
      each.every((tooth) => tooth > ECHO * high) &&
      Math.min(...between) < ECHO * high
    );
  });
}

/** The length of the calendar beside a peak, where the peak is hardly above it; else the peak. */
function likelier(r: Float64Array, n: number, peak: number, likely: readonly number[]): number {
  const lag = likely.find((each) => Math.abs(each - peak) <= AROUND * each);
  if (lag === undefined) return peak;
  const above = comb(r, peak) - comb(r, lag);
  return above < HARDLY * deviation(n, lag, widthOf(lag), multiples(r, lag)) ? lag : peak;
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

/** The mean autocorrelation around a lag and its multiples. */
function comb(r: Float64Array, lag: number): number {
  return meanOf(teeth(r, lag, widthOf(lag), multiples(r, lag)));
}

/** How many multiples of a lag there are to see. */
function multiples(r: Float64Array, lag: number): number {
  return Math.floor((r.length - widthOf(lag)) / lag);
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

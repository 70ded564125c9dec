/** How a backtest went over time: one pass over its result, in flat memory. */
import { FORECASTERS } from '../forecast/index.ts';
import type { ReadResult } from './result.ts';

/** Stretches that a timeline has at most. */
export const STRETCHES = 100;

/** An error below this share of the truth. */
const ROUNDING = 1e-12;

/** A target and step over time: a number a stretch, null where nothing was scored. */
export interface Timeline {
  readonly target: string;
  /** From 1. */
  readonly step: number;
  /** Middle of each stretch, epoch ms. */
  readonly times: readonly number[];
  readonly n: readonly number[];
  /** Mean absolute error over all series; the output's is `output`. */
  readonly mae: Readonly<Record<string, readonly (number | null)[]>>;
  /** Mean weight of each model in the mixture; empty where a single model is the output. */
  readonly weights: Readonly<Record<string, readonly (number | null)[]>>;
  /**
   * By model: how much larger the error would be without it and those built on it, their weight dealt out to the others, as a share; over
   * the whole time.
   */
  readonly without: Readonly<Record<string, number>>;
  /** By nominal level of the central interval, e.g. `0.8`: share of truths inside. */
  readonly coverage: Readonly<Record<string, readonly (number | null)[]>>;
  /** Share of truths at or below each quantile, over the whole time. */
  readonly below: readonly { readonly level: number; readonly share: number }[];
}

/** A series at one step, in full: what residuals and stretches are chosen from. */
export interface Trail {
  readonly series: string;
  readonly target: string;
  readonly step: number;
  readonly times: number[];
  /** Truth less forecast. */
  readonly errors: number[];
}

export interface TimelineOptions {
  /** Names of the models. */
  readonly models: readonly string[];
  /** Levels, ascending, and the columns they are in. */
  readonly quantiles: readonly { readonly level: number; readonly column: string }[];
  /** Steps that are looked at. */
  readonly steps: readonly number[];
  /** Targets that are looked at. */
  readonly targets: readonly string[];
  /** Series that are followed in full. */
  readonly series: readonly string[];
}

interface Sums {
  readonly n: Float64Array;
  readonly output: Float64Array;
  /** `models x stretches`. */
  readonly errors: readonly Float64Array[];
  readonly weights: readonly Float64Array[];
  /** `intervals x stretches`. */
  readonly inside: readonly Float64Array[];
  readonly below: Float64Array;
  /** Of the mixture less each model, then of all: sum of |error|; and the sum of |truth|. */
  readonly without: Float64Array;
}

/** Reads the result twice: for the first and last time, then for everything else. */
export async function timelines(read: ReadResult, options: TimelineOptions): Promise<{ lines: Timeline[]; trails: Trail[] }> {
  const { models, quantiles, steps, targets } = options;
  let [first, last] = [Infinity, -Infinity];
  for await (const { length, numbers } of read(['time', 'actual']))
    for (let i = 0; i < length; i++) {
      if (Number.isNaN(numbers['actual']![i]!)) continue;
      first = Math.min(first, numbers['time']![i]!);
      last = Math.max(last, numbers['time']![i]!);
    }
  if (first > last) return { lines: [], trails: [] };
  const width = (last - first + 1) / STRETCHES;
  const pairs = Array.from(
    { length: quantiles.length >> 1 },
    (_, i) => [quantiles[i]!, quantiles[quantiles.length - 1 - i]!] as const,
  );
  const zeros = () => new Float64Array(STRETCHES);
  const cells = targets.flatMap((target) => steps.map((step) => ({ target, step })));
  const sums = cells.map((): Sums => ({
    ...{ n: zeros(), output: zeros(), errors: models.map(zeros), weights: models.map(zeros), inside: pairs.map(zeros) },
    below: new Float64Array(quantiles.length),
    without: new Float64Array(models.length + 2),
  }));
  const builtOn = models.map((model) => models.indexOf(FORECASTERS.find(({ name }) => name === model)?.builtOn ?? ''));
  const forecasts = new Float64Array(models.length);
  const weights = new Float64Array(models.length);
  const trails = new Map<string, Trail>();
  const said = models.map((name) => (name === 'naive' ? name : `forecast_${name}`));
  const trusted = models.map((name) => `weight_${name}`);
  const columns = ['series', 'target', 'step', 'time', 'actual', 'mean', ...said, ...trusted];
  for await (const { length, numbers, texts } of read([...columns, ...quantiles.map(({ column }) => column)])) {
    const { step, time, actual, mean } = numbers as Record<'step' | 'time' | 'actual' | 'mean', Float64Array>;
    const [series, target] = [texts['series']!, texts['target']!];
    const rows = target.names.map((name) => targets.indexOf(name) * steps.length);
    for (let i = 0; i < length; i++) {
      const s = steps.indexOf(step[i]!);
      const from = rows[target.codes[i]!]!;
      const truth = actual[i]!;
      if (s < 0 || from < 0 || Number.isNaN(truth)) continue;
      const bin = Math.floor((time[i]! - first) / width);
      const sum = sums[from + s]!;
      const add = (to: Float64Array, x: number) => void (to[bin] = to[bin]! + x);
      add(sum.n, 1);
      add(sum.output, Math.abs(truth - mean[i]!));
      said.forEach((name, m) => add(sum.errors[m]!, Math.abs(truth - (forecasts[m] = numbers[name]![i]!))));
      trusted.forEach((name, m) => add(sum.weights[m]!, (weights[m] = numbers[name]![i]!)));
      for (let m = 0; m <= models.length; m++)
        sum.without[m] = sum.without[m]! + Math.abs(truth - mixedWithout(m, builtOn, forecasts, weights, mean[i]!));
      sum.without[models.length + 1] = sum.without[models.length + 1]! + Math.abs(truth);
      pairs.forEach(([low, high], p) => {
        if (truth >= numbers[low.column]![i]! && truth <= numbers[high.column]![i]!) add(sum.inside[p]!, 1);
      });
      quantiles.forEach(({ column }, q) => {
        if (truth <= numbers[column]![i]!) sum.below[q] = sum.below[q]! + 1;
      });
      const name = series.names[series.codes[i]!]!;
      if (options.series.includes(name))
        follow(trails, name, targets[from / steps.length]!, step[i]!, time[i]!, truth - mean[i]!);
    }
  }
  const lines = cells.map(({ target, step }, c): Timeline => {
    const { n, output, errors, weights, inside, below, without } = sums[c]!;
    const all = n.reduce((sum, each) => sum + each, 0);
    // stretches without a row are left out where no series has any, such as at night
    const kept = [...n.keys()].filter((bin) => n[bin]! > 0);
    const shares = (of: Float64Array) => kept.map((bin) => finite(of[bin]! / n[bin]!));
    // an error that is rounding is none
    const [error, least] = [without[models.length]!, ROUNDING * without[models.length + 1]!];
    const more = (other: number) => (error > least ? other / error - 1 : other > least ? 1 : 0);
    const mixed = weights.some((of) => of.some((x) => x > 0));
    return {
      target,
      step,
      times: kept.map((bin) => Math.round(first + (bin + 0.5) * width)),
      n: kept.map((bin) => n[bin]!),
      mae: { ...Object.fromEntries(models.map((name, m) => [name, shares(errors[m]!)])), output: shares(output) },
      weights: mixed ? Object.fromEntries(models.map((name, m) => [name, shares(weights[m]!)])) : {},
      without: mixed ? Object.fromEntries(models.map((name, m) => [name, more(without[m]!)])) : {},
      coverage: Object.fromEntries(pairs.map(([low, high], p) => [levelOf(high.level - low.level), shares(inside[p]!)])),
      below: quantiles.map(({ level }, q) => ({ level, share: below[q]! / all })),
    };
  });
  return { lines: lines.filter(({ n }) => n.length > 0), trails: [...trails.values()] };
}

/** What the mixture would have said without one of its models and those that are built on it; with all of them where `left` names none. */
function mixedWithout(
  left: number,
  builtOn: readonly number[],
  forecasts: Float64Array,
  weights: Float64Array,
  otherwise: number,
): number {
  let [sum, all] = [0, 0];
  for (let m = 0; m < forecasts.length; m++) {
    if (m === left || builtOn[m] === left) continue;
    sum += weights[m]! * forecasts[m]!;
    all += weights[m]!;
  }
  return all > 0 ? sum / all : otherwise;
}

/** The name of an interval by what it promises. */
export function levelOf(nominal: number): string {
  return String(Number(nominal.toFixed(6)));
}

function follow(trails: Map<string, Trail>, series: string, target: string, step: number, time: number, error: number): void {
  const key = `${series}\0${target}\0${step}`;
  let trail = trails.get(key);
  if (!trail) trails.set(key, (trail = { series, target, step, times: [], errors: [] }));
  trail.times.push(time);
  trail.errors.push(error);
}

function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null;
}

/** Stretches of single series, forecasts beside the truth: what a reader looks at first. */
import type { ReadResult } from './result.ts';
import type { Trail } from './timeline.ts';

/** A forecast with its quantiles; `q` in the order of the levels. */
export interface FanPoint {
  readonly time: number;
  readonly step: number;
  readonly mean: number;
  readonly q: readonly number[];
}

export interface Stretch {
  readonly series: string;
  readonly target: string;
  /** Why it is shown. */
  readonly what: string;
  readonly from: number;
  readonly to: number;
  readonly actual: readonly { readonly time: number; readonly value: number }[];
  /** Every row, one step ahead. */
  readonly next: readonly FanPoint[];
  /** All steps of origins that follow upon each other; empty for short horizons. */
  readonly fans: readonly { readonly issued: number; readonly points: readonly FanPoint[] }[];
}

export type Wanted = Pick<Stretch, 'series' | 'target' | 'what' | 'from' | 'to'>;

/** Horizons below this have no fans worth drawing. */
const LEAST_FAN = 3;

/** Of a series: the last `rows` truths; where it is the only one, also the `rows` with the largest errors. */
export function stretchesOf({ series, target, times, errors }: Trail, rows: number, what: string, worst: boolean): Wanted[] {
  const at = (from: number, why: string): Wanted => ({
    ...{ series, target, what: why },
    from: times[from]!,
    to: times[Math.min(times.length, from + rows) - 1]!,
  });
  const last = Math.max(0, times.length - rows);
  const ends = [at(last, what)];
  if (!worst || last < rows) return ends;
  let sum = 0;
  let [most, where] = [-1, 0];
  for (let i = 0; i < times.length; i++) {
    sum += Math.abs(errors[i]!) - (i >= rows ? Math.abs(errors[i - rows]!) : 0);
    if (i >= rows - 1 && sum > most) [most, where] = [sum, i - rows + 1];
  }
  return [...ends, at(where, 'where it was furthest off')];
}

/** Reads what was forecast and what came in some stretches: one pass. */
export async function readStretches(
  read: ReadResult,
  wanted: readonly Wanted[],
  horizon: number,
  quantiles: readonly string[],
): Promise<Stretch[]> {
  const found = wanted.map((each) => ({ each, actual: new Map<number, number>(), points: new Map<number, FanPoint[]>() }));
  const columns = ['series', 'target', 'step', 'issued', 'time', 'actual', 'mean', ...quantiles];
  for await (const { length, numbers, texts } of read(columns)) {
    const { step, issued, time, actual, mean } = numbers as Record<string, Float64Array>;
    const [series, target] = [texts['series']!, texts['target']!];
    for (let i = 0; i < length; i++)
      for (const { each, actual: truths, points } of found) {
        if (time![i]! < each.from || time![i]! > each.to) continue;
        if (series.names[series.codes[i]!] !== each.series || target.names[target.codes[i]!] !== each.target) continue;
        if (!Number.isNaN(actual![i]!)) truths.set(time![i]!, actual![i]!);
        const own = points.get(issued![i]!) ?? [];
        points.set(issued![i]!, own);
        own.push({ time: time![i]!, step: step![i]!, mean: mean![i]!, q: quantiles.map((name) => numbers[name]![i]!) });
      }
  }
  return found.map(({ each, actual, points }): Stretch => {
    const origins = [...points.keys()].sort((a, b) => a - b);
    const all = [...points.values()].flat();
    return {
      ...each,
      actual: [...actual].sort(([a], [b]) => a - b).map(([time, value]) => ({ time, value })),
      next: all.filter(({ step }) => step === 1).sort((a, b) => a.time - b.time),
      fans: horizon < LEAST_FAN ? [] : fansOf(origins, points, each.from),
    };
  });
}

/** Origins one after the other: the next begins where the one before ended. */
function fansOf(origins: readonly number[], points: ReadonlyMap<number, FanPoint[]>, from: number): Stretch['fans'] {
  const fans: { issued: number; points: FanPoint[] }[] = [];
  let next = from;
  for (const issued of origins) {
    if (issued < next) continue;
    const own = points.get(issued)!.sort((a, b) => a.step - b.step);
    if (own[0]?.step !== 1) continue;
    fans.push({ issued, points: own });
    next = own.at(-1)!.time;
  }
  return fans;
}

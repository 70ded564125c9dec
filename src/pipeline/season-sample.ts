/** The rows that a search for seasons looks at: by series, up to the first that is scored, each in its place. */
import type { RowBatch } from '../core/batch.ts';
import { findSeasons } from '../forecast/seasons.ts';
import type { Calendar } from '../window/calendar.ts';
import type { FoundSeasons } from './season-search.ts';

/** Of more series the longest are looked at, fewer of long ones: the work grows with the square of their length. */
const MOST_SERIES = 64;
const LEAST_SERIES = 16;
const MOST_VALUES = 131_072;
const MOST_SEASONS = 4;

export interface SeasonSampleOptions {
  /** Scored is what comes after so many rows of its series and not before the event time `from`. */
  readonly rows: number;
  readonly from: number;
  /** Newest rows of a series that are kept. */
  readonly newest: number;
  readonly steps: Calendar['steps'];
}

/** A series: how many rows of it were seen, and the newest, each with the number of intervals since the one before. */
interface Own {
  seen: number;
  time: number;
  readonly values: number[];
  readonly since: number[];
}

/** Takes rows until it is full. */
export class SeasonSample {
  full = false;
  #rows = 0;
  #time = -Infinity;
  readonly #o: SeasonSampleOptions;
  readonly #series = new Map<number, Own>();

  constructor(options: SeasonSampleOptions) {
    this.#o = options;
  }

  add({ length, lanes, times, values, channels }: RowBatch): void {
    const { rows, from, newest, steps } = this.#o;
    for (let row = 0; row < length; row++) {
      const lane = lanes[row]!;
      const time = times[row]!;
      const own = this.#series.get(lane) ?? { seen: 0, time, values: [], since: [] };
      this.full ||= own.seen >= rows && time >= from;
      if (this.full) return;
      this.#series.set(lane, own);
      own.seen++;
      own.values.push(values[row * channels]!);
      own.since.push(Math.max(1, Math.round(steps(own.time, time))));
      own.time = time;
      if (own.values.length >= 2 * newest) for (const each of [own.values, own.since]) each.splice(0, newest);
      this.#rows++;
      this.#time = Math.max(this.#time, time);
    }
  }

  found(usual: readonly number[]): FoundSeasons {
    const { newest } = this.#o;
    // lanes are numbered in the order in which the series came; the sort is stable
    const all = [...this.#series.values()].sort((a, b) => b.seen - a.seen);
    const most = Math.max(LEAST_SERIES, Math.floor(MOST_VALUES / Math.max(1, all[0]?.values.length ?? 0)));
    const series = all.slice(0, Math.min(MOST_SERIES, most));
    const votes = new Map<number, number>();
    for (const { values, since } of series)
      for (const season of findSeasons(placed(values.slice(-newest), since.slice(-newest)), usual))
        votes.set(season, (votes.get(season) ?? 0) + 1);
    const seasons = [...votes].filter(([, n]) => 2 * n >= series.length).map(([season]) => season);
    return { seasons: seasons.sort((a, b) => a - b).slice(0, MOST_SEASONS), rows: this.#rows, time: this.#time };
  }
}

/**
 * Values in their places, with straight lines over missing rows, so that a day is a day where rows are missing. Where more are missing than
 * there are, the interval is not that of the series: then row follows upon row.
 */
function placed(values: readonly number[], since: readonly number[]): Float64Array {
  const all = since.slice(1).reduce((sum, each) => sum + each, 1);
  if (all > 2 * values.length) return Float64Array.from(values);
  const places = new Float64Array(all);
  places[0] = values[0]!;
  let at = 0;
  for (let row = 1; row < values.length; row++) {
    const [from, gap] = [values[row - 1]!, since[row]!];
    for (let step = 1; step <= gap; step++)
      places[++at] = step < gap ? from + ((values[row]! - from) * step) / gap : values[row]!;
  }
  return places;
}

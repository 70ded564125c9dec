/** `season: auto`: the lengths are looked for once, before the line begins, in rows that are not scored. */
import { lastValueFrom, takeWhile } from 'rxjs';
import type { RowBatch, SourceBatch } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';
import type { Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import { State, type Saved, type Stateful, type StateSnapshot } from '../core/state.ts';
import { findSeasons } from '../forecast/seasons.ts';
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import { buildLine } from './build.ts';
import { givenFolder, seasonsOfModel } from './given-weights.ts';
import { afterHistory } from './history.ts';
import type { LoadedSpec } from './load.ts';
import type { Part } from './part.ts';
import type { Spec } from './spec.ts';

/** What was found, and where. */
export interface FoundSeasons {
  /** In rows, the shortest first. */
  readonly seasons: readonly number[];
  /** Rows that were looked at (none: the model's), and the newest event time among them (epoch ms, -Infinity without any). */
  readonly rows: number;
  readonly time: number;
}

/** Of more series the longest are looked at. */
const MOST_SERIES = 64;

export interface SeasonSearchOptions {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly forecasters: readonly ForecasterComponent<any>[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Puts something between a source and the line. */
  readonly wrap?: (source: Source) => Source;
}

/** The seasons of a pipeline that asks for them: those of its saved state, or else of the model that it begins with, or else looked for. Undefined: it does not ask. */
export async function seasonsOf(
  spec: LoadedSpec,
  saved: StateSnapshot | undefined,
  build: (part: Part) => Source,
  options: SeasonSearchOptions,
): Promise<FoundSeasons | undefined> {
  if (!spec.forecast.findSeasons) return undefined;
  const known = saved?.parts[SEASONS];
  if (known !== undefined) return savedSeasons(known);
  const { weights } = spec.forecast;
  const learned = weights === undefined ? undefined : seasonsOfModel(givenFolder(spec.folder, weights));
  if (learned) return { seasons: learned, rows: 0, time: -Infinity };
  const { wrap = (source: Source) => source } = options;
  return searchSeasons(spec, wrap(build(spec.source)), spec.history && wrap(build(spec.history)), options);
}

/**
 * The seasons of the first target in the rows of `history`, or else in the first `forecast.warmup` rows of `source` (0: in all), up to the one with
 * which a series has so many. A season is taken where half of the series have it. Closes what it is given.
 * Throws `SEASON_ENDLESS` where there is no history and the source does not end.
 */
export async function searchSeasons(
  spec: Spec,
  source: Source,
  history: Source | undefined,
  options: SeasonSearchOptions,
): Promise<FoundSeasons> {
  try {
    if (!history && !source.bounded) throw new TidecastError('SEASON_ENDLESS', { source: spec.source.type });
    const read = history ? afterHistory(history, nothing(source), () => undefined) : source;
    const seen = new Seen(history ? Infinity : spec.forecast.warmup || Infinity, spec.window.ring);
    const { forecast } = spec;
    const line = buildLine(
      {
        ...spec,
        forecast: {
          ...forecast,
          season: [],
          weights: undefined,
          models: [{ type: 'naive', config: {} }],
          output: 'naive',
          baselines: [],
        },
        ...{ retrain: undefined, shadow: undefined, sinks: [] },
      },
      {
        ...options,
        ...{ state: new State(), source: read, sinks: [], events: new EventBus(), exact: true, paced: false },
        rows: (batch) => seen.add(batch),
      },
    );
    await lastValueFrom(line.forecasts$.pipe(takeWhile(() => !seen.full)), { defaultValue: undefined });
    return seen.found();
  } finally {
    await source.close().catch(() => undefined);
    await history?.close().catch(() => undefined);
  }
}

/** The spec with the seasons that were found, where it asks for them. */
export function withSeasons<S extends Spec>(spec: S, found: Pick<FoundSeasons, 'seasons'> | undefined): S {
  if (!found) return spec;
  const given = <F extends Spec['forecast']>(forecast: F) =>
    forecast.findSeasons ? { ...forecast, season: found.seasons } : forecast;
  return {
    ...spec,
    forecast: given(spec.forecast),
    shadow: spec.shadow && { ...spec.shadow, forecast: given(spec.shadow.forecast) },
  };
}

/** The name of the part of a state that holds what was found. */
export const SEASONS = 'seasons';

/** Keeps what was found, so that a restart goes on with it. */
export function seasonsPart({ seasons, rows, time }: FoundSeasons): Stateful {
  return { snapshot: (): Saved => ({ seasons: [...seasons], rows, time: Float64Array.of(time) }), restore: () => undefined };
}

/** What {@link seasonsPart} saved. */
export function savedSeasons(saved: Saved): FoundSeasons {
  const { seasons, rows, time } = saved as { seasons: number[]; rows: number; time: Float64Array };
  return { seasons, rows, time: time[0]! };
}

/** A source like another, without its rows. */
function nothing({ channels }: Source): Source {
  return {
    channels,
    bounded: true,
    async *read(): AsyncGenerator<SourceBatch> {
      // nothing comes
    },
    close: async () => undefined,
  };
}

/** Rows by series, up to the one with which a series has enough of them. */
class Seen {
  full = false;
  #rows = 0;
  #time = -Infinity;
  readonly #enough: number;
  readonly #newest: number;
  readonly #values = new Map<number, number[]>();

  constructor(enough: number, newest: number) {
    this.#enough = enough;
    this.#newest = newest;
  }

  add({ length, lanes, times, values, channels }: RowBatch): void {
    for (let row = 0; row < length && !this.full; row++) {
      const lane = lanes[row]!;
      const own = this.#values.get(lane) ?? [];
      this.#values.set(lane, own);
      own.push(values[row * channels]!);
      this.#rows++;
      this.#time = Math.max(this.#time, times[row]!);
      this.full = own.length >= this.#enough;
    }
  }

  found(): FoundSeasons {
    // lanes are numbered in the order in which the series came; the sort is stable
    const series = [...this.#values.values()].sort((a, b) => b.length - a.length).slice(0, MOST_SERIES);
    const votes = new Map<number, number>();
    for (const values of series)
      for (const season of findSeasons(Float64Array.from(values.slice(-this.#newest))))
        votes.set(season, (votes.get(season) ?? 0) + 1);
    const seasons = [...votes].filter(([, n]) => 2 * n >= series.length).map(([season]) => season);
    return { seasons: seasons.sort((a, b) => a - b).slice(0, MOST_SEASONS), rows: this.#rows, time: this.#time };
  }
}

const MOST_SEASONS = 4;

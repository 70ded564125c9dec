/** A pipeline that names no season: the lengths are looked for once, before the line begins, in rows that are not scored. */
import { lastValueFrom, takeWhile } from 'rxjs';
import type { RowBatch, SourceBatch } from '../core/batch.ts';
import type { Clock } from '../core/clock.ts';
import type { Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import { EventBus } from '../core/events.ts';
import { State, type Saved, type Stateful, type StateSnapshot } from '../core/state.ts';
import type { ForecasterComponent } from '../forecast/forecaster.ts';
import { calendar } from '../window/calendar.ts';
import { buildLine } from './build.ts';
import { givenFolder, seasonsOfModel } from './given-weights.ts';
import { afterHistory } from './history.ts';
import type { LoadedSpec } from './load.ts';
import type { Part } from './part.ts';
import { SeasonSample } from './season-sample.ts';
import type { Spec } from './spec.ts';

/** What was found, and where. */
export interface FoundSeasons {
  /** In rows, the shortest first. */
  readonly seasons: readonly number[];
  /** Rows that were looked at (none: the model's), and the newest event time among them (epoch ms, -Infinity without any). */
  readonly rows: number;
  readonly time: number;
  /** Where every row would be scored: the first rows of each series, which were looked at; they are not scored if a season is in them. */
  readonly first?: number | undefined;
}

/** Where every row would be scored, so many rows of the longest series are read at most, and the first of them are looked at. */
const MOST_READ = 3334;
const FIRST = 0.3;

export interface SeasonSearchOptions {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each component checks its own configuration
  readonly forecasters: readonly ForecasterComponent<any>[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Puts something between a source and the line. */
  readonly wrap?: (source: Source) => Source;
  /** Rows before this event time (epoch ms) are not scored. */
  readonly scoreFrom?: number | undefined;
  /** Hears what happens while rows are looked at. Default: nobody does. */
  readonly heard?: EventBus;
  /** All rows of the source are looked at, scored or not. */
  readonly everywhere?: boolean | undefined;
}

/**
 * The seasons of a pipeline that names none: those of its saved state, or else of the model that it begins with, or else looked for.
 * Undefined: it names them, or it goes on without. Told by `seasons.found` and `seasons.off`.
 */
export async function seasonsOf(
  spec: LoadedSpec,
  saved: StateSnapshot | undefined,
  build: (part: Part) => Source,
  options: SeasonSearchOptions & { readonly events: EventBus },
): Promise<FoundSeasons | undefined> {
  const { findSeasons, weights } = spec.forecast;
  const { events, wrap = (source: Source) => source, signal } = options;
  const off = (reason: string) => void events.emit('seasons.off', { reason });
  const told = (found: FoundSeasons) => (events.emit('seasons.found', found), found);
  const known = saved?.parts[SEASONS];
  // that a pipeline names by now what was found changes nothing
  if (!findSeasons) return known === undefined ? undefined : savedSeasons(known);
  if (known !== undefined) return told(savedSeasons(known));
  const asked = findSeasons === 'asked';
  if (spec.state.shared) return off('several processes share the state');
  if (saved && !asked) return off('the saved state was made without');
  const learned = weights === undefined ? undefined : seasonsOfModel(givenFolder(spec.folder, weights));
  if (learned) return told({ seasons: learned, rows: 0, time: -Infinity });
  if (weights !== undefined && !asked) return off('the model of forecast.weights does not say with which it was trained');
  const open = () => wrap(build(spec.source));
  const source = open();
  if (!spec.history && !source.bounded && !asked) {
    await source.close().catch(() => undefined);
    return off('the source does not end: give a history');
  }
  const found = everyRowIsScored(spec, options)
    ? await searchBeginning(spec, source, open, options)
    : await searchSeasons(spec, source, spec.history && wrap(build(spec.history)), options);
  if (signal.aborted) return undefined;
  return found.first === 0 ? off('there are too few rows') : told(found);
}

/** Whether a search has no rows but those that would be scored. */
export function everyRowIsScored(
  { history, forecast }: Spec,
  { scoreFrom, everywhere }: Partial<SeasonSearchOptions> = {},
): boolean {
  return !history && forecast.warmup === 0 && scoreFrom === undefined && !everywhere;
}

/**
 * The seasons in the first rows of each series: a share of what the longest has, or of its first {@link MOST_READ} rows. Reads `source`
 * to count, and what `open` gives to look. Throws `SEASON_ENDLESS` where the source does not end.
 */
export async function searchBeginning(
  spec: Spec,
  source: Source,
  open: () => Source,
  options: SeasonSearchOptions,
): Promise<FoundSeasons> {
  const counted = new Counted(MOST_READ);
  try {
    await look(spec, source, options, counted);
  } finally {
    await source.close().catch(() => undefined);
  }
  const first = Math.floor(FIRST * counted.longest);
  const found = await searchSeasons({ ...spec, forecast: { ...spec.forecast, warmup: first } }, open(), undefined, options);
  return { ...found, first };
}

/** Rows of each series that are not scored because seasons were found in them. */
export function unscoredRows({ seasons, first = 0 }: Pick<FoundSeasons, 'seasons' | 'first'>): number {
  return seasons.length > 0 ? first : 0;
}

/**
 * The seasons of the first target in the rows of `history`, or else in the rows of `source` up to the first that is scored. A season is
 * taken where half of the series have it. Closes what it is given.
 * Throws `SEASON_ENDLESS` where there is no history and the source does not end.
 */
export async function searchSeasons(
  spec: Spec,
  source: Source,
  history: Source | undefined,
  options: SeasonSearchOptions,
): Promise<FoundSeasons> {
  try {
    const { forecast } = spec;
    const { scoreFrom = -Infinity, everywhere } = options;
    const read = history ? afterHistory(history, nothing(source), () => undefined) : source;
    const all = history !== undefined || everywhere === true;
    const { interval, grid, time_zone: timeZone, session, ring } = spec.window;
    const { steps } = calendar({ interval, bars: grid !== 'rows', timeZone, session });
    const seen = new SeasonSample({ rows: all ? Infinity : forecast.warmup, from: scoreFrom, newest: ring, steps });
    await look(spec, read, options, seen);
    return seen.found(usualLengths(spec.window));
  } finally {
    await source.close().catch(() => undefined);
    await history?.close().catch(() => undefined);
  }
}

/** Shows the rows that forecasters would see, until there are enough. */
async function look(
  spec: Spec,
  source: Source,
  options: SeasonSearchOptions,
  eye: { readonly full: boolean; add(batch: RowBatch): void },
): Promise<void> {
  if (!source.bounded) throw new TidecastError('SEASON_ENDLESS', { source: spec.source.type });
  const line = buildLine(
    {
      ...spec,
      forecast: {
        ...spec.forecast,
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
      ...{ state: new State(), source, sinks: [], events: options.heard ?? new EventBus(), exact: true, paced: false },
      rows: (batch) => eye.add(batch),
    },
  );
  await lastValueFrom(line.forecasts$.pipe(takeWhile(() => !eye.full)), { defaultValue: undefined });
}

/** An hour, a day, a week and a year in rows; without whole days, as in a market with hours, there is nothing to go by. */
function usualLengths({ interval, session }: Spec['window']): number[] {
  return session ? [] : [HOUR, 24 * HOUR, 7 * 24 * HOUR, 365.25 * 24 * HOUR].map((length) => Math.round(length / interval));
}

const HOUR = 3_600_000;

/** The spec with the seasons that were found in the place of those that it does not name, and what was looked at not scored; undefined: none. */
export function withSeasons<S extends Spec>(spec: S, found: Pick<FoundSeasons, 'seasons' | 'first'> | undefined): S {
  const unscored = found && spec.forecast.findSeasons ? unscoredRows(found) : 0;
  const given = <F extends Spec['forecast']>(forecast: F) => ({
    ...forecast,
    ...(forecast.findSeasons ? { findSeasons: undefined, season: found?.seasons ?? [] } : {}),
    // a shadow that names its own is scored on the same rows
    warmup: forecast.warmup || unscored,
  });
  return {
    ...spec,
    forecast: given(spec.forecast),
    shadow: spec.shadow && { ...spec.shadow, forecast: given(spec.shadow.forecast) },
  };
}

/** The name of the part of a state that holds what was found. */
export const SEASONS = 'seasons';

/** Keeps what was found, so that a restart goes on with it. */
export function seasonsPart({ seasons, rows, time, first }: FoundSeasons): Stateful {
  const looked = first === undefined ? {} : { first };
  return {
    snapshot: (): Saved => ({ seasons: [...seasons], rows, time: Float64Array.of(time), ...looked }),
    restore: () => undefined,
  };
}

/** What {@link seasonsPart} saved. */
export function savedSeasons(saved: Saved): FoundSeasons {
  const { seasons, rows, time, first } = saved as { seasons: number[]; rows: number; time: Float64Array; first?: number };
  return { seasons, rows, time: time[0]!, ...(first === undefined ? {} : { first }) };
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

/** How long the longest series is, at least up to so many rows. */
class Counted {
  longest = 0;
  readonly #most: number;
  readonly #rows = new Map<number, number>();

  constructor(most: number) {
    this.#most = most;
  }

  get full(): boolean {
    return this.longest >= this.#most;
  }

  add({ length, lanes }: RowBatch): void {
    for (let row = 0; row < length && !this.full; row++) {
      const rows = (this.#rows.get(lanes[row]!) ?? 0) + 1;
      this.#rows.set(lanes[row]!, rows);
      this.longest = Math.max(this.longest, rows);
    }
  }
}

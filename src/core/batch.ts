/**
 * What flows: columns, never an object a tick.
 *
 * `SourceBatch` (connector) -> ingest -> `TickBatch` -> clean -> `TickBatch` -> window -> `RowBatch` -> forecast -> `ForecastBatch` -> sink.
 * Arrays may be views into larger ones and are valid until the receiver returns: whoever keeps a batch copies it.
 * Times are epoch milliseconds (UTC) in doubles throughout; a missing value is NaN.
 */

/** Ticks as a source decoded them. Rows are in arrival order. */
export interface SourceBatch {
  /** Partition number, 0 where the source has none. */
  readonly partition: number;
  /** Distinct series names of this batch. */
  readonly series: readonly string[];
  /** Row -> index into `series`. */
  readonly codes: Int32Array;
  /** Event time, epoch ms; NaN where it is missing. */
  readonly times: Float64Array;
  /** One array a value column, in the order of the source's `channels`; NaN where null. */
  readonly channels: readonly Float64Array[];
  /** Identity of a tick beside series and time, where the source names one (numbers, or 53-bit hashes of text). */
  readonly ids?: Float64Array | undefined;
  /**
   * Row -> its offset in the partition, never decreasing. The position after a row is its offset + 1. Rows with equal offsets came in one
   * message: they are all in one batch, and no checkpoint parts them.
   */
  readonly offsets: Float64Array;
  /** The position after this batch, where that lies beyond its last row: refused or empty messages, or where a partition is to begin. */
  readonly next?: number | undefined;
  /**
   * Partitions with rows that are there to be read after this batch, and the event time of the first of those as well as it is known
   * (epoch ms, else -Infinity): retraining waits for them. Only where there are several partitions.
   */
  readonly waiting?: Readonly<Record<string, number>> | undefined;
  /** No batch of this partition follows, while others may: it no longer holds anything back. */
  readonly ended?: boolean | undefined;
  /** What could not be decoded, with its place. */
  readonly rejects?: readonly Reject[] | undefined;
}

/** Ticks in the line: series are lanes now. */
export interface TickBatch {
  readonly partition: number;
  readonly lanes: Int32Array;
  readonly times: Float64Array;
  readonly channels: readonly Float64Array[];
  readonly ids?: Float64Array | undefined;
  readonly offsets: Float64Array;
  /**
   * When set: no further tick at or before this event time (epoch ms) will come. Stations let go of what they hold back up to it.
   * It counts after the rows of this batch; a batch may carry no rows at all.
   */
  readonly watermark?: number | undefined;
}

/** Rows on a series' own grid: what forecasters see. Per lane strictly in order. */
export interface RowBatch {
  readonly length: number;
  readonly lanes: Int32Array;
  /** The row's time: the tick's (`grid: rows`), or the bar's end. */
  readonly times: Float64Array;
  /** Row-major `length x channels`; targets are the first channels. Finite where `imputed` is 0. */
  readonly values: Float64Array;
  readonly channels: number;
  /** Milliseconds since the lane's previous observed row; 0 for its first. */
  readonly elapsed: Float64Array;
  /** Grid steps since the lane's previous row: 1 normally, more where a gap was left open. */
  readonly steps: Int32Array;
  /** 1: the row was filled in by the gap policy, it is no observation. 2: state must be reset before it. */
  readonly flags: Uint8Array;
  readonly watermark?: number | undefined;
}

export const ROW_IMPUTED = 1;
export const ROW_RESET = 2;

/** Forecasts issued at each row, and the truth that the row brought for earlier ones. */
export interface ForecastBatch {
  readonly length: number;
  readonly lanes: Int32Array;
  /** Series name by lane: read it before you return or await, an evicted lane is given to another series. */
  readonly keys: readonly (string | undefined)[];
  /** Event time of the origin (the row), epoch ms. */
  readonly issued: Float64Array;
  /** `length x horizon`: nominal valid time of each step, the identity of the forecast. */
  readonly validTimes: Float64Array;
  readonly targets: number;
  readonly horizon: number;
  readonly quantileCount: number;
  /** `length x targets x horizon`. */
  readonly mean: Float64Array;
  /** `length x targets x horizon x quantileCount`, never crossing. */
  readonly quantiles: Float64Array;
  /** `length x targets x horizon`: what the naive forecaster says. */
  readonly naive: Float64Array;
  /** Row -> index into `models`. */
  readonly model: Int32Array;
  /** Hashes of the weights in use ('' before the first training). */
  readonly models: readonly string[];
  /** `length x targets`: the observed values of this row; NaN where the row is imputed. */
  readonly actual: Float64Array;
  /** `length x horizon`: identity time of the forecast that this row scores at that step; NaN where there was none. */
  readonly scoredTimes: Float64Array;
  /** `length x targets x horizon`: actual - mean of the forecast issued that many steps before; NaN where there was none. */
  readonly errors: Float64Array;
  /** Scores so far, of the series whose turn it is at a row of this batch; only where a sink takes them. */
  readonly scores?: readonly ScorePoint[] | undefined;
  /** Only where they are asked for. */
  readonly opinions?: Opinions | undefined;
}

/** What every model of an ensemble said for itself at the rows of a batch, and how far it was trusted. */
export interface Opinions {
  /** Names of the models, the output not among them. */
  readonly models: readonly string[];
  /** `length`: grid index of the row in its series, counted from 1. */
  readonly index: Float64Array;
  /** `length x targets x horizon x models`. */
  readonly said: Float64Array;
  /** `length x targets x horizon x models`: weights of the mixture, NaN where a single model is the output. */
  readonly weights: Float64Array;
}

/** How good the forecasts of a series were so far, over all rows up to this one. */
export interface ScorePoint {
  readonly series: string;
  /** Index of the target. */
  readonly target: number;
  /** Steps ahead, from 1. */
  readonly step: number;
  /** Event time of the newest row scored, epoch ms. */
  readonly time: number;
  /** By name, all finite: `n`, `mae`, `rmse`, `smape`, `mase`, `pinball`, `coverage_0800` of the 80 % interval, `skill_naive`. */
  readonly values: Readonly<Record<string, number>>;
}

/** A tick or message that was not used, with its place and reason. */
export interface Reject {
  readonly partition: number;
  readonly offset: number;
  readonly reason: RejectReason;
  /** Series name, where known. */
  readonly series?: string | undefined;
  /** Event time, epoch ms, where known. */
  readonly time?: number | undefined;
  readonly values?: readonly number[] | undefined;
  /** The raw text of what could not be decoded, cut to 1,000 characters. */
  readonly raw?: string | undefined;
  /** The raw bytes of what could not be decoded, where they are more than text; and the key that came with them. */
  readonly bytes?: Uint8Array | undefined;
  readonly key?: Uint8Array | undefined;
  /** Where it stood, as people say it: `topic/partition/offset`. */
  readonly origin?: string | undefined;
}

/** Why a tick was refused. */
export const REJECT_REASONS = {
  undecodable: 'The row or message could not be decoded: its time or a value is written in a way that the source does not read.',
  empty: 'The message has no value.',
  'too-large': 'The message is larger than allowed, as it came or decompressed.',
  'no-time': 'The event time is missing or not a number.',
  'no-series': 'The series name is missing.',
  late: 'The tick is older than the lateness bound allows: sort the input by time, or raise `clean.lateness`.',
  future: 'The tick is further ahead of its source than `max_ahead` allows.',
  duplicate: 'A tick with the same series, time and id was already used.',
  'not-finite': 'A value is NaN, infinite or null.',
  jump: 'The value moved by more than `max_jump` from the last accepted one.',
  'lanes-full': 'The series is new and every lane is taken.',
  quarantined: 'The series failed earlier and is quarantined.',
} as const;

export type RejectReason = keyof typeof REJECT_REASONS;

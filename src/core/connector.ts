/** The contracts of everything that talks with the outside. Only connectors implement them; only the pipeline calls them. */
import type { ForecastBatch, Reject, SourceBatch } from './batch.ts';
import type { Clock } from './clock.ts';
import type { Position } from './position.ts';

/** What a connector is handed when it is built. */
export interface ConnectorContext {
  /** Relative paths in the spec are relative to this folder (the pipeline file's). */
  readonly folder: string;
  readonly pipeline: string;
  readonly clock: Clock;
  /** The pipeline's seed; draws are seeded by hash(seed, ...). */
  readonly seed: number;
}

/**
 * Ticks, pulled batch by batch.
 *
 * - `read` yields rows in a fixed order; read again from a position that it gave out, it yields exactly the rest.
 * - It never yields a row twice and never holds more than a few batches in memory, however large the input.
 * - A row that cannot be decoded is a `Reject` of its batch and takes part in the offsets; input that is damaged as a whole is an error.
 * - When `signal` is aborted it ends soon, without an error.
 * - `read` throws `TidecastError`s only; before the first row wherever the fault can be seen then.
 */
export interface Source {
  /** Names of the value columns, in the order of `SourceBatch.channels`. */
  readonly channels: readonly string[];
  /** Whether the input ends. */
  readonly bounded: boolean;
  /** Rows in all, where that is known before reading (for progress only). */
  rows?(): Promise<number | undefined>;
  read(from: Position | undefined, signal: AbortSignal): AsyncIterable<SourceBatch>;
  /** Tells the outside that everything before `position` is safe; called after the checkpoint, in order. */
  commit?(position: Position): Promise<void>;
  close(): Promise<void>;
}

/** What a sink is told when it is opened. */
export interface SinkContext {
  readonly pipeline: string;
  readonly targets: readonly string[];
  readonly horizon: number;
  /** Levels of the quantiles, ascending. */
  readonly quantiles: readonly number[];
  /** Milliseconds between rows, as declared; for readers of the output. */
  readonly interval: number;
  /** Rows ingested up to where this run starts: 0, or the checkpoint's. Output at or after it is written again. */
  readonly from: number;
}

/** A stretch of the input: rows ingested from `from` (inclusive) to `to` (exclusive). */
export interface Cut {
  readonly from: number;
  readonly to: number;
}

/**
 * Forecasts and refused ticks, delivered.
 *
 * - Everything written between two calls of `flush` belongs to one cut, which `flush` takes before it first awaits: the line runs on
 *   meanwhile and writes to the next cut. After `flush(cut)` resolves, the cut is durable. It is not called again before that.
 * - Writing the same cut again (a restart from an older checkpoint, perhaps with another `to`) replaces what is there: no copies.
 *   Append-only outputs are at least once instead, and say so in their guarantees.
 * - `write` copies what it keeps: batches are views. It may return a promise when it is full; it is not called again before that resolves.
 * - A failing sink throws a `TidecastError`; `retriable` ones were already retried.
 */
export interface Sink {
  open(context: SinkContext): Promise<void>;
  write(batch: ForecastBatch): void | Promise<void>;
  /** Refused ticks; a sink without a place for them leaves this out. */
  reject?(rejects: readonly Reject[]): void | Promise<void>;
  flush(cut: Cut): Promise<void>;
  /** `complete`: the input ended and everything is flushed. */
  close(complete: boolean): Promise<void>;
}

/** The contracts of everything that talks with the outside. Only connectors implement them; only the pipeline calls them. */
import type { ForecastBatch, Reject, SourceBatch } from './batch.ts';
import type { Clock } from './clock.ts';
import type { EventBus } from './events.ts';
import type { Position } from './position.ts';

/** What a connector is handed when it is built. */
export interface ConnectorContext {
  /** Relative paths in the spec are relative to this folder (the pipeline file's). */
  readonly folder: string;
  readonly pipeline: string;
  readonly clock: Clock;
  /** The pipeline's seed; draws are seeded by hash(seed, ...). */
  readonly seed: number;
  /** Tells who watches what happens at this end of the line. */
  readonly events: EventBus;
  /** The run starts over: what an earlier run left outside (committed offsets) does not count. */
  readonly fresh: boolean;
}

/** How one end of the line is doing, for `/ready`. */
export interface Health {
  readonly ok: boolean;
  /** A sentence: what it is connected to, or what is wrong and since when. Never a secret. */
  readonly detail: string;
}

/** One thing that `tidecast check --live` found out. */
export interface Finding {
  /** The address, without credentials: `kafka 127.0.0.1:9092`. */
  readonly endpoint: string;
  readonly ok: boolean;
  /** What was tried and how it went, as a sentence; where it failed, also what to do. */
  readonly what: string;
}

/**
 * Ticks, pulled batch by batch.
 *
 * - `read` yields rows in a fixed order; read again from a position that it gave out, it yields exactly the rest.
 * - It never yields a row twice and never holds more than a few batches in memory, however large the input.
 * - A row that cannot be decoded is a `Reject` of its batch and takes part in the offsets; input that is damaged as a whole is an error.
 * - When `signal` is aborted it ends soon, without an error.
 * - `read` throws `TidecastError`s only; before the first row wherever the fault can be seen then.
 * - A source that does not end waits out what passes by itself (a broker that is away) and throws for what does not (a wrong password).
 */
export interface Source {
  /** Names of the value columns, in the order of `SourceBatch.channels`. */
  readonly channels: readonly string[];
  /** Whether the input ends. */
  readonly bounded: boolean;
  /** Rows in all, where that is known before reading (for progress only). */
  rows?(): Promise<number | undefined>;
  read(from: Position | undefined, signal: AbortSignal): AsyncIterable<SourceBatch>;
  /**
   * Tells the outside that everything before `position` is safe; called after the checkpoint, in order. What it cannot tell now, the next
   * call tells: the position in the checkpoint is the truth.
   */
  commit?(position: Position): Promise<void>;
  health?(): Health;
  /** For `check --live`: whether the other side answers, is the right kind of server, and lets these credentials do what reading needs. */
  check?(signal: AbortSignal): Promise<readonly Finding[]>;
  /** Partitions as they are given to this process, each a source of its own, until the signal is aborted: for members that share a state folder. */
  assignments?(signal: AbortSignal): AsyncIterable<Assignment>;
  /** Ends a pending `read` or `commit` soon. */
  close(): Promise<void>;
}

/** A partition that this process was given. */
export interface Assignment {
  readonly partition: number;
  /** Partitions of the whole input. */
  readonly partitions: number;
  /** Reads this partition only; its positions name this partition only. It may be read again after it was closed. */
  readonly source: Source;
  /** Aborted when the partition is taken away. From then on nothing of it is yielded or committed. */
  readonly revoked: AbortSignal;
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
  /** Set where each partition is a line of its own: cuts count the rows of this partition. */
  readonly partition?: number | undefined;
  /**
   * Takes points that the other side refuses for good, one by one: counted, told, and durable in the state folder when the promise
   * resolves. A sink waits for it before `flush` resolves.
   */
  refused(points: readonly RefusedPoint[]): Promise<void>;
}

/** A point of output that the other side will never take. */
export interface RefusedPoint {
  /** The sink's name. */
  readonly sink: string;
  /** What the other side said, cut to 300 characters. */
  readonly reason: string;
  /** The point as it was sent. */
  readonly point: string;
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
 * - A failing sink throws a `TidecastError`. What passes by itself (a server that is away, full, or refuses the password) is waited out
 *   inside `write` and `flush`, and told by events; only what never passes is thrown.
 * - `close(false)` may be called while `write` or `flush` is pending: it ends them soon, with an error that nobody looks at.
 */
export interface Sink {
  /** Whether it has a place for `ForecastBatch.scores`, which are computed only then. */
  readonly takesScores?: boolean;
  open(context: SinkContext): Promise<void>;
  write(batch: ForecastBatch): void | Promise<void>;
  /** Refused ticks; a sink without a place for them leaves this out. */
  reject?(rejects: readonly Reject[]): void | Promise<void>;
  flush(cut: Cut): Promise<void>;
  health?(): Health;
  /** For `check --live`, on a sink that was not opened: whether these credentials may write where the pipeline writes. Writes nothing that stays. */
  check?(signal: AbortSignal): Promise<readonly Finding[]>;
  /** `complete`: the input ended and everything is flushed. */
  close(complete: boolean): Promise<void>;
}

/** What ingest remembers: positions, watermarks, and rows that wait for weights. Synchronous; part of every checkpoint. */
import type { Reject, SourceBatch, TickBatch } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import { short, type Column, type Lanes } from '../core/lanes.ts';
import type { Position } from '../core/position.ts';
import type { Saved, State, Stateful } from '../core/state.ts';
import type { Place } from './ingest.ts';

interface IntakeOptions {
  readonly lateness?: number;
  readonly maxAhead?: number;
  readonly timeToLive?: number;
  readonly reject?: (rejects: readonly Reject[]) => void;
  readonly evicted?: (series: string) => void;
}

/** Ticks of the future in a row after which the future is believed. */
const PATIENCE = 3;
/** As in `clean`: a year. */
const MAX_AHEAD = 366 * 86_400_000;

const EMPTY = { lanes: new Int32Array(0), times: new Float64Array(0), offsets: new Float64Array(0) };

export class Intake implements Stateful {
  readonly #options: IntakeOptions;
  readonly #lanes: Lanes;
  readonly #last: Column<Float64Array>;
  readonly #position: Record<string, number> = {};
  /** Newest event time by partition. */
  readonly #newest: Record<string, number> = {};
  /** Newest time that was not believed, and how often in a row, by partition. */
  readonly #ahead: Record<string, { time: number; count: number }> = {};
  #rows = 0;
  #trained = -Infinity;
  #held: TickBatch[] = [];

  constructor(state: State, options: IntakeOptions) {
    this.#options = options;
    this.#lanes = state.lanes;
    this.#last = this.#lanes.f64('ingest.last', 1, -Infinity);
  }

  place(last: boolean): Place {
    return { rows: this.#rows, position: this.position, time: this.newest, last };
  }

  /** Rows ingested so far, rejected ones included. */
  get rows(): number {
    return this.#rows;
  }

  get started(): boolean {
    return Object.keys(this.#position).length > 0;
  }

  get position(): Position {
    return { ...this.#position };
  }

  get newest(): number {
    return Math.max(-Infinity, ...Object.values(this.#newest));
  }

  /** No tick before this event time is still to come. */
  get watermark(): number {
    const newest = Object.values(this.#newest);
    return newest.length === 0 ? -Infinity : Math.min(...newest) - (this.#options.lateness ?? 0);
  }

  get heldRows(): number {
    return this.#held.reduce((sum, batch) => sum + batch.lanes.length, 0);
  }

  /** The earliest event time that a row still to come, or held, can have. */
  nextTime(): number {
    let next = this.watermark;
    for (const { times } of this.#held) for (const time of times) if (time < next) next = time;
    return next;
  }

  /** Gives every row its lane, -1 where there is none; those are rejected here. */
  name(batch: SourceBatch): TickBatch {
    const lanes = new Int32Array(batch.times.length);
    const laneOf = new Int32Array(batch.series.length).fill(-2);
    for (let i = 0; i < lanes.length; i++) {
      const code = batch.codes[i]!;
      if (laneOf[code] === -2) laneOf[code] = this.#open(batch.series[code]!, laneOf);
      lanes[i] = laneOf[code]!;
      if (lanes[i]! < 0) this.#full(batch, i);
    }
    const { partition, times, channels, ids, offsets } = batch;
    return { partition, lanes, times, channels, offsets, ...(ids ? { ids } : {}) };
  }

  /** Moves newest times and position over rows `at .. most`, stopping after the row that takes the watermark past `trigger`. */
  advance(batch: SourceBatch, at: number, most: number, trigger: number): number {
    const key = String(batch.partition);
    const { lateness = 0, maxAhead = MAX_AHEAD } = this.#options;
    const { times } = batch;
    let newest = this.#newest[key] ?? -Infinity;
    const others = Object.entries(this.#newest).reduce(
      (least, [other, time]) => (other === key ? least : Math.min(least, time)),
      Infinity,
    );
    let end = at;
    while (end < most) {
      const time = times[end++]!;
      if (!(time > newest)) continue;
      if (newest !== -Infinity && time - newest > maxAhead && !this.#believes(key, time)) continue;
      delete this.#ahead[key];
      newest = time;
      if (Math.min(newest, others) - lateness > trigger) break;
    }
    this.#newest[key] = newest;
    this.#position[key] = batch.offsets[end - 1]! + 1;
    this.#rows += end - at;
    return end;
  }

  /** Rows `at .. end` that may go on now; those later than `after` are held back. */
  take(ticks: TickBatch, at: number, end: number, after: number): TickBatch {
    const last = this.#last.data;
    let plain = true;
    for (let i = at; i < end; i++) {
      const lane = ticks.lanes[i]!;
      if (lane < 0 || ticks.times[i]! > after) plain = false;
      else if (ticks.times[i]! > last[lane]!) {
        // newer than its series knows, but older than what was trained on: the series are not merged by time
        if (ticks.times[i]! <= this.#trained) throw this.#notInTimeOrder(ticks, i);
        last[lane] = ticks.times[i]!;
      }
    }
    if (plain) return slice(ticks, at, end);
    const go: number[] = [];
    const hold: number[] = [];
    for (let i = at; i < end; i++) if (ticks.lanes[i]! >= 0) (ticks.times[i]! > after ? hold : go).push(i);
    if (hold.length > 0) this.#held.push(pick(ticks, hold));
    return pick(ticks, go);
  }

  /** Held rows at or before `until`, in arrival order, or undefined. */
  takeHeld(until: number): TickBatch | undefined {
    if (this.#held.length === 0) return undefined;
    const all = concat(this.#held);
    const go: number[] = [];
    const stay: number[] = [];
    all.times.forEach((time, i) => (time > until ? stay : go).push(i));
    this.#held = stay.length > 0 ? [pick(all, stay)] : [];
    return go.length > 0 ? pick(all, go) : undefined;
  }

  /** A batch without rows that says: nothing at or before `time` will come. `trained`: because retraining uses those rows now. */
  mark(time: number, trained: boolean): TickBatch {
    if (trained) this.#trained = Math.max(this.#trained, time);
    return { partition: 0, ...EMPTY, channels: [], watermark: time };
  }

  /** Spills lanes that were idle for longer than their time to live, except those in `taken`. */
  evictIdle(taken: Int32Array = EMPTY.lanes): void {
    const { timeToLive, evicted } = this.#options;
    if (timeToLive === undefined) return;
    const oldest = this.newest - timeToLive;
    const held = new Set([...taken, ...this.#held.flatMap(({ lanes }) => [...lanes])]);
    for (let lane = 0; lane < this.#lanes.size; lane++) {
      const series = this.#lanes.keys[lane];
      if (series === undefined || this.#last.data[lane]! >= oldest || held.has(lane)) continue;
      this.#lanes.evict(lane);
      evicted?.(series);
    }
  }

  snapshot(): Saved {
    const held = this.#held.length > 0 ? concat(this.#held) : undefined;
    return {
      rows: this.#rows,
      position: { ...this.#position },
      newest: { keys: Object.keys(this.#newest), times: Float64Array.from(Object.values(this.#newest)) },
      ahead: Object.fromEntries(Object.entries(this.#ahead).map(([key, each]) => [key, { ...each }])),
      trained: Float64Array.of(this.#trained),
      held: held
        ? {
            partition: held.partition,
            series: [...held.lanes].map((lane) => this.#lanes.keys[lane]!),
            times: held.times.slice(),
            channels: held.channels.map((channel) => channel.slice()),
            ids: held.ids ? held.ids.slice() : null,
            offsets: held.offsets.slice(),
          }
        : null,
    };
  }

  restore(saved: Saved): void {
    const from = saved as unknown as ReturnType<Intake['snapshot']> & {
      rows: number;
      position: Record<string, number>;
      newest: { keys: string[]; times: Float64Array };
      ahead: Record<string, { time: number; count: number }>;
      trained: Float64Array;
      held: {
        partition: number;
        series: string[];
        times: Float64Array;
        channels: Float64Array[];
        ids: Float64Array | null;
        offsets: Float64Array;
      } | null;
    };
    this.#rows = from.rows;
    Object.assign(this.#position, from.position);
    from.newest.keys.forEach((key, i) => (this.#newest[key] = from.newest.times[i]!));
    Object.assign(this.#ahead, from.ahead);
    this.#trained = from.trained[0]!;
    if (!from.held) return;
    const { partition, series, times, channels, ids, offsets } = from.held;
    const lanes = Int32Array.from(series, (key) => this.#lanes.lane(key));
    this.#held = [{ partition, lanes, times, channels, offsets, ...(ids ? { ids } : {}) }];
  }

  /** Whether a time far ahead is true after all: several ticks, each later than the one before, agree. */
  #believes(key: string, time: number): boolean {
    const before = this.#ahead[key];
    if (before && time <= before.time) return false;
    const count = (before?.count ?? 0) + 1;
    this.#ahead[key] = { time, count };
    return count > PATIENCE;
  }

  #notInTimeOrder(ticks: TickBatch, i: number): TidecastError {
    return new TidecastError('INGEST_NOT_IN_TIME_ORDER', {
      series: short(this.#lanes.keys[ticks.lanes[i]!]!),
      offset: ticks.offsets[i]!,
      time: new Date(ticks.times[i]!).toISOString(),
      trained: new Date(this.#trained).toISOString(),
    });
  }

  #open(series: string, taken: Int32Array): number {
    try {
      return this.#lanes.lane(series);
    } catch (cause) {
      if (!(cause instanceof TidecastError) || cause.code !== 'LANES_FULL') throw cause;
      this.evictIdle(taken);
      return this.#lanes.open < this.#lanes.max ? this.#lanes.lane(series) : -1;
    }
  }

  #full(batch: SourceBatch, i: number): void {
    const { partition, offsets, times, series, codes, channels } = batch;
    const values = channels.map((channel) => channel[i]!);
    this.#options.reject?.([
      { partition, offset: offsets[i]!, reason: 'lanes-full', series: series[codes[i]!]!, time: times[i]!, values },
    ]);
  }
}

function slice(ticks: TickBatch, from: number, to: number): TickBatch {
  return {
    partition: ticks.partition,
    lanes: ticks.lanes.subarray(from, to),
    times: ticks.times.subarray(from, to),
    channels: ticks.channels.map((channel) => channel.subarray(from, to)),
    offsets: ticks.offsets.subarray(from, to),
    ...(ticks.ids ? { ids: ticks.ids.subarray(from, to) } : {}),
  };
}

function pick(ticks: TickBatch, rows: readonly number[]): TickBatch {
  const take = (column: Float64Array) => Float64Array.from(rows, (i) => column[i]!);
  return {
    partition: ticks.partition,
    lanes: Int32Array.from(rows, (i) => ticks.lanes[i]!),
    times: take(ticks.times),
    channels: ticks.channels.map(take),
    offsets: take(ticks.offsets),
    ...(ticks.ids ? { ids: take(ticks.ids) } : {}),
  };
}

function concat(batches: readonly TickBatch[]): TickBatch {
  if (batches.length === 1) return batches[0]!;
  const join = (column: (batch: TickBatch) => Float64Array) => Float64Array.from(batches.flatMap((batch) => [...column(batch)]));
  const first = batches[0]!;
  return {
    partition: first.partition,
    lanes: Int32Array.from(batches.flatMap((batch) => [...batch.lanes])),
    times: join((batch) => batch.times),
    channels: first.channels.map((_, c) => join((batch) => batch.channels[c]!)),
    offsets: join((batch) => batch.offsets),
    ...(first.ids ? { ids: join((batch) => batch.ids!) } : {}),
  };
}

/** What ingest remembers: positions, watermarks, and rows that wait for weights. Synchronous; part of every checkpoint. */
import type { Reject, RejectReason, SourceBatch, TickBatch } from '../core/batch.ts';
import { TidecastError } from '../core/errors.ts';
import { short, type Column, type Lanes } from '../core/lanes.ts';
import type { Position } from '../core/position.ts';
import type { Saved, State, Stateful } from '../core/state.ts';
import type { Place } from './ingest.ts';
import { HeldRows } from './held-rows.ts';
import { PartitionClocks } from './partition-clocks.ts';
import { pick, slice } from './tick-parts.ts';

interface IntakeOptions {
  readonly lateness?: number;
  readonly maxAhead?: number;
  readonly timeToLive?: number;
  /** A partition whose newest time is further behind the newest of all than this does not hold back the watermark, ms. Default: none is left out. */
  readonly idleAfter?: number;
  /** Whether a row at or before what was trained on is an error (a file that is not in order of time), or late. */
  readonly bounded?: boolean;
  readonly reject?: (rejects: readonly Reject[]) => void;
  readonly evicted?: (series: string) => void;
}

const EMPTY = { lanes: new Int32Array(0), times: new Float64Array(0), offsets: new Float64Array(0) };

export class Intake implements Stateful {
  readonly #options: IntakeOptions;
  readonly #lanes: Lanes;
  readonly #last: Column<Float64Array>;
  readonly #position: Record<string, number> = {};
  readonly #clocks: PartitionClocks;
  #rows = 0;
  #trained = -Infinity;
  readonly #held: HeldRows;
  /** Newest believed time let through. */
  #passed = -Infinity;
  /** Rows of the cut at hand that are further ahead than is believed. */
  readonly #doubted = new Set<number>();
  /** The source's batch at hand: lane by code, -1 where not known. */
  #laneOf = new Int32Array(0);
  /** While no tick is newer than this, no lane is idle. */
  #busyUntil = -Infinity;

  constructor(state: State, options: IntakeOptions) {
    this.#options = options;
    this.#lanes = state.lanes;
    this.#last = this.#lanes.f64('ingest.last', 1, -Infinity);
    this.#held = new HeldRows(state.lanes);
    this.#clocks = new PartitionClocks(options);
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
    return this.#clocks.newest;
  }

  /** No tick before this event time is still to come. */
  get watermark(): number {
    return this.#clocks.watermark;
  }

  /** The earliest event time that a row still to come, or held, can have. */
  nextTime(): number {
    return Math.min(this.watermark, this.#held.from);
  }

  /** Newest event time of a row that was let through. */
  get passed(): number {
    return this.#passed;
  }

  /** The batch as ticks, whose lanes `advance` fills in. `parked`: partitions with rows that were read and wait. */
  begin(batch: SourceBatch, parked: readonly number[]): TickBatch {
    this.#laneOf = new Int32Array(batch.series.length).fill(-1);
    // its own rows are there to be read as well, until it went through
    const early = Object.fromEntries([batch.partition, ...parked].map((partition) => [partition, -Infinity]));
    this.#clocks.waiting = { ...batch.waiting, ...early };
    const { partition, times, channels, ids, offsets } = batch;
    return { partition, lanes: new Int32Array(times.length), times, channels, offsets, ...(ids ? { ids } : {}) };
  }

  /**
   * Gives rows `at .. most` their lanes (-1 where there is none) and moves newest times and position over them. Returns where it
   * stopped: after the row that takes the watermark past `trigger`, or before one whose series finds a lane only if another is idle,
   * which shows when the rows before it went through.
   */
  advance(batch: SourceBatch, ticks: TickBatch, at: number, most: number, trigger: number): number {
    const key = String(batch.partition);
    const { times } = batch;
    let newest = this.#clocks.of(key);
    this.#doubted.clear();
    let end = at;
    while (end < most) {
      const code = batch.codes[end]!;
      if (this.#laneOf[code]! < 0 && !this.#name(batch.series[code]!, code, end === at)) break;
      ticks.lanes[end] = this.#laneOf[code]!;
      const time = times[end++]!;
      if (!(time > newest)) continue;
      if (!this.#clocks.believes(key, time)) {
        this.#doubted.add(end - 1);
        continue;
      }
      this.#clocks.advance(key, (newest = time));
      if (trigger < time && this.watermark > trigger) break;
    }
    this.#clocks.advance(key, newest);
    this.#position[key] = batch.offsets[end - 1]! + 1;
    this.#rows += end - at;
    return end;
  }

  /**
   * Rows `at .. end`, over which `advance` went, that may go on now; those later than `after` are held back. A time that is not
   * believed waits for nothing: it may never be due.
   */
  take(batch: SourceBatch, ticks: TickBatch, at: number, end: number, after: number): TickBatch {
    const last = this.#last.data;
    const refused: Reject[] = [];
    let plain = true;
    for (let i = at; i < end; i++) {
      const lane = ticks.lanes[i]!;
      const time = ticks.times[i]!;
      if (lane < 0) refused.push(this.#refusal(batch, i, 'lanes-full'));
      // newer than its series knows, but older than what was trained on: of a file, whose series are not merged by time; else late
      else if (time <= this.#trained && time > last[lane]!) {
        if (this.#options.bounded ?? true) throw this.#notInTimeOrder(ticks, i);
        refused.push(this.#refusal(batch, i, 'late'));
        ticks.lanes[i] = -1;
        plain = false;
        continue;
      }
      if (lane >= 0 && this.#doubted.has(i)) continue;
      if (lane < 0 || time > after) plain = false;
      else if (time > this.#passed) this.#passed = time;
      if (lane >= 0 && time > last[lane]!) last[lane] = time;
    }
    if (refused.length > 0) this.#options.reject?.(refused);
    if (plain) return slice(ticks, at, end);
    const go: number[] = [];
    const hold: number[] = [];
    for (let i = at; i < end; i++) {
      if (ticks.lanes[i]! < 0) continue;
      (ticks.times[i]! > after && !this.#doubted.has(i) ? hold : go).push(i);
    }
    if (hold.length > 0) this.#held.push(pick(ticks, hold));
    return pick(ticks, go);
  }

  /** Counts messages that could not be decoded, and moves over them. */
  refuse(partition: number, rejects: readonly Reject[]): void {
    this.#rows += rejects.length;
    this.reach(partition, rejects.reduce((last, { offset }) => Math.max(last, offset), -1) + 1);
  }

  /** Everything of a partition before `position` is done. */
  reach(partition: number, position: number): void {
    const key = String(partition);
    if (position > (this.#position[key] ?? 0) || this.#position[key] === undefined) this.#position[key] = position;
  }

  /** A batch went through. */
  end({ partition, next, ended, waiting }: SourceBatch): void {
    if (waiting?.[partition] === undefined) this.#clocks.done(String(partition));
    if (next !== undefined) this.reach(partition, next);
    if (ended) this.#clocks.forget(String(partition));
  }

  /** Held rows at or before `until`, in arrival order, or undefined. */
  takeHeld(until: number): TickBatch | undefined {
    const due = this.#held.take(until);
    for (const time of due?.times ?? []) if (time > this.#passed) this.#passed = time;
    return due;
  }

  /** A batch without rows that says: nothing at or before `time` will come. `trained`: because retraining uses those rows now. */
  mark(time: number, trained: boolean): TickBatch {
    if (trained) this.#trained = Math.max(this.#trained, time);
    // a mark calls series back that hold rows: which lanes are free for them must not depend on where batches ended
    this.evictIdle(0);
    this.#busyUntil = -Infinity;
    return { partition: 0, ...EMPTY, channels: [], watermark: time };
  }

  /** Spills lanes that were idle for longer than their time to live. It looks at every lane, so not before one is idle for `slack` times that more. */
  evictIdle(slack = 0.125): void {
    const { timeToLive, evicted } = this.#options;
    const { newest } = this;
    if (timeToLive === undefined || !(newest > this.#busyUntil + slack * timeToLive)) return;
    const oldest = newest - timeToLive;
    const held = this.#held.lanes();
    let first = Infinity;
    for (let lane = 0; lane < this.#lanes.size; lane++) {
      const series = this.#lanes.keys[lane];
      if (series === undefined) continue;
      const last = this.#last.data[lane]!;
      if (last >= oldest || held.has(lane)) {
        first = Math.min(first, Math.max(last, oldest));
        continue;
      }
      this.#lanes.evict(lane);
      this.#laneOf.fill(-1);
      evicted?.(series);
    }
    this.#busyUntil = first + timeToLive;
  }

  snapshot(): Saved {
    return {
      rows: this.#rows,
      position: { ...this.#position },
      clocks: this.#clocks.snapshot(),
      trained: Float64Array.of(this.#trained),
      passed: Float64Array.of(this.#passed),
      held: this.#held.snapshot(),
    };
  }

  restore(saved: Saved): void {
    const from = saved as unknown as ReturnType<Intake['snapshot']> & {
      rows: number;
      position: Record<string, number>;
      clocks: Saved;
      trained: Float64Array;
      passed: Float64Array;
      held: Saved;
    };
    this.#rows = from.rows;
    Object.assign(this.#position, from.position);
    this.#clocks.restore(from.clocks);
    this.#trained = from.trained[0]!;
    this.#passed = from.passed[0]!;
    this.#held.restore(from.held);
  }

  #notInTimeOrder(ticks: TickBatch, i: number): TidecastError {
    return new TidecastError('INGEST_NOT_IN_TIME_ORDER', {
      series: short(this.#lanes.keys[ticks.lanes[i]!]!),
      offset: ticks.offsets[i]!,
      time: new Date(ticks.times[i]!).toISOString(),
      trained: new Date(this.#trained).toISOString(),
    });
  }

  /** Finds the lane of a series, if it has one or one is free. False: it should be asked again when the rows before it went through. */
  #name(series: string, code: number, first: boolean): boolean {
    const lanes = this.#lanes;
    const { timeToLive } = this.#options;
    const fits = () => lanes.open < lanes.max || lanes.find(series) >= 0;
    if (timeToLive !== undefined && !fits() && this.newest > this.#busyUntil) {
      if (!first) return false;
      this.evictIdle(0);
    }
    if (!fits()) return true;
    const lane = (this.#laneOf[code] = lanes.lane(series));
    this.#busyUntil = Math.min(this.#busyUntil, this.#last.data[lane]! + (timeToLive ?? Infinity));
    return true;
  }

  #refusal({ partition, offsets, times, series, codes, channels }: SourceBatch, i: number, reason: RejectReason): Reject {
    return {
      partition,
      offset: offsets[i]!,
      reason,
      series: series[codes[i]!]!,
      time: times[i]!,
      values: channels.map((channel) => channel[i]!),
    };
  }
}

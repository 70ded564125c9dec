/** Ticks of messages on their way into a batch: columns that grow, and the rejects beside them. */
import type { Reject, RejectReason, SourceBatch } from '../../src/core/batch.ts';
import { SeriesNames } from './message-names.ts';
import { SeriesCodes } from './series-codes.ts';

/** Where a reject stands. */
export type RejectPlace = Pick<Reject, 'partition' | 'offset' | 'key' | 'origin'>;

/** What surrounds the ticks of one message. */
export interface Envelope {
  offset: number;
  /** The record's own time, epoch ms; NaN where it has none. */
  time: number;
  /** Code of the message key as a series name; negative where it is none or not wanted. */
  keyCode: number;
}

/** One way in which ticks are written into a message. */
export interface MessageFormat {
  /**
   * Adds the ticks of a message to the rows, and rejects those that are bad one by one. Returns why the message, or what is left of it,
   * is refused, where it is. After an error what was added is taken back.
   */
  read(value: Buffer, envelope: Envelope, rows: MessageRows): RejectReason | undefined;
}

/** Of one message no more ticks are rejected one by one: beyond it the message itself is. */
export const MAX_TICK_REJECTS = 1000;

/** Gathers rows. The arrays are written directly, at `length`, after `reserve`; the batch handed out has its own. */
export class MessageRows {
  readonly names = new SeriesNames();
  length = 0;
  /** Row -> code in `names`. */
  codes = new Int32Array(1024);
  times = new Float64Array(1024);
  channels: Float64Array[];
  ids: Float64Array | undefined;
  offsets = new Float64Array(1024);
  rejects: Reject[] = [];
  readonly #compact = new SeriesCodes();
  #firstReject = 0;
  #place: () => RejectPlace = () => ({ partition: 0, offset: 0 });
  #placed: RejectPlace | undefined;

  constructor(channels: number, ids: boolean) {
    this.channels = Array.from({ length: channels }, () => new Float64Array(1024));
    this.ids = ids ? new Float64Array(1024) : undefined;
  }

  /** Starts a batch. */
  begin(): void {
    this.names.begin();
    this.length = 0;
    this.rejects = [];
  }

  /** Starts a message; `place` is asked where it stands if something of it is rejected. */
  message(place: () => RejectPlace): void {
    this.#place = place;
    this.#placed = undefined;
    this.#firstReject = this.rejects.length;
  }

  /** Makes room for more rows. */
  reserve(rows: number): void {
    const needed = this.length + rows;
    if (needed <= this.times.length) return;
    const size = Math.max(needed, 2 * this.times.length);
    const grown = (old: Float64Array) => {
      const column = new Float64Array(size);
      column.set(old.subarray(0, this.length));
      return column;
    };
    const codes = new Int32Array(size);
    codes.set(this.codes.subarray(0, this.length));
    this.codes = codes;
    this.times = grown(this.times);
    this.channels = this.channels.map(grown);
    if (this.ids) this.ids = grown(this.ids);
    this.offsets = grown(this.offsets);
  }

  /** Rejects one tick of the message; false once there are so many that the message is to be refused for the rest. */
  reject(reason: RejectReason, tick: Pick<Reject, 'raw' | 'time' | 'values' | 'series'>): boolean {
    if (this.rejects.length - this.#firstReject >= MAX_TICK_REJECTS) return false;
    this.rejects.push({ ...(this.#placed ??= this.#place()), reason, ...tick });
    return true;
  }

  /** Adds the bytes of the message to the reject that is all that came of it. */
  attach(bytes: Uint8Array | undefined): void {
    this.rejects.push({ ...this.rejects.pop()!, bytes });
  }

  /** Rejects the message, or what is left of it. */
  refuse(reason: RejectReason, raw: string, bytes: Uint8Array | undefined): void {
    this.rejects.push({ ...(this.#placed ??= this.#place()), reason, raw, bytes });
  }

  /** Takes back what the message added since. */
  rollback(length: number): void {
    this.length = length;
    this.rejects.length = this.#firstReject;
  }

  /** The batch. */
  take(partition: number, next: number | undefined): SourceBatch {
    const n = this.length;
    const named = this.#compact.compact(this.codes.subarray(0, n), this.names.texts);
    return {
      partition,
      series: named.series,
      codes: named.codes,
      times: this.times.slice(0, n),
      channels: this.channels.map((channel) => channel.slice(0, n)),
      ids: this.ids?.slice(0, n),
      offsets: this.offsets.slice(0, n),
      next,
      rejects: this.rejects.length > 0 ? this.rejects : undefined,
    };
  }
}

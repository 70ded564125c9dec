/** Rows of a CSV file on their way into a batch. */
import type { Reject, SourceBatch } from '../../src/core/batch.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { short } from '../../src/core/lanes.ts';
import type { TimeUnit } from './arrow-schema.ts';
import { textIdentity } from './identity.ts';
import { fromUnit, likelyUnit, parseTime, plausible, type WallClock } from './time.ts';

/** Positions of the columns; -1 where there is none. */
export interface CsvColumns {
  readonly delimiter: string;
  readonly time: number;
  readonly series: number;
  readonly values: readonly number[];
  readonly id: number;
}

export interface CsvTimes {
  readonly unit?: TimeUnit | undefined;
  readonly allow_any_time: boolean;
}

const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none']);

/** Whether a field stands for a missing value. */
export function isMissing(field: string): boolean {
  return field === '' || (field.length <= 5 && MISSING.has(field.trim().toLowerCase()));
}

/** The number of a field, or NaN; hexadecimal and other programmers' notations are none. */
export function parseNumber(field: string): number {
  return /^\s*[-+]?(\d|\.\d|inf)/i.test(field) && !/^\s*[-+]?0[xob]/i.test(field)
    ? Number(field.replace(/^(\s*[-+]?)inf(inity)?\s*$/i, '$1Infinity'))
    : NaN;
}

/** Gathers decoded rows and rejects. */
export class CsvRows {
  readonly #file: string;
  readonly #columns: CsvColumns;
  readonly #clock: WallClock;
  readonly #settings: CsvTimes;
  readonly #name: string;
  #series = new Map<string, number>();
  #codes: number[] = [];
  #times: number[] = [];
  #values: number[] = [];
  #ids: number[] = [];
  #offsets: number[] = [];
  #rejects: Reject[] = [];
  #timeChecked: boolean;

  constructor(file: string, columns: CsvColumns, clock: WallClock, settings: CsvTimes, name: string) {
    this.#file = file;
    this.#columns = columns;
    this.#clock = clock;
    this.#settings = settings;
    this.#name = name;
    this.#timeChecked = settings.allow_any_time;
  }

  /** Rows and rejects gathered. */
  get length(): number {
    return this.#offsets.length + this.#rejects.length;
  }

  /** Decodes a record, or rejects it. Throws `SOURCE_TIME_UNIT` at the first time that cannot be meant. */
  add(record: readonly string[], offset: number): void {
    const { time: timeAt, series: seriesAt, values, id } = this.#columns;
    const time = this.#time(record[timeAt]!);
    if (time === undefined) return this.reject(record, offset);
    const numbers = values.map((at) => (isMissing(record[at]!) ? NaN : parseNumber(record[at]!)));
    if (numbers.some((value, i) => Number.isNaN(value) && !isMissing(record[values[i]!]!))) return this.reject(record, offset);
    const name = seriesAt < 0 ? this.#name : record[seriesAt]!;
    if (name === '') {
      this.#rejects.push({ partition: 0, offset, reason: 'no-series', time, values: numbers, raw: this.#raw(record) });
      return;
    }
    let code = this.#series.get(name);
    if (code === undefined) this.#series.set(name, (code = this.#series.size));
    this.#codes.push(code);
    this.#times.push(time);
    this.#values.push(...numbers);
    this.#offsets.push(offset);
    if (id >= 0) this.#ids.push(identity(record[id]!));
  }

  reject(record: readonly string[], offset: number): void {
    this.#rejects.push({ partition: 0, offset, reason: 'undecodable', raw: this.#raw(record) });
  }

  /** What was gathered, as a batch; the gathering starts again. */
  take(channels: number): SourceBatch {
    const n = this.#offsets.length;
    const values = this.#values;
    const batch: SourceBatch = {
      partition: 0,
      series: [...this.#series.keys()],
      codes: Int32Array.from(this.#codes),
      times: Float64Array.from(this.#times),
      channels: Array.from({ length: channels }, (_, c) => Float64Array.from({ length: n }, (_, i) => values[i * channels + c]!)),
      ids: this.#columns.id < 0 ? undefined : Float64Array.from(this.#ids),
      offsets: Float64Array.from(this.#offsets),
      rejects: this.#rejects.length > 0 ? this.#rejects : undefined,
    };
    this.#series = new Map();
    [this.#codes, this.#times, this.#values, this.#ids, this.#offsets, this.#rejects] = [[], [], [], [], [], []];
    return batch;
  }

  /** NaN where missing, undefined where unreadable. */
  #time(field: string): number | undefined {
    if (isMissing(field)) return NaN;
    const { unit } = this.#settings;
    const time = unit ? fromUnit(parseNumber(field), unit) : parseTime(field.trim(), this.#clock);
    if (Number.isNaN(time)) {
      if (!unit && !this.#timeChecked && !Number.isNaN(parseNumber(field)))
        throw new TidecastError('SOURCE_NO_UNIT', { file: this.#file, first: short(field) });
      return undefined;
    }
    if (!this.#timeChecked) {
      this.#timeChecked = true;
      if (!plausible(time))
        throw new TidecastError('SOURCE_TIME_UNIT', {
          file: this.#file,
          first: short(field),
          read_as: unit ?? 'text',
          likely: unit && likelyUnit(time, unit),
        });
    }
    return time;
  }

  #raw(record: readonly string[]): string {
    return record.join(this.#columns.delimiter).slice(0, 1000);
  }
}

function identity(field: string): number {
  if (field === '') return NaN;
  const value = /^\d{1,15}$/.test(field) ? Number(field) : NaN;
  return Number.isNaN(value) ? textIdentity(field) : value;
}

/** An Arrow file as ticks: its columns bound to time, series, values and id, and read a window of rows at a time. */
import { TidecastError } from '../../src/core/errors.ts';
import { Body } from './arrow-body.ts';
import { Column, type Window } from './arrow-columns.ts';
import { ArrowFile } from './arrow-file.ts';
import { isNumeric } from './arrow-numbers.ts';
import { typeName, type ArrowField, type ArrowSchema, type TimeUnit } from './arrow-schema.ts';
import type { TextTable } from './arrow-text.ts';
import { listed, position, timePosition } from './column-names.ts';
import { Damage } from './damage.ts';
import { fileFault } from './file-fault.ts';
import { likelyUnit, plausible, type WallClock } from './time.ts';

/** Which columns mean what, as the configuration says. */
export interface TickColumns {
  readonly time?: string | undefined;
  readonly unit?: TimeUnit | undefined;
  readonly series?: string | undefined;
  readonly values?: readonly string[] | undefined;
  readonly id?: string | undefined;
  readonly allowAnyTime: boolean;
  /** Look for a column `series` where none is named. */
  readonly findSeries: boolean;
}

/** Decoded rows. `codes` are codes into the text table, -1 where the series is missing; undefined where the series is constant. */
export interface Ticks {
  readonly times: Float64Array;
  readonly codes: Int32Array | undefined;
  readonly channels: readonly Float64Array[];
  readonly ids: Float64Array | undefined;
}

interface Bound {
  readonly time: number;
  readonly series: number | undefined;
  readonly values: readonly number[];
  readonly id: number | undefined;
}

/** The value columns that a file has for a configuration: those that are named, or all numeric ones that are nothing else. */
export function valueNames(path: string, schema: ArrowSchema, columns: TickColumns): string[] {
  return bind(path, schema, columns).values.map((at) => schema.fields[at]!.name);
}

function bind(file: string, schema: ArrowSchema, columns: TickColumns): Bound {
  const names = schema.fields.map((field) => field.name);
  const time = timePosition(file, names, columns.time);
  assertType(file, schema.fields[time]!, 'time', isTime, 'a timestamp, a date, or integers or floats with `unit`');
  const plain = schema.fields[time]!.type;
  if ((plain.kind === 'int' || plain.kind === 'float') && !columns.unit) {
    throw new TidecastError('SOURCE_NO_UNIT', { file, column: names[time], type: typeName(schema.fields[time]!) });
  }
  let series = columns.series === undefined ? undefined : position(file, names, columns.series);
  if (series !== undefined) assertType(file, schema.fields[series]!, 'series', isName, 'text or integers');
  else if (columns.findSeries) {
    const at = names.indexOf('series');
    if (at >= 0 && at !== time && isName(schema.fields[at]!)) series = at;
  }
  const id = columns.id === undefined ? undefined : position(file, names, columns.id);
  if (id !== undefined)
    assertType(
      file,
      schema.fields[id]!,
      'id',
      (field) => isName(field) || (isNumeric(field.type) && !field.dictionary),
      'numbers or text',
    );
  let values: number[];
  if (columns.values) {
    values = columns.values.map((name) => position(file, names, name));
    for (const at of values)
      assertType(
        file,
        schema.fields[at]!,
        'a value',
        (field) => isValue(field) || field.type.kind === 'null',
        'integers, floats or decimals',
      );
  } else {
    values = names.flatMap((name, at) =>
      at !== time && at !== series && at !== id && isValue(schema.fields[at]!) && !name.startsWith('__index_level_') ? [at] : [],
    );
    if (values.length === 0)
      throw new TidecastError('SOURCE_NO_VALUES', {
        file,
        columns: listed(schema.fields.map((field) => `${field.name}:${typeName(field)}`)),
      });
  }
  return { time, series, values, id };
}

function assertType(file: string, field: ArrowField, use: string, fits: (field: ArrowField) => boolean, wanted: string): void {
  if (!fits(field))
    throw new TidecastError('SOURCE_COLUMN_TYPE', { file, column: field.name, use, type: typeName(field), wanted });
}

const isTime = ({ type, dictionary }: ArrowField) => !dictionary && ['timestamp', 'date', 'int', 'float'].includes(type.kind);
const isName = ({ type }: ArrowField) => type.kind === 'text' || type.kind === 'int';
const isValue = ({ type, dictionary }: ArrowField) => !dictionary && isNumeric(type);

/** An open file with its columns. */
export class TickFile {
  readonly file: ArrowFile;
  readonly constant: boolean;
  readonly #time: Column;
  readonly #series: Column | undefined;
  readonly #values: readonly Column[];
  readonly #id: Column | undefined;
  readonly #columns: TickColumns;
  readonly #clock: WallClock;
  readonly #table: TextTable;
  #timeChecked: boolean;

  private constructor(file: ArrowFile, bound: Bound, columns: TickColumns, clock: WallClock, table: TextTable) {
    const column = (at: number) => new Column(file, at);
    this.file = file;
    this.#time = column(bound.time);
    this.#series = bound.series === undefined ? undefined : column(bound.series);
    this.#values = bound.values.map(column);
    this.#id = bound.id === undefined ? undefined : column(bound.id);
    this.#columns = columns;
    this.#clock = clock;
    this.#table = table;
    this.#timeChecked = columns.allowAnyTime;
    this.constant = bound.series === undefined;
  }

  /** Opens, indexes and binds; `expectRows` forgives a stream without end mark. Throws the errors of `ArrowFile.open` and of the columns. */
  static async open(
    path: string,
    columns: TickColumns,
    clock: WallClock,
    table: TextTable,
    expectRows: boolean,
  ): Promise<TickFile> {
    const file = await ArrowFile.open(path);
    try {
      if (!file.ended && !expectRows) {
        throw new TidecastError('ARROW_TRUNCATED', { file: path, problem: 'the stream has no end mark', rows: file.rows });
      }
      const tickFile = new TickFile(file, bind(path, file.schema, columns), columns, clock, table);
      if (file.rows === 0) throw new TidecastError('SOURCE_NO_ROWS', { file: path });
      return tickFile;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The record batch that holds a row. */
  batchAt(row: number): number {
    const { batches } = this.file;
    let [low, high] = [0, batches.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (batches[middle]!.first <= row) low = middle;
      else high = middle - 1;
    }
    while (batches[low]!.rows === 0) low--;
    return low;
  }

  async body(batch: number, ranged = false): Promise<Body> {
    return this.#placed(batch, () => Body.open(this.file, this.file.batches[batch]!, ranged));
  }

  /** Only the times of a window. */
  async times(window: Window): Promise<Float64Array> {
    const times = await this.#placed(window.batch, () => this.#time.times(window, this.#columns.unit, this.#clock));
    this.#check(times);
    return times;
  }

  /** All columns of a window. */
  async ticks(window: Window): Promise<Ticks> {
    const times = await this.times(window);
    return this.#placed(window.batch, async () => {
      const codes = await this.#series?.texts(window, this.#table);
      const channels: Float64Array[] = [];
      for (const column of this.#values) channels.push(await column.numbers(window));
      return { times, codes, channels, ids: await this.#id?.identities(window) };
    });
  }

  close(): Promise<void> {
    return this.file.close();
  }

  #check(times: Float64Array): void {
    if (this.#timeChecked) return;
    const first = times.find((time) => !Number.isNaN(time));
    if (first === undefined) return;
    this.#timeChecked = true;
    if (plausible(first)) return;
    const { type, name } = this.#time.field;
    const unit = type.kind === 'timestamp' ? type.unit : type.kind === 'date' ? 'ms' : this.#columns.unit!;
    const shown = Math.abs(first) < 8.64e15 ? new Date(first).toISOString() : 'no date';
    throw new TidecastError('SOURCE_TIME_UNIT', {
      file: this.file.path,
      column: name,
      first: shown,
      read_as: unit,
      likely: likelyUnit(first, unit),
    });
  }

  async #placed<T>(batch: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TidecastError) throw error;
      if (typeof (error as NodeJS.ErrnoException).code === 'string' && (error as NodeJS.ErrnoException).syscall)
        throw fileFault(this.file.path, error);
      const problem = error instanceof Damage ? error.message : String(error);
      throw new TidecastError(
        'ARROW_DAMAGED',
        { file: this.file.path, batch, first_row: this.file.batches[batch]!.first, problem },
        { cause: error },
      );
    }
  }
}

/** Ticks from CSV messages: a line a tick, no header. */
import { isUtf8 } from 'node:buffer';
import { createRequire } from 'node:module';
import type { RejectReason } from '../../src/core/batch.ts';
import { isMissing, parseNumber } from './csv-rows.ts';
import { readNumber } from './json-number.ts';
import { identityOf, TickTimes } from './message-cells.ts';
import { seriesField, timeFields, type MessageSettings } from './message-fields.ts';
import { BAD_NAME, NO_NAME } from './message-names.ts';
import type { Envelope, MessageFormat, MessageRows } from './message-rows.ts';

type Parse = typeof import('csv-parse/sync').parse;

/** The CSV format. Messages without quotes are read from their bytes; those with quotes are taken apart by csv-parse. */
export class CsvMessages implements MessageFormat {
  readonly #settings: MessageSettings;
  readonly #width: number;
  readonly #seriesAt: number;
  readonly #timeAt: number;
  readonly #idAt: number;
  readonly #valuesAt: readonly number[];
  readonly #times: TickTimes;
  /** Where the fields of the current line start and end. */
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #number = new Float64Array(1);
  readonly #fast: boolean;
  #parse: Parse | undefined;

  /** `fast`: off only to compare with. */
  constructor(settings: MessageSettings, fast = true) {
    const columns = settings.columns ?? [];
    const at = (name: string | undefined) => (name === undefined ? -1 : columns.indexOf(name));
    this.#settings = settings;
    this.#fast = fast;
    this.#width = columns.length;
    this.#seriesAt = at(seriesField(settings));
    this.#timeAt = at(timeFields(settings).find((name) => columns.includes(name)));
    this.#idAt = at(settings.id);
    this.#valuesAt = settings.values.map(at);
    this.#times = new TickTimes(settings);
    this.#from = new Int32Array(this.#width);
    this.#to = new Int32Array(this.#width);
  }

  read(value: Buffer, envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    if (!isUtf8(value)) return 'undecodable';
    const start = value.length >= 3 && value[0] === 0xef && value[1] === 0xbb && value[2] === 0xbf ? 3 : 0;
    if (!this.#fast || value.includes(0x22) || !hasPlainEnds(value)) return this.#quoted(value, start, envelope, rows);
    const delimiter = this.#settings.delimiter.charCodeAt(0);
    if (delimiter > 127) return this.#quoted(value, start, envelope, rows);
    const [from, to, width] = [this.#from, this.#to, this.#width];
    for (let at = start; at < value.length;) {
      let field = 0;
      let begin = at;
      let i = at;
      let byte = 0;
      for (; i < value.length && (byte = value[i]) !== 0x0a; i++) {
        if (byte !== delimiter) continue;
        if (field < width) {
          from[field] = begin;
          to[field] = i;
        }
        field++;
        begin = i + 1;
      }
      const end = i > at && value[i - 1] === 0x0d ? i - 1 : i;
      if (field < width) {
        from[field] = begin;
        to[field] = end;
      }
      field++;
      if (end > at) {
        const reason = field === width ? this.#add(value, envelope, rows) : 'undecodable';
        if (reason && !rows.reject(reason, { raw: value.toString('utf8', at, Math.min(end, at + 4000)).slice(0, 1000) }))
          return reason;
      }
      at = i + 1;
    }
    return undefined;
  }

  #quoted(value: Buffer, start: number, envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    this.#parse ??= (createRequire(import.meta.url)('csv-parse/sync') as { parse: Parse }).parse;
    const records = this.#parse(value.subarray(start), {
      delimiter: this.#settings.delimiter,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    }) as string[][];
    for (const record of records) {
      let reason: RejectReason | undefined = 'undecodable';
      if (record.length === this.#width) {
        const line = Buffer.from(record.join(''), 'utf8');
        let at = 0;
        record.forEach((field, i) => {
          this.#from[i] = at;
          this.#to[i] = at += Buffer.byteLength(field, 'utf8');
        });
        reason = this.#add(line, envelope, rows);
      }
      const raw = reason && record.join(this.#settings.delimiter).slice(0, 1000);
      if (reason && !rows.reject(reason, { raw })) return reason;
    }
    return undefined;
  }

  /** Adds the line whose fields were found as a row, or says why it cannot be one. */
  #add(line: Buffer, envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    const [from, to] = [this.#from, this.#to];
    rows.reserve(1);
    const row = rows.length;
    for (let channel = 0; channel < this.#valuesAt.length; channel++)
      if (!this.#numberAt(line, this.#valuesAt[channel], rows.channels[channel], row)) return 'undecodable';
    const time = this.#time(line, envelope);
    if (time === undefined) return 'undecodable';
    rows.times[row] = time;
    rows.offsets[row] = envelope.offset;
    if (rows.ids) rows.ids[row] = identityOf(line.toString('utf8', from[this.#idAt], to[this.#idAt]));
    const at = this.#seriesAt;
    const code = at < 0 ? envelope.keyCode : rows.names.code(line, from[at], to[at]);
    if (code === BAD_NAME) return 'undecodable';
    if (code === NO_NAME) return 'no-series';
    rows.codes[row] = code;
    rows.length = row + 1;
    return undefined;
  }

  /** Reads the number of a field, NaN where it is missing; false where it is something else. */
  #numberAt(line: Buffer, field: number, out: Float64Array, row: number): boolean {
    const [from, to] = [this.#from[field], this.#to[field]];
    if (from < to && readNumber(line, from, to, out, row) === to) return true;
    const text = line.toString('utf8', from, to);
    const missing = isMissing(text);
    out[row] = missing ? NaN : parseNumber(text);
    return missing || !Number.isNaN(out[row]);
  }

  /** NaN where missing, undefined where unreadable. */
  #time(line: Buffer, { time: recordTime }: Envelope): number | undefined {
    let time = recordTime;
    if (this.#timeAt >= 0) {
      const [from, to] = [this.#from[this.#timeAt], this.#to[this.#timeAt]];
      if (from < to && this.#settings.unit !== undefined && readNumber(line, from, to, this.#number, 0) === to)
        time = this.#times.ofNumber(this.#number[0]);
      else {
        const text = line.toString('utf8', from, to);
        if (isMissing(text)) return NaN;
        time = this.#times.ofText(text);
      }
    } else if (Number.isNaN(time)) return NaN;
    return this.#times.accepts(time) ? time : undefined;
  }
}

/** Whether every carriage return belongs to a line end of two characters. */
function hasPlainEnds(value: Buffer): boolean {
  for (let at = value.indexOf(0x0d); at >= 0; at = value.indexOf(0x0d, at + 1))
    if (at + 1 === value.length || value[at + 1] !== 0x0a) return false;
  return true;
}

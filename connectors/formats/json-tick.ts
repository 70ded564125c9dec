/** One JSON tick: what stands in its fields, and what that comes to as a row. */
import type { RejectReason } from '../../src/core/batch.ts';
import { finiteNumber, identityOf, TickTimes } from './message-cells.ts';
import { seriesField, timeFields, type MessageSettings } from './message-fields.ts';
import { BAD_NAME, NO_NAME } from './message-names.ts';
import type { Envelope, MessageRows } from './message-rows.ts';

/** What was found in a field. */
export const ABSENT = 0;
export const NULL = 1;
export const NUMBER = 2;
export const TEXT = 3;
export const OTHER = 4;

/** The fields that matter, by number, and what the current tick has in them. */
export class JsonTick {
  /** The fields that matter, each once. */
  readonly fields: readonly string[];
  /** The field of the series; -1 where the message key is meant. */
  readonly seriesAt: number;
  readonly kinds: Uint8Array;
  /** Where the kind is `NUMBER`. */
  readonly numbers: Float64Array;
  /** Where the kind is `TEXT`; of the series only its code counts. */
  readonly texts: string[];
  /** The name in the field of the series, where its kind is `TEXT` or `NUMBER`. */
  seriesCode = NO_NAME;
  readonly #times: TickTimes;
  readonly #timesAt: readonly number[];
  readonly #valuesAt: readonly number[];
  readonly #idAt: number;
  readonly #record: boolean;

  constructor(settings: MessageSettings) {
    const series = seriesField(settings);
    const times = timeFields(settings);
    const wanted = [series, settings.id, ...times, ...settings.values];
    this.fields = [...new Set(wanted.filter((name) => name !== undefined))];
    const at = (name: string | undefined) => (name === undefined ? -1 : this.fields.indexOf(name));
    this.seriesAt = at(series);
    this.#idAt = at(settings.id);
    this.#timesAt = times.map(at);
    this.#valuesAt = settings.values.map(at);
    this.#record = settings.time === 'record';
    this.#times = new TickTimes(settings);
    this.kinds = new Uint8Array(this.fields.length);
    this.numbers = new Float64Array(this.fields.length);
    this.texts = this.fields.map(() => '');
  }

  /** Forgets the last tick. */
  clear(): void {
    for (let i = 0; i < this.kinds.length; i++) this.kinds[i] = ABSENT;
  }

  /** Whether the field is nothing but the series. */
  isOnlySeries(field: number): boolean {
    return field === this.seriesAt && field !== this.#idAt && !this.#timesAt.includes(field) && !this.#valuesAt.includes(field);
  }

  /** Puts a decoded JSON value into a field. */
  set(field: number, value: unknown, rows: MessageRows): void {
    if (value === null) this.kinds[field] = NULL;
    else if (typeof value === 'number') {
      this.kinds[field] = NUMBER;
      this.numbers[field] = value;
      // beyond 2^53 two names would become one
      if (field === this.seriesAt) this.seriesCode = Number.isSafeInteger(value) ? rows.names.textCode(String(value)) : BAD_NAME;
    } else if (typeof value === 'string') {
      this.kinds[field] = TEXT;
      this.texts[field] = value;
      if (field === this.seriesAt) this.seriesCode = rows.names.textCode(value);
    } else this.kinds[field] = OTHER;
  }

  /** Adds the tick as a row, or says why it cannot be one. */
  addTo(rows: MessageRows, envelope: Envelope): RejectReason | undefined {
    rows.reserve(1);
    const row = rows.length;
    const { kinds } = this;
    let present = false;
    for (let channel = 0; channel < this.#valuesAt.length; channel++) {
      const at = this.#valuesAt[channel];
      const kind = kinds[at];
      if (kind !== ABSENT) present = true;
      let value = NaN;
      if (kind === NUMBER) value = this.numbers[at];
      else if (kind === TEXT) {
        value = finiteNumber(this.texts[at]);
        if (Number.isNaN(value)) return 'undecodable';
      } else if (kind === OTHER) return 'undecodable';
      rows.channels[channel][row] = value;
    }
    if (!present) return 'undecodable';
    if (!this.#time(envelope, rows.times, row)) return 'undecodable';
    if (rows.ids) {
      const kind = kinds[this.#idAt];
      if (kind === OTHER) return 'undecodable';
      rows.ids[row] = kind === NUMBER ? this.numbers[this.#idAt] : kind === TEXT ? identityOf(this.texts[this.#idAt]) : NaN;
    }
    rows.offsets[row] = envelope.offset;
    let code = envelope.keyCode;
    if (this.seriesAt >= 0) {
      const kind = kinds[this.seriesAt];
      code = kind === TEXT || kind === NUMBER ? this.seriesCode : kind === OTHER ? BAD_NAME : NO_NAME;
    }
    if (code === BAD_NAME) return 'undecodable';
    if (code === NO_NAME) return 'no-series';
    rows.codes[row] = code;
    rows.length = row + 1;
    return undefined;
  }

  /** Writes the time, NaN where it is missing; false where it is unreadable. Nothing is returned that would have to be boxed. */
  #time(envelope: Envelope, times: Float64Array, row: number): boolean {
    if (this.#record) {
      times[row] = envelope.time;
      return Number.isNaN(envelope.time) || this.#times.accepts(envelope.time);
    }
    let at = -1;
    for (let i = 0; i < this.#timesAt.length && at < 0; i++) if (this.kinds[this.#timesAt[i]] !== ABSENT) at = this.#timesAt[i];
    const kind = at < 0 ? ABSENT : this.kinds[at];
    if (kind === ABSENT || kind === NULL) {
      times[row] = NaN;
      return true;
    }
    if (kind === OTHER) return false;
    times[row] = kind === NUMBER ? this.#times.ofNumber(this.numbers[at]) : this.#times.ofText(this.texts[at]);
    return this.#times.accepts(times[row]);
  }
}

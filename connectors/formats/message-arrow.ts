/** Ticks from Arrow messages: every message is an IPC stream or file of its own, with its schema. */
import type { RejectReason } from '../../src/core/batch.ts';
import { readBatch, readDictionary, type BatchMeta } from './arrow-messages.ts';
import { isNumeric } from './arrow-numbers.ts';
import type { ArrowField, ArrowSchema } from './arrow-schema.ts';
import { TextTable } from './arrow-text.ts';
import { Damage, sound } from './damage.ts';
import { identityOf, TickTimes } from './message-cells.ts';
import { MemoryBody, MessageColumn, TooLarge, type Budget } from './message-columns.ts';
import { frame, type Framing } from './message-framing.ts';
import { seriesField, timeFields, type MessageSettings } from './message-fields.ts';
import { NO_NAME } from './message-names.ts';
import type { Envelope, MessageFormat, MessageRows } from './message-rows.ts';
import { WallClock } from './time.ts';

/** The columns of a schema that matter. */
interface Bound {
  readonly schema: ArrowSchema;
  readonly time: MessageColumn | undefined;
  readonly series: MessageColumn | undefined;
  readonly values: readonly (MessageColumn | undefined)[];
  readonly id: MessageColumn | undefined;
}

/** A dictionary as far as the message was read: the names and identities of its texts. */
interface Dictionary {
  readonly codes: Int32Array;
  readonly ids: Float64Array;
}

/** The Arrow format. The schema is read once, as long as the messages have the same. */
export class ArrowMessages implements MessageFormat {
  readonly #settings: MessageSettings;
  readonly #times: TickTimes;
  readonly #clock: WallClock;
  readonly #limit: number;
  #schemaBytes = Buffer.alloc(0);
  #bound: Bound | undefined;

  /** `limit`: bytes that the compressed columns of a message may unpack to, and rows that it may have. */
  constructor(settings: MessageSettings, limit: number) {
    this.#settings = settings;
    this.#times = new TickTimes(settings);
    this.#clock = new WallClock(settings.time_zone);
    this.#limit = limit;
  }

  read(value: Buffer, envelope: Envelope, rows: MessageRows): RejectReason | undefined {
    const framing = frame(value);
    const bound = this.#bind(framing);
    const budget: Budget = { left: this.#limit };
    const dictionaries = new Map<number, Dictionary>();
    const first = rows.length;
    let batches = 0;
    try {
      for (const { block, metadata, isDictionary } of framing.parts) {
        const body = (meta: BatchMeta) => new MemoryBody(meta, value.subarray(block.body, block.body + block.bodyLength), budget);
        if (isDictionary) {
          const { id, delta, meta } = readDictionary(block, metadata, bound.schema);
          const before = delta ? dictionaries.get(id) : undefined;
          dictionaries.set(id, textsOf(bound, id, body(meta), before, rows));
        } else {
          const meta = readBatch(block, metadata, bound.schema, batches++);
          const reason = this.#rows(bound, body(meta), dictionaries, envelope, rows);
          if (reason) return reason;
        }
      }
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      rows.rollback(first);
      return 'too-large';
    }
    return undefined;
  }

  #bind(framing: Framing): Bound {
    if (!this.#bound || !framing.schemaBytes.equals(this.#schemaBytes)) {
      this.#bound = bind(framing.schema(), this.#settings);
      this.#schemaBytes = Buffer.from(framing.schemaBytes);
    }
    return this.#bound;
  }

  /** Adds the rows of a record batch; the reason to refuse the message where it has too many bad ones. */
  #rows(
    bound: Bound,
    body: MemoryBody,
    dictionaries: ReadonlyMap<number, Dictionary>,
    envelope: Envelope,
    rows: MessageRows,
  ): RejectReason | undefined {
    const n = body.meta.rows;
    // columns of type null take no bytes, so that a short message can claim any number of rows
    if (n > this.#limit) throw new TooLarge();
    const reads = [bound.time, ...bound.values];
    if (!reads.some((column) => column && column.field.type.kind !== 'null')) throw new Damage('all its columns are null');
    rows.reserve(n);
    const first = rows.length;
    const dictionaryOf = (column: MessageColumn) => dictionaries.get(column.field.dictionary?.id ?? NaN);
    if (bound.time) bound.time.times(body, this.#settings.unit, this.#clock, rows.times, first);
    else rows.times.fill(envelope.time, first, first + n);
    bound.values.forEach((column, channel) => {
      if (column) column.numbers(body, rows.channels[channel], first);
      else rows.channels[channel].fill(NaN, first, first + n);
    });
    if (bound.id) bound.id.identities(body, dictionaryOf(bound.id)?.ids, rows.ids!, first);
    else rows.ids?.fill(NaN, first, first + n);
    if (bound.series) {
      const { names } = rows;
      const dictionary = dictionaryOf(bound.series)?.codes;
      rows.codes.set(
        bound.series.codes(body, dictionary, (data, from, to) => names.code(data, from, to)),
        first,
      );
    } else rows.codes.fill(envelope.keyCode, first, first + n);
    rows.offsets.fill(envelope.offset, first, first + n);
    return this.#keepGood(rows, first, n);
  }

  /** Takes the bad rows out again. */
  #keepGood(rows: MessageRows, first: number, n: number): RejectReason | undefined {
    const { codes, times, channels, ids, offsets } = rows;
    let kept = first;
    for (let row = first; row < first + n; row++) {
      const time = times[row];
      if (codes[row] >= 0 && (this.#times.accepts(time) || Number.isNaN(time))) {
        if (kept < row) {
          codes[kept] = codes[row];
          times[kept] = time;
          for (const channel of channels) channel[kept] = channel[row];
          if (ids) ids[kept] = ids[row];
          offsets[kept] = offsets[row];
        }
        kept++;
        continue;
      }
      const reason = codes[row] === NO_NAME ? 'no-series' : 'undecodable';
      const values = channels.map((channel) => channel[row]);
      const series = codes[row] >= 0 ? rows.names.texts[codes[row]] : undefined;
      if (!rows.reject(reason, { series, time, values })) {
        rows.length = kept;
        return reason;
      }
    }
    rows.length = kept;
    return undefined;
  }
}

/** The texts of a dictionary, those of the one that it adds to first. */
function textsOf(bound: Bound, id: number, body: MemoryBody, before: Dictionary | undefined, rows: MessageRows): Dictionary {
  const is = (column: MessageColumn | undefined) => column?.field.dictionary?.id === id;
  let codes: Int32Array = new Int32Array(0);
  let ids: Float64Array = new Float64Array(0);
  if (is(bound.series) || is(bound.id)) {
    const column = new MessageColumn(bound.schema.dictionaries.get(id)!);
    if (is(bound.series)) codes = column.codes(body, undefined, (data, from, to) => rows.names.code(data, from, to));
    if (is(bound.id)) {
      const table = new TextTable();
      const places = column.codes(body, undefined, (data, from, to) => table.code(data, from, to));
      ids = Float64Array.from(places, (place) => (place < 0 ? NaN : identityOf(table.texts[place])));
    }
  }
  if (!before) return { codes, ids };
  return { codes: Int32Array.from([...before.codes, ...codes]), ids: Float64Array.from([...before.ids, ...ids]) };
}

function bind(schema: ArrowSchema, settings: MessageSettings): Bound {
  const column = (name: string | undefined, fits: (field: ArrowField) => boolean, use: string) => {
    const at = name === undefined ? -1 : schema.fields.findIndex((field) => field.name === name);
    if (at < 0) return undefined;
    sound(fits(schema.fields[at]), `column ${name} is of a type that ${use} cannot have`);
    return MessageColumn.of(schema, at);
  };
  const wanted = timeFields(settings);
  const timeName = wanted.find((name) => schema.fields.some((field) => field.name === name));
  const time = column(timeName, (field) => isTime(field, settings.unit !== undefined), 'the time');
  if (!time && wanted.length > 0) throw new Damage('it has no time column');
  const seriesName = seriesField(settings);
  const series = column(seriesName, isName, 'a series');
  if (!series && seriesName !== undefined) throw new Damage('it has no series column');
  const id = column(settings.id, (field) => isName(field) || isValue(field), 'an identity');
  const values = settings.values.map((name) => column(name, isValue, 'a value'));
  sound(
    values.some((each) => each !== undefined),
    'it has none of the value columns',
  );
  return { schema, time, series, values, id };
}

const isTime = ({ type, dictionary }: ArrowField, hasUnit: boolean) =>
  !dictionary && (['timestamp', 'date', 'null'].includes(type.kind) || (hasUnit && ['int', 'float'].includes(type.kind)));
const isName = ({ type }: ArrowField) => type.kind === 'text' || type.kind === 'int';
const isValue = ({ type, dictionary }: ArrowField) => !dictionary && (isNumeric(type) || type.kind === 'null');

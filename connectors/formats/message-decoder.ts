/** From the messages of a Kafka partition to a batch. */
import type { RejectReason, SourceBatch } from '../../src/core/batch.ts';
import { ArrowMessages } from './message-arrow.ts';
import { CsvMessages } from './message-csv.ts';
import { JsonMessages } from './message-json.ts';
import { seriesField, type MessageSettings } from './message-fields.ts';
import { BAD_NAME, NO_NAME } from './message-names.ts';
import { refusedReason } from './message-refused.ts';
import { MessageRows, type Envelope, type MessageFormat, type RejectPlace } from './message-rows.ts';

export { checkMessageFields, messageFields, type MessageSettings } from './message-fields.ts';

/** A message as the client hands it over: offset and timestamp (epoch ms) are decimal text. */
export interface Message {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: unknown;
}

export interface MessageDecoder {
  /**
   * Decodes messages of one partition, in order, into one batch. Never throws for what a message holds: what cannot be used is among
   * the rejects. The arrays are the batch's own.
   */
  decode(partition: number, messages: readonly Message[]): SourceBatch;
}

const MEGABYTE = 1_048_576;

/** A decoder of the topic `origin`, whose messages may have up to `limit` bytes, as they come and unpacked. */
export function messageDecoder(
  settings: MessageSettings,
  context: { readonly origin: string; readonly limit: number },
): MessageDecoder {
  const { format } = settings;
  const reader: MessageFormat =
    format === 'json'
      ? new JsonMessages(settings)
      : format === 'csv'
        ? new CsvMessages(settings)
        : new ArrowMessages(settings, context.limit);
  return new Decoder(settings, reader, context.origin, context.limit);
}

/** Decodes with any format. */
export class Decoder implements MessageDecoder {
  readonly #format: MessageFormat;
  readonly #rows: MessageRows;
  readonly #origin: string;
  readonly #limit: number;
  readonly #keyed: boolean;
  readonly #timed: boolean;
  readonly #envelope: Envelope = { offset: 0, time: NaN, keyCode: NO_NAME };

  constructor(settings: MessageSettings, format: MessageFormat, origin: string, limit: number) {
    this.#format = format;
    this.#rows = new MessageRows(settings.values.length, settings.id !== undefined);
    this.#origin = origin;
    this.#limit = limit;
    this.#keyed = seriesField(settings) === undefined;
    this.#timed = settings.time === 'record';
  }

  decode(partition: number, messages: readonly Message[]): SourceBatch {
    const rows = this.#rows;
    rows.begin();
    let offset = -1;
    let key: Buffer | null = null;
    const place = () => this.#place(partition, offset, key);
    // offsets ascend: where none is left out between the first and the last, they need not be read one by one
    const first = Number(messages[0]?.offset);
    const dense = Number(messages.at(-1)?.offset) - first === messages.length - 1;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      offset = dense ? first + i : Number(message.offset);
      key = message.key;
      const rowsBefore = rows.length;
      const rejectsBefore = rows.rejects.length;
      rows.message(place);
      const reason = this.#read(offset, message);
      if (reason) rows.refuse(reason, rawText(message.value), copyOf(message.value));
      else if (rows.length === rowsBefore && rows.rejects.length === rejectsBefore + 1) rows.attach(copyOf(message.value));
    }
    return rows.take(partition, offset < 0 ? undefined : offset + 1);
  }

  /** Why the message, or what is left of it, is refused, where it is. */
  #read(offset: number, message: Message): RejectReason | undefined {
    const { value } = message;
    if (value === null || value.length === 0) return (value === null && refusedReason(message.headers)) || 'empty';
    if (value.length > this.#limit) return 'too-large';
    const rows = this.#rows;
    const envelope = this.#envelope;
    envelope.offset = offset;
    if (this.#timed) {
      const timestamp = Number(message.timestamp);
      envelope.time = timestamp >= 0 ? timestamp : NaN;
    }
    if (this.#keyed) {
      const { key } = message;
      envelope.keyCode = key === null ? NO_NAME : rows.names.code(key, 0, key.length);
      if (envelope.keyCode === NO_NAME) return 'no-series';
      if (envelope.keyCode === BAD_NAME) return 'undecodable';
    }
    const { length } = rows;
    try {
      return this.#format.read(value, envelope, rows);
    } catch {
      // whatever the parsers of a format throw means one thing
      rows.rollback(length);
      return 'undecodable';
    }
  }

  #place(partition: number, offset: number, key: Buffer | null): RejectPlace {
    const origin = `${this.#origin}/${partition}/${offset}`;
    return { partition, offset, key: copyOf(key), origin };
  }
}

function rawText(value: Buffer | null): string {
  return value === null ? '' : value.toString('utf8', 0, 4000).slice(0, 1000);
}

/** A copy, because the client's buffers are views of whole responses. */
function copyOf(value: Buffer | null): Uint8Array | undefined {
  return value === null ? undefined : Uint8Array.from(value.subarray(0, MEGABYTE));
}

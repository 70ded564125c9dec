/** Arrow messages as Kafka's client hands them over: views of a response, wherever in it they lie. */
import { Dictionary, Int32, makeVector, Table, tableToIPC, TimestampMillisecond, Utf8, vectorFromArray } from 'apache-arrow';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { messageDecoder } from '../../connectors/formats/message-decoder.ts';
import { messageFields } from '../../connectors/formats/message-fields.ts';

const START = Date.UTC(2024, 0, 1);

it.each([0, 1, 2, 3, 4, 5, 6, 7])('a message that begins %i bytes behind a multiple of eight', (shift) => {
  const rows = 10;
  const table = new Table({
    ts: vectorFromArray(
      Array.from({ length: rows }, (_, i) => START + i),
      new TimestampMillisecond(),
    ),
    series: vectorFromArray(
      Array.from({ length: rows }, (_, i) => `s${i % 3}`),
      new Dictionary(new Utf8(), new Int32()),
    ),
    value: makeVector(Float64Array.from({ length: rows }, (_, i) => i / 4)),
  });
  const message = Buffer.from(tableToIPC(table, 'stream'));
  const response = Buffer.alloc(message.length + 8);
  message.copy(response, shift);
  const settings = z.object(messageFields).parse({ format: 'arrow', series: 'series', values: ['value'] });
  const decoder = messageDecoder(settings, { origin: 'topic', limit: 1_000_000 });
  const value = response.subarray(shift, shift + message.length);
  const batch = decoder.decode(0, [{ offset: '5', timestamp: String(START), key: null, value }]);
  expect(batch.rejects).toBeUndefined();
  expect([...batch.times]).toEqual(Array.from({ length: rows }, (_, i) => START + i));
  expect([...batch.codes].map((code) => batch.series[code])).toEqual(Array.from({ length: rows }, (_, i) => `s${i % 3}`));
  expect([...batch.channels[0]!]).toEqual(Array.from({ length: rows }, (_, i) => i / 4));
});

/** JSON messages: the record's own time, offsets with gaps, and batches that outlive the next one. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { messageDecoder, type Message } from '../../connectors/formats/message-decoder.ts';
import { messageFields } from '../../connectors/formats/message-fields.ts';

const START = Date.UTC(2024, 0, 1);

function decoder(fields: Readonly<Record<string, unknown>>) {
  const settings = z.object(messageFields).parse({ format: 'json', values: ['value'], ...fields });
  return messageDecoder(settings, { origin: 'topic', limit: 1_000_000 });
}

function message(offset: number, tick: object, timestamp: number): Message {
  return {
    offset: String(offset),
    timestamp: String(timestamp),
    key: Buffer.from('a'),
    value: Buffer.from(JSON.stringify(tick)),
  };
}

it('the time of the record is the time of its tick, and is missing where the record has none', () => {
  const batch = decoder({ time: 'record' }).decode(0, [message(7, { value: 1 }, START + 5), message(8, { value: 2 }, -1)]);
  expect([...batch.times]).toEqual([START + 5, NaN]);
  expect([...batch.offsets]).toEqual([7, 8]);
  expect(batch.rejects).toBeUndefined();
});

it('a batch stays as it is while others are decoded', () => {
  const one = decoder({ time: 'ts' });
  const first = one.decode(0, [message(0, { ts: START, value: 1 }, 0), message(1, { ts: START + 1, value: 2 }, 0)]);
  one.decode(1, [message(5, { ts: START + 9, value: 8 }, 0), message(6, { ts: START + 10, value: 9 }, 0)]);
  expect([...first.times]).toEqual([START, START + 1]);
  expect([...first.channels[0]!]).toEqual([1, 2]);
  expect([...first.offsets]).toEqual([0, 1]);
  expect([...first.codes].map((code) => first.series[code])).toEqual(['a', 'a']);
});

it('offsets that a compacted topic left out are left out', () => {
  const tick = (offset: number) => message(offset, { ts: START + offset, value: offset }, 0);
  const batch = decoder({ time: 'ts' }).decode(0, [5, 7, 8, 12].map(tick));
  expect([...batch.offsets]).toEqual([5, 7, 8, 12]);
  expect(batch.next).toBe(13);
});

/** How a record batch that could not be unpacked comes through the Kafka client: as records that say so, one for each that was in it. */
import type { RejectReason } from '../../src/core/batch.ts';

/** The header of such a record; its value is the reason. */
const HEADER = 'tidecast-refused';

type Reason = RejectReason & ('too-large' | 'undecodable');

/** The reason that the headers of a message without a value give, if they do. */
export function refusedReason(headers: unknown): Reason | undefined {
  if (typeof headers !== 'object' || headers === null || !Object.hasOwn(headers, HEADER)) return undefined;
  const text = String((headers as Record<string, unknown>)[HEADER]);
  return text === 'too-large' || text === 'undecodable' ? text : undefined;
}

/**
 * The uncompressed body of a batch of records without keys and values. Their offsets count on from the first of the batch; the last one
 * has the last that the batch had, so that whoever reads on from there reads on behind it.
 */
export function refusedRecords(reason: Reason, count: number, lastDelta: number): Buffer {
  const header = Buffer.concat([
    varint(1),
    varint(HEADER.length),
    Buffer.from(HEADER),
    varint(reason.length),
    Buffer.from(reason),
  ]);
  const body = Buffer.alloc(count * (header.length + 12));
  let at = 0;
  for (let nth = 0; nth < count; nth++) {
    const delta = varint(nth === count - 1 ? lastDelta : nth);
    // attributes and time delta are 0; the lengths of key and value are -1, which is written as 1
    at += varint(2 + delta.length + 2 + header.length).copy(body, at) + 2;
    at += delta.copy(body, at);
    body[at++] = 1;
    body[at++] = 1;
    at += header.copy(body, at);
  }
  return body.subarray(0, at);
}

/** Protocol Buffers' zigzag coding, which Kafka uses: -1 is 1, 1 is 2. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value * 2;
  while (left >= 0x80) {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  bytes.push(left);
  return Buffer.from(bytes);
}

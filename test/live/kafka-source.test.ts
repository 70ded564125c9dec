/** The Kafka source against a real broker: what it reads, where it begins, and what it refuses. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import kafkajs from 'kafkajs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import kafkaSource from '../../connectors/kafka-source.ts';
import { connectKafka } from '../../connectors/kafka/client.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { testSource } from '../contract/source.ts';
import {
  deleteBefore,
  numbers,
  openKafka,
  Reader,
  readyTopic,
  sorted,
  ticks,
  type SourceOptions,
} from './support/kafka-reader.ts';
import { brokers, committed, kafkaClient, produce, until as untilWithin, withAdmin } from './support/servers.ts';

const until = (what: string, isSo: () => boolean | Promise<boolean>) => untilWithin(what, isSo, 40_000);

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
});

function start(topic: string, options?: SourceOptions, from?: Record<string, number>) {
  const { source, told } = openKafka(topic, options);
  open.push(source);
  return { reader: new Reader(source, from), told, source };
}

/** Reads until it ends by itself. */
async function fails(topic: string, options?: SourceOptions, from?: Record<string, number>): Promise<TidecastError> {
  const { reader } = start(topic, options, from);
  await reader.done;
  expect(reader.error).toBeInstanceOf(TidecastError);
  return reader.error as TidecastError;
}

let contractTopic: string;
beforeAll(async () => {
  contractTopic = await readyTopic(1);
  await produce(contractTopic, [...ticks(7), { key: 's1', value: '{bad' }, ...ticks(4, 7)]);
});
testSource({
  component: kafkaSource,
  // each on its own: what one was told to begin with counts as processed in its group
  config: () => ({ brokers: brokers(), topic: contractTopic, values: ['value'], group: `g-${randomUUID()}` }),
  rows: 12,
  skip: { 'reads nothing at the last position': 'the input never ends; shown below' },
});

describe('what it reads', () => {
  it('every tick of every partition once, beginning with where they begin', async () => {
    const topic = await readyTopic(3);
    await produce(topic, ticks(3000, 0, 3));
    const { reader, told } = start(topic);
    await until('all are read', () => reader.values.length >= 3000);
    expect(sorted(reader.values)).toEqual(numbers(3000));
    expect(reader.position).toEqual({ 0: 1000, 1: 1000, 2: 1000 });
    expect(reader.batches.slice(0, 3).map(({ partition, next, times }) => [partition, next, times.length])).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [2, 0, 0],
    ]);
    await produce(topic, ticks(30, 3000, 3));
    await until('what came later is read', () => reader.values.length >= 3030);
    await until('the lag is told', () => told.some((each) => each.name === 'source.lag' && each.lag === 0));
    expect(told.find(({ name }) => name === 'source.assigned')).toMatchObject({ partitions: [0, 1, 2] });
  });
  it('row 2: garbage and tombstones are rejected with their place, and what comes after them is read', async () => {
    const topic = await readyTopic(1);
    const bad = [
      { key: 's1', value: '{bad' },
      { key: 's1', value: null },
      { key: 's1', value: '' },
      { key: null, value: '7' },
    ];
    await produce(topic, [...ticks(3), ...bad, ...ticks(3, 3)]);
    const { reader } = start(topic);
    await until('all are read', () => reader.position['0'] === 10);
    expect(reader.values).toEqual(numbers(6));
    const rejects = reader.batches.flatMap(({ rejects = [] }) => rejects);
    expect(rejects.map(({ offset, origin }) => [offset, origin])).toEqual([3, 4, 5, 6].map((o) => [o, `${topic}/0/${o}`]));
  });
  it.each(['GZIP', 'Snappy', 'LZ4'] as const)('row 33: %s', async (name) => {
    const topic = await readyTopic(1);
    await connectKafka(kafkaSource.config.parse({ brokers: brokers(), topic, values: ['value'] }), {
      folder: '.',
      pipeline: 'test',
    });
    await produce(topic, ticks(1000), { compression: kafkajs.CompressionTypes[name] });
    const { reader } = start(topic);
    await until('all are read', () => reader.values.length >= 1000);
    expect(reader.values).toEqual(numbers(1000));
  });
  it('rows 47, 48: what unpacks to too much is refused, and the next ones are read', async () => {
    const topic = await readyTopic(1);
    const huge = JSON.stringify({ ts: 1, value: 1, padding: ' '.repeat(2_000_000) });
    await produce(topic, ticks(1));
    await produce(topic, [{ key: 'a', value: Buffer.alloc(300_000_000, 32) }], { compression: kafkajs.CompressionTypes.GZIP });
    await produce(topic, [{ key: 'b', value: huge }, ...ticks(1, 1)], { compression: kafkajs.CompressionTypes.GZIP });
    const before = process.memoryUsage().rss;
    const { reader } = start(topic);
    await until('all are read', () => reader.position['0'] === 4);
    expect(reader.values).toEqual([0, 1]);
    const rejects = reader.batches.flatMap(({ rejects = [] }) => rejects);
    expect(rejects.map(({ offset, reason }) => [offset, reason])).toEqual([
      [1, 'too-large'],
      [2, 'too-large'],
    ]);
    expect((process.memoryUsage().rss - before) / 1e6, 'megabytes more').toBeLessThan(200);
  });
  it('what transactions took back is not read, and their marks are no gap', async () => {
    const topic = await readyTopic(1);
    const producer = kafkaClient().producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let i = 0; i < 6; i++) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: ticks(5, i * 5) });
      await (i % 2 === 0 ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const { reader, told, source } = start(topic);
    const kept = [0, 2, 4].flatMap((i) => numbers(i * 5 + 5, i * 5));
    await until('all are read', () => reader.values.length >= kept.length);
    await until('nothing is left', () => told.some((each) => each.name === 'source.lag' && each.lag === 0));
    expect(reader.values).toEqual(kept);
    expect(reader.error).toBeUndefined();
    await reader.stop();
    await source.close();
    const again = start(topic, {}, reader.position).reader;
    await produce(topic, ticks(1, 100));
    await until('it goes on after the mark', () => again.values.length > 0);
    expect(again.values).toEqual([100]);
  });
  it('says which partitions have something that was not begun', async () => {
    const topic = await readyTopic(2);
    await produce(topic, [...ticks(6000), ...ticks(10).map((each) => ({ ...each, partition: 1, timestamp: '1750000000000' }))]);
    const { reader } = start(topic);
    await until('all are read', () => reader.values.length >= 6010);
    const rows = reader.batches.filter(({ times }) => times.length > 0);
    const [first, second] = rows.map(({ times }) => times[0]!);
    expect(first).toBe(1_700_000_000_000);
    expect(rows[0]!.waiting).toEqual({ 0: second, 1: 1_700_000_000_000 });
    expect(rows.at(-1)!.waiting).toEqual({});
  });
});

describe('where it begins', () => {
  it('at the saved position, with exactly the rest; at the last one with nothing', async () => {
    const topic = await readyTopic(2);
    await produce(topic, ticks(20, 0, 2));
    const rest = start(topic, {}, { 0: 4, 1: 10 });
    await until('the rest is read', () => rest.reader.values.length >= 6);
    expect(rest.reader.values).toEqual([8, 10, 12, 14, 16, 18]);
    expect(rest.reader.batches.every(({ times }) => times.length > 0)).toBe(true);
    await rest.source.close();
    const nothing = start(topic, {}, { 0: 10, 1: 10 });
    await until('the lag is told', () => nothing.told.some((each) => each.name === 'source.lag' && each.lag === 0));
    expect(nothing.reader.batches).toEqual([]);
  });
  it('at what comes from now on, where that is wanted, and a restart goes on from there', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(20));
    const { reader, source } = start(topic, { config: { start: 'latest' } });
    await until('the start is told', () => reader.position['0'] === 20);
    await reader.stop();
    await source.close();
    await produce(topic, ticks(5, 20));
    const { reader: next } = start(topic, { config: { start: 'latest' } }, reader.position);
    await until('nothing is skipped', () => next.values.length >= 5);
    expect(next.values).toEqual(numbers(25, 20));
  });
  it('commits offsets with its mark, never back; without the state that goes with them it stops, unless it starts over', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(20));
    const { reader, source, told } = start(topic);
    await until('all are read', () => reader.values.length >= 20);
    await source.commit!({ '0': 15, '-1': 3 });
    await source.commit!({ '0': 10 });
    expect(await committed(topic, topic)).toEqual([15]);
    expect(told.filter(({ name }) => name === 'source.committed')).toMatchObject([{ partition: 0, offset: 15 }]);
    await source.close();
    await source.commit!({ '0': 20 });
    expect(await committed(topic, topic)).toEqual([15]);
    const error = await fails(topic);
    expect(error.code).toBe('KAFKA_STATE_ELSEWHERE');
    expect(error.facts).toMatchObject({ topic, partition: 0, committed: 15 });
    const over = start(topic, { fresh: true }).reader;
    await until('it starts over', () => over.values.length >= 20);
    expect(over.values).toEqual(numbers(20));
  });
  it('row 17: not where the broker has nothing any more', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(20));
    await deleteBefore(topic, 0, 10);
    const below = await fails(topic, {}, { 0: 5 });
    expect([below.code, below.facts]).toMatchObject(['KAFKA_OFFSET_GONE', { topic, partition: 0, next: 5, oldest: 10 }]);
    const above = await fails(topic, {}, { 0: 21 });
    expect([above.code, above.facts]).toMatchObject(['KAFKA_OFFSET_GONE', { next: 21, newest: 20 }]);
    const { reader } = start(topic, {}, { 0: 10 });
    await until('what is left is read', () => reader.values.length >= 10);
    expect(reader.values).toEqual(numbers(20, 10));
  });
});

describe('what changes while it runs', () => {
  it('row 17: messages that are deleted before they are read stop it', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(500_000));
    const { reader } = start(topic);
    let go = () => {};
    reader.gate = new Promise((resolve) => (go = resolve));
    await until('it has begun', () => reader.batches.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await deleteBefore(topic, 0, 499_000);
    await new Promise((resolve) => setTimeout(resolve, 500));
    go();
    await reader.done;
    expect((reader.error as TidecastError).code).toBe('KAFKA_OFFSET_GONE');
    expect(reader.values).toEqual(numbers(reader.values.length));
  });
  it('row 17: a topic that is made again stops it', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(20));
    const { reader } = start(topic);
    await until('all are read', () => reader.values.length >= 20);
    await withAdmin(brokers(), (admin) => admin.deleteTopics({ topics: [topic] }));
    await until('it is made again', () => readyTopic(1, { name: topic }).then(() => true));
    await produce(topic, ticks(5, 100));
    await reader.done;
    expect((reader.error as TidecastError).code).toBe('KAFKA_OFFSET_GONE');
    expect(reader.values).toEqual(numbers(20));
  });
  it('a topic that is deleted stops it', async () => {
    const topic = await readyTopic(1);
    await produce(topic, ticks(20));
    const { reader } = start(topic);
    await until('all are read', () => reader.values.length >= 20);
    await withAdmin(brokers(), (admin) => admin.deleteTopics({ topics: [topic] }));
    await reader.done;
    expect((reader.error as TidecastError).code).toBe('KAFKA_TOPIC_UNKNOWN');
  });
  it('row 43: partitions that are added stop it, now and after a restart', async () => {
    const topic = await readyTopic(2);
    await produce(topic, ticks(20, 0, 2));
    const { reader, source } = start(topic);
    await until('all are read', () => reader.values.length >= 20);
    await withAdmin(brokers(), (admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await reader.done;
    expect(reader.error).toMatchObject({ code: 'KAFKA_PARTITIONS_CHANGED', facts: { topic, before: 2, now: 3 } });
    expect(source.health!().ok).toBe(false);
    const error = await fails(topic, {}, reader.position);
    expect([error.code, error.facts]).toMatchObject(['KAFKA_PARTITIONS_CHANGED', { before: 2, now: 3 }]);
    const over = start(topic, { fresh: true }).reader;
    await until('starting over reads all', () => over.values.length >= 20);
  });
});

describe('row 62: what is wrong is said in one line', () => {
  const within15 = async (expected: string, run: () => Promise<TidecastError>) => {
    const before = Date.now();
    const { code, message } = await run();
    expect(code).toBe(expected);
    expect(message).not.toContain('\n');
    expect(Date.now() - before).toBeLessThan(15_000);
  };
  it('a topic that does not exist', () => within15('KAFKA_TOPIC_UNKNOWN', () => fails('no-such-topic')));
  it('a web server', async () => {
    const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const at = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
    await within15('KAFKA_NOT_KAFKA', () => fails('t', { at })).finally(() => server.close());
  });
  it('TLS to a plain port', () => within15('KAFKA_TLS', () => fails('t', { config: { tls: true } })));
  it('a password where none is wanted', () => {
    const sasl = { mechanism: 'plain', username: 'ann', password: 'secret-canary' };
    return within15('KAFKA_AUTHENTICATION', async () => {
      const error = await fails('t', { config: { sasl, allow_plaintext_password: true } });
      expect(JSON.stringify([error.message, error.facts])).not.toContain('canary');
      return error;
    });
  });
});

describe('check --live', () => {
  it('looks at the brokers, the topic and the group, and joins nothing', async () => {
    const topic = await readyTopic(2);
    await produce(topic, ticks(3, 0, 2));
    const { source } = openKafka(topic);
    const findings = await source.check!(new AbortController().signal);
    expect(findings.map(({ ok }) => ok)).toEqual([true, true, true]);
    expect(findings[1]!.what).toBe('It has 2 partitions with 3 messages.');
    await source.close();
    const missing = openKafka('no-such-topic').source;
    expect(await missing.check!(new AbortController().signal)).toMatchObject([{ ok: true }, { ok: false }]);
    await missing.close();
  });
});

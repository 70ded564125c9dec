/** Forecasts and dead letters in topics of a real broker: what arrives, what happens when the broker does not, what is refused. */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import kafkaSink from '../../connectors/kafka-sink.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { RefusedPoint, Sink } from '../../src/core/connector.ts';
import { EventBus } from '../../src/core/events.ts';
import { forecasts, sinkContext, testSink, type Delivered } from '../contract/sink.ts';
import { context } from '../contract/source.ts';
import { freePort } from '../services/free-port.ts';
import { startKafka, startKafkaCluster, type KafkaServer } from '../services/kafka.ts';
import { brokers, endOffsets, messagesOf, newTopic, until, withAdmin } from './support/servers.ts';

interface Message {
  readonly id: string;
  readonly series: string;
  readonly issued: number;
  readonly forecasts: readonly {
    readonly target: string;
    readonly step: number;
    readonly time: number;
    readonly mean: number;
    readonly naive: number;
    readonly quantiles: Readonly<Record<string, number>>;
  }[];
}

/** What a reader makes of a topic: of copies the last one counts. */
async function latest(topic: string, at = brokers()): Promise<Map<string, Message>> {
  const found = new Map<string, Message>();
  for (const { key, value } of await messagesOf(topic, at)) {
    const message = JSON.parse(value!.toString()) as Message;
    expect(key!.toString()).toBe(message.series);
    found.set(message.id, message);
  }
  return found;
}

const topics: string[] = [];
beforeAll(async () => {
  const prefix = `c-${randomBytes(4).toString('hex')}`;
  for (let i = 0; i < 20; i++) topics.push(`${prefix}-${i}`);
  await withAdmin(brokers(), (admin) =>
    admin.createTopics({ waitForLeaders: true, topics: topics.map((topic) => ({ topic, numPartitions: 3 })) }),
  );
  for (const topic of topics) await until(`${topic} can be read`, async () => (await endOffsets(topic)).length === 3);
});

testSink({
  component: kafkaSink,
  config: () => ({ brokers: process.env['TIDECAST_KAFKA'] ?? '127.0.0.1:9092', topic: topics.pop() ?? 'forecasts' }),
  read: async (config) => {
    const rows: Delivered[] = [];
    for (const { series, issued, forecasts: all } of (await latest((config as { topic: string }).topic)).values()) {
      for (const { quantiles, ...rest } of all) rows.push({ series, issued, ...rest, quantiles: Object.values(quantiles) });
    }
    return rows;
  },
  skip: {
    'leaves nothing half after a kill between write and flush':
      'a topic is append-only: what was written before the kill is there, and the copy of it counts',
  },
});

interface Opened {
  readonly sink: Sink;
  readonly refused: RefusedPoint[];
  readonly told: string[];
  readonly written: number[];
}

async function opened(config: object, { at = brokers() }: { at?: readonly string[] } = {}): Promise<Opened> {
  const events = new EventBus();
  const told: string[] = [];
  for (const name of ['sink.waiting', 'sink.connected'] as const) events.on(name, () => told.push(name));
  const written: number[] = [];
  events.on('sink.written', ({ points }) => written.push(points));
  const refused: RefusedPoint[] = [];
  const sink = kafkaSink.build(kafkaSink.config.parse({ brokers: [...at], ...config }), {
    ...context(),
    clock: systemClock,
    events,
  });
  await sink.open({ ...sinkContext(), refused: async (points) => void refused.push(...points) });
  return { sink, refused, told, written };
}

/** Rows of twelve series, so that every partition has some. */
function rowsOfMany(from: number, to: number) {
  const keys = Array.from({ length: 12 }, (_, i) => `series ${i}`);
  return { ...forecasts(from, to), keys, lanes: Int32Array.from({ length: to - from }, (_, i) => (from + i) % 12) };
}

/** Every row once as it was issued, perhaps with copies, in order within each series. */
async function expectAll(topic: string, rows: number, at = brokers()): Promise<number> {
  const found = new Set<string>();
  const last = new Map<string, number>();
  let copies = 0;
  for (const { value } of await messagesOf(topic, at)) {
    const { id, series, issued } = JSON.parse(value!.toString()) as Message;
    if (found.has(id)) copies++;
    else {
      expect(issued, series).toBeGreaterThan(last.get(series) ?? 0);
      last.set(series, issued);
    }
    found.add(id);
  }
  expect(found.size).toBe(rows);
  return copies;
}

describe('messages', () => {
  it('a forecast is one message with all its steps, and holds no number that JSON does not know', async () => {
    const topic = await newTopic(1);
    const { sink } = await opened({ topic });
    const batch = forecasts(10, 12);
    batch.mean[0] = NaN;
    batch.naive[0] = NaN;
    batch.quantiles[4] = Infinity;
    batch.naive[1] = -0;
    await sink.write(batch);
    await sink.flush({ from: 0, to: 2 });
    await sink.close(true);
    const [first, second] = await messagesOf(topic);
    const text = first!.value!.toString();
    expect(first!.key!.toString()).toBe('first series');
    expect(text).not.toMatch(/NaN|Infinity/);
    const message = JSON.parse(text) as Message;
    expect(message).toMatchObject({
      id: 'contract/1700000600000/first series',
      pipeline: 'contract',
      issued: 1_700_000_600_000,
      model: '0123abcd',
    });
    // the first step has no forecast; two targets, three steps
    expect(message.forecasts.map(({ target, step }) => `${target} ${step}`)).toEqual([
      'value 2',
      'value 3',
      'volume 1',
      'volume 2',
      'volume 3',
    ]);
    expect(message.forecasts[0]).toEqual({
      target: 'value',
      step: 2,
      time: 1_700_000_840_000,
      mean: batch.mean[1],
      naive: -0,
      quantiles: { '0.025': batch.quantiles[3], '0.5': null, '0.975': batch.quantiles[5] },
    });
    expect(JSON.parse(second!.value!.toString())).toMatchObject({ series: 'zweite "Reihe", ☃' });
  });

  it('a dead letter has the bytes and the key of what was refused, and the reason in its headers', async () => {
    const topic = await newTopic(2);
    const { sink } = await opened({ dead_letters: topic });
    const bytes = Buffer.from([0, 255, 254, 10, 128]);
    await sink.reject!([
      { partition: 3, offset: 7, reason: 'undecodable', bytes, key: Buffer.from([255, 1]), origin: 'ticks/3/7', raw: 'cut' },
      { partition: 0, offset: 9, reason: 'late', series: 'a ☃', time: 1.7e12, values: [1, NaN, -Infinity] },
      { partition: 0, offset: 11, reason: 'empty', origin: 'ticks/0/11' },
      { partition: 1, offset: 2, reason: 'undecodable', raw: '{bad' },
    ]);
    await sink.flush({ from: 0, to: 0 });
    await sink.close(true);
    const found = await messagesOf(topic);
    const letters = new Map(found.map((letter) => [String(letter.headers!['origin']), letter]));
    expect([...letters.keys()].sort()).toEqual(['0/9', '1/2', 'ticks/0/11', 'ticks/3/7']);
    const [undecodable, late] = [letters.get('ticks/3/7')!, letters.get('0/9')!];
    expect(undecodable.value).toEqual(bytes);
    expect(undecodable.key).toEqual(Buffer.from([255, 1]));
    const headers = (letter: typeof late) =>
      Object.fromEntries(Object.entries(letter.headers!).map(([name, value]) => [name, String(value)]));
    expect(headers(undecodable)).toEqual({ reason: 'undecodable', origin: 'ticks/3/7', pipeline: 'contract' });
    expect(headers(late)).toEqual({
      reason: 'late',
      origin: '0/9',
      pipeline: 'contract',
      series: 'a ☃',
      time: '1700000000000',
    });
    expect(JSON.parse(late.value!.toString())).toEqual({ series: 'a ☃', time: 1.7e12, values: [1, 'NaN', '-Infinity'] });
    expect(letters.get('ticks/0/11')!.key).toBeNull();
    expect(letters.get('1/2')!.value!.toString()).toBe('{bad');
  });

  it('a message that is too large alone goes to the refused points, and everything around it arrives', async () => {
    const topic = await newTopic(2, { config: { 'max.message.bytes': '3000' } });
    const { sink, refused } = await opened({ dead_letters: topic, compression: 'none' });
    const size = (i: number) => (i % 40 === 13 ? 5000 : 200);
    const rejects = Array.from({ length: 100 }, (_, i) => ({
      partition: 0,
      offset: i,
      reason: 'undecodable' as const,
      bytes: randomBytes(size(i)),
      origin: `ticks/0/${i}`,
    }));
    await sink.reject!(rejects);
    await sink.flush({ from: 0, to: 0 });
    await sink.close(true);
    const arrived = new Set((await messagesOf(topic)).map(({ headers }) => String(headers!['origin'])));
    const large = rejects.filter(({ bytes }) => bytes.length > 3000).map(({ origin }) => origin);
    expect(large).toHaveLength(3);
    expect(refused.map(({ point }) => (JSON.parse(point) as { headers: { origin: string } }).headers.origin)).toEqual(large);
    expect(refused[0]!.reason).toMatch(/larger than the max message size/);
    expect([...arrived].sort()).toEqual(
      rejects
        .map(({ origin }) => origin)
        .filter((origin) => !large.includes(origin))
        .sort(),
    );
  });

  it('a topic that takes small batches only gets smaller ones', async () => {
    const topic = await newTopic(1, { config: { 'max.message.bytes': '20000' } });
    const { sink, refused, written } = await opened({ topic, compression: 'none' });
    await sink.write(forecasts(0, 2000));
    await sink.flush({ from: 0, to: 2000 });
    await sink.close(true);
    expect(await expectAll(topic, 2000)).toBe(0);
    expect(refused).toEqual([]);
    // two million bytes; what was learnt once is kept
    expect(written.length).toBeLessThan(400);
  });

  it.each(['none', 'gzip', 'snappy', 'lz4'])('compression %s can be read back', async (compression) => {
    const topic = await newTopic(2);
    const { sink } = await opened({ topic, compression });
    await sink.write(forecasts(0, 200));
    await sink.flush({ from: 0, to: 200 });
    await sink.close(true);
    expect(await expectAll(topic, 200)).toBe(0);
  });
});

describe('a broker that fails', () => {
  let kafka: KafkaServer;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.clean());

  const STREAM = 4000;
  /** Writes rows all the time, in cuts of 400, while `meanwhile` happens. */
  async function stream(sink: Sink, meanwhile: () => Promise<void>): Promise<number> {
    const happening = meanwhile();
    let row = 0;
    let over = false;
    void happening.then(() => (over = true));
    while (row < STREAM || !over) {
      for (let i = 0; i < 20; i++, row += 20) await sink.write(rowsOfMany(row, row + 20));
      await sink.flush({ from: row - 400, to: row });
      await wait(5);
    }
    await happening;
    return row;
  }

  it('is killed and comes back in the middle of the stream: nothing is lost', async () => {
    const topic = await newTopic(3, { at: [kafka.broker] });
    const { sink, told } = await opened({ topic }, { at: [kafka.broker] });
    const rows = await stream(sink, async () => {
      await wait(300);
      await kafka.kill9();
      await wait(1500);
      expect(sink.health!().ok).toBe(false);
      await kafka.restart();
    });
    await sink.close(true);
    expect(told).toContain('sink.waiting');
    expect(told.at(-1)).toBe('sink.connected');
    console.log(`kill -9: ${rows} rows, ${await expectAll(topic, rows, [kafka.broker])} copies`);
  });

  it('freezes for longer than a request may take: nothing is lost', async () => {
    const topic = await newTopic(3, { at: [kafka.broker] });
    const { sink } = await opened({ topic }, { at: [kafka.broker] });
    const rows = await stream(sink, async () => {
      await wait(300);
      kafka.pause();
      await until('the sink waits', () => !sink.health!().ok);
      kafka.resume();
    });
    await sink.close(true);
    console.log(`frozen: ${rows} rows, ${await expectAll(topic, rows, [kafka.broker])} copies`);
  });

  it('freezes, and the sink is closed: that ends soon', async () => {
    const topic = await newTopic(3, { at: [kafka.broker] });
    const { sink } = await opened({ topic }, { at: [kafka.broker] });
    await sink.write(forecasts(0, 20));
    await sink.flush({ from: 0, to: 20 });
    kafka.pause();
    try {
      await sink.write(forecasts(20, 40));
      const flushed = sink.flush({ from: 20, to: 40 }).then(
        () => 'flushed',
        () => 'ended',
      );
      await wait(200);
      const started = performance.now();
      await sink.close(false);
      expect(await flushed).toBe('ended');
      expect(performance.now() - started).toBeLessThan(5000);
    } finally {
      kafka.resume();
    }
  });

  it.each(['topic', 'dead_letters'])('loses its %s in the middle of the stream: the sink stops and says so', async (field) => {
    const topic = await newTopic(1, { at: [kafka.broker] });
    const { sink } = await opened({ [field]: topic }, { at: [kafka.broker] });
    const write = (offset: number) =>
      field === 'topic'
        ? sink.write(forecasts(offset, offset + 20))
        : sink.reject!([{ partition: 0, offset, reason: 'undecodable', raw: 'x' }]);
    await write(0);
    await sink.flush({ from: 0, to: 20 });
    await withAdmin([kafka.broker], (admin) => admin.deleteTopics({ topics: [topic] }));
    await write(20);
    await expect(sink.flush({ from: 20, to: 40 })).rejects.toMatchObject({ code: 'KAFKA_TOPIC_UNKNOWN' });
    expect(() => write(40)).toThrow(/no such Kafka topic/);
    await sink.close(false);
  });

  it('comes up long after the sink was opened: what was written meanwhile arrives', async () => {
    const port = await freePort();
    const { sink, told } = await opened({ topic: 'late', dead_letters: 'late-too' }, { at: [`127.0.0.1:${port}`] });
    expect(sink.health!()).toMatchObject({ ok: false, detail: expect.stringContaining('ECONNREFUSED') });
    await sink.write(forecasts(0, 50));
    const flushed = sink.flush({ from: 0, to: 50 });
    const late = await startKafka({ port });
    try {
      // what comes after the broker is waited for as well, for a while
      await until('the broker was seen without the topic', () => sink.health!().detail.includes('topic'));
      for (const name of ['late', 'late-too']) await newTopic(1, { at: [late.broker], name });
      await flushed;
      expect(sink.health!().ok).toBe(true);
      expect(told.at(-1)).toBe('sink.connected');
      await sink.close(true);
      expect(await expectAll('late', 50, [late.broker])).toBe(0);
    } finally {
      await late.clean();
    }
  });
});

describe('three brokers', () => {
  it('a leader dies in the middle of the stream: nothing is lost', async () => {
    const cluster = await startKafkaCluster(3);
    try {
      const at = cluster.brokers;
      const topic = await newTopic(6, { copies: 3, at });
      const { sink } = await opened({ topic }, { at });
      let row = 0;
      const some = async (cuts: number) => {
        for (let cut = 0; cut < cuts; cut++) {
          for (let i = 0; i < 20; i++, row += 20) await sink.write(rowsOfMany(row, row + 20));
          await sink.flush({ from: row - 400, to: row });
        }
      };
      await some(5);
      for (const node of cluster.nodes) {
        const killed = node.kill9();
        await some(5);
        await killed;
        await node.restart();
        await some(5);
      }
      await sink.close(true);
      console.log(`three kills: ${row} rows, ${await expectAll(topic, row, [...at])} copies`);
    } finally {
      await cluster.clean();
    }
  });
});

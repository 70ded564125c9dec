/** The Kafka source while brokers die, freeze and come late, its consumer dies, and its reader is slow. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KafkaServer } from '../services/kafka.ts';
import { startKafka, startKafkaCluster } from '../services/kafka.ts';
import { freePort } from '../services/free-port.ts';
import { clientLoop, numbers, openKafka, Reader, readyTopic, sorted, ticks, type SourceOptions } from './support/kafka-reader.ts';
import { committed, produce, until as untilWithin, withAdmin } from './support/servers.ts';

const until = (what: string, isSo: () => boolean | Promise<boolean>) => untilWithin(what, isSo, 90_000);

let kafka: KafkaServer;
beforeAll(async () => {
  kafka = await startKafka();
});
afterAll(() => kafka?.clean());

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((source) => source.close()));
});

function start(topic: string, options: SourceOptions = {}, from?: Record<string, number>) {
  const { source, told } = openKafka(topic, { at: [kafka.broker], ...options });
  open.push(source);
  return { reader: new Reader(source, from), told, source };
}

const at = () => [kafka.broker];

describe('its reader is slow', () => {
  const { processEachBatch } = clientLoop;
  afterEach(() => {
    clientLoop.processEachBatch = processEachBatch;
  });

  it('row 12: stays in the group for longer than the session although nothing is taken, and does not fetch for ever', async () => {
    const topic = await readyTopic(3, { at: at() });
    await produce(topic, ticks(600_000, 0, 3), { at: at() });
    let fetched = 0;
    clientLoop.processEachBatch = function (batch) {
      fetched += batch.messages.length;
      return processEachBatch.call(this, batch);
    };
    const { reader, told, source } = start(topic, { config: { session_timeout: '2s' } });
    let go = () => {};
    reader.gate = new Promise((resolve) => (go = resolve));
    await until('it has begun', () => reader.batches.length > 0);
    await wait(8000);
    expect(fetched).toBeGreaterThan(20_000);
    expect(fetched, 'messages that were fetched and wait').toBeLessThan(400_000);
    expect(source.health!().ok).toBe(true);
    const { groups } = await withAdmin(at(), (admin) => admin.describeGroups([topic]));
    expect(groups[0]).toMatchObject({ state: 'Stable' });
    expect(groups[0]!.members).toHaveLength(1);
    go();
    await until('all are read', () => reader.values.length >= 600_000);
    expect(sorted(reader.values)).toEqual(numbers(600_000));
    expect(fetched, 'nothing was fetched twice').toBe(600_000);
    expect(told.filter(({ name }) => name === 'source.assigned')).toHaveLength(1);
    expect(told.filter(({ name }) => name === 'source.revoked')).toEqual([]);
  });
});

describe('brokers', () => {
  it('row 15: killed and started again: goes on, nothing lost, nothing twice', async () => {
    const topic = await readyTopic(2, { at: at() });
    await produce(topic, ticks(20_000, 0, 2), { at: at() });
    const { reader, told, source } = start(topic);
    await until('it reads', () => reader.values.length > 0);
    await kafka.kill9();
    await until('it says that it waits', () => told.some(({ name }) => name === 'source.waiting'));
    expect(source.health!().ok).toBe(false);
    await kafka.restart();
    await produce(topic, ticks(2000, 20_000, 2), { at: at() });
    await until('all are read', () => reader.values.length >= 22_000);
    expect(sorted(reader.values)).toEqual(numbers(22_000));
    expect(source.health!().ok).toBe(true);
    expect(told.filter(({ name }) => name === 'source.connected')).toHaveLength(2);
  });
  it('row 38: frozen for longer than the session: says so, and goes on when it is back', async () => {
    const topic = await readyTopic(2, { at: at() });
    await produce(topic, ticks(2000, 0, 2), { at: at() });
    const { reader, told, source } = start(topic, { config: { session_timeout: '3s' } });
    await until('it reads', () => reader.values.length >= 2000);
    kafka.pause();
    try {
      await until('it says that it waits', () => told.some(({ name }) => name === 'source.waiting'));
      expect(source.health!().ok).toBe(false);
      await wait(12_000);
    } finally {
      kafka.resume();
    }
    await produce(topic, ticks(2000, 2000, 2), { at: at() });
    await until('all are read', () => reader.values.length >= 4000);
    expect(sorted(reader.values)).toEqual(numbers(4000));
    expect(reader.error).toBeUndefined();
  });
  it('row 39: one of three is killed: goes on with the others, nothing lost, nothing twice', async () => {
    const cluster = await startKafkaCluster(3);
    try {
      const topic = await readyTopic(3, { at: cluster.brokers, copies: 3 });
      await produce(topic, ticks(3000, 0, 3), { at: cluster.brokers });
      const { reader, source } = start(topic, { at: cluster.brokers });
      await until('it reads', () => reader.values.length >= 3000);
      await cluster.nodes[1]!.kill9();
      await produce(topic, ticks(3000, 3000, 3), { at: cluster.brokers });
      await until('all are read', () => reader.values.length >= 6000);
      expect(new Set(reader.values)).toEqual(new Set(numbers(6000)));
      const rows = reader.batches.flatMap(({ partition, offsets }) => [...offsets].map((offset) => `${partition}/${offset}`));
      expect(new Set(rows).size, 'no message came twice').toBe(rows.length);
      await until('it is well', () => source.health!().ok);
    } finally {
      await cluster.clean();
    }
  });
  it('row 16: comes up later than the source', async () => {
    const port = await freePort();
    const { source, told } = openKafka('late', { at: [`127.0.0.1:${port}`] });
    open.push(source);
    const reader = new Reader(source);
    await until('it says that it waits', () => told.some(({ name }) => name === 'source.waiting'));
    await wait(3000);
    const late = await startKafka({ port });
    try {
      await readyTopic(1, { name: 'late', at: [late.broker] });
      await produce('late', ticks(10), { at: [late.broker] });
      // whether the topic is made before or after it is looked for
      await until('all are read, or the topic was missed', () => reader.values.length >= 10 || reader.error !== undefined);
      expect(reader.error ?? reader.values).toEqual(numbers(10));
      await source.close();
    } finally {
      await late.clean();
    }
  });
});

describe('the consumer', () => {
  const { fetch } = clientLoop;
  afterEach(() => {
    clientLoop.fetch = fetch;
  });

  it('row 3: dies for good inside the client: another takes its place', async () => {
    const topic = await readyTopic(2, { at: at() });
    await produce(topic, ticks(1000, 0, 2), { at: at() });
    const { reader, told } = start(topic);
    await until('it reads', () => reader.values.length >= 1000);
    let thrown = 0;
    clientLoop.fetch = async function (node) {
      if (thrown++ === 0) throw new TypeError('cannot read properties of null');
      return fetch.call(this, node);
    };
    await until('the next one fetches', () => thrown > 1);
    await produce(topic, ticks(1000, 1000, 2), { at: at() });
    await until('all are read', () => reader.values.length >= 2000);
    expect(sorted(reader.values)).toEqual(numbers(2000));
    expect(told.some(({ name }) => name === 'source.waiting')).toBe(true);
  });
  it('row 3: falls silent without a word: another takes its place', async () => {
    const topic = await readyTopic(2, { at: at() });
    await produce(topic, ticks(1000, 0, 2), { at: at() });
    const { reader, source } = start(topic, { config: { session_timeout: '2s' } });
    await until('it reads', () => reader.values.length >= 1000);
    let asked = 0;
    clientLoop.fetch = function (node) {
      return asked++ === 0 ? new Promise(() => {}) : fetch.call(this, node);
    };
    await produce(topic, ticks(1000, 1000, 2), { at: at() });
    await until('it is not well', () => !source.health!().ok);
    await until('all are read', () => reader.values.length >= 2000);
    expect(sorted(reader.values)).toEqual(numbers(2000));
    await until('it is well', () => source.health!().ok);
  });
  it('row 33: what waiting does not mend ends it with an error', async () => {
    const topic = await readyTopic(1, { at: at() });
    await produce(topic, ticks(10), { at: at() });
    const { reader, source } = start(topic);
    await until('it reads', () => reader.values.length >= 10);
    clientLoop.fetch = () =>
      Promise.reject(Object.assign(new Error('codec not implemented'), { name: 'KafkaJSNotImplemented', retriable: false }));
    await reader.done;
    expect(reader.error).toMatchObject({ code: 'KAFKA_FAILED' });
    expect(source.health!().ok).toBe(false);
  });
  it('closes within its time even where the broker is frozen', async () => {
    const topic = await readyTopic(1, { at: at() });
    await produce(topic, ticks(10), { at: at() });
    const { reader, source } = start(topic);
    await until('it reads', () => reader.values.length >= 10);
    kafka.pause();
    try {
      const before = Date.now();
      await Promise.all([source.commit!({ '0': 10 }), wait(500).then(() => source.close())]);
      expect(Date.now() - before).toBeLessThan(12_000);
    } finally {
      kafka.resume();
    }
  });
});

describe('row 61: restarts', () => {
  it('twenty in a row: every tick once, committed offsets never go back', async () => {
    const topic = await readyTopic(2, { at: at() });
    await produce(topic, ticks(20_000, 0, 2), { at: at() });
    const values: number[] = [];
    const seen: number[][] = [];
    let position: Record<string, number> | undefined;
    for (let i = 0; i < 20; i++) {
      const { source } = openKafka(topic, { at: at() });
      const reader = new Reader(source, position);
      await until('it reads', () => reader.values.length >= 500 || values.length + reader.values.length >= 20_000);
      await reader.stop();
      position = reader.position;
      values.push(...reader.values);
      await source.commit!(position);
      await source.close();
      seen.push(await committed(topic, topic, at()));
    }
    const last = start(topic, {}, position).reader;
    await until('all are read', () => values.length + last.values.length >= 20_000);
    expect(sorted([...values, ...last.values])).toEqual(numbers(20_000));
    for (let i = 1; i < seen.length; i++) for (const p of [0, 1]) expect(seen[i]![p]!).toBeGreaterThanOrEqual(seen[i - 1]![p]!);
    expect(seen.at(-1)).toEqual([position!['0'], position!['1']]);
  });
});

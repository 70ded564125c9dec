/** What live tests do with a Kafka and an InfluxDB; by default with those that all of them share. */
import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import kafkajs, { type Admin, type CompressionTypes, type KafkaMessage, type Message } from 'kafkajs';
import { registerCodecs } from '../../../connectors/formats/kafka-codecs.ts';
import { influxQuery } from '../../services/influx.ts';

/** Addresses of the shared Kafka. */
export function brokers(): string[] {
  return required('TIDECAST_KAFKA').split(',');
}

/** URL of the shared InfluxDB. */
export function influxUrl(): string {
  return required('TIDECAST_INFLUX');
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this test with --config vitest.live.config.ts`);
  return value;
}

/** A client that says nothing. */
export function kafkaClient(at: readonly string[] = brokers()): kafkajs.Kafka {
  return new kafkajs.Kafka({
    clientId: 'test',
    brokers: [...at],
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 1000, retries: 40 },
  });
}

/** Makes a topic; its name is new unless given. `config`: `{ 'retention.bytes': '1' }`. */
export async function newTopic(
  partitions = 1,
  {
    name = `t-${randomBytes(6).toString('hex')}`,
    copies = 1,
    config = {},
    at = brokers(),
  }: { name?: string; copies?: number; config?: Readonly<Record<string, string>>; at?: readonly string[] } = {},
): Promise<string> {
  const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }));
  await withAdmin(at, async (admin) => {
    const topics = [{ topic: name, numPartitions: partitions, replicationFactor: copies, configEntries }];
    await admin.createTopics({ waitForLeaders: false, topics });
    await until(`every partition of ${name} has its copies`, async () => {
      const [topic] = (await admin.fetchTopicMetadata({ topics: [name] })).topics;
      return topic?.partitions.length === partitions && topic.partitions.every((each) => each.isr.length === copies);
    });
  });
  return name;
}

/** Makes a database with a new name. */
export async function newDatabase(url = influxUrl(), credentials: Credentials = {}): Promise<string> {
  const name = `d_${randomBytes(6).toString('hex')}`;
  await influxQuery(url, `CREATE DATABASE "${name}"`, credentials);
  return name;
}

export interface Credentials {
  readonly user?: string;
  readonly password?: string;
}

/** Sends messages (kafkajs's: `{ key, value, partition, timestamp, headers }`) and waits until the broker has them. */
export async function produce(
  topic: string,
  messages: readonly Message[],
  { at = brokers(), compression }: { at?: readonly string[]; compression?: CompressionTypes } = {},
): Promise<void> {
  const producer = kafkaClient(at).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    for (let i = 0; i < messages.length; i += 5000) {
      await producer.send({
        topic,
        messages: messages.slice(i, i + 5000),
        ...(compression === undefined ? {} : { compression }),
      });
    }
  } finally {
    await producer.disconnect();
  }
}

/** All messages that a topic has now, partition by partition. */
export async function messagesOf(topic: string, at = brokers()): Promise<(KafkaMessage & { partition: number })[]> {
  const ends = await endOffsets(topic, at);
  const left = new Set([...ends.keys()].filter((partition) => ends[partition]! > 0));
  const found: (KafkaMessage & { partition: number })[] = [];
  const consumer = kafkaClient(at).consumer({ groupId: `g-${randomBytes(6).toString('hex')}`, maxWaitTimeInMs: 100 });
  let crash: Error | undefined;
  consumer.on('consumer.crash', ({ payload }) => {
    if (!payload.restart) crash = payload.error;
  });
  await readCodecs();
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        for (const message of batch.messages) found.push({ ...message, partition: batch.partition });
        resolveOffset(batch.lastOffset());
        if (Number(batch.lastOffset()) + 1 >= ends[batch.partition]!) left.delete(batch.partition);
      },
    });
    await until(`all messages of ${topic} are read`, () => left.size === 0 || crash !== undefined);
    if (crash) throw crash;
  } finally {
    await consumer.disconnect();
  }
  return found.sort((a, b) => a.partition - b.partition || Number(a.offset) - Number(b.offset));
}

/** Lets kafkajs read what it cannot by itself; what a connector in this process has registered, with its limit, stays. */
async function readCodecs(): Promise<void> {
  try {
    (kafkajs.CompressionCodecs[kafkajs.CompressionTypes.LZ4] as () => unknown)();
  } catch {
    await registerCodecs(kafkajs);
  }
}

/** What a group has committed, by partition; -1 where nothing. */
export async function committed(group: string, topic: string, at = brokers()): Promise<number[]> {
  return withAdmin(at, async (admin) => {
    let offsets: number[] = [];
    // a broker that has just been started does not know for a moment who keeps the offsets
    await until(`the offsets of ${group} can be read`, async () => {
      const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      offsets = inOrder(answer?.partitions ?? []);
      return true;
    });
    return offsets;
  });
}

/** The offset that the next message will have, by partition. */
export async function endOffsets(topic: string, at = brokers()): Promise<number[]> {
  return inOrder(await withAdmin(at, (admin) => admin.fetchTopicOffsets(topic)));
}

function inOrder(partitions: readonly { partition: number; offset: string }[]): number[] {
  return [...partitions].sort((a, b) => a.partition - b.partition).map(({ offset }) => Number(offset));
}

/** Lends an administration client. */
export async function withAdmin<T>(at: readonly string[], use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaClient(at).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

/** All points of a measurement: `tag=value,... time` -> its fields, sorted by that text; times in epoch ms, fields without a value left out. */
export async function pointsOf(
  url: string,
  database: string,
  measurement: string,
  credentials: Credentials = {},
): Promise<Map<string, Record<string, unknown>>> {
  const found = await influxQuery(url, `SELECT * FROM "${measurement}" GROUP BY *`, { database, ...credentials });
  const points: [string, Record<string, unknown>][] = [];
  for (const { tags = {}, columns, values } of found) {
    const named = Object.keys(tags)
      .sort()
      .map((key) => `${key}=${tags[key]}`)
      .join(',');
    for (const [time, ...fields] of values) {
      const present = fields.flatMap((value, i) => (value === null ? [] : [[columns[i + 1]!, value] as const]));
      points.push([`${named} ${String(time)}`, Object.fromEntries(present)]);
    }
  }
  return new Map(points.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Asks until the answer is yes; throws `what` after two minutes, or the last error of asking. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, within = 120_000): Promise<void> {
  let last: unknown;
  for (const end = Date.now() + within; Date.now() < end; await wait(50)) {
    try {
      if (await isSo()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`Not so after ${within / 1000} s: ${what}`, { cause: last });
}

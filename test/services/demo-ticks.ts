/** The two real series of the Kafka demo, as messages of a topic. */
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { openSource } from '../../connectors/index.ts';

/** One a partition, in this order. The machine's ticks are five minutes apart, the taxis' half an hour. */
const SERIES = [
  { key: 'machine_temperature', path: 'pipelines/data/machine_temperature_system_failure.arrow' },
  { key: 'nyc_taxi', path: 'pipelines/data/nyc_taxi.arrow' },
];
const AT_ONCE = 2000;

export const TOPIC = 'ticks';
export const DEAD_LETTERS = 'ticks.dead-letters';

/** Makes the topics where they are missing. The ticks are of 2013 to 2015, so nothing is deleted for its age. */
export async function makeTopics(admin: Admin): Promise<void> {
  const there = await admin.listTopics();
  const wanted = [
    { topic: TOPIC, numPartitions: SERIES.length },
    { topic: DEAD_LETTERS, numPartitions: 1 },
  ];
  const topics = wanted
    .filter(({ topic }) => !there.includes(topic))
    .map((each) => ({ ...each, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '-1' }] }));
  if (topics.length > 0) await admin.createTopics({ topics, waitForLeaders: true });
}

/**
 * Sends what the topic does not hold yet; gives how many messages that were. The n-th tick of a series is the n-th message of its partition,
 * so a feed that was broken off goes on where it stopped, and one that is done does nothing.
 */
export async function feed(kafka: Kafka, admin: Admin): Promise<number> {
  const ends = new Map((await admin.fetchTopicOffsets(TOPIC)).map(({ partition, offset }) => [partition, Number(offset)]));
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  await producer.connect();
  let sent = 0;
  try {
    for (const [partition, { key, path }] of SERIES.entries()) {
      const left = (await messages(path, key, partition)).slice(ends.get(partition) ?? 0);
      for (let i = 0; i < left.length; i += AT_ONCE) {
        const some = left.slice(i, i + AT_ONCE);
        await producer.send({ topic: TOPIC, messages: some });
        sent += some.length;
      }
    }
  } finally {
    await producer.disconnect();
  }
  return sent;
}

/** The times are wall times without a zone; taken as UTC, every day has its 48 half hours. */
async function messages(path: string, key: string, partition: number) {
  const found: { key: string; partition: number; timestamp: string; value: string }[] = [];
  const source = openSource('arrow', { path, name: key });
  for await (const { times, channels } of source.read(undefined, new AbortController().signal)) {
    for (const [row, ts] of times.entries()) {
      const value = JSON.stringify({ ts, value: channels[0]![row] });
      found.push({ key, partition, timestamp: String(ts), value });
    }
  }
  await source.close();
  return found;
}

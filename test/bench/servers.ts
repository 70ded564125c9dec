/** A real Kafka and a real InfluxDB beside the process that is measured, each side on cores of its own. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import kafkajs, { type Kafka, type Message } from 'kafkajs';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startKafka, type KafkaServer } from '../services/kafka.ts';

/** Partitions of every topic. */
export const PARTITIONS = 6;
/** Messages, and bytes of them, in one request of the producer. */
const AT_ONCE = 5000;
const BYTES = 500_000;

export interface Servers {
  readonly kafka: KafkaServer;
  readonly influx: InfluxServer;
  /** A client of that Kafka that says nothing. */
  client(): Kafka;
  /** Makes a topic and sends it these messages in order. */
  fill(topic: string, messages: Iterable<Message>): Promise<void>;
}

/** Starts both, and ends them whatever happens. */
export async function withServers(work: (servers: Servers) => Promise<void>): Promise<void> {
  const started = await Promise.allSettled([startKafka(), startInflux()]);
  try {
    const [kafka, influx] = started.map((each) => {
      if (each.status === 'rejected') throw each.reason;
      return each.value;
    }) as [KafkaServer, InfluxServer];
    const client = () =>
      new kafkajs.Kafka({
        clientId: 'bench',
        brokers: [kafka.broker],
        logLevel: kafkajs.logLevel.NOTHING,
        retry: { retries: 30 },
      });
    await work({ kafka, influx, client, fill: (topic, messages) => fill(client(), topic, messages) });
  } finally {
    for (const each of started) if (each.status === 'fulfilled') await each.value.clean();
  }
}

/** Puts this process on the first core and the servers on the others; false where that cannot be done. */
export function onOneCore({ kafka, influx }: Servers): boolean {
  const cores = availableParallelism();
  if (cores < 2) return false;
  return [kafka.pid, influx.pid].every((pid) => pin(pid, `1-${cores - 1}`)) && pin(process.pid, '0');
}

/** With all its threads. */
function pin(pid: number, cores: string): boolean {
  return spawnSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: 'ignore' }).status === 0;
}

async function fill(kafka: Kafka, topic: string, messages: Iterable<Message>): Promise<void> {
  const admin = kafka.admin();
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  await producer.connect();
  let some: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    some.push(message);
    bytes += message.value!.length;
    if (some.length < AT_ONCE && bytes < BYTES) continue;
    await producer.send({ topic, messages: some });
    some = [];
    bytes = 0;
  }
  if (some.length > 0) await producer.send({ topic, messages: some });
  await producer.disconnect();
}

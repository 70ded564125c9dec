/** Are the topics there, and may we write? As far as that can be seen without writing. */
import type { Kafka } from 'kafkajs';
import type { Finding } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { kafkaFault } from './faults.ts';

/** Resolves when every topic has partitions; throws `KAFKA_TOPIC_UNKNOWN`, `KAFKA_TOPIC_EMPTY` or why it could not look. Gives their numbers. */
export async function verifyTopics(kafka: Kafka, endpoint: string, topics: readonly string[]): Promise<Map<string, number>> {
  const admin = kafka.admin();
  const partitions = new Map<string, number>();
  try {
    await admin.connect();
    for (const topic of topics) {
      const count = await partitionsOf(admin, topic).catch((error: unknown) => {
        throw kafkaFault(error, { endpoint, topic });
      });
      if (count === 0) throw new TidecastError('KAFKA_TOPIC_EMPTY', { endpoint, topic });
      partitions.set(topic, count);
    }
    return partitions;
  } catch (error) {
    throw kafkaFault(error, { endpoint });
  } finally {
    // it waits for answers that may never come
    void admin.disconnect().catch(() => undefined);
  }
}

/** The same for `check --live`: a finding a topic, and one for the right to produce (`prepare` asks for a producer id). */
export async function topicFindings(
  kafka: Kafka,
  broker: string,
  topics: readonly string[],
  prepare: () => Promise<unknown>,
): Promise<Finding[]> {
  const endpoint = `kafka ${broker}`;
  const tried = async (look: () => Promise<string>): Promise<Finding> => {
    try {
      return { endpoint, ok: true, what: await look() };
    } catch (error) {
      return { endpoint, ok: false, what: kafkaFault(error, { endpoint: broker }).message };
    }
  };
  const findings: Finding[] = [];
  for (const topic of topics) {
    const look = async () => {
      const partitions = (await verifyTopics(kafka, broker, [topic])).get(topic)!;
      return `The topic ${topic} is there, with ${partitions} partition${partitions === 1 ? '' : 's'}.`;
    };
    findings.push(await tried(look));
  }
  const ask = async () => {
    await prepare();
    return 'This user may produce; whether to these very topics shows at the first message.';
  };
  findings.push(await tried(ask));
  return findings;
}

async function partitionsOf(admin: ReturnType<Kafka['admin']>, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics.find(({ name }) => name === topic)?.partitions.length ?? 0;
}

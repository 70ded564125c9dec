/** What to compare with: kafkajs as it comes, and `JSON.parse`. */
import type { Kafka } from 'kafkajs';
import { pacing, type Pace } from './pace.ts';

let groups = 0;

/** Messages that are read and parsed, from the first batch (which does not count) to the last. */
export async function bareConsumer(kafka: Kafka, topic: string, messages: number): Promise<Pace> {
  const consumer = kafka.consumer({ groupId: `bare-${groups++}` });
  let seen = 0;
  let sum = 0;
  let read: ((rows: number) => Pace) | undefined;
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const pace = await new Promise<Pace>((resolve, reject) => {
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error));
    consumer
      .run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) sum += (JSON.parse(value!.toString('latin1')) as { value: number }).value;
          seen += batch.messages.length;
          read ??= pacing(seen);
          if (seen >= messages) resolve(read(seen));
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  if (seen !== messages || !Number.isFinite(sum)) throw new Error(`${seen} messages were read, not ${messages}`);
  return pace;
}

/** Why a group cannot be used: the client says no more than that it found no coordinator. */
import type { Kafka } from 'kafkajs';
import { systemClock } from '../../src/core/clock.ts';

interface Cluster {
  refreshMetadata(): Promise<void>;
  findControllerBroker(): Promise<{ findGroupCoordinator(request: { groupId: string; coordinatorType: 0 }): Promise<unknown> }>;
}

/** Asks a broker who coordinates a group, without joining it. Throws the broker's refusal as it is. */
export async function askForCoordinator(kafka: Kafka, groupId: string): Promise<void> {
  let cluster: unknown;
  const consumer = kafka.consumer({
    groupId,
    // assigners are handed the client's view of the cluster; this one never assigns
    partitionAssigners: [
      (config) => {
        cluster = config.cluster;
        return {
          name: 'none',
          version: 0,
          assign: async () => [],
          protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }),
        };
      },
    ],
  });
  await consumer.connect();
  try {
    await (cluster as Cluster).refreshMetadata();
    const broker = await (cluster as Cluster).findControllerBroker();
    for (let again = 0; ; again++) {
      try {
        return void (await broker.findGroupCoordinator({ groupId, coordinatorType: 0 }));
      } catch (error) {
        // the first group of a cluster waits until its topic of offsets is made
        if (!(error as { retriable?: boolean }).retriable || again === 5) throw error;
        await systemClock.sleep(400);
      }
    }
  } finally {
    await consumer.disconnect().catch(() => undefined);
  }
}

/** The cause itself, or what the broker says where the cause is that no coordinator was found. */
export async function coordinatorRefusal(cause: unknown, kafka: Kafka, groupId: string): Promise<unknown> {
  if (!/find group coordinator/.test(String((cause as Error | undefined)?.message))) return cause;
  return askForCoordinator(kafka, groupId).then(
    () => cause,
    (refusal: unknown) => refusal,
  );
}

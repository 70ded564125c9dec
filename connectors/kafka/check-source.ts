/** For `check --live`: whether a topic can be read as a member of a group. The group is left alone: joining it would disturb a running pipeline. */
import type { Admin } from 'kafkajs';
import type { ConnectorContext, Finding } from '../../src/core/connector.ts';
import { connectKafka } from './client.ts';
import { askForCoordinator } from './coordinator.ts';
import { kafkaFault } from './faults.ts';
import { probeFindings } from './probe.ts';
import { endpoint, type Connection } from './settings.ts';

/** One finding a broker, then the topic and the group; only the brokers where none of them answers. */
export async function checkSource(
  connection: Connection,
  topic: string,
  group: string,
  context: Pick<ConnectorContext, 'folder' | 'pipeline'>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const brokers = await probeFindings(connection, context.folder, signal);
  if (!brokers.some(({ ok }) => ok)) return brokers;
  const at = endpoint(connection);
  const kafka = await connectKafka(connection, context, { requestTimeout: 5000 });
  const admin = kafka.admin();
  const ask = async (
    facts: { topic: string } | { group: string },
    question: (admin: Admin) => Promise<string>,
  ): Promise<Finding> => {
    const what = Object.entries(facts)[0]!.join(' ');
    try {
      return { endpoint: `kafka ${what}`, ok: true, what: await question(admin) };
    } catch (error) {
      return {
        endpoint: `kafka ${what}`,
        ok: false,
        what: kafkaFault(error, { endpoint: at, ...facts }).message,
      };
    }
  };
  try {
    await admin.connect();
    const findings = [
      await ask({ topic }, async () => {
        const offsets = await admin.fetchTopicOffsets(topic);
        const messages = offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
        return `It has ${offsets.length} partitions with ${messages} messages.`;
      }),
    ];
    if (findings[0]!.ok)
      findings.push(
        await ask({ group }, async () => {
          await askForCoordinator(kafka, group);
          await admin.fetchOffsets({ groupId: group, topics: [topic] });
          const { groups } = await admin.describeGroups([group]);
          const members = groups[0]?.members.length ?? 0;
          const who = members === 1 ? 'one process is' : `${members === 0 ? 'no' : members} processes are`;
          return `It may be used; ${who} in it now.`;
        }),
      );
    return [...brokers, ...findings];
  } catch (error) {
    return [...brokers, { endpoint: `kafka ${at}`, ok: false, what: kafkaFault(error, { endpoint: at }).message }];
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Compares, every second, what the broker still has with what comes next: lag, whether anything was lost on its side, and what it was not told. */
import { TidecastError } from '../../src/core/errors.ts';
import type { GroupConsumer } from './consumer.ts';
import { kafkaFault } from './faults.ts';
import type { GroupMember } from './member.ts';
import type { Partition } from './partition.ts';

const EVERY = 1000;
/** How often in a row the broker must say that something is gone: it may be starting up. */
const BELIEVE_AFTER = 3;
const BELIEVE_REFUSAL_AFTER = 8;

/** Runs until the signal is aborted. What it finds out is told by events, or ends the member. */
export async function patrol(member: GroupMember, consumer: GroupConsumer, signal: AbortSignal): Promise<void> {
  const { topic } = member.settings;
  for (let refusals = 0; ; await member.doubts.heard(EVERY, signal)) {
    if (signal.aborted || member.failure) return;
    if (!consumer.joined) continue;
    // what arrives while the question is under way is not in the answer
    const asked = new Map([...member.partitions.values()].map((each) => [each, each.expected]));
    try {
      const found = await consumer.admin.fetchTopicOffsets(topic);
      refusals = 0;
      if (signal.aborted) return;
      if (found.length !== member.count)
        return member.fail(new TidecastError('KAFKA_PARTITIONS_CHANGED', { topic, before: member.count, now: found.length }));
      for (const { partition: id, low, high } of found) {
        const partition = member.partitions.get(id);
        if (partition) judge(member, partition, asked.get(partition), Number(low), Number(high));
      }
      member.news.ring();
      void member.tell();
    } catch (error) {
      const fault = kafkaFault(error, { topic });
      if (!fault.retriable && ++refusals >= BELIEVE_REFUSAL_AFTER) return void consumer.end(fault, 1000);
    }
  }
}

function judge(member: GroupMember, partition: Partition, asked: number | undefined, low: number, high: number): void {
  const { topic } = member.settings;
  const fail = (facts: { next: number; oldest?: number; newest?: number }) =>
    member.fail(new TidecastError('KAFKA_OFFSET_GONE', { topic, partition: partition.id, ...facts }));
  partition.low = low;
  partition.high = high;
  const { doubt, expected } = partition;
  if (expected === undefined || asked === undefined) return;
  if (doubt !== undefined) {
    if (low > doubt) return fail({ next: doubt, oldest: low });
    // a gap that always was: a compacted topic, or marks of transactions
    if (asked > doubt) partition.doubt = undefined;
  }
  partition.gone = low > expected || high < asked ? partition.gone + 1 : 0;
  if (partition.gone >= BELIEVE_AFTER) return fail({ next: expected, oldest: low, newest: high });
  member.context.events.emit('source.lag', { source: 'kafka', partition: partition.id, lag: partition.lag });
}

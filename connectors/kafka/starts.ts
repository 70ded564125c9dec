/** Where a partition begins, and when it must not. */
import type { Admin } from 'kafkajs';
import { TidecastError } from '../../src/core/errors.ts';
import type { Position } from '../../src/core/position.ts';
import { METADATA } from './consumer.ts';

/** What the broker knows about a partition before it is read. */
export interface Known {
  /** Offset of the oldest message, and the one after the newest. */
  readonly low: number;
  readonly high: number;
  /** What the group committed last; -1 for nothing. */
  readonly committed: number;
  /** Whether a process with a saved state committed it. */
  readonly ours: boolean;
}

export interface StartRules {
  readonly topic: string;
  readonly group: string;
  readonly start: 'earliest' | 'latest';
  /** The run starts over: what was committed does not count. */
  readonly fresh: boolean;
}

/** Asks for all partitions of a topic. */
export async function whatIsKnown(admin: Admin, topic: string, group: string): Promise<Map<number, Known>> {
  const [offsets, [committed]] = await Promise.all([
    admin.fetchTopicOffsets(topic),
    admin.fetchOffsets({ groupId: group, topics: [topic] }),
  ]);
  const byPartition = new Map(committed?.partitions.map((each) => [each.partition, each]));
  return new Map(
    offsets.map(({ partition, low, high }) => {
      const { offset = '-1', metadata } = byPartition.get(partition) ?? {};
      return [partition, { low: Number(low), high: Number(high), committed: Number(offset), ours: metadata === METADATA }];
    }),
  );
}

/**
 * The offset at which a partition begins: the saved position, or for a partition without one the end that the settings name.
 *
 * Throws `KAFKA_OFFSET_GONE` where the broker no longer has the saved position, and `KAFKA_STATE_ELSEWHERE` where another state than
 * this one has processed the partition.
 */
export function startOf(partition: number, saved: number | undefined, known: Known, rules: StartRules): number {
  const { topic, group, start, fresh } = rules;
  const { low, high, committed, ours } = known;
  if (saved === undefined) {
    if (ours && committed > low && !fresh)
      throw new TidecastError('KAFKA_STATE_ELSEWHERE', { topic, partition, group, committed });
    return start === 'earliest' ? low : high;
  }
  if (saved < low || saved > high)
    throw new TidecastError('KAFKA_OFFSET_GONE', { topic, partition, next: saved, oldest: low, newest: high });
  return saved;
}

/** Throws `KAFKA_PARTITIONS_CHANGED` where the saved position was made with another number of partitions. */
export function samePartitions(
  saved: Position | undefined,
  known: ReadonlyMap<number, Known>,
  { topic, fresh }: StartRules,
): void {
  const ids = Object.keys(saved ?? {})
    .map(Number)
    .filter((id) => id >= 0);
  if (ids.length === 0) return;
  const before = Math.max(...ids) + 1;
  // where another process of the group has read the rest, `startOf` says so
  const added = [...known].some(([id, { ours, committed, low }]) => id >= before && (fresh || !ours || committed <= low));
  if (added || before > known.size) throw new TidecastError('KAFKA_PARTITIONS_CHANGED', { topic, before, now: known.size });
}

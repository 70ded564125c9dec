/** From partitions to batches of ticks: which partition next, with everything a receiver must know. */
import { setImmediate as breathe } from 'node:timers/promises';
import type { SourceBatch } from '../../src/core/batch.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Position } from '../../src/core/position.ts';
import type { GroupMember } from './member.ts';
import type { Partition } from './partition.ts';
import { samePartitions, startOf, whatIsKnown, type Known, type StartRules } from './starts.ts';

/** How long a partition with messages on the broker may keep the others waiting. */
const WAIT_FOR_OTHERS = 1000;
/** The client needs its turn to send heartbeats. */
const BREATHE_EVERY = 8;

export interface ReadOptions {
  readonly rules: StartRules;
  readonly channels: number;
  /** Only this partition, of several that are read each on their own. */
  readonly only?: Partition;
}

/**
 * Reads what the member owns until the signal is aborted or, with `only`, until that partition is taken away.
 *
 * The partition whose next message was recorded first comes next. Where a partition begins is yielded first, as a batch without rows,
 * unless `from` says it. Throws what ended the member.
 */
export async function* readPartitions(
  member: GroupMember,
  options: ReadOptions,
  from: Position | undefined,
  signal: AbortSignal,
): AsyncGenerator<SourceBatch> {
  const { only, channels } = options;
  const owned = () => (only ? [only] : [...member.partitions.values()]);
  const positions = new Map(Object.entries(from ?? {}).map(([id, offset]) => [Number(id), offset]));
  for (const partition of owned()) partition.expected = undefined;
  let breath = systemClock.elapsed();
  for (let first = true; !signal.aborted;) {
    if (member.failure) throw member.failure;
    const fresh = owned().filter(({ expected }) => expected === undefined);
    if (fresh.length > 0) {
      const starts = await begin(member, options, first && !only ? from : undefined, positions, fresh, signal);
      // a process may have died between its checkpoint and telling the group
      if (from) void member.commit(from);
      first &&= starts.length === 0;
      if (starts.length === 0) await member.news.heard(100, signal);
      for (const { id, offset } of starts) {
        if (!positions.has(id)) yield nothing(id, offset, channels);
        positions.set(id, offset);
      }
      continue;
    }
    const partition = choose(owned(), member.well);
    if (!partition) {
      await member.news.heard(250, signal);
      breath = systemClock.elapsed();
      continue;
    }
    const batch = partition.take();
    member.taken(partition);
    if (systemClock.elapsed() - breath > BREATHE_EVERY) {
      await breathe();
      breath = systemClock.elapsed();
    }
    // whoever has it now reads these messages too
    if (partition.revoked.aborted) continue;
    positions.set(partition.id, partition.next);
    yield member.count > 1 && !only ? { ...batch, waiting: whatWaits(owned()) } : batch;
  }
}

/** Resolves where partitions begin, and starts to fetch those that are still ours then. */
async function begin(
  member: GroupMember,
  { rules }: ReadOptions,
  from: Position | undefined,
  positions: ReadonlyMap<number, number>,
  fresh: readonly Partition[],
  signal: AbortSignal,
): Promise<{ id: number; offset: number }[]> {
  const begun: { id: number; offset: number }[] = [];
  const known = await member.ask(
    (admin) => settled(() => whatIsKnown(admin, rules.topic, rules.group), positions, fresh),
    signal,
  );
  if (!known) return begun;
  samePartitions(from, known, rules);
  for (const partition of fresh) {
    const { id } = partition;
    const facts = known.get(id);
    if (!facts || partition.revoked.aborted) continue;
    const offset = startOf(id, positions.get(id), facts, rules);
    partition.committed = facts.committed;
    partition.low = facts.low;
    partition.high = facts.high;
    member.begin(partition, offset);
    begun.push({ id, offset });
  }
  return begun;
}

/** A broker that starts up may not know its newest messages yet: it is asked again before that counts as a loss. */
async function settled(
  ask: () => Promise<Map<number, Known>>,
  positions: ReadonlyMap<number, number>,
  fresh: readonly Partition[],
): Promise<Map<number, Known>> {
  for (let again = 0; ; again++) {
    const known = await ask();
    const short = fresh.some(({ id }) => (positions.get(id) ?? 0) > (known.get(id)?.high ?? 0));
    if (!short || again === 3) return known;
    await systemClock.sleep(500);
  }
}

/** The partition to read from now; undefined where it is better to wait. */
function choose(owned: readonly Partition[], well: boolean): Partition | undefined {
  const now = systemClock.elapsed();
  let best: Partition | undefined;
  let lacking = false;
  for (const partition of owned) {
    if (partition.revoked.aborted) continue;
    if (partition.ready) {
      partition.lackingSince = undefined;
      if (!best || partition.time < best.time) best = partition;
    } else if (well && (partition.high > (partition.expected ?? 0) || partition.doubt !== undefined)) {
      partition.lackingSince ??= now;
      lacking ||= now - partition.lackingSince < WAIT_FOR_OTHERS;
    }
  }
  return lacking ? undefined : best;
}

/** Partitions with messages to be read, and the event time of the first as far as it is known. */
function whatWaits(owned: readonly Partition[]): Record<string, number> {
  const waiting: Record<string, number> = {};
  for (const partition of owned) {
    if (partition.lag > 0) waiting[String(partition.id)] = partition.firstTime;
  }
  return waiting;
}

function nothing(partition: number, next: number, channels: number): SourceBatch {
  return {
    partition,
    series: [],
    codes: new Int32Array(0),
    times: new Float64Array(0),
    channels: Array.from({ length: channels }, () => new Float64Array(0)),
    offsets: new Float64Array(0),
    next,
  };
}

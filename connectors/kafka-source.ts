/** Ticks from a Kafka topic, as a member of a consumer group. */
import { z } from 'zod';
import type { SourceBatch } from '../src/core/batch.ts';
import { defineSource } from '../src/core/component.ts';
import type { Assignment, ConnectorContext, Finding, Health, Source } from '../src/core/connector.ts';
import type { Position } from '../src/core/position.ts';
import { durationField } from './formats/duration-field.ts';
import { messageDecoder } from './formats/message-decoder.ts';
import { checkMessageFields, messageFields } from './formats/message-fields.ts';
import { checkSource } from './kafka/check-source.ts';
import { GroupMember } from './kafka/member.ts';
import type { Partition } from './kafka/partition.ts';
import { readPartitions, type ReadOptions } from './kafka/reading.ts';
import { connectionFields, soundConnection } from './kafka/settings.ts';

const config = z
  .strictObject({
    ...connectionFields,
    topic: z.string().min(1).describe('The topic to read.'),
    group: z
      .string()
      .min(1)
      .optional()
      .describe('The consumer group: all processes of one application have the same. Default: the name of the pipeline.'),
    start: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe('Where a partition begins that this pipeline never read: at its oldest message, or at what comes from now on.'),
    max_message_bytes: z
      .int()
      .min(1)
      .default(1_048_576)
      .describe('A message with more bytes, as it came or decompressed, is refused (`too-large`).'),
    session_timeout: durationField(1000, 1_800_000)
      .prefault('30s')
      .describe('How long the broker waits for a sign of life until it gives our partitions to other processes of the group.'),
    ...messageFields,
  })
  .superRefine(soundConnection)
  .superRefine(checkMessageFields);

type Config = z.infer<typeof config>;

export default defineSource<Config>({
  name: 'kafka',
  status: 'beta',
  summary: 'Reads ticks from a Kafka topic.',
  config,
  example: 'brokers: 127.0.0.1:9092\ntopic: ticks\nvalues: [value]',
  guarantees: [
    'Position: the next offset of each partition, kept in the state of the pipeline. The group’s committed offsets follow it, with the note `tidecast`; they are for those who watch, and never decide where to continue.',
    'At least once from Kafka, and each message once into the state: a run continues at the offset in its state, whatever was committed. What was fetched twice is dropped.',
    'Order: within a partition as written. Of several, the one whose next message has the oldest record time; a partition that lags behind on the broker is waited for up to a second.',
    'Only messages of transactions that were committed are read.',
    'Back pressure: a partition whose messages are not taken is paused. About 8 MB of rows are held, whatever waits; the membership in the group does not depend on how fast they are taken.',
    'A message that cannot be decoded is rejected with its place, bytes and reason, and the next ones go on: `undecodable`, `empty` for a tombstone, `too-large`.',
    'Waits for as long as it takes: a broker that is away, starts up, or changes its leader. A consumer that died or fell silent is replaced.',
    'Stops with an error: a wrong password, a missing right, a topic that does not exist; messages that were deleted before they were read (`KAFKA_OFFSET_GONE`); a changed number of partitions (`KAFKA_PARTITIONS_CHANGED`); a partition that another state has processed (`KAFKA_STATE_ELSEWHERE`).',
    'Revoked partitions: nothing of them is read or committed from then on.',
    'Compression: gzip, snappy, lz4, zstd. A body that cannot be decompressed is rejected like a message.',
  ],
  build: (settings, context) => new KafkaSource(settings, context),
});

class KafkaSource implements Source {
  readonly bounded = false;
  readonly channels: readonly string[];
  readonly #config: Config;
  readonly #context: ConnectorContext;
  readonly #group: string;
  readonly #member: GroupMember;

  constructor(settings: Config, context: ConnectorContext) {
    this.channels = settings.values;
    this.#config = settings;
    this.#context = context;
    this.#group = settings.group ?? context.pipeline;
    const { topic, session_timeout: sessionTimeout } = settings;
    const decoder = messageDecoder(settings, { origin: topic, limit: settings.max_message_bytes });
    this.#member = new GroupMember({ connection: settings, topic, group: this.#group, sessionTimeout }, context, (...messages) =>
      decoder.decode(...messages),
    );
  }

  async *read(from: Position | undefined, signal: AbortSignal): AsyncGenerator<SourceBatch> {
    if (signal.aborted) return;
    this.#member.start();
    try {
      yield* readPartitions(this.#member, this.#options(), from, signal);
    } catch (error) {
      this.#member.fail(error);
      throw error;
    }
  }

  async *assignments(signal: AbortSignal): AsyncGenerator<Assignment> {
    if (signal.aborted) return;
    const member = this.#member;
    member.start();
    const given = new WeakSet<Partition>();
    while (!signal.aborted) {
      if (member.failure) throw member.failure;
      const fresh = [...member.partitions.values()].find((partition) => !given.has(partition));
      if (!fresh) {
        await member.news.heard(1000, signal);
        continue;
      }
      given.add(fresh);
      const source = new PartitionSource(fresh, member, this.channels, this.#options(fresh));
      yield { partition: fresh.id, partitions: member.count, source, revoked: fresh.revoked };
    }
  }

  commit(position: Position): Promise<void> {
    return this.#member.commit(position);
  }

  health(): Health {
    return this.#member.health();
  }

  check(signal: AbortSignal): Promise<readonly Finding[]> {
    return checkSource(this.#config, this.#config.topic, this.#group, this.#context, signal);
  }

  close(): Promise<void> {
    return this.#member.close();
  }

  #options(only?: Partition): ReadOptions {
    const { topic, start } = this.#config;
    const rules = { topic, group: this.#group, start, fresh: this.#context.fresh };
    return { rules, channels: this.channels.length, ...(only ? { only } : {}) };
  }
}

/** One partition of the consumer that all partitions of this process share. */
class PartitionSource implements Source {
  readonly bounded = false;
  readonly channels: readonly string[];
  readonly #partition: Partition;
  readonly #member: GroupMember;
  readonly #options: ReadOptions;
  #closing = new AbortController();

  constructor(partition: Partition, member: GroupMember, channels: readonly string[], options: ReadOptions) {
    this.#partition = partition;
    this.#member = member;
    this.channels = channels;
    this.#options = options;
  }

  read(from: Position | undefined, signal: AbortSignal): AsyncIterable<SourceBatch> {
    // it is read again where the state was taken over by another process, and the partition then came back
    this.#closing = new AbortController();
    const until = AbortSignal.any([signal, this.#partition.revoked, this.#closing.signal]);
    return readPartitions(this.#member, this.#options, from, until);
  }

  async commit(position: Position): Promise<void> {
    const { id, revoked } = this.#partition;
    const offset = position[String(id)];
    if (offset !== undefined && !revoked.aborted && !this.#closing.signal.aborted)
      await this.#member.commit({ [String(id)]: offset });
  }

  health(): Health {
    return this.#member.health();
  }

  async close(): Promise<void> {
    this.#closing.abort();
  }
}

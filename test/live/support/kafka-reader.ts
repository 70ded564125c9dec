/** Kafka sources under test, and what they say. */
import { createRequire } from 'node:module';
import kafkaSource from '../../../connectors/kafka-source.ts';
import type { SourceBatch } from '../../../src/core/batch.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { Source } from '../../../src/core/connector.ts';
import { EventBus, type EventName, type Events } from '../../../src/core/events.ts';
import type { Position } from '../../../src/core/position.ts';
import { brokers, endOffsets, newTopic, until, withAdmin } from './servers.ts';

export interface SourceOptions {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly at?: readonly string[];
  readonly fresh?: boolean;
}

export type Told = { [K in EventName]: { readonly name: K } & Events[K] }[EventName];

/** A source of JSON ticks with one value; the group is named like the topic unless the configuration says otherwise. */
export function openKafka(topic: string, { config = {}, at = brokers(), fresh = false }: SourceOptions = {}) {
  const events = new EventBus();
  const told: Told[] = [];
  const names: EventName[] = [
    'source.connected',
    'source.waiting',
    'source.assigned',
    'source.revoked',
    'source.lag',
    'source.committed',
  ];
  for (const name of names) events.on(name, (payload) => told.push({ name, ...payload } as Told));
  const parsed = kafkaSource.config.parse({
    brokers: at,
    topic,
    group: topic,
    session_timeout: '6s',
    values: ['value'],
    ...config,
  });
  const source = kafkaSource.build(parsed, { folder: '.', pipeline: 'test', clock: systemClock, seed: 1, events, fresh });
  return { source, told };
}

/** Reads on its own until it is stopped, and keeps what came. */
export class Reader {
  readonly source: Source;
  readonly batches: SourceBatch[] = [];
  /** Value by value, as they came. */
  readonly values: number[] = [];
  position: Record<string, number>;
  /** Set to a promise to make the reader slow. */
  gate: Promise<void> = Promise.resolve();
  error: unknown;
  readonly done: Promise<void>;
  readonly #stop = new AbortController();

  constructor(source: Source, from?: Position, onBatch?: (batch: SourceBatch) => void | Promise<void>) {
    this.source = source;
    this.position = { ...from };
    this.done = this.#read(from, onBatch).catch((error: unknown) => void (this.error = error));
  }

  async #read(from: Position | undefined, onBatch?: (batch: SourceBatch) => void | Promise<void>): Promise<void> {
    for await (const batch of this.source.read(from, this.#stop.signal)) {
      // the arrays hold until the next batch
      this.batches.push({ ...batch, offsets: batch.offsets.slice(), times: batch.times.slice() });
      this.values.push(...batch.channels[0]!);
      const next = batch.next ?? batch.offsets.at(-1)! + 1;
      if (next < (this.position[String(batch.partition)] ?? 0)) throw new Error('the position went back');
      this.position[String(batch.partition)] = next;
      await onBatch?.(batch);
      await this.gate;
    }
  }

  /** Ends reading; the source stays open. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

interface Runner {
  fetch(nodeId: string): Promise<unknown>;
  processEachBatch(batch: { messages: unknown[] }): Promise<void>;
}

/** The loop of the client: what no broker does is done there, by replacing its functions for a while. */
export const clientLoop = (createRequire(import.meta.url)('kafkajs/src/consumer/runner.js') as { prototype: Runner }).prototype;

/** `count` ticks whose values count from `from`, spread over the partitions in turn. */
export function ticks(count: number, from = 0, partitions = 1) {
  return Array.from({ length: count }, (_, i) => ({
    key: `s${(from + i) % 10}`,
    value: JSON.stringify({ ts: 1_700_000_000_000 + (from + i) * 1000, value: from + i }),
    partition: (from + i) % partitions,
    timestamp: String(1_700_000_000_000 + (from + i) * 1000),
  }));
}

/** The numbers from `from` to `to`, as a reader must have seen them, in order of size. */
export function numbers(to: number, from = 0): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

/** A topic whose partitions all have their leader: a message sent before that may be there twice. */
export async function readyTopic(partitions = 1, options: Parameters<typeof newTopic>[1] = {}): Promise<string> {
  const topic = await newTopic(partitions, options);
  await until(
    'the topic is ready',
    async () => (await endOffsets(topic, [...(options.at ?? brokers())])).length === partitions,
    60_000,
  );
  return topic;
}

/** Deletes the messages before an offset, as retention does. */
export async function deleteBefore(topic: string, partition: number, offset: number): Promise<void> {
  await withAdmin(brokers(), async (admin) => {
    // without it the client knows no leader
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(offset) }] });
  });
}

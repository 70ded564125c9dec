/**
 * One life of the client's group consumer, from connecting until it is dead. It never comes back to life: whoever owns it makes another.
 *
 * Nothing is awaited or thrown inside the client's handlers: what they hand over is passed on at once, or they would stop the heartbeat
 * or the consumer itself.
 */
import type { Socket } from 'node:net';
import type { Admin, Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import { systemClock } from '../../src/core/clock.ts';
import type { ConnectorContext } from '../../src/core/connector.ts';
import { connectKafka } from './client.ts';
import type { Connection } from './settings.ts';

export interface ConsumerSettings {
  readonly connection: Connection;
  readonly topic: string;
  readonly group: string;
  /** Milliseconds without a heartbeat after which the broker gives our partitions to others. */
  readonly sessionTimeout: number;
}

/** Who takes what the consumer brings. Its functions return at once. */
export interface ConsumerOwner {
  /** These partitions are ours now, and no others. None of them is fetched before `begin`. */
  joined(partitions: readonly number[]): void;
  /** Messages of a partition, spanning the offsets `first` to `end`; false: they are not what comes next. */
  fetched(partition: number, messages: readonly KafkaMessage[], first: number, end: number): boolean;
  /** A span without messages. */
  skipped(partition: number, first: number, end: number): void;
}

/** Also how long it takes until a partition that was resumed is fetched, where all are paused. */
const LONGEST_FETCH = 100;
const REQUEST_TIMEOUT = 10_000;
const STOP_TO_CRASH = 5000;
/** What a compressed batch may unpack to: it is in memory as a whole. */
const UNPACKED = 64 * 1024 * 1024;

type Offsets = Parameters<EachBatchPayload['commitOffsetsIfNecessary']>[0];

export class GroupConsumer {
  readonly kafka: Kafka;
  readonly admin: Admin;
  /** Resolves with the cause of death. */
  readonly ended: Promise<unknown>;
  /** Milliseconds since the broker last took a heartbeat from us, as counted by {@link tick}. */
  quiet = 0;
  /** Whether the group has taken us in. */
  joined = false;
  /** Whether messages came. */
  productive = false;
  readonly #topic: string;
  readonly #group: string;
  readonly #consumer: Consumer;
  readonly #owner: ConsumerOwner;
  readonly #sockets: OpenSockets;
  readonly #toResume = new Set<number>();
  /** Ends the wait for answers of the group. */
  readonly #pending = new Set<(cause: Error) => void>();
  #commitDirectly: EachBatchPayload['commitOffsetsIfNecessary'] | undefined;
  #end!: (cause: unknown) => void;
  #over = false;

  static async make(
    settings: ConsumerSettings,
    context: Pick<ConnectorContext, 'folder' | 'pipeline'>,
    owner: ConsumerOwner,
  ): Promise<GroupConsumer> {
    const sockets = new OpenSockets();
    const kafka = await connectKafka(settings.connection, context, {
      sockets,
      requestTimeout: REQUEST_TIMEOUT,
      unpackedLimit: UNPACKED,
    });
    const consumer = kafka.consumer({
      groupId: settings.group,
      sessionTimeout: settings.sessionTimeout,
      rebalanceTimeout: 2 * settings.sessionTimeout,
      heartbeatInterval: Math.max(100, Math.floor(settings.sessionTimeout / 10)),
      maxWaitTimeInMs: LONGEST_FETCH,
      maxBytesPerPartition: 786_432,
      maxBytes: 4_194_304,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      // a consumer that gave up is not started again by the client: there is one way back, and it is ours
      retry: { retries: 5, restartOnFailure: async () => false },
    });
    return new GroupConsumer(settings, kafka, consumer, sockets, owner);
  }

  private constructor(
    { topic, group }: ConsumerSettings,
    kafka: Kafka,
    consumer: Consumer,
    sockets: OpenSockets,
    owner: ConsumerOwner,
  ) {
    this.#topic = topic;
    this.#group = group;
    this.kafka = kafka;
    this.admin = kafka.admin();
    this.#consumer = consumer;
    this.#sockets = sockets;
    this.#owner = owner;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    const { CRASH, STOP, GROUP_JOIN, HEARTBEAT, FETCH_START, START_BATCH_PROCESS } = consumer.events;
    consumer.on(CRASH, ({ payload }) => this.#end(payload.error));
    // a crash says STOP first, and then why
    consumer.on(STOP, () => void setTimeout(() => this.#end(new Error('the consumer stopped')), STOP_TO_CRASH).unref());
    consumer.on(HEARTBEAT, () => void (this.quiet = 0));
    consumer.on(GROUP_JOIN, ({ payload }) => this.#guarded(() => this.#join(payload.memberAssignment[topic] ?? [])));
    // the fetch that begins here first moves to where `begin` said
    consumer.on(FETCH_START, () => this.#guarded(() => this.#resumeAll()));
    consumer.on(START_BATCH_PROCESS, ({ payload: { partition, batchSize, firstOffset, lastOffset } }) => {
      if (batchSize === 0 && firstOffset !== null)
        this.#guarded(() => this.#owner.skipped(partition, Number(firstOffset), Number(lastOffset) + 1));
    });
  }

  /** Connects and joins the group; what fails then is the cause of death. Throws what the first connection throws. */
  async start(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topic: this.#topic, fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => this.#guarded(() => this.#fetched(payload)),
    });
  }

  /** Starts fetching a partition at an offset, anew or again; `held`: only when it is resumed. */
  begin(partition: number, offset: number, held = false): void {
    this.#guarded(() => {
      this.#consumer.seek({ topic: this.#topic, partition, offset: String(offset) });
      if (!held) this.#toResume.add(partition);
    });
  }

  pause(partition: number): void {
    this.#toResume.delete(partition);
    this.#guarded(() => this.#consumer.pause([{ topic: this.#topic, partitions: [partition] }]));
  }

  resume(partition: number): void {
    this.#guarded(() => this.#consumer.resume([{ topic: this.#topic, partitions: [partition] }]));
  }

  /**
   * Tells the group, once. The client's own `commitOffsets` tries again and again, across rebalances too, when the partition may be
   * another's: it is used only before the first batch. Throws when the consumer ends meanwhile: the client may never answer then.
   */
  async commit(offsets: ReadonlyMap<number, number>): Promise<void> {
    const partitions = Array.from(offsets, ([partition, offset]) => ({ partition, offset: String(offset), metadata: METADATA }));
    const told = this.#commitDirectly
      ? this.#commitDirectly({ topics: [{ topic: this.#topic, partitions }] } as Offsets)
      : this.#consumer.commitOffsets(partitions.map((each) => ({ topic: this.#topic, ...each })));
    await this.#whileAlive(told);
  }

  /** The group's offsets by partition, as far as it has any. Throws when the consumer ends meanwhile. */
  async committed(): Promise<Map<number, number>> {
    const [found] = await this.#whileAlive(this.admin.fetchOffsets({ groupId: this.#group, topics: [this.#topic] }));
    return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** Counts the time without a sign of life; at most a few seconds a call, so that a process that was frozen does not blame the broker. */
  tick(elapsed: number): void {
    this.quiet += Math.min(elapsed, 3000);
  }

  /** Leaves the group if that goes within `ms`, and closes every connection in any case. */
  async end(cause: unknown, ms: number): Promise<void> {
    this.#over = true;
    this.#end(cause);
    for (const stop of this.#pending) stop(new Error('the consumer ended'));
    const both = Promise.allSettled([this.#consumer.disconnect(), this.admin.disconnect()]);
    const timer = new AbortController();
    await Promise.race([both, systemClock.sleep(ms, timer.signal)]);
    timer.abort();
    this.#sockets.destroy();
  }

  async #whileAlive<T>(answer: Promise<T>): Promise<T> {
    let stop!: (cause: Error) => void;
    const stopped = new Promise<never>((_, reject) => (stop = reject));
    this.#pending.add(stop);
    return Promise.race([answer, stopped]).finally(() => this.#pending.delete(stop));
  }

  #join(partitions: readonly number[]): void {
    // before the client fetches anything: it would start where the group committed last
    this.#consumer.pause([{ topic: this.#topic, partitions: [...partitions] }]);
    this.#toResume.clear();
    this.joined = true;
    this.quiet = 0;
    this.#owner.joined(partitions);
  }

  #resumeAll(): void {
    if (this.#toResume.size === 0) return;
    this.#consumer.resume([{ topic: this.#topic, partitions: [...this.#toResume] }]);
    this.#toResume.clear();
  }

  #fetched({ batch, resolveOffset, commitOffsetsIfNecessary }: EachBatchPayload): void {
    this.#commitDirectly = commitOffsetsIfNecessary;
    this.quiet = 0;
    this.productive = true;
    const last = batch.lastOffset();
    const taken = this.#owner.fetched(batch.partition, batch.messages, Number(batch.firstOffset()), Number(last) + 1);
    if (taken) resolveOffset(batch.messages.at(-1)!.offset);
  }

  /** Runs something inside the client's handlers: an error there would be the client's, and might stop it for good. */
  #guarded(run: () => void): void {
    if (this.#over) return;
    try {
      run();
    } catch (error) {
      this.#end(error);
    }
  }
}

/** Marks a committed offset as ours: there is a state that goes with it. */
export const METADATA = 'tidecast';

/** The connections of a client; once destroyed, new ones are as well. */
class OpenSockets extends Set<Socket> {
  #closed = false;

  override add(socket: Socket): this {
    if (this.#closed) socket.destroy();
    return super.add(socket);
  }

  destroy(): void {
    this.#closed = true;
    for (const socket of this) socket.destroy();
  }
}

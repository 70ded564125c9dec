/**
 * This process as a member of a consumer group: one consumer after the other, for as long as it takes, and what is owned meanwhile.
 *
 * The client's consumer can die in many ways, some of them without a word. So each is watched, thrown away when it is dead, and built
 * anew as soon as a broker answers; what waiting cannot mend becomes `failure`, which ends whoever reads.
 */
import type { Admin, KafkaMessage } from 'kafkajs';
import { systemClock } from '../../src/core/clock.ts';
import type { ConnectorContext, Health } from '../../src/core/connector.ts';
import { TidecastError, type ErrorCode } from '../../src/core/errors.ts';
import type { Position } from '../../src/core/position.ts';
import { Bell } from './bell.ts';
import { GroupConsumer, type ConsumerOwner, type ConsumerSettings } from './consumer.ts';
import { coordinatorRefusal } from './coordinator.ts';
import { kafkaFault } from './faults.ts';
import { patrol } from './patrol.ts';
import { Partition, type Decode } from './partition.ts';
import { probe } from './probe.ts';
import { endpoint } from './settings.ts';
import { Watchdog } from './watchdog.ts';

/** Estimated memory that fetched rows may hold, over all partitions. */
const QUEUED = 8 * 1024 * 1024;
const LEAVE = 4000;
/** A stop waits for it: what is not told by then is told by the next. */
const COMMIT = 2000;
/** How often in a row something must fail for good after it had worked, until we believe it. */
const BELIEVE_AFTER = 5;
/** A consumer that lived for so long (ms) did not fail in a row with the one before. */
const A_GOOD_LIFE = 60_000;
/** What a broker that has just come up may say as well. */
const MAY_PASS: readonly ErrorCode[] = ['KAFKA_FAILED', 'KAFKA_TOPIC_UNKNOWN'];
const PAUSES = [200, 500, 1000, 2000, 5000];

export class GroupMember implements ConsumerOwner {
  readonly settings: ConsumerSettings;
  readonly context: ConnectorContext;
  /** What is ours now. A partition that was taken and given again is another object. */
  readonly partitions = new Map<number, Partition>();
  /** Rings when there is something to read, or when what is ours has changed, or on failure. */
  readonly news = new Bell();
  /** Rings when a partition's offsets are in doubt. */
  readonly doubts = new Bell();
  /** Partitions of the topic; 0 until the broker was reached. */
  count = 0;
  /** What no waiting mends. */
  failure: TidecastError | undefined;
  readonly #closing = new AbortController();
  readonly #closed = new Promise<void>((resolve) => this.#closing.signal.addEventListener('abort', () => resolve()));
  readonly #watchdog: Watchdog;
  readonly #decode: Decode;
  #consumer: GroupConsumer | undefined;
  #living: Promise<void> | undefined;
  /** What the group is to be told. */
  readonly #untold = new Map<Partition, number>();
  /** Whether telling failed; part of it may have arrived, or another process may have told more since. */
  #unsure = false;
  #telling: Promise<void> | undefined;
  #everJoined = false;

  constructor(settings: ConsumerSettings, context: ConnectorContext, decode: Decode) {
    this.settings = settings;
    this.#decode = decode;
    this.context = context;
    this.#watchdog = new Watchdog(endpoint(settings.connection), settings.sessionTimeout, context.events);
  }

  /** Begins to live; called again, it does nothing. */
  start(): void {
    if (this.#living) return;
    this.#watchdog.start();
    this.#living = this.#live().catch((error: unknown) => this.fail(error));
  }

  /** Ends whoever reads, and leaves the group: what is ours must not lie idle. */
  fail(error: unknown): void {
    this.failure ??= this.#fault(error);
    void this.#consumer?.end(error, LEAVE);
    this.news.ring();
  }

  /** Whether the group's messages can flow, as far as is known. */
  get well(): boolean {
    return this.failure === undefined && this.#consumer?.joined === true && this.#watchdog.trouble === undefined;
  }

  health(): Health {
    const { topic, connection } = this.settings;
    const at = `topic ${topic} at ${endpoint(connection)}`;
    if (this.failure) return { ok: false, detail: this.failure.message };
    const trouble = this.#watchdog.trouble;
    if (trouble) return { ok: false, detail: `${at}: ${trouble}` };
    if (!this.#consumer?.joined) return { ok: false, detail: `${at}: not yet in the group` };
    const owned = [...this.partitions.keys()].sort((a, b) => a - b);
    return { ok: true, detail: `${at}: ${owned.length} of ${this.count} partitions (${owned.join(' ')})` };
  }

  /** Asks the broker until it answers; undefined when the signal is aborted first. Throws what waiting does not mend. */
  async ask<T>(question: (admin: Admin) => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
    for (let refusals = 0; !signal.aborted && !this.#closing.signal.aborted;) {
      if (this.failure) throw this.failure;
      const consumer = this.#consumer;
      if (consumer) {
        try {
          return await question(consumer.admin);
        } catch (error) {
          const fault = this.#fault(error);
          if (!fault.retriable && ++refusals >= BELIEVE_AFTER) throw fault;
        }
      }
      await this.news.heard(500, signal);
    }
    return undefined;
  }

  /** Starts to fetch a partition of ours at an offset; what was fetched of it before is forgotten. */
  begin(partition: Partition, offset: number): void {
    partition.begin(offset);
    this.#consumer?.begin(partition.id, offset);
  }

  /** Rows were taken out of a partition: it is fetched again when it is half empty. */
  taken(partition: Partition): void {
    if (!partition.full || partition.cost > this.#room() / 2) return;
    partition.full = false;
    this.#consumer?.resume(partition.id);
  }

  /** Tells the group what of `position` is ours and new to it. Never throws, and resolves within about two seconds; what fails is tried again later. */
  async commit(position: Position): Promise<void> {
    if (this.#closing.signal.aborted) return;
    for (const [id, partition] of this.partitions) {
      const offset = position[String(id)];
      if (offset !== undefined && offset > partition.committed) this.#untold.set(partition, offset);
    }
    const telling = this.tell();
    const done = new AbortController();
    const stop = () => done.abort();
    this.#closing.signal.addEventListener('abort', stop, { once: true });
    await Promise.race([telling, systemClock.sleep(COMMIT, done.signal)]);
    this.#closing.signal.removeEventListener('abort', stop);
    stop();
  }

  /** Tells the group what it was not told, now or, where that fails, when it is called again: every second. Never throws. */
  tell(): Promise<void> {
    // one after the other: one that is still on its way could arrive after the next
    return (this.#telling ??= this.#tell()
      .catch(() => undefined)
      .finally(() => (this.#telling = undefined)));
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.news.ring();
    await this.#living;
    this.#watchdog.stop();
    for (const partition of this.partitions.values()) partition.revoke();
  }

  joined(ids: readonly number[]): void {
    this.#everJoined = true;
    this.#watchdog.fine();
    const taken = [...this.partitions.values()].filter(({ id }) => !ids.includes(id));
    for (const partition of taken) {
      this.partitions.delete(partition.id);
      partition.revoke();
    }
    for (const id of ids) {
      const partition = this.partitions.get(id);
      if (!partition) this.partitions.set(id, new Partition(id));
      // the client would go back to what was committed
      else if (partition.expected !== undefined) this.#consumer?.begin(id, partition.expected, partition.full);
    }
    const { events } = this.context;
    if (taken.length > 0) events.emit('source.revoked', { source: 'kafka', partitions: taken.map(({ id }) => id) });
    events.emit('source.assigned', { source: 'kafka', partitions: [...ids] });
    this.news.ring();
  }

  fetched(id: number, messages: readonly KafkaMessage[], first: number, end: number): boolean {
    const partition = this.partitions.get(id);
    if (partition?.expected === undefined) return false;
    if (!partition.accept(messages, first, end, this.#decode)) {
      this.#consumer?.begin(id, partition.expected);
      this.doubts.ring();
      return false;
    }
    if (partition.doubt !== undefined) this.doubts.ring();
    if (partition.cost >= this.#room()) {
      partition.full = true;
      this.#consumer?.pause(id);
    }
    this.news.ring();
    return true;
  }

  skipped(id: number, first: number, end: number): void {
    this.partitions.get(id)?.skip(first, end);
  }

  async #tell(): Promise<void> {
    while (this.#untold.size > 0 && !this.#closing.signal.aborted) {
      const consumer = this.#consumer;
      const unsure = this.#unsure;
      // until it is known that it arrived
      this.#unsure = true;
      // until it has joined, the client says yes and commits nothing
      if (!consumer?.joined) return;
      const committed = unsure ? await consumer.committed() : undefined;
      for (const [partition, offset] of this.#untold) {
        if (committed) partition.committed = committed.get(partition.id) ?? -1;
        if (partition.revoked.aborted || offset <= partition.committed) this.#untold.delete(partition);
      }
      const offsets = [...this.#untold];
      if (offsets.length > 0) await consumer.commit(new Map(offsets.map(([{ id }, offset]) => [id, offset])));
      this.#unsure = false;
      for (const [partition, offset] of offsets) {
        partition.committed = offset;
        if (this.#untold.get(partition) === offset) this.#untold.delete(partition);
        this.context.events.emit('source.committed', { source: 'kafka', partition: partition.id, offset });
      }
    }
  }

  #room(): number {
    return QUEUED / Math.max(1, this.partitions.size);
  }

  async #live(): Promise<void> {
    const closing = this.#closing.signal;
    for (let failures = 0; !closing.aborted;) {
      const born = systemClock.elapsed();
      let consumer: GroupConsumer | undefined;
      let cause: unknown;
      try {
        await probe(this.settings.connection, this.context.folder, closing);
        consumer = await GroupConsumer.make(this.settings, this.context, this);
        cause = await coordinatorRefusal(await this.#oneLife(consumer), consumer.kafka, this.settings.group);
      } catch (error) {
        cause = error;
      }
      this.#consumer = undefined;
      await consumer?.end(cause, LEAVE);
      if (closing.aborted) return;
      if (consumer?.productive || systemClock.elapsed() - born > A_GOOD_LIFE) failures = 0;
      failures++;
      const fault = this.#fault(cause);
      const believed = failures >= BELIEVE_AFTER || (!this.#everJoined && !MAY_PASS.includes(fault.code));
      if (this.failure || (!fault.retriable && believed)) return this.fail(fault);
      this.#watchdog.ails(fault.message);
      await systemClock.sleep(PAUSES[Math.min(failures, PAUSES.length) - 1]!, closing);
    }
  }

  /** From connecting to the end, which is returned. */
  async #oneLife(consumer: GroupConsumer): Promise<unknown> {
    const { topic, connection } = this.settings;
    const over = new AbortController();
    const ended = Promise.race([consumer.ended, this.#closed]).finally(() => over.abort());
    const started = async () => {
      await consumer.admin.connect();
      const offsets = await consumer.admin.fetchTopicOffsets(topic);
      if (offsets.length === 0) throw new TidecastError('KAFKA_TOPIC_EMPTY', { endpoint: endpoint(connection), topic });
      this.count ||= offsets.length;
      this.#consumer = consumer;
      this.#watchdog.awaits('joining the group');
      await consumer.start();
    };
    const failed = started().then(
      () => new Promise<never>(() => undefined),
      (error: unknown) => error,
    );
    void patrol(this, consumer, over.signal);
    void this.#watchdog.watch(consumer, over.signal);
    try {
      return await Promise.race([ended, failed]);
    } finally {
      over.abort();
    }
  }

  #fault(error: unknown): TidecastError {
    const { connection, topic, group } = this.settings;
    return kafkaFault(error, { endpoint: endpoint(connection), topic, group });
  }
}

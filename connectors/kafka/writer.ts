/** Messages to Kafka until they are there: one producer, renewed where its numbering no longer holds; a broker that is away is waited for. */
import type { Socket } from 'node:net';
import type { Kafka, PartitionerArgs, Producer } from 'kafkajs';
import type { ConnectorContext } from '../../src/core/connector.ts';
import type { TidecastError } from '../../src/core/errors.ts';
import { Random, seedOf } from '../../src/core/random.ts';
import { connectKafka } from './client.ts';
import { kafkaFault } from './faults.ts';
import { sizeOf, type Outgoing } from './forecast-messages.ts';
import { endpoint, type Connection } from './settings.ts';

export interface WriterOptions {
  readonly connection: Connection;
  readonly context: ConnectorContext;
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4';
  /** Takes a message that Kafka will never take. */
  refused(message: Outgoing, reason: string): Promise<void>;
}

/** Milliseconds between attempts: doubled from the first to the last, each cut by chance to between half and all of it. */
const FIRST_WAIT = 250;
const LONGEST_WAIT = 10_000;
/** So long (ms) a fault must be met again and again, each time by a new producer, before it counts as one that stays. */
const BELIEVE_AFTER = 4000;

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
const CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3 } as const;

export class KafkaWriter {
  readonly #options: WriterOptions;
  readonly #random: Random;
  readonly #sockets = new Set<Socket>();
  readonly #closing = new AbortController();
  #kafka: Promise<Kafka> | undefined;
  #producer: Producer | undefined;
  /** Bytes of one request that may be tried: half of what was once too large. */
  #most = Infinity;
  /** Why nothing goes through, and since when; undefined while all is well. */
  trouble: { readonly reason: string; readonly since: number } | undefined;
  /** Whether anything was ever acknowledged, or the topics were seen at the start. */
  #proven = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    // processes that were cut off together must not come back together
    this.#random = new Random(seedOf(options.context.seed, 'kafka', process.pid));
  }

  /** The client, made at the first call. */
  client(): Promise<Kafka> {
    const { connection, context } = this.#options;
    return (this.#kafka ??= connectKafka(connection, context, { sockets: this.#sockets }));
  }

  /** Notes that the server answers as it should. */
  connected(): void {
    if (this.#proven && !this.trouble) return;
    this.#proven = true;
    this.trouble = undefined;
    this.#options.context.events.emit('sink.connected', { sink: 'kafka', endpoint: endpoint(this.#options.connection) });
  }

  /** Notes why nothing goes through. */
  waiting(reason: string, attempt: number, wait: number): void {
    const { context, connection } = this.#options;
    this.trouble = { reason, since: this.trouble?.since ?? context.clock.now() };
    context.events.emit('sink.waiting', { sink: 'kafka', endpoint: endpoint(connection), reason, attempt, wait });
  }

  /** Sends messages until each is acknowledged or refused for good. Throws `KAFKA_*` for what waiting does not mend. */
  async send(messages: readonly Outgoing[]): Promise<void> {
    if (messages.length > 1 && bytesOf(messages) > this.#most) return this.#sendHalves(messages);
    const { clock, events } = this.#options.context;
    let attempt = 0;
    let left = messages;
    let lastingSince: number | undefined;
    for (;;) {
      const started = clock.elapsed();
      try {
        left = await this.#sendOnce(left);
        if (left.length > 0) throw Object.assign(new Error('the leader of a partition has moved'), { retriable: true });
        const bytes = bytesOf(messages);
        this.connected();
        const milliseconds = clock.elapsed() - started;
        events.emit('sink.written', { sink: 'kafka', points: messages.length, bytes, milliseconds });
        return;
      } catch (cause) {
        this.#endIfClosing();
        if (TOO_LARGE.has(typeOf(cause))) return await this.#divide(left, cause);
        const fault = this.#fault(cause, left);
        const lasting = !fault.retriable && !(fault.code === 'KAFKA_AUTHENTICATION' && this.#proven);
        lastingSince = lasting ? (lastingSince ?? started) : undefined;
        if (lastingSince !== undefined && clock.elapsed() - lastingSince > BELIEVE_AFTER) throw fault;
        // after a time-out the connection may be dead without a word; with a new one the same producer goes on
        for (const socket of [...this.#sockets]) socket.destroy(new Error('given up after a fault'));
        if (!fault.retriable) await this.#renew();
        attempt++;
        await this.pause(fault, attempt);
      }
    }
  }

  /** Ends everything within a second or so; pending calls throw. */
  async close(): Promise<void> {
    this.#closing.abort();
    const producer = this.#producer;
    this.#producer = undefined;
    // it waits for answers that may never come
    const ended = producer?.disconnect().catch(() => undefined);
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1000))]);
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  /** Connects the producer, if that is not done; from then on it connects again by itself. */
  async prepare(): Promise<Producer> {
    return (this.#producer ??= await this.#newProducer());
  }

  /** Gives those that were not acknowledged. */
  async #sendOnce(messages: readonly Outgoing[]): Promise<readonly Outgoing[]> {
    const producer = await this.prepare();
    const byTopic = new Map<string, Outgoing[]>();
    for (const message of messages) {
      const known = byTopic.get(message.topic);
      if (known) known.push(message);
      else byTopic.set(message.topic, [message]);
    }
    const acknowledged = await this.#orClosed(
      producer.sendBatch({
        topicMessages: [...byTopic].map(([topic, all]) => ({ topic, messages: all })),
        acks: -1,
        timeout: 10_000,
        compression: CODEC[this.#options.compression],
      }),
    );
    // where a leader moves between two tries, the client forgets partitions that it has not sent, and reports success
    const partitions = new Set(acknowledged.map(({ topicName, partition }) => `${topicName}/${partition}`));
    return messages.filter(({ topic, partition }) => !partitions.has(`${topic}/${partition}`));
  }

  async #newProducer(): Promise<Producer> {
    const kafka = await this.client();
    const { Partitioners } = (await import('kafkajs')).default;
    const producer = kafka.producer({
      allowAutoTopicCreation: false,
      // the broker recognises a batch that comes again with the same number: no copies while this process lives
      idempotent: true,
      maxInFlightRequests: 1,
      metadataMaxAge: 60_000,
      retry: { retries: 1, initialRetryTime: 50 },
      createPartitioner: () => sticky(Partitioners.DefaultPartitioner()),
    });
    try {
      await this.#orClosed(producer.connect());
      return producer;
    } catch (error) {
      void producer.disconnect().catch(() => undefined);
      throw error;
    }
  }

  /**
   * A batch that was changed needs a new producer: the broker takes a batch for a copy by its numbers, not by its content, and would
   * drop what it has never seen.
   */
  async #renew(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await Promise.race([producer?.disconnect().catch(() => undefined), this.#options.context.clock.sleep(1000)]);
  }

  /** Too large: halves are sent one after the other, until the one message stands alone that no broker takes. */
  async #divide(messages: readonly Outgoing[], cause: unknown): Promise<void> {
    await this.#renew();
    if (messages.length === 1) return this.#options.refused(messages[0]!, String(kafkaFault(cause, {}).facts['problem']));
    this.#most = Math.min(this.#most, bytesOf(messages) / 2);
    await this.#sendHalves(messages);
  }

  async #sendHalves(messages: readonly Outgoing[]): Promise<void> {
    const middle = messages.length >> 1;
    await this.send(messages.slice(0, middle));
    await this.send(messages.slice(middle));
  }

  #fault(cause: unknown, messages: readonly Outgoing[]): TidecastError {
    const topics = [...new Set(messages.map(({ topic }) => topic))].join(', ');
    return kafkaFault(cause, { endpoint: endpoint(this.#options.connection), topic: topics });
  }

  /** Tells why nothing goes through and waits before attempt number `attempt + 1`; throws when the sink is closed meanwhile. */
  async pause(fault: TidecastError, attempt: number): Promise<void> {
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * (1 << Math.min(10, attempt - 1)));
    const wait = Math.round(most * (0.5 + this.#random.uniform() / 2));
    this.waiting(String(fault.facts['problem']), attempt, wait);
    await this.#options.context.clock.sleep(wait, this.#closing.signal);
    this.#endIfClosing();
  }

  /** A call of the client that may hang, or an error as soon as the sink is closed. */
  async #orClosed<T>(call: Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    let stop: () => void = () => undefined;
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(new Error('the sink was closed'));
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      return await Promise.race([call, stopped]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  #endIfClosing(): void {
    if (this.#closing.signal.aborted) throw new Error('the sink was closed');
  }
}

/**
 * By key, as every Kafka client does it; without a key by where the message came from. Chosen once a message: one that is sent again
 * must not turn up in another batch of numbers.
 */
function sticky(byKey: (args: PartitionerArgs) => number): (args: PartitionerArgs) => number {
  return (args) => {
    const message = args.message as unknown as Outgoing;
    const key = message.key ?? Buffer.from(message.headers?.['origin'] ?? '');
    return (message.partition ??= byKey({ ...args, message: { ...args.message, key } }));
  };
}

function bytesOf(messages: readonly Outgoing[]): number {
  return messages.reduce((sum, message) => sum + sizeOf(message), 0);
}

function typeOf(cause: unknown): string {
  const { type, cause: below } = cause as { type?: string; cause?: { type?: string } };
  return type ?? below?.type ?? '';
}

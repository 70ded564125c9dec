/** Forecasts and dead letters as messages of Kafka topics. */
import { z } from 'zod';
import type { ForecastBatch, Reject } from '../src/core/batch.ts';
import { defineSink } from '../src/core/component.ts';
import type { ConnectorContext, Cut, Finding, Health, Sink, SinkContext } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import { durationField } from './formats/duration-field.ts';
import { kafkaFault } from './kafka/faults.ts';
import { deadLetter, forecastMessages, type Outgoing } from './kafka/forecast-messages.ts';
import { Outbox } from './kafka/outbox.ts';
import { probe, probeFindings } from './kafka/probe.ts';
import { connectionFields, endpoint, soundConnection } from './kafka/settings.ts';
import { topicFindings, verifyTopics } from './kafka/topics.ts';
import { KafkaWriter } from './kafka/writer.ts';

const topicName = () =>
  z.string().regex(/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/, 'must be a topic name: letters, digits, `.`, `_`, `-`, 249 at most');

const config = z
  .strictObject({
    ...connectionFields,
    topic: topicName().optional().describe('The topic of the forecasts. It must exist.'),
    dead_letters: topicName().optional().describe('The topic of refused ticks. It must exist. At least one of the two is given.'),
    compression: z
      .enum(['none', 'gzip', 'snappy', 'lz4'])
      .default('lz4')
      .describe('How batches are compressed. Every consumer can read `gzip`; `lz4` costs a fraction of its time.'),
    batch: z
      .strictObject({
        messages: z.int().min(1).max(5000).default(1000).describe('Messages in one request.'),
        age: durationField(0, 60_000).prefault('10ms').describe('How long a message waits for others before it is sent.'),
      })
      .prefault({})
      .describe('How messages are gathered into requests: `messages`, `age`, or half a megabyte. Whatever comes first.'),
  })
  .superRefine(soundConnection)
  .superRefine(({ topic, dead_letters: dead }, context) => {
    if (topic === undefined && dead === undefined)
      context.addIssue({ code: 'custom', message: 'is missing: name a `topic`, or `dead_letters`, or both', path: ['topic'] });
    else if (topic === dead)
      context.addIssue({ code: 'custom', message: 'must be another topic than that of the forecasts', path: ['dead_letters'] });
  });

type Config = z.infer<typeof config>;

const REQUEST_BYTES = 512 << 10;
/** Bytes on their way at which writing pauses, and the line with it. */
const FULL = 16 << 20;
/** What a start may take before it goes on without an answer, in ms. */
const PATIENCE = 12_000;
/** How long (ms) a broker that has just come up may lack the topic or the users: they are often made right after its start. */
const SETTLING = 10_000;

export default defineSink<Config>({
  name: 'kafka',
  status: 'beta',
  summary: 'Writes forecasts to a Kafka topic as JSON, and refused ticks to another.',
  config,
  example: 'brokers: 127.0.0.1:9092\ntopic: forecasts\ndead_letters: refused-ticks',
  guarantees: [
    'Messages: one a series and moment of issue, with the series as its key: `id`, `pipeline`, `series`, `issued` (epoch ms), `model`, and `forecasts`, a list with an entry a target and step: `target`, `step`, `time` (epoch ms), `mean`, `quantiles` (by level), `naive`. A reader never sees half a forecast, and a compacted topic keeps the latest whole one of every series. Numbers that JSON cannot hold are null.',
    'Delivery: at least once. After a restart, forecasts since the last checkpoint are written again with the same `id` (`pipeline/issued/series`): of copies the last one counts. There are no transactions. A cut is flushed when Kafka has acknowledged all of it on every replica that is in step (`acks: all`).',
    'Order: messages of a series are written in the order in which they were issued. One request is under way at a time, and the producer is idempotent: a request that is sent again after a lost answer makes no copies while the process lives.',
    'Dead letters: the key and bytes of the message as they came, or JSON of `series`, `time`, `values` where a tick was refused after it was decoded. Headers: `reason`, `origin` (topic/partition/offset), `pipeline`, and `series` and `time` (epoch ms) where they are known. A dead letter that cannot be written holds up the checkpoint, like a forecast.',
    'Outages: a broker that is away, slow or without enough replicas is waited for, with growing pauses of up to 10 s; nothing is lost, the pipeline pauses. So is one that refuses the password later on. An unknown topic, a missing right, and at the start a wrong password or address, end the run.',
    'Too large: a message that Kafka will not take alone goes to the refused points of the state folder, with what Kafka said.',
    'Memory: flat. About 16 MB of messages wait at most, and those of one batch.',
  ],
  build: (settings, context) => new KafkaSink(settings, context),
});

class KafkaSink implements Sink {
  /** Only where there is a topic for them. */
  readonly reject?: (rejects: readonly Reject[]) => void | Promise<void>;
  readonly #settings: Config;
  readonly #context: ConnectorContext;
  readonly #topics: readonly string[];
  readonly #closing = new AbortController();
  readonly #writer: KafkaWriter;
  readonly #outbox: Outbox;
  #opened: SinkContext | undefined;
  /** Resolves when the server was seen to be as it should. */
  #ready: Promise<void> = Promise.resolve();

  constructor(settings: Config, context: ConnectorContext) {
    this.#settings = settings;
    this.#context = context;
    const { topic, dead_letters: dead, compression, batch } = settings;
    this.#topics = [topic, dead].filter((each) => each !== undefined);
    this.#writer = new KafkaWriter({
      connection: settings,
      context,
      compression,
      refused: (message, reason) => this.#refused(message, reason),
    });
    this.#outbox = new Outbox({
      messages: batch.messages,
      age: batch.age,
      bytes: REQUEST_BYTES,
      full: FULL,
      send: async (messages) => {
        await this.#ready;
        await this.#writer.send(messages);
      },
    });
    if (dead !== undefined)
      this.reject = (rejects) => this.#outbox.add(rejects.map((each) => deadLetter(dead, each, context.pipeline)));
  }

  async open(context: SinkContext): Promise<void> {
    this.#opened = context;
    const first = this.#verify();
    const slow = this.#context.clock.sleep(PATIENCE, this.#closing.signal).then(() => 'slow' as const);
    const came = await Promise.race([first.catch((error: TidecastError) => error), slow]);
    if (came instanceof TidecastError && !came.retriable) {
      await this.close();
      throw came;
    }
    if (came === undefined) return this.#writer.connected();
    this.#ready = this.#waitForServer(came === 'slow' ? first : Promise.reject(came));
    // whoever writes or flushes is told
    this.#ready.catch((error: unknown) => this.#outbox.fail(error));
  }

  write(batch: ForecastBatch): void | Promise<void> {
    const { topic } = this.#settings;
    if (!this.#opened) throw new TidecastError('INTERNAL', { sink: 'kafka', problem: 'written to before it was opened' });
    if (topic !== undefined) return this.#outbox.add(forecastMessages(topic, batch, this.#opened));
  }

  flush(_cut: Cut): Promise<void> {
    return this.#outbox.drained();
  }

  health(): Health {
    const { trouble } = this.#writer;
    const where = `kafka ${endpoint(this.#settings)}`;
    if (trouble) return { ok: false, detail: `${where}: ${trouble.reason}, since ${new Date(trouble.since).toISOString()}` };
    return { ok: this.#opened !== undefined, detail: this.#opened ? where : `${where}: not opened yet` };
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    try {
      const answers = await probeFindings(this.#settings, this.#context.folder, signal);
      if (!answers.some(({ ok }) => ok)) return answers;
      const kafka = await this.#writer.client();
      const topics = topicFindings(kafka, endpoint(this.#settings), this.#topics, () => this.#writer.prepare());
      const slow = this.#context.clock.sleep(PATIENCE, signal).then(() => [
        {
          endpoint: `kafka ${endpoint(this.#settings)}`,
          ok: false,
          what: 'The topics could not be looked up in time. Try again.',
        },
      ]);
      return [...answers, ...(await Promise.race([topics, slow]))];
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#outbox.fail(new TidecastError('INTERNAL', { sink: 'kafka', problem: 'used after it was closed' }));
    await this.#writer.close();
  }

  /** One look at everything that can be seen without writing. Throws `KAFKA_*`. */
  async #verify(): Promise<void> {
    const facts = { endpoint: endpoint(this.#settings) };
    await probe(this.#settings, this.#context.folder, this.#closing.signal);
    try {
      await verifyTopics(await this.#writer.client(), facts.endpoint, this.#topics);
      await this.#writer.prepare();
    } catch (error) {
      throw kafkaFault(error, facts);
    }
  }

  /** Looks again and again until the server is as it should be; throws what waiting does not mend. */
  async #waitForServer(first: Promise<void>): Promise<void> {
    const { clock } = this.#context;
    let look = first;
    let lastingSince: number | undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        await look;
        return this.#writer.connected();
      } catch (error) {
        if (this.#closing.signal.aborted || !(error instanceof TidecastError)) throw error;
        lastingSince = error.retriable ? undefined : (lastingSince ?? clock.elapsed());
        if (lastingSince !== undefined && clock.elapsed() - lastingSince > SETTLING) throw error;
        await this.#writer.pause(error, attempt);
      }
      look = this.#verify();
    }
  }

  async #refused({ topic, key, headers, value }: Outgoing, reason: string): Promise<void> {
    const point = JSON.stringify({
      topic,
      key: key && key.toString(),
      headers,
      ...(isText(value) ? { value: value.toString() } : { base64: value.toString('base64') }),
    });
    this.#context.events.emit('points.refused', { sink: 'kafka', reason, count: 1 });
    await this.#opened!.refused([{ sink: 'kafka', reason: reason.slice(0, 300), point }]);
  }
}

function isText(bytes: Buffer): boolean {
  return Buffer.from(bytes.toString()).equals(bytes);
}

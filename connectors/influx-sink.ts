/** Forecasts and their scores as points of InfluxDB. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { z } from 'zod';
import type { ForecastBatch } from '../src/core/batch.ts';
import { systemClock } from '../src/core/clock.ts';
import { defineSink } from '../src/core/component.ts';
import type { ConnectorContext, Cut, Finding, Health, Sink, SinkContext } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import { durationField } from './formats/duration-field.ts';
import { createDatabase } from './influx/administration.ts';
import { Backoff } from './influx/backoff.ts';
import type { Chunk } from './influx/chunk.ts';
import { Connection, reasonOf, Unanswered, type Answer } from './influx/connection.ts';
import { ForecastLines } from './influx/forecast-lines.ts';
import { serverKind } from './influx/server-kind.ts';
import { connectionFields, isLoopback, soundConnection } from './influx/settings.ts';
import { lacksDatabase, retryAfter, verdict } from './influx/verdict.ts';
import { writeFault, writeLines } from './influx/write-access.ts';
import { WriteQueue } from './influx/write-queue.ts';

const config = z
  .strictObject({
    ...connectionFields,
    measurement: z
      .string()
      // InfluxDB loses a backslash before a comma or a space of a measurement's name
      .regex(/^(?![_#])[^\u0000-\u001f\u007f\\]+$/, 'must not begin with _ or #, or hold backslashes or control characters')
      .default('forecast')
      .describe('The measurement of the forecasts.'),
    batch: z
      .strictObject({
        points: z.int().min(1).max(100_000).default(5000).describe('Points in one request.'),
        age: durationField(0, 60_000).prefault('20ms').describe('How long a point waits for others before it is sent.'),
      })
      .prefault({})
      .describe('How points are gathered into requests: `points`, `age`. Whatever comes first.'),
    gzip: z.boolean().optional().describe('Compress requests. Default: unless InfluxDB is on this machine.'),
    create_database: z
      .boolean()
      .default(true)
      .describe('Create the database where it is missing, at the start or later. The user must be allowed to; not with a token.'),
  })
  .superRefine(soundConnection);

type Config = z.infer<typeof config>;

/** Bytes on their way at which writing pauses, and the line with it. */
const FULL = 16 << 20;
const NOTHING = Buffer.alloc(0);
const compress = promisify(gzip);

export default defineSink<Config>({
  name: 'influx',
  status: 'beta',
  summary: 'Writes forecasts, and later the truth about them, to InfluxDB.',
  config,
  example: 'url: http://127.0.0.1:8086\ndatabase: tidecast',
  guarantees: [
    'Points: one a series, target, step and moment forecast for, with the tags `pipeline`, `series`, `step`, `target`. Fields of the forecast: `mean`, `q0025` and so on, `naive`, `issued` (integer, epoch ms of the origin), `model` (text). When the truth arrives, the same point gets `actual` and `error`. Tags and types never change; values that are not finite are left out. Times are whole milliseconds UTC.',
    'Delivery: at least once, and a point written again overwrites itself: effectively once. A cut is flushed when InfluxDB has acknowledged every point of it with 204, or has refused it for good.',
    'Order: two requests are in flight at most, and never two with the same series. A request that was given up may still be carried out later by a server that was frozen; what it then writes is what its repetition wrote.',
    'Outages: a server that is away, slow, full, or answers 401, 403, 404, 429 or 5xx is waited for, with growing pauses of up to 10 s and as long as `Retry-After` says; nothing is lost, the pipeline pauses. Only at the start wrong credentials, a missing database or an address that is no InfluxDB end the run.',
    'Refused points: where InfluxDB refuses a request because of some of its points, it is divided until exactly those stand alone; they go to the refused points of the state folder with what InfluxDB said, the others are stored.',
    'Names: series names come back exactly as they are. Those that line protocol cannot hold (empty, with control characters, a backslash at the end, over 32,768 bytes) are refused, point by point.',
    'Memory: flat. About 16 MB of points wait at most.',
    'Versions: tested with InfluxDB 1; 2 and 3 through their v1 write endpoint with a token (`Authorization: Token`), 2 with a database mapped to a bucket. Redirects are not followed.',
    'Refused ticks are not written.',
  ],
  build: (settings, context) => new InfluxSink(settings, context),
});

class InfluxSink implements Sink {
  readonly #settings: Config;
  readonly #connector: ConnectorContext;
  readonly #connection: Connection;
  readonly #backoff: Backoff;
  readonly #gzip: boolean;
  readonly #queues: readonly WriteQueue[];
  readonly #closing = new AbortController();
  #context: SinkContext | undefined;
  #lines: ForecastLines | undefined;
  #roomWanted: (() => void)[] = [];
  /** Points that could not even be sent, on their way to the refused ones. */
  #refusing: Promise<void> = Promise.resolve();
  #failure: { readonly cause: unknown } | undefined;
  #connected = false;
  /** What the server does not take now, and since when. */
  #waiting: { readonly reason: string; readonly since: number } | undefined;

  constructor(settings: Config, context: ConnectorContext) {
    this.#settings = settings;
    this.#connector = context;
    this.#connection = new Connection(settings);
    this.#backoff = new Backoff(context.seed);
    this.#gzip = settings.gzip ?? !isLoopback(settings.url);
    const outlet = {
      ...settings.batch,
      send: (chunk: Chunk) => this.#send(chunk),
      refuse: (points: readonly { readonly reason: string; readonly point: string }[]) => this.#refuse(points),
      room: () => this.#room(),
      failed: (cause: unknown) => this.#fail(cause),
    };
    this.#queues = [new WriteQueue(outlet), new WriteQueue(outlet)];
  }

  async open(context: SinkContext): Promise<void> {
    this.#context = context;
    this.#lines = new ForecastLines(this.#settings.measurement, context, this.#queues.length);
    const { away } = await serverKind(this.#connection);
    if (away === undefined) {
      const fault = await this.#writeFault();
      if (fault) throw fault;
    }
    // says when the server is there, without anything to write yet
    if (!this.#connected) this.#queues[0]!.push({ body: NOTHING, points: 0 });
  }

  write(batch: ForecastBatch): void | Promise<void> {
    if (this.#failure) throw this.#failure.cause;
    if (!this.#lines) throw new TidecastError('INTERNAL', { sink: 'influx', problem: 'written to before it was opened' });
    const unwritable = this.#lines.add(
      batch,
      this.#queues.map(({ lines }) => lines),
    );
    for (const queue of this.#queues) queue.added();
    if (unwritable.length > 0) {
      const [before, refusing] = [this.#refusing, this.#refuse(unwritable)];
      this.#refusing = Promise.all([before, refusing]).then(() => undefined);
      return this.#refusing.then(() => this.#untilRoom());
    }
    if (this.#full) return this.#untilRoom();
  }

  async flush(_cut: Cut): Promise<void> {
    for (const queue of this.#queues) queue.send();
    await Promise.all([this.#refusing, ...this.#queues.map((queue) => queue.settled())]);
    if (this.#failure) throw this.#failure.cause;
  }

  health(): Health {
    const { database } = this.#settings;
    const where = `InfluxDB ${this.#connection.endpoint}, database ${database}`;
    if (this.#waiting) {
      const seconds = Math.round((performance.now() - this.#waiting.since) / 1000);
      return { ok: false, detail: `${where} has not taken anything for ${seconds} s: ${this.#waiting.reason}` };
    }
    return { ok: this.#connected, detail: this.#connected ? `writing to ${where}` : `${where} was not reached yet` };
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    const endpoint = `influx ${this.#connection.endpoint}`;
    const { database } = this.#settings;
    try {
      const { version, away } = await serverKind(this.#connection, signal);
      if (away !== undefined) throw new TidecastError('INFLUX_UNAVAILABLE', { url: this.#connection.endpoint, problem: away });
      const kind = { endpoint, ok: true, what: `InfluxDB ${version} answers.` };
      const answer = await writeLines(this.#connection, NOTHING, { signal });
      const fault = writeFault(this.#connection, answer);
      if (fault && lacksDatabase(answer) && this.#settings.create_database)
        return [kind, { endpoint, ok: true, what: `Database ${database} is missing; the run will try to create it.` }];
      if (!fault && verdict(answer) === 'outage')
        throw new TidecastError('INFLUX_UNAVAILABLE', { url: this.#connection.endpoint, problem: reasonOf(answer) });
      const writable = fault?.message ?? `Database ${database} may be written to.`;
      return [kind, { endpoint, ok: !fault, what: writable }];
    } catch (error) {
      return [{ endpoint, ok: false, what: (error as Error).message }];
    }
  }

  async close(_complete: boolean): Promise<void> {
    for (const queue of this.#queues) queue.stop();
    this.#fail(new TidecastError('INFLUX_CLOSED', { url: this.#connection.endpoint }));
    this.#closing.abort();
    this.#connection.close();
    await Promise.allSettled(this.#queues.map((queue) => queue.settled()));
  }

  /** Whether writing is allowed, at the start; creates the database where it is missing and may be created. */
  async #writeFault(): Promise<TidecastError | undefined> {
    try {
      const answer = await writeLines(this.#connection, NOTHING);
      const fault = writeFault(this.#connection, answer);
      if (fault && lacksDatabase(answer) && this.#settings.create_database) {
        const problem = await createDatabase(this.#connection, this.#closing.signal);
        if (problem === undefined) this.#answered();
        else throw new TidecastError('INFLUX_DATABASE', { ...fault.facts, create_database: problem });
      } else if (!fault && verdict(answer) !== 'outage') this.#answered();
      return fault && !this.#connected ? fault : undefined;
    } catch (error) {
      if (error instanceof Unanswered) return undefined;
      throw error;
    }
  }

  /** Sends the same bytes until the server says something about them. */
  async #send(chunk: Chunk): Promise<{ taken: boolean; reason: string }> {
    const body = this.#gzip && chunk.points > 0 ? await compress(chunk.body, { level: 1 }) : chunk.body;
    const headers: Record<string, string> = body === chunk.body ? {} : { 'content-encoding': 'gzip' };
    for (let attempt = 1; ; attempt++) {
      const started = performance.now();
      let reason: string;
      let least = 0;
      try {
        const answer = await writeLines(this.#connection, body, { headers });
        const found = verdict(answer);
        if (found !== 'outage') {
          this.#answered();
          if (found === 'stored' && chunk.points > 0)
            this.#connector.events.emit('sink.written', {
              sink: 'influx',
              points: chunk.points,
              bytes: body.length,
              milliseconds: performance.now() - started,
            });
          return { taken: found === 'stored', reason: reasonOf(answer) };
        }
        reason = await this.#outage(answer);
        least = retryAfter(answer, Date.now());
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        reason = error.message;
      }
      await this.#wait(reason, attempt, least);
    }
  }

  /** Creates a database that somebody dropped; gives the reason to wait. */
  async #outage(answer: Answer): Promise<string> {
    if (!lacksDatabase(answer) || !this.#settings.create_database) return reasonOf(answer);
    const problem = await createDatabase(this.#connection, this.#closing.signal);
    return problem === undefined ? `${reasonOf(answer)}; it was created again` : `${reasonOf(answer)}; creating it: ${problem}`;
  }

  async #wait(reason: string, attempt: number, least: number): Promise<void> {
    if (this.#closing.signal.aborted) throw this.#failure!.cause;
    const wait = Math.max(least, this.#backoff.wait(attempt));
    this.#waiting = { reason, since: this.#waiting?.since ?? performance.now() };
    this.#connector.events.emit('sink.waiting', { sink: 'influx', endpoint: this.#connection.endpoint, reason, attempt, wait });
    // the machine's clock: a clock that never waits would make this a tight loop
    await systemClock.sleep(wait, this.#closing.signal);
    if (this.#closing.signal.aborted) throw this.#failure!.cause;
  }

  #answered(): void {
    if (!this.#connected || this.#waiting)
      this.#connector.events.emit('sink.connected', { sink: 'influx', endpoint: this.#connection.endpoint });
    this.#connected = true;
    this.#waiting = undefined;
  }

  get #full(): boolean {
    return this.#queues.reduce((sum, { bytes }) => sum + bytes, 0) > FULL;
  }

  async #untilRoom(): Promise<void> {
    while (this.#full && !this.#failure) await new Promise<void>((resolve) => this.#roomWanted.push(resolve));
    if (this.#failure) throw this.#failure.cause;
  }

  #room(): void {
    const wanted = this.#roomWanted;
    this.#roomWanted = [];
    for (const go of wanted) go();
  }

  async #refuse(points: readonly { readonly reason: string; readonly point: string }[]): Promise<void> {
    await this.#context!.refused(points.map(({ reason, point }) => ({ sink: 'influx', reason: reason.slice(0, 300), point })));
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#room();
  }
}

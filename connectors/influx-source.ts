/** Ticks from InfluxDB: history, as the rows of a query. */
import { z } from 'zod';
import type { SourceBatch } from '../src/core/batch.ts';
import { systemClock } from '../src/core/clock.ts';
import { defineSource } from '../src/core/component.ts';
import type { ConnectorContext, Finding, Source } from '../src/core/connector.ts';
import { TidecastError } from '../src/core/errors.ts';
import type { Position } from '../src/core/position.ts';
import { durationField } from './formats/duration-field.ts';
import { Backoff } from './influx/backoff.ts';
import { Connection, Unanswered } from './influx/connection.ts';
import { queryParts, type Query } from './influx/query-parts.ts';
import { ResultRows } from './influx/result-rows.ts';
import { selectProblem } from './influx/select-text.ts';
import { serverKind } from './influx/server-kind.ts';
import { connectionFields, soundConnection } from './influx/settings.ts';

const config = z
  .strictObject({
    ...connectionFields,
    query: z
      .string()
      .superRefine((query, context) => {
        const problem = selectProblem(query);
        if (problem) context.addIssue({ code: 'custom', message: problem });
      })
      .describe('One InfluxQL SELECT of columns; tags are selected as columns, too.'),
    parameters: z
      .record(z.string().regex(/^\w+$/, 'must be a word'), z.union([z.string(), z.number(), z.boolean()]))
      .default({})
      .describe('Values for the query, which names them `$name`: they cannot change what it does.'),
    values: z.array(z.string().min(1)).min(1).describe('The value columns, in order.'),
    series: z.string().min(1).optional().describe('The column of series names: a tag or a text field that the query selects.'),
    name: z
      .string()
      .min(1)
      .optional()
      .describe('The series name of all rows, where no column has it. Default: the name of the database.'),
    patience: durationField(0, 86_400_000)
      .prefault('60s')
      .describe('How long a server that is away or busy is waited for before the run ends.'),
  })
  .superRefine(soundConnection);

type Config = z.infer<typeof config>;

const PART = 10_000;

export default defineSource<Config>({
  name: 'influx',
  status: 'beta',
  summary: 'Reads ticks from InfluxDB: the rows of an InfluxQL query.',
  config,
  example: `url: http://127.0.0.1:8086
database: tidecast
query: SELECT actual, series FROM forecast WHERE step = '1' AND target = 'value'
series: series
values: [actual]`,
  guarantees: [
    'Order: by time, as InfluxDB gives them; an answer in another order is refused, and so is GROUP BY with tags.',
    'Position: the number of the row. A restart asks again and drops the rows before it, so the history must not change meanwhile but at its end.',
    'Memory: flat. The answer is read in parts of 10,000 rows, as they are needed.',
    'Outages: an answer that breaks off is asked for again and continued at the same row, until `patience` is over.',
    'A null is a missing value; a row with a text or a truth value among its values is rejected (`undecodable`), one without a series name likewise (`no-series`). Times are whole milliseconds.',
    'It only reads: the query is one SELECT, without INTO; values are bound as parameters. Without rows it ends without rows.',
    'Versions: tested with InfluxDB 1; 2 and 3 through their v1 query endpoint with a token.',
  ],
  build: (settings, context) => new InfluxSource(settings, context),
});

class InfluxSource implements Source {
  readonly bounded = true;
  readonly channels: readonly string[];
  readonly #settings: Config;
  readonly #context: ConnectorContext;
  readonly #connection: Connection;
  readonly #backoff: Backoff;
  readonly #query: Query;
  readonly #closing = new AbortController();

  constructor(settings: Config, context: ConnectorContext) {
    this.#settings = settings;
    this.#context = context;
    this.#connection = new Connection(settings);
    this.#backoff = new Backoff(context.seed);
    this.#query = { text: settings.query, parameters: settings.parameters, rows: PART };
    this.channels = settings.values;
  }

  async *read(from: Position | undefined, aborted: AbortSignal): AsyncGenerator<SourceBatch> {
    const signal = AbortSignal.any([aborted, this.#closing.signal]);
    const start = from?.['0'] ?? 0;
    let next = start;
    let connected = false;
    let since: number | undefined;
    for (let attempt = 1; !aborted.aborted; attempt++) {
      const rows = this.#rows(next);
      try {
        const { away } = await serverKind(this.#connection, signal);
        if (away !== undefined) throw new Unanswered(away, 'AWAY');
        for await (const part of queryParts(this.#connection, this.#query, signal)) {
          const batch = rows.batch(part);
          if (aborted.aborted) return;
          if (!connected) this.#answered();
          [connected, attempt, since] = [true, 1, undefined];
          if (!batch) continue;
          next = rows.rows;
          yield batch;
        }
        if (rows.rows < start) throw new TidecastError('SOURCE_POSITION', { rows: rows.rows, position: start });
        return;
      } catch (error) {
        if (aborted.aborted) return;
        if (!(error instanceof Unanswered)) throw error;
        if (this.#closing.signal.aborted) throw this.#unavailable(error);
        connected = false;
        since ??= performance.now();
        await this.#wait(error, attempt, since, signal);
      }
    }
  }

  async check(signal: AbortSignal): Promise<readonly Finding[]> {
    const endpoint = `influx ${this.#connection.endpoint}`;
    const stop = new AbortController();
    const end = () => stop.abort();
    signal.addEventListener('abort', end, { once: true });
    try {
      const { version, away } = await serverKind(this.#connection, signal);
      if (away !== undefined) throw new Unanswered(away, 'AWAY');
      const kind = { endpoint, ok: true, what: `InfluxDB ${version} answers.` };
      for await (const part of queryParts(this.#connection, { ...this.#query, rows: 1 }, stop.signal)) {
        const found = this.#rows(0).batch(part);
        return [
          kind,
          { endpoint, ok: true, what: found ? 'The query gives rows.' : 'The query is understood and gives no rows.' },
        ];
      }
      return [kind];
    } catch (error) {
      const fault = error instanceof Unanswered ? this.#unavailable(error) : (error as Error);
      return [{ endpoint, ok: false, what: fault.message }];
    } finally {
      end();
      signal.removeEventListener('abort', end);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#connection.close();
  }

  #rows(start: number): ResultRows {
    const { values, series, name, database, query } = this.#settings;
    return new ResultRows({ values, series, name: name ?? database }, { url: this.#connection.endpoint, query }, start);
  }

  #answered(): void {
    this.#context.events.emit('source.connected', { source: 'influx', endpoint: this.#connection.endpoint });
  }

  async #wait(error: Unanswered, attempt: number, since: number, signal: AbortSignal): Promise<void> {
    if (performance.now() - since > this.#settings.patience) throw this.#unavailable(error);
    const { message: reason } = error;
    this.#context.events.emit('source.waiting', { source: 'influx', endpoint: this.#connection.endpoint, reason });
    // the machine's clock: a clock that never waits would make this a tight loop
    await systemClock.sleep(this.#backoff.wait(attempt), signal);
  }

  #unavailable(error: Unanswered): TidecastError {
    return new TidecastError('INFLUX_UNAVAILABLE', { url: this.#connection.endpoint, problem: error.message }, { cause: error });
  }
}

/** A query's answer, part by part as it arrives. */
import { TidecastError } from '../../src/core/errors.ts';
import { reasonOf, Unanswered, type Answer, type Ask, type Connection } from './connection.ts';
import type { ResultPart } from './result-rows.ts';

export interface Query {
  readonly text: string;
  /** Values for the `$name`s of the text. */
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** Rows of one part. */
  readonly rows: number;
}

/** What a server says that has too much to do; asking again later helps. */
const BUSY = /timeout|max-concurrent-queries|query-timeout|too many|engine is closed|shutdown/i;

/**
 * Asks, and yields the parts; the deadline of the connection holds for the first and between any two of them.
 *
 * Throws {@link Unanswered} for what passes by itself, an answer that breaks off included; `INFLUX_QUERY`, `INFLUX_AUTHENTICATION`,
 * `INFLUX_FORBIDDEN`, `INFLUX_DATABASE` for what does not.
 */
export async function* queryParts(connection: Connection, query: Query, signal: AbortSignal): AsyncGenerator<ResultPart> {
  const { database, retention_policy } = connection.settings;
  const ask: Ask = {
    signal,
    query: {
      db: database,
      rp: retention_policy,
      epoch: 'ms',
      chunked: 'true',
      chunk_size: String(query.rows),
      params: Object.keys(query.parameters).length > 0 ? JSON.stringify(query.parameters) : undefined,
      q: query.text,
    },
  };
  const exchange = await connection.begin('/query', ask);
  try {
    const { status, headers } = exchange.response;
    exchange.held();
    const decoder = new TextDecoder();
    let text = '';
    let more = true;
    for (let bytes; (bytes = await exchange.read()) !== undefined;) {
      text += decoder.decode(bytes, { stream: true });
      if (!bytes.includes(0x0a)) continue;
      const lines = text.split('\n');
      text = lines.pop()!;
      if (status !== 200) throw fault(connection, query, { status, headers, text: lines.join('\n') });
      for (const line of lines) {
        if (line.trim() === '') continue;
        const part = parsed(line);
        const wrong = part.error ?? part.results?.[0]?.error;
        if (wrong !== undefined) throw fault(connection, query, { status, headers, text: JSON.stringify({ error: wrong }) });
        more = part.results?.[0]?.partial === true;
        yield part;
      }
    }
    if (status !== 200) throw fault(connection, query, { status, headers, text });
    if (more || text.trim() !== '') throw new Unanswered('the answer broke off', 'CLOSED_EARLY');
  } finally {
    exchange.end();
  }
}

function parsed(line: string): ResultPart {
  try {
    return JSON.parse(line) as ResultPart;
  } catch (error) {
    throw new Unanswered('the answer is not as InfluxDB writes it', 'GARBAGE', error);
  }
}

function fault(connection: Connection, query: Query, answer: Answer): Error {
  const { database, retention_policy } = connection.settings;
  const said = reasonOf(answer);
  const facts = { url: connection.endpoint, database, retention_policy, answer: said };
  if (answer.status === 401) return new TidecastError('INFLUX_AUTHENTICATION', facts);
  if (answer.status === 403 || /not authorized|error authorizing/i.test(said))
    return new TidecastError('INFLUX_FORBIDDEN', facts);
  if (/(database|retention policy) not found/i.test(said)) return new TidecastError('INFLUX_DATABASE', facts);
  if (answer.status === 400 || (answer.status === 200 && !BUSY.test(said)))
    return new TidecastError('INFLUX_QUERY', { ...facts, query: query.text });
  return new Unanswered(said, `HTTP_${answer.status}`);
}

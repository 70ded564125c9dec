/** Writing: the request, and whether it is allowed at all. */
import { TidecastError } from '../../src/core/errors.ts';
import type { Answer, Ask, Connection } from './connection.ts';
import { reasonOf } from './connection.ts';
import { lacksDatabase } from './verdict.ts';

/** Writes lines; times in them are milliseconds. */
export function writeLines(connection: Connection, body: Uint8Array, ask: Ask = {}): Promise<Answer> {
  const { database, retention_policy } = connection.settings;
  const headers = { 'content-type': 'text/plain; charset=utf-8', ...ask.headers };
  const query = { db: database, rp: retention_policy, precision: 'ms' };
  return connection.ask('/write', { ...ask, method: 'POST', query, body, headers });
}

/**
 * What is wrong with writing here and stays so: `INFLUX_AUTHENTICATION`, `INFLUX_FORBIDDEN`, `INFLUX_DATABASE`; undefined where writing is
 * allowed, or the server is in trouble. `answer` is the one to {@link writeLines} of nothing, which leaves nothing behind: 204 from InfluxDB 1,
 * 400 ("no points") from others.
 */
export function writeFault(connection: Connection, answer: Answer): TidecastError | undefined {
  const { database, retention_policy } = connection.settings;
  const facts = { url: connection.endpoint, database, retention_policy, answer: reasonOf(answer) };
  if (answer.status === 401) return new TidecastError('INFLUX_AUTHENTICATION', facts);
  if (answer.status === 403) return new TidecastError('INFLUX_FORBIDDEN', facts);
  if (lacksDatabase(answer) || /^retention policy not found/.test(facts.answer.replace(/^HTTP \d+ /, '')))
    return new TidecastError('INFLUX_DATABASE', facts);
  return undefined;
}

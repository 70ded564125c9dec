/** Creating a database, through the `influx` package. */
import { systemClock } from '../../src/core/clock.ts';
import type { Connection } from './connection.ts';

/**
 * Creates the database of the connection unless it is there; resolves with undefined, or with the reason why not, soon after an abort.
 * Only with a user and a password or without either: version 2 maps databases to buckets by hand, version 3 creates them when they are
 * written to.
 */
export async function createDatabase(connection: Connection, signal: AbortSignal): Promise<string | undefined> {
  const { url, database, username, password, token, timeout } = connection.settings;
  if (token !== undefined) return 'databases cannot be created with a token';
  const { InfluxDB } = await import('influx');
  const { protocol, hostname, port, pathname } = new URL(url);
  const https = protocol === 'https:';
  const client = new InfluxDB({
    protocol: https ? 'https' : 'http',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (https ? 443 : 80) : Number(port),
    path: pathname.replace(/\/+$/, ''),
    username: username ?? '',
    password: password ?? '',
    pool: { requestTimeout: timeout, maxRetries: 0 },
  });
  const over = new AbortController();
  const stop = () => over.abort();
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  // a connection that breaks after the headers leaves the package's promise pending for ever
  const late = systemClock.sleep(timeout, over.signal).then(() => `no answer within ${timeout / 1000} s`);
  const created = client.createDatabase(database).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 300),
  );
  try {
    return await Promise.race([created, late]);
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
}

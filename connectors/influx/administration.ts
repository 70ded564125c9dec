/** Creating a database, through the `influx` package. */
import type { Connection } from './connection.ts';

/**
 * Creates the database of the connection unless it is there; resolves with undefined, or with the reason why not. Only with a user and a
 * password or without either: version 2 maps databases to buckets by hand, version 3 creates them when they are written to.
 */
export async function createDatabase(connection: Connection): Promise<string | undefined> {
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
  let timer: NodeJS.Timeout | undefined;
  // a connection that breaks after the headers leaves the package's promise pending for ever
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${timeout / 1000} s`), timeout);
  });
  const created = client.createDatabase(database).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)).slice(0, 300),
  );
  return Promise.race([created, late]).finally(() => clearTimeout(timer));
}

/** A real InfluxDB 1.x on 127.0.0.1, without a container. */
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.ts';
import { runToEnd } from './run-to-end.ts';
import { startServer, type Server } from './server-process.ts';

/** Sections of `influxdb.conf`: `{ http: { 'max-body-size': 1000 } }`. */
type Conf = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

export interface InfluxOptions {
  /** Ask for a password: `admin`, whose password is `pw`, is made at the first start. */
  readonly auth?: boolean;
  /** Over the defaults, section by section. Keys outside of sections stand in `''`. */
  readonly conf?: Conf;
  /** Default: a free one. */
  readonly port?: number;
  /** Another folder than one of the system's temporary ones: a small file system, to fill it. It is removed by `clean`. */
  readonly dir?: string;
}

/** One series of an answer. */
export interface InfluxSeries {
  readonly name: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  readonly values: readonly (readonly unknown[])[];
}

export interface InfluxServer extends Server {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** All series of the answer, times in epoch ms. Throws what the server says is wrong. */
  query(query: string, database?: string): Promise<InfluxSeries[]>;
}

/** Ready within a second. */
export async function startInflux(options: InfluxOptions = {}): Promise<InfluxServer> {
  const command = await influxProgram();
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tidecast-influx-'));
  const [port, backup] = [options.port ?? (await freePort()), await freePort()];
  const args = writeInfluxConf(dir, port, backup, options.conf, options.auth);
  const url = `http://127.0.0.1:${port}`;
  const server = await startServer({ command, args, dir, name: `InfluxDB on port ${port}`, ready: () => influxIsReady(url) });
  const credentials = options.auth ? { user: 'admin', password: 'pw' } : {};
  if (options.auth) await influxQuery(url, `CREATE USER admin WITH PASSWORD 'pw' WITH ALL PRIVILEGES`);
  const query = (text: string, database?: string) =>
    influxQuery(url, text, { ...credentials, ...(database === undefined ? {} : { database }) });
  // not spread: `pid` is a getter
  return Object.assign(server, { url, host: '127.0.0.1', port, query });
}

/** Whether a database answers there. */
export function influxIsReady(url: string): Promise<boolean> {
  return fetch(`${url}/ping`, { signal: AbortSignal.timeout(2000) }).then(
    ({ status }) => status === 204,
    () => false,
  );
}

/** Asks (or tells) a database. */
export async function influxQuery(
  url: string,
  query: string,
  { database, user, password }: { database?: string; user?: string; password?: string } = {},
): Promise<InfluxSeries[]> {
  const body = new URLSearchParams({ q: query, epoch: 'ms', ...(database === undefined ? {} : { db: database }) });
  const headers: Record<string, string> =
    user === undefined ? {} : { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
  const answer = await fetch(`${url}/query`, { method: 'POST', body, headers, signal: AbortSignal.timeout(600_000) });
  const { results = [], error } = (await answer.json()) as {
    results?: { series?: InfluxSeries[]; error?: string }[];
    error?: string;
  };
  const wrong = error ?? results.find((each) => each.error !== undefined)?.error;
  if (wrong !== undefined) throw new Error(`InfluxDB refuses ${query}: ${wrong}`);
  return results.flatMap(({ series = [] }) => series);
}

/** The path of `influxd`: from `INFLUXD` or PATH; on Debian, as root, it is installed. */
export async function influxProgram(): Promise<string> {
  const { INFLUXD, PATH = '' } = process.env;
  if (INFLUXD) return INFLUXD;
  const find = () =>
    [...PATH.split(delimiter), '/usr/sbin', '/usr/bin'].map((folder) => join(folder, 'influxd')).find((path) => existsSync(path));
  const here = find();
  if (here) return here;
  const byHand = 'Install InfluxDB 1.x (apt-get install influxdb), or name the program in INFLUXD.';
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw new Error(`There is no influxd. ${byHand}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const locked = ['-o', 'DPkg::Lock::Timeout=120'];
  await runToEnd('apt-get', ['update', '-qq'], { env });
  await runToEnd('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...locked, 'influxdb', 'influxdb-client'], {
    env,
  });
  const installed = find();
  if (!installed) throw new Error(`apt-get installed influxdb, but there is no influxd. ${byHand}`);
  return installed;
}

/** Writes `influxdb.conf` into the folder; gives the arguments that start the server with it. */
export function writeInfluxConf(dir: string, port: number, backup: number, conf: Conf = {}, auth = false): string[] {
  const sections: Conf = {
    '': { 'reporting-disabled': true, 'bind-address': `127.0.0.1:${backup}` },
    meta: { dir: join(dir, 'meta') },
    data: { dir: join(dir, 'data'), 'wal-dir': join(dir, 'wal'), 'query-log-enabled': false },
    monitor: { 'store-enabled': false },
    retention: { enabled: false },
    'shard-precreation': { enabled: false },
    subscriber: { enabled: false },
    continuous_queries: { enabled: false },
    http: { 'bind-address': `127.0.0.1:${port}`, 'auth-enabled': auth, 'log-enabled': false },
    logging: { level: 'warn' },
  };
  const names = [...new Set([...Object.keys(sections), ...Object.keys(conf)])];
  const text = names.map((name) => {
    const entries = Object.entries({ ...sections[name], ...conf[name] });
    return [name && `[${name}]`, ...entries.map(([key, value]) => `${key} = ${JSON.stringify(value)}`)].join('\n');
  });
  const file = join(dir, 'influxdb.conf');
  writeFileSync(file, `${text.join('\n')}\n`);
  return ['run', '-config', file];
}

/**
 * `npm run demo:kafka`: two real series into Kafka as ticks, `pipelines/kafka-to-influx.yaml` over them, and what InfluxDB then holds.
 *
 *   npm run demo:kafka                  # starts Kafka and InfluxDB on this machine unless they are there
 *   npm run demo:kafka -- --fresh       # forgets what an earlier run has read
 *   npm run demo:kafka -- --only-feed   # topics and ticks only; the pipeline runs elsewhere
 *
 * `KAFKA_BROKERS` and `INFLUX_URL` name other servers, as they do for the pipeline.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import kafkajs, { type Admin } from 'kafkajs';
import { DEAD_LETTERS, feed, makeTopics, TOPIC } from './demo-ticks.ts';
import { influxIsReady, influxQuery } from './influx.ts';
import { Refusal, running, startLasting, type Lasting } from './lasting.ts';

const GROUP = 'kafka-to-influx';
const QUERIES = [
  `SELECT "mean", "q0025", "q0975", "actual", "naive" FROM "forecast" WHERE "series" = 'nyc_taxi' AND "step" = '1' AND "actual" > 0 ORDER BY time DESC LIMIT 6`,
  `SELECT MEAN("e") AS "mae", MEAN("n") AS "mae_of_naive" FROM (SELECT ABS("error") AS "e", ABS("actual" - "naive") AS "n" FROM "forecast") WHERE "step" = '1' OR "step" = '12' GROUP BY "series", "step"`,
];

const { values } = parseArgs({
  options: {
    fresh: { type: 'boolean', default: false },
    'only-feed': { type: 'boolean', default: false },
    pipeline: { type: 'string', default: 'pipelines/kafka-to-influx.yaml' },
  },
});

try {
  const brokers = process.env['KAFKA_BROKERS'] ?? `127.0.0.1:${await portOf('kafka', 9092)}`;
  const kafka = new kafkajs.Kafka({ clientId: 'demo', brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect().catch((error: Error) => {
    throw new Refusal(`No Kafka answers at ${brokers} (${error.message}). Start one: npm run services`);
  });
  try {
    await makeTopics(admin);
    const sent = await feed(kafka, admin);
    console.log(`Kafka ${brokers}, topic ${TOPIC}: ${sent > 0 ? `${sent} ticks sent` : 'the ticks are there already'}`);
    if (!values['only-feed']) {
      await runPipeline(admin, brokers, await influxUrl());
    }
  } finally {
    await admin.disconnect();
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function influxUrl(): Promise<string> {
  const url = process.env['INFLUX_URL'] ?? `http://127.0.0.1:${await portOf('influx', 8086)}`;
  if (!(await influxIsReady(url))) throw new Refusal(`No InfluxDB answers at ${url}. Start one: npm run services`);
  return url;
}

/** The port of what `npm run services` started; it is started where nothing answers at the default port. */
async function portOf(which: Lasting, port: number): Promise<number> {
  const folder = resolve('.tidecast/services');
  const there = await running(folder, which);
  if (there) return there.port;
  const answers = which === 'influx' ? await influxIsReady(`http://127.0.0.1:${port}`) : await kafkaAnswers(port);
  if (answers) return port;
  console.log(`Nothing answers at 127.0.0.1:${port}: starting one (npm run services -- stop ends it)`);
  return (await startLasting(folder, which, port)).port;
}

async function kafkaAnswers(port: number): Promise<boolean> {
  const retry = { retries: 0 };
  const admin = new kafkajs.Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: kafkajs.logLevel.NOTHING, retry }).admin();
  return admin.connect().then(
    () => admin.disconnect().then(() => true),
    () => false,
  );
}

async function runPipeline(admin: Admin, brokers: string, url: string): Promise<void> {
  if (values.fresh) await admin.deleteGroups([GROUP]).catch(() => undefined);
  if ((await lag(admin)) === 0) console.log('An earlier run has read them all (--fresh reads them again)');
  else await readAll(admin, brokers, url);
  const [{ offset: refused } = { offset: '0' }] = await admin.fetchTopicOffsets(DEAD_LETTERS);
  console.log(`Everything is read, forecast and stored; ${refused} ticks were refused (topic ${DEAD_LETTERS})`);
  const database = process.env['INFLUX_DATABASE'] ?? 'tidecast';
  for (const query of QUERIES) {
    console.log(`\n${query}\n`);
    for (const { name, tags = {}, columns, values: rows } of await influxQuery(url, query, { database })) {
      console.log(`${[name, ...Object.entries(tags).map(([key, value]) => `${key}=${value}`)].join(' ')}`);
      const shown = [columns, ...rows.map((row) => row.map((value, i) => (i === 0 ? time(value) : number(value))))];
      // a mean over everything has no time of its own
      console.log(table(rows.every(([at]) => at === 0) ? shown.map((row) => row.slice(1)) : shown));
    }
  }
}

/** Runs the pipeline until nothing is left to read, and ends it as Ctrl-C would. */
async function readAll(admin: Admin, brokers: string, url: string): Promise<void> {
  const program = resolve('dist/src/cli/main.js');
  const child = spawn(process.execPath, [program, 'run', values.pipeline, ...(values.fresh ? ['--fresh'] : [])], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, KAFKA_BROKERS: brokers, INFLUX_URL: url },
  });
  const ended = once(child, 'exit') as Promise<[code: number | null]>;
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  process.once('exit', () => child.kill('SIGTERM'));
  let before = -1;
  for (;;) {
    const left = await lag(admin);
    if (left === 0) break;
    if (left !== before) console.log(`${values.pipeline}: ${left} ticks to go`);
    before = left;
    // a child that ended says why on its own; the wait ends with it
    if (await Promise.race([ended.then(() => true), wait(2000, false)])) break;
  }
  child.kill('SIGTERM');
  const [code] = await ended;
  if (code !== 0)
    throw new Error(
      `The pipeline ended with exit code ${code}:\n${said.trim()}\n--fresh makes it forget what it has read before.`,
    );
}

/** Messages that are not yet safely through: what the group has committed is in InfluxDB. */
async function lag(admin: Admin): Promise<number> {
  const ends = await admin.fetchTopicOffsets(TOPIC);
  // a broker that has just been started does not know for a moment who keeps the offsets
  const [committed] = await admin.fetchOffsets({ groupId: GROUP, topics: [TOPIC] }).catch(() => []);
  const safe = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Math.max(0, Number(offset))]));
  return ends.reduce((sum, { partition, offset }) => sum + Number(offset) - (safe.get(partition) ?? 0), 0);
}

function time(value: unknown): string {
  return new Date(Number(value)).toISOString().replace('.000Z', 'Z');
}

function number(value: unknown): string {
  return typeof value === 'number' ? String(Number(value.toPrecision(6))) : String(value ?? '');
}

function table(rows: readonly (readonly unknown[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => String(cell).padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

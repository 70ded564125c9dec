/**
 * The Kafka and the InfluxDB that all live tests share, each from the first place that has one: the environment (`TIDECAST_KAFKA` a list of
 * brokers, `TIDECAST_INFLUX` a URL), docker, or the programs on this machine. Tests that kill a server start their own.
 */
import { join } from 'node:path';
import { freePort } from '../../services/free-port.ts';
import { influxProgram, startInflux } from '../../services/influx.ts';
import { kafkaJars } from '../../services/kafka-jars.ts';
import { startKafka } from '../../services/kafka.ts';
import { runToEnd } from '../../services/run-to-end.ts';

const COMPOSE = join(import.meta.dirname, '../../../docker-compose.yml');

/** Why the live tests cannot run, and what to do about it; undefined where they can. Fetches what the servers need. */
export async function whatIsMissing(): Promise<string | undefined> {
  // tests that kill their servers need them as programs, whatever the others use
  const [kafka, influx] = await Promise.allSettled([kafkaJars(), influxProgram()]);
  const reasons = [kafka, influx].flatMap((each) => (each.status === 'rejected' ? [(each.reason as Error).message] : []));
  return reasons.length > 0 ? reasons.join(' ') : undefined;
}

export default async function start(): Promise<() => Promise<void>> {
  const ends: (() => Promise<void>)[] = [];
  const named = (name: string) => Boolean(process.env[name]);
  if (!named('TIDECAST_KAFKA') && !named('TIDECAST_INFLUX') && (await dockerAnswers())) ends.push(await startContainers());
  // workers inherit the environment
  const kafka = async () => {
    if (named('TIDECAST_KAFKA')) return;
    const server = await startKafka();
    process.env['TIDECAST_KAFKA'] = server.broker;
    ends.push(server.clean);
  };
  const influx = async () => {
    if (named('TIDECAST_INFLUX')) return;
    const server = await startInflux();
    process.env['TIDECAST_INFLUX'] = server.url;
    ends.push(server.clean);
  };
  await Promise.all([kafka(), influx()]);
  console.log(`Kafka ${process.env['TIDECAST_KAFKA']}, InfluxDB ${process.env['TIDECAST_INFLUX']}`);
  return async () => void (await Promise.all(ends.map((end) => end())));
}

function dockerAnswers(): Promise<boolean> {
  return Promise.all([runToEnd('docker', ['info']), runToEnd('docker', ['compose', 'version'])]).then(
    () => true,
    () => false,
  );
}

async function startContainers(): Promise<() => Promise<void>> {
  const [kafka, influx] = [await freePort(), await freePort()];
  const env = { ...process.env, KAFKA_PORT: String(kafka), INFLUX_PORT: String(influx) };
  const compose = (...args: string[]) =>
    runToEnd('docker', ['compose', '-f', COMPOSE, '-p', `tidecast-live-${process.pid}`, ...args], { env });
  const end = async () => void (await compose('down', '--volumes'));
  try {
    await compose('up', '--detach', '--wait', 'kafka', 'influxdb');
  } catch (error) {
    await end().catch(() => undefined);
    throw error;
  }
  process.env['TIDECAST_KAFKA'] = `127.0.0.1:${kafka}`;
  process.env['TIDECAST_INFLUX'] = `http://127.0.0.1:${influx}`;
  return end;
}

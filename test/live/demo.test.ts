/** `npm run demo:kafka`, as a user runs it: two real series through Kafka and the shipped pipeline into InfluxDB. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startKafka, type KafkaServer } from '../services/kafka.ts';
import { endOffsets, messagesOf, pointsOf } from './support/servers.ts';

let kafka: KafkaServer;
let influx: InfluxServer;
const folder = mkdtempSync(join(tmpdir(), 'tidecast-demo-'));
const pipeline = join(folder, 'kafka-to-influx.yaml');

beforeAll(async () => {
  [kafka, influx] = await Promise.all([startKafka(), startInflux()]);
  // its state goes beside it
  copyFileSync('pipelines/kafka-to-influx.yaml', pipeline);
});
afterAll(async () => {
  await Promise.all([kafka?.clean(), influx?.clean()]);
  rmSync(folder, { recursive: true, force: true });
});

async function demo(...args: string[]): Promise<string> {
  const env = { ...process.env, KAFKA_BROKERS: kafka.broker, INFLUX_URL: influx.url, TIDECAST_HTTP: '127.0.0.1:0' };
  const program = resolve('dist/test/services/demo.js');
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--pipeline', pipeline, ...args], { env });
  return stdout;
}

it('feeds, forecasts, and shows how good the forecasts were', { timeout: 300_000 }, async () => {
  const said = await demo();
  expect(said).toMatch(/33015 ticks sent[^]*12 ticks were refused/);
  const rows = [...said.matchAll(/series=(\w+) step=(\d+)\n.*\n([\d.]+)\s+([\d.]+)/g)];
  expect(rows.map(([, series, step]) => `${series} ${step}`)).toEqual([
    'machine_temperature 1',
    'machine_temperature 12',
    'nyc_taxi 1',
    'nyc_taxi 12',
  ]);
  const ratios = rows.map(([, , , mae, naive]) => Number(mae) / Number(naive));
  // the machine's temperature six hours ahead is hardly better known than by its last value
  for (const [i, most] of [0.95, 1.02, 0.5, 0.3].entries()) expect(ratios[i], rows[i]![0]).toBeLessThan(most);
  // of every bar but the last twelve the truth came: 10,320 half hours of taxis
  const taxi = [...(await pointsOf(influx.url, 'tidecast', 'forecast'))].filter(([key]) =>
    key.includes('series=nyc_taxi,step=12,'),
  );
  expect(taxi.filter(([, fields]) => fields['actual'] !== undefined).length).toBe(10_319 - 12);
  // the hour of the machine's file that comes a second time
  const dead = await messagesOf('ticks.dead-letters', [kafka.broker]);
  expect(dead.map(({ headers }) => String(headers!['reason'])).sort()).toEqual(['duplicate', ...Array<string>(11).fill('late')]);
});

it('run again, it sends nothing twice and shows the same', { timeout: 300_000 }, async () => {
  const before = await endOffsets('ticks', [kafka.broker]);
  const said = await demo();
  expect(said).toContain('the ticks are there already');
  expect(said).toContain('An earlier run has read them all');
  expect(await endOffsets('ticks', [kafka.broker])).toEqual(before);
});

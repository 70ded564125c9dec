/** Row 58 of the fault table: whatever the line says, shows and keeps, no password is in it. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { PASSWORDS, startSecuredKafka, type SecuredKafka } from '../services/secured-kafka.ts';
import { figure } from '../support/figures.ts';
import { LineProcess } from './oracle/line.ts';
import { Trial } from './oracle/trial.ts';
import { newTopic, until, withAdmin } from './support/servers.ts';

const INFLUX_PASSWORD = 'in"flux canary/+77';
const INPUT = { series: 3, rows: 60, partitions: 1 };

let kafka: SecuredKafka;
let influx: InfluxServer;
let trial: Trial;
/** Everything that anybody could see, by where it was seen. */
const seen = new Map<string, string>();

beforeAll(async () => {
  [kafka, influx] = await Promise.all([startSecuredKafka(), startInflux({ auth: true })]);
  const letters = await newTopic(1, { at: [kafka.server.broker] });
  const sasl = 'mechanism: plain, username: ann, password: "${KAFKA_PASSWORD}"';
  const secured = `tls: { ca: ${kafka.files.ca} }, sasl: { ${sasl} }`;
  trial = new Trial({
    input: INPUT,
    kafka: [kafka.server.broker],
    influx: influx.url,
    source: `tls: { ca: ${kafka.files.ca} }\nsasl: { ${sasl} }`,
    sink: 'username: writer\npassword: ${INFLUX_PASSWORD}',
    sinks: `- { type: kafka, brokers: "${kafka.at.saslTls}", dead_letters: ${letters}, ${secured} }`,
  });
  await trial.makeTopic();
  await trial.writePipeline({ kafka: kafka.at.saslTls });
  await influx.query(`CREATE DATABASE ${trial.database}`);
  await influx.query(`CREATE USER writer WITH PASSWORD '${INFLUX_PASSWORD}'`);
  await influx.query(`GRANT ALL ON ${trial.database} TO writer`);
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const acl = [AclResourceTypes.TOPIC, AclResourceTypes.GROUP].map((resourceType) => ({
    resourceType,
    resourceName: '*',
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:ann',
    host: '*',
    operation: AclOperationTypes.ALL,
    permissionType: AclPermissionTypes.ALLOW,
  }));
  await withAdmin([kafka.server.broker], (admin) => admin.createAcls({ acl }));
});
afterAll(async () => {
  await trial?.clean();
  await Promise.all([kafka?.clean(), influx?.clean()]);
});

const env = (kafkaPassword: string, influxPassword: string) => ({
  KAFKA_PASSWORD: kafkaPassword,
  INFLUX_PASSWORD: influxPassword,
  // what users turn on when something goes wrong
  DEBUG: '*',
  NODE_DEBUG: 'kafkajs',
});
const RIGHT = env(PASSWORDS.ann, INFLUX_PASSWORD);

/** Calls the program, keeps what it says, and gives its exit code. */
async function tidecast(where: string, args: readonly string[], environment: Record<string, string> = RIGHT): Promise<number> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      [resolve('dist/src/cli/main.js'), ...args],
      { env: { ...process.env, ...environment } },
      (error, out, err) => {
        seen.set(where, out + err);
        done(error ? Number(error.code) : 0);
      },
    );
  });
}

it(
  'row 58: no password is in the log, in errors, in answers over HTTP, in the state, or in what any verb shows',
  { timeout: 300_000 },
  async (test) => {
    const line = new LineProcess(trial, { env: RIGHT });
    await trial.feed(0, 50);
    await trial.send([{ key: 'series-0', value: '{bad', partition: 0 }]);
    await until('the first part is committed', async () => (await trial.look()) >= 50 * INPUT.series);
    for (const path of ['/health', '/ready', '/metrics'] as const) seen.set(path, (await line.ask(path)).text);
    // both ends are refused while it runs
    await influx.query(`SET PASSWORD FOR writer = 'another'`);
    await trial.feed(50);
    await line.becomes(503);
    await kafka.server.kill9();
    await until('both are waited for', () => line.count('sink.waiting') > 0 && line.count('source.waiting') > 0);
    for (const path of ['/ready', '/metrics'] as const) seen.set(`${path} in trouble`, (await line.ask(path)).text);
    await kafka.server.restart();
    await influx.query(`SET PASSWORD FOR writer = '${INFLUX_PASSWORD}'`);
    await trial.finish();
    expect(await line.stop(), line.said.slice(-2000)).toBe(0);
    seen.set('log', line.said);

    expect(await tidecast('check', ['check', trial.pipeline])).toBe(0);
    expect(await tidecast('check --live', ['check', trial.pipeline, '--live', '--json'])).toBe(0);
    expect(await tidecast('inspect', ['inspect', 'state', trial.stateFolder, '--json'])).toBe(0);
    const wrongKafka = env('wrong-canary-1', INFLUX_PASSWORD);
    expect(await tidecast('wrong for Kafka: run', ['run', trial.pipeline], wrongKafka)).toBe(78);
    expect(await tidecast('wrong for Kafka: check', ['check', trial.pipeline, '--live', '--json'], wrongKafka)).not.toBe(0);
    const wrongInflux = env(PASSWORDS.ann, 'wrong canary"2');
    expect(await tidecast('wrong for InfluxDB: run', ['run', trial.pipeline, '--json'], wrongInflux)).toBe(78);
    expect(await tidecast('wrong for InfluxDB: check', ['check', trial.pipeline, '--live'], wrongInflux)).not.toBe(0);
    expect(await tidecast('no password', ['run', trial.pipeline], { KAFKA_PASSWORD: PASSWORDS.ann })).toBe(78);
    for (const name of readdirSync(trial.stateFolder, { recursive: true, encoding: 'utf8' })) {
      const file = join(trial.stateFolder, name);
      if (statSync(file).isFile()) seen.set(`state: ${name}`, readFileSync(file).toString('latin1'));
    }

    const base64 = (text: string) => Buffer.from(text).toString('base64').replace(/=+$/, '');
    const forms = ['canary', base64(`writer:${INFLUX_PASSWORD}`), base64(`\0ann\0${PASSWORDS.ann}`), base64(PASSWORDS.ann)];
    for (const [where, text] of seen)
      for (const form of forms) expect(text.includes(form), `${where} holds ${form}: ${around(text, form)}`).toBe(false);
    expect([...seen.values()].every((text) => text.length > 0)).toBe(true);
    figure(test, `${seen.size} outputs and files, ${[...seen.values()].reduce((sum, { length }) => sum + length, 0)} characters`);
  },
);

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return at < 0 ? '' : text.slice(Math.max(0, at - 100), at + 50);
}

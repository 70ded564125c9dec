/**
 * `npm run services`: a Kafka and an InfluxDB on this machine, without docker. They stay until they are stopped, their data below
 * `.tidecast/services`.
 *
 *   npm run services                        # start what does not run yet, and say where
 *   npm run services -- status | stop       # what runs; stop it (the data stays)
 *   npm run services -- fetch               # only fetch what they need
 *   npm run services -- --kafka-port 19092 --influx-port 18086 --dir FOLDER
 */
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { influxProgram } from './influx.ts';
import { kafkaJars } from './kafka-jars.ts';
import { archiveClasses } from './kafka.ts';
import { LASTING, Refusal, running, startLasting, stopLasting, type Lasting } from './lasting.ts';

const NAMES = Object.keys(LASTING) as Lasting[];
const PORTS: Readonly<Record<Lasting, number>> = { kafka: 9092, influx: 8086 };

async function start(folder: string, asked: Readonly<Record<Lasting, number | undefined>>): Promise<void> {
  const ports: Partial<Record<Lasting, number>> = {};
  for (const which of NAMES) {
    const name = LASTING[which];
    const there = await running(folder, which);
    if (there && there.port !== (asked[which] ?? there.port))
      throw new Refusal(`${name} runs on port ${there.port} already. To move it, stop it first: npm run services -- stop`);
    const { port } = there ?? (await startLasting(folder, which, asked[which] ?? PORTS[which]));
    ports[which] = port;
    const address = which === 'kafka' ? `127.0.0.1:${port}` : `http://127.0.0.1:${port}`;
    console.log(`${name.padEnd(9)} ${address.padEnd(22)} ${there ? 'runs already' : 'started'}`);
  }
  const elsewhere = [
    ...(ports.kafka === PORTS.kafka ? [] : [`KAFKA_BROKERS=127.0.0.1:${ports.kafka} `]),
    ...(ports.influx === PORTS.influx ? [] : [`INFLUX_URL=http://127.0.0.1:${ports.influx} `]),
  ].join('');
  console.log(`
Data and logs: ${relative('.', folder) || '.'}
Next:          ${elsewhere}npm run demo:kafka
Stop:          npm run services -- stop`);
}

async function stop(folder: string): Promise<void> {
  for (const which of NAMES) {
    const stopped = await stopLasting(folder, which);
    console.log(`${LASTING[which].padEnd(9)} ${stopped ? 'stopped' : 'did not run'}`);
  }
}

async function status(folder: string): Promise<void> {
  for (const which of NAMES) {
    const there = await running(folder, which);
    console.log(
      `${LASTING[which].padEnd(9)} ${there ? `runs on 127.0.0.1:${there.port}, process ${there.pid}` : 'does not run'}`,
    );
    if (!there) process.exitCode = 1;
  }
}

async function fetchAll(): Promise<void> {
  const jars = await kafkaJars();
  await archiveClasses(jars);
  console.log(`Kafka     ${jars.version} in ${jars.folder}`);
  console.log(`InfluxDB  ${await influxProgram()}`);
}

function port(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new Refusal(`A port is a number from 1 to 65535, not ${text}.`);
  return number;
}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: '.tidecast/services' },
      'kafka-port': { type: 'string' },
      'influx-port': { type: 'string' },
    },
  });
  const folder = resolve(values.dir);
  const [verb = 'start', more] = positionals;
  if (more !== undefined) throw new Refusal(`One of start, stop, status, fetch, not ${positionals.join(' ')}.`);
  if (verb === 'start') await start(folder, { kafka: port(values['kafka-port']), influx: port(values['influx-port']) });
  else if (verb === 'stop') await stop(folder);
  else if (verb === 'status') await status(folder);
  else if (verb === 'fetch') await fetchAll();
  else throw new Refusal(`There is no "${verb}". Use start, stop, status or fetch.`);
} catch (error) {
  // what a program could not do for us it says itself; a stack would only hide it
  console.error((error as Error).message);
  process.exitCode = error instanceof Refusal ? 2 : 1;
}

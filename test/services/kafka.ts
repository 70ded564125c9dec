/** A real Kafka broker on 127.0.0.1, or several, without a container: KRaft mode, one folder of data each. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { kafkaJars, type KafkaJars } from './kafka-jars.ts';
import { runToEnd } from './run-to-end.ts';
import { startServer, type Server } from './server-process.ts';

type Properties = Readonly<Record<string, string | number | boolean>>;

export interface KafkaOptions {
  /** Lines of `server.properties`, over the defaults: `{ 'message.max.bytes': 1000 }`. A function is told the ports and the folder. */
  readonly properties?: Properties | ((at: { port: number; controllerPort: number; dir: string }) => Properties);
  /** Default: a free one. */
  readonly port?: number;
  /** The port that clients are told, where a proxy stands before the broker. */
  readonly advertised?: number;
  /** More arguments of the storage tool's `format`: `['--add-scram', 'SCRAM-SHA-256=[name=ann,password=secret]']`. */
  readonly format?: readonly string[];
}

export interface KafkaServer extends Server {
  /** `127.0.0.1:PORT`, as clients name it. */
  readonly broker: string;
  /** Where it listens. */
  readonly port: number;
}

/** One broker with its own controller, ready in about two seconds. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const port = options.port ?? (await freePort());
  return startNode(await place(1, port), [], options);
}

export interface KafkaCluster {
  /** Addresses of all, for a client. */
  readonly brokers: readonly string[];
  readonly nodes: readonly KafkaServer[];
  clean(): Promise<void>;
}

/** Brokers that copy every topic to three of them, so that each may die: for `replication.factor` 3 with two that must have a message. */
export async function startKafkaCluster(size = 3, options: Pick<KafkaOptions, 'properties'> = {}): Promise<KafkaCluster> {
  const places = await Promise.all(Array.from({ length: size }, async (_, i) => place(i + 1, await freePort())));
  const started = await Promise.allSettled(places.map((each) => startNode(each, places, options)));
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const clean = async () => void (await Promise.all(nodes.map((node) => node.clean())));
  const failed = started.find((each) => each.status === 'rejected');
  if (failed) {
    await clean();
    throw failed.reason;
  }
  return { brokers: nodes.map(({ broker }) => broker), nodes, clean };
}

interface Place {
  readonly id: number;
  readonly port: number;
  readonly controllerPort: number;
}

async function place(id: number, port: number): Promise<Place> {
  return { id, port, controllerPort: await freePort() };
}

async function startNode(at: Place, cluster: readonly Place[], options: KafkaOptions): Promise<KafkaServer> {
  const jars = await kafkaJars();
  await archiveClasses(jars);
  const dir = mkdtempSync(join(tmpdir(), 'tidecast-kafka-'));
  const advertised = options.advertised ?? at.port;
  try {
    const extra = typeof options.properties === 'function' ? options.properties({ ...at, dir }) : options.properties;
    const command = await prepareKafka(jars, dir, { ...kafkaProperties(dir, at, cluster, advertised), ...extra }, options.format);
    const server = await startServer({ ...command, dir, name: `Kafka on port ${at.port}`, ready: kafkaIsReady });
    // not spread: `pid` is a getter
    return Object.assign(server, { broker: `127.0.0.1:${advertised}`, port: at.port });
  } catch (error) {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
}

/** Whether this output of a broker says that it serves. */
export function kafkaIsReady(output: string): boolean {
  return output.includes('Kafka Server started');
}

/** Writes the configuration and formats the folder where that was not done; gives the command that starts the broker. */
export async function prepareKafka(
  jars: KafkaJars,
  dir: string,
  properties: Properties,
  format: readonly string[] = [],
): Promise<{ command: string; args: string[] }> {
  const file = join(dir, 'server.properties');
  mkdirSync(join(dir, 'logs'), { recursive: true });
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  if (!existsSync(join(dir, 'logs', 'meta.properties'))) {
    // every folder has the same cluster id: 22 characters of base64
    const args = ['kafka.tools.StorageTool', 'format', '-t', 'AAAAAAAAAAAAAAAAAAAAAA', '-c', file, ...format];
    await runToEnd('java', [...jars.java, ...args], {}, 'Install Java 17: apt-get install openjdk-17-jre-headless.');
  }
  const archive = existsSync(jars.archive) ? [`-XX:SharedArchiveFile=${jars.archive}`] : [];
  return { command: 'java', args: [...archive, ...jars.java, 'kafka.Kafka', file] };
}

/** What a broker for tests is told; times are short, so that it comes back within seconds after a kill. */
export function kafkaProperties(dir: string, at: Place, others: readonly Place[] = [], advertised = at.port): Properties {
  const cluster = others.length > 0 ? others : [at];
  const copies = Math.min(3, cluster.length);
  const needed = Math.min(2, cluster.length);
  return {
    'process.roles': 'broker,controller',
    'node.id': at.id,
    'controller.quorum.voters': cluster.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(','),
    listeners: `PLAINTEXT://127.0.0.1:${at.port},CONTROLLER://127.0.0.1:${at.controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertised}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': join(dir, 'logs'),
    'num.partitions': 1,
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': needed,
    // few partitions of the internal topics: a quick start
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': needed,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': needed,
    // no wait of 3 s at the first join; session time-outs below 6 s
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // after kill -9 the old registration must expire before the broker is let in again: 16 s with the defaults
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'controller.quorum.election.timeout.ms': 300,
    'controller.quorum.election.backoff.max.ms': 300,
    // test data is old: retention by time would delete it
    'log.retention.ms': -1,
    'log.cleaner.backoff.ms': 1000,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
    'num.network.threads': 2,
    'num.io.threads': 4,
  };
}

let archived: Promise<void> | undefined;

/** Runs a broker once to write the archive of its classes; without it everything works, each start a second or two later. */
export function archiveClasses(jars: KafkaJars): Promise<void> {
  return (archived ??= existsSync(jars.archive) ? Promise.resolve() : writeArchive(jars).catch(() => undefined));
}

async function writeArchive(jars: KafkaJars): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'tidecast-kafka-'));
  const partial = `${jars.archive}.${process.pid}`;
  const at = await place(1, await freePort());
  const { command, args } = await prepareKafka(jars, dir, kafkaProperties(dir, at));
  const server = await startServer({
    command,
    args: [`-XX:ArchiveClassesAtExit=${partial}`, ...args],
    dir,
    name: 'Kafka',
    ready: kafkaIsReady,
  });
  await server.stop();
  await server.clean();
  renameSync(partial, jars.archive);
}

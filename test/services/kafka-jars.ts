/** The programs of a real Kafka broker: its jars from Maven Central, once, in a cache folder outside the work tree. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from './run-to-end.ts';

const KAFKA = '4.4.0';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local.test</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA}</version>
    </dependency>
    <!-- slf4j 1.7 binding: the broker's log, from which readiness is read -->
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.5</version>
    </dependency>
  </dependencies>
</project>
`;

const LOG4J = `rootLogger.level = WARN
rootLogger.appenderRef.console.ref = STDOUT
appender.console.type = Console
appender.console.name = STDOUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
`;

/** A small heap, the serial collector and the first compiler only: a broker for tests starts in half the time, in 170 MB. */
const JVM = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Where the jars are, and what to start Java with. */
export interface KafkaJars {
  readonly version: string;
  readonly folder: string;
  readonly classPath: string;
  /** Arguments of `java` before the main class. */
  readonly java: readonly string[];
  /** The archive of loaded classes that halves the start of a broker; missing until the first broker wrote it. */
  readonly archive: string;
}

let found: Promise<KafkaJars> | undefined;

/** The jars, fetched when they are not there (43 MB, about 20 s). Needs Java 17 and Maven. `TIDECAST_CACHE` names another cache folder. */
export function kafkaJars(): Promise<KafkaJars> {
  return (found ??= fetchJars());
}

/** The folder for what is fetched once and used by every work tree. */
export function cacheFolder(): string {
  const { TIDECAST_CACHE, XDG_CACHE_HOME } = process.env;
  return TIDECAST_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'tidecast');
}

async function fetchJars(): Promise<KafkaJars> {
  const key = createHash('sha256')
    .update(POM + LOG4J)
    .digest('hex')
    .slice(0, 12);
  const folder = join(cacheFolder(), `kafka-${KAFKA}-${key}`);
  if (!existsSync(folder)) {
    mkdirSync(cacheFolder(), { recursive: true });
    const partial = mkdtempSync(`${folder}.partial-`);
    try {
      writeFileSync(join(partial, 'pom.xml'), POM);
      writeFileSync(join(partial, 'log4j2.properties'), LOG4J);
      const args = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${partial}/lib`, '-DincludeScope=runtime'];
      await runToEnd('mvn', args, { cwd: partial }, 'Install Maven and Java 17: apt-get install maven openjdk-17-jre-headless.');
      renameSync(partial, folder);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      // another process was quicker: its folder is as good as ours
      if (!existsSync(folder)) throw error;
    }
  }
  const lib = join(folder, 'lib');
  const classPath = readdirSync(lib)
    .sort()
    .map((name) => join(lib, name))
    .join(':');
  return {
    version: KAFKA,
    folder,
    classPath,
    java: [...JVM, `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`, '-cp', classPath],
    archive: join(folder, 'kafka.jsa'),
  };
}

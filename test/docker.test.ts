/** What can be said of the container files without a container: they have the right form, and everything they name is there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SINKS, SOURCES } from '../connectors/index.ts';
import { FORECASTERS } from '../src/forecast/index.ts';
import { loadPipeline } from '../src/pipeline/load.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}

const text = readFileSync('docker-compose.yml', 'utf8');
const compose = parse(text) as { services: Record<string, Service>; volumes: Record<string, unknown> };
const { services } = compose;
const dockerfile = readFileSync('Dockerfile', 'utf8').split('\n');

it('the Dockerfile copies files that exist, and starts the program that the package starts', () => {
  const copied = dockerfile
    .filter((line) => line.startsWith('COPY ') && !line.includes('--from'))
    .flatMap((line) => line.split(' ').slice(1, -1));
  expect(copied.length).toBeGreaterThan(5);
  for (const path of copied) expect(existsSync(path), path).toBe(true);
  const { bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { bin: { tidecast: string } };
  expect(dockerfile.find((line) => line.startsWith('ENTRYPOINT'))).toContain(bin.tidecast);
});

describe('docker-compose.yml', () => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const schema = JSON.parse(readFileSync('test/fixtures/compose/compose-spec.json', 'utf8')) as Record<string, unknown>;
  // the address of the meta-schema is written in another way there; ajv knows it by its own
  const isCompose = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' });

  it('is a compose file, and a mistake in it would be seen', () => {
    expect(isCompose(compose), ajv.errorsText(isCompose.errors)).toBe(true);
    const broken = structuredClone<unknown>(compose) as { services: Record<string, Record<string, unknown>> };
    broken.services['tidecast']!['depends_on'] = { kafka: { condition: 'service_is_fine' } };
    expect(isCompose(broken)).toBe(false);
    expect(isCompose({ services: { tidecast: { comand: [] } } })).toBe(false);
  });
  it('mounts files and volumes that exist, and every volume is used', () => {
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((each) => each.split(':')[0]!));
    for (const path of mounted.filter((each) => each.startsWith('.'))) expect(existsSync(path), path).toBe(true);
    const volumes = mounted.filter((each) => !each.startsWith('.'));
    expect([...new Set(volumes)].sort()).toEqual(Object.keys(compose.volumes).sort());
  });
  it('waits for what it needs, and what is waited for says how it is', () => {
    for (const [name, { depends_on: needs = {} }] of Object.entries(services)) {
      for (const [needed, { condition }] of Object.entries(needs)) {
        expect(services[needed], `${name} needs ${needed}`).toBeDefined();
        if (condition === 'service_healthy') expect(services[needed]!.healthcheck, needed).toBeDefined();
      }
    }
    expect(services['tidecast']!.depends_on).toMatchObject({
      topics: { condition: 'service_completed_successfully' },
      influxdb: { condition: 'service_healthy' },
    });
  });
  it('takes images of a fixed version, and lets in this machine only', () => {
    for (const [name, { image = '', build, ports = [] }] of Object.entries(services)) {
      if (build === undefined && image !== 'tidecast') expect(image, name).toMatch(/:v?\d+\.\d+\.\d+$/);
      for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    }
  });
  it('.env.example holds every setting with its default, and nothing else', () => {
    const used = Object.fromEntries([...text.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name, value]) => [name, value]));
    const named = readFileSync('.env.example', 'utf8').matchAll(/^(\w+)=(.*)$/gm);
    expect(Object.fromEntries([...named].map(([, name, value]) => [name, value]))).toEqual(used);
    expect(text.match(/\$\{\w+(?!:-)[^:\w]/g)).toBeNull();
  });
  it('runs a pipeline whose servers, topics, database, port and patience it has', () => {
    const { command, environment = {}, healthcheck, stop_grace_period: grace = '', ports } = services['tidecast']!;
    const env = Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));
    const file = command![1]!;
    for (const name of Object.keys(env)) expect(readFileSync(file, 'utf8'), name).toContain(`\${${name}:-`);
    const spec = loadPipeline(file, { env, sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS });
    const [influx, kafka] = ['influx', 'kafka'].map((type) => spec.sinks.find((sink) => sink.type === type)!.config) as [
      { url: string; database: string },
      { brokers: string[]; dead_letters: string },
    ];
    const source = spec.source.config as { brokers: string[]; topic: string };
    const listeners = services['kafka']!.environment!['KAFKA_ADVERTISED_LISTENERS'];
    for (const broker of [...source.brokers, ...kafka.brokers]) expect(listeners).toContain(`PLAINTEXT://${broker}`);
    for (const topic of [source.topic, kafka.dead_letters])
      expect(services['topics']!.command!.join('')).toMatch(new RegExp(`--topic ${topic.replace('.', '\\.')} `));
    expect(new URL(influx.url).hostname in services).toBe(true);
    expect(influx.database).toBe(services['influxdb']!.environment!['INFLUXDB_DB']);
    const { http, stop_within: within } = spec.service;
    expect(http).toMatchObject({ host: '0.0.0.0', port: 9464 });
    expect(healthcheck!.test.join(' ')).toContain(`127.0.0.1:${http!.port}/health`);
    expect(ports![0]).toMatch(new RegExp(`:${http!.port}$`));
    expect(parseInt(grace, 10) * 1000).toBeGreaterThan(within);
  });
  it('the demo feeds with a program that is built into the image', () => {
    const { entrypoint = [] } = services['demo']!;
    const source = entrypoint[1]!.replace(/^dist\//, '').replace(/\.js$/, '.ts');
    expect(existsSync(source), source).toBe(true);
    const { include } = JSON.parse(readFileSync('tsconfig.build.json', 'utf8')) as { include: string[] };
    expect(
      include.some((folder) => source.startsWith(`${folder}/`)),
      `tsconfig.build.json builds ${source}`,
    ).toBe(true);
  });
});

describe('Prometheus and Grafana', () => {
  const read = (path: string) => parse(readFileSync(path, 'utf8')) as unknown;
  /** Where a path inside of a container lies here. */
  const outside = (name: string, path: string) =>
    services[name]!.volumes!.map((each) => each.split(':'))
      .filter(([, inside]) => path === inside || path.startsWith(`${inside}/`))
      .map(([here, inside]) => join(here!, path.slice(inside!.length)))[0];

  it('Prometheus asks tidecast at its port', () => {
    const { scrape_configs: jobs } = read('config/prometheus/prometheus.yml') as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    expect(jobs.flatMap((job) => job.static_configs.flatMap(({ targets }) => targets))).toEqual(['tidecast:9464']);
    expect(outside('prometheus', '/etc/prometheus/prometheus.yml')).toBe('config/prometheus/prometheus.yml');
  });
  it('Grafana finds its sources of data, and its dashboards', () => {
    const folder = outside('grafana', '/etc/grafana/provisioning')!;
    const { datasources } = read(join(folder, 'datasources/tidecast.yaml')) as {
      datasources: { uid: string; url: string; jsonData: { dbName?: string } }[];
    };
    for (const { url, jsonData } of datasources) {
      expect(new URL(url).hostname in services, url).toBe(true);
      if (jsonData.dbName) expect(jsonData.dbName).toBe(services['influxdb']!.environment!['INFLUXDB_DB']);
    }
    const { providers } = read(join(folder, 'dashboards/tidecast.yaml')) as { providers: { options: { path: string } }[] };
    for (const { options } of providers) expect(existsSync(outside('grafana', options.path)!)).toBe(true);
    const home = String(services['grafana']!.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']);
    const dashboard = readFileSync(outside('grafana', home)!, 'utf8');
    const used = [...dashboard.matchAll(/"uid": "(tidecast-\w+)"/g)].map(([, uid]) => uid!);
    expect([...new Set(used)].sort()).toEqual(datasources.map(({ uid }) => uid).sort());
  });
});

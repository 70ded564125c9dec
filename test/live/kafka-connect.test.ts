/** What a wrong configuration of Kafka ends in: one line that says where, what and what to do, within 15 seconds. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import kafkaSink from '../../connectors/kafka-sink.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Sink } from '../../src/core/connector.ts';
import { EXIT, type TidecastError } from '../../src/core/errors.ts';
import { forecasts, sinkContext } from '../contract/sink.ts';
import { context } from '../contract/source.ts';
import { PASSWORDS, startSecuredKafka, type SecuredKafka } from '../services/secured-kafka.ts';
import { endOffsets, influxUrl, newTopic, until, withAdmin } from './support/servers.ts';

let kafka: SecuredKafka;
const servers: Server[] = [];
const ports: Record<'http' | 'mute' | 'shut' | 'ssh', string> = { http: '', mute: '', shut: '', ssh: '' };

beforeAll(async () => {
  kafka = await startSecuredKafka();
  const plain = [kafka.server.broker];
  for (const name of ['ann-topic', 'ann-dead', 'private']) await newTopic(2, { name, at: plain });
  const rights = {
    resourceName: 'ann',
    resourcePatternType: 4,
    principal: 'User:ann',
    host: '*',
    operation: 2,
    permissionType: 3,
  };
  await withAdmin(plain, (admin) =>
    admin.createAcls({
      acl: [
        { ...rights, resourceType: 2 },
        { ...rights, resourceType: 3 },
      ],
    }),
  );
  const listen = async (name: keyof typeof ports, server: Server) => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ports[name] = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    servers.push(server);
  };
  await listen('http', createHttp((_, response) => response.end('hello')) as unknown as Server);
  await listen(
    'mute',
    createServer((socket) => void socket.on('error', () => undefined)),
  );
  await listen(
    'shut',
    createServer((socket) => void socket.destroy()),
  );
  await listen(
    'ssh',
    createServer((socket) => void socket.on('error', () => undefined).write('SSH-2.0-OpenSSH_9\r\n')),
  );
});
afterAll(async () => {
  for (const server of servers) server.close();
  await kafka?.clean();
});

function build(config: object): Sink {
  const { ca } = kafka.files;
  const withCa = 'tls' in config && config.tls === 'ca' ? { ...config, tls: { ca } } : config;
  return kafkaSink.build(kafkaSink.config.parse({ topic: 'ann-topic', ...withCa }), { ...context(), clock: systemClock });
}

const sasl = (username: keyof typeof PASSWORDS, mechanism = 'plain', password: string = PASSWORDS[username]) => ({
  sasl: { mechanism, username, password },
});
const exposed = { allow_plaintext_password: true };
type Case = readonly [what: string, config: () => { readonly brokers: string }, code: string, said: RegExp];

const WRONG: readonly Case[] = [
  ['an HTTP server', () => ({ brokers: ports.http }), 'KAFKA_NOT_KAFKA', /an HTTP server answers/],
  ['InfluxDB', () => ({ brokers: influxUrl().slice('http://'.length) }), 'KAFKA_NOT_KAFKA', /an HTTP server answers/],
  ['another server', () => ({ brokers: ports.ssh }), 'KAFKA_NOT_KAFKA', /it answers "SSH-2/],
  ['TLS to a plain port', () => ({ brokers: kafka.server.broker, tls: true }), 'KAFKA_TLS', /without encryption/],
  ['TLS to an HTTP server', () => ({ brokers: ports.http, tls: true }), 'KAFKA_TLS', /does not speak TLS/],
  ['plain to a TLS port', () => ({ brokers: kafka.at.tls }), 'KAFKA_TLS', /the port speaks TLS, and `tls` is not set/],
  [
    'an unknown authority',
    () => ({ brokers: kafka.at.tls, tls: true }),
    'KAFKA_TLS',
    /not trusted here: name its file as `tls.ca`/,
  ],
  ['the wrong authority', () => ({ brokers: kafka.at.tls, tls: { ca: kafka.files.otherCa } }), 'KAFKA_TLS', /not trusted here/],
  ['an expired certificate', () => ({ brokers: kafka.at.expired, tls: 'ca' }), 'KAFKA_TLS', /has expired/],
  [
    'a certificate for another name',
    () => ({ brokers: kafka.at.otherName, tls: 'ca' }),
    'KAFKA_TLS',
    /is for another name.*127\.0\.0\.1/,
  ],
  ['no certificate of ours', () => ({ brokers: kafka.at.mutual, tls: 'ca' }), 'KAFKA_TLS', /set `tls.cert` and `tls.key`/],
  [
    'no file of the authority',
    () => ({ brokers: kafka.at.tls, tls: { ca: 'nowhere.pem' } }),
    'KAFKA_TLS',
    /nowhere\.pem.*ENOENT/,
  ],
  [
    'no password',
    () => ({ brokers: kafka.at.sasl }),
    'KAFKA_AUTHENTICATION',
    /asks for a password \(.*plain.*\), and `sasl` is not set/,
  ],
  [
    'a password for a listener without',
    () => ({ brokers: kafka.server.broker, ...sasl('ann'), ...exposed }),
    'KAFKA_AUTHENTICATION',
    /asks for no password/,
  ],
  ...['plain', 'scram-sha-256', 'scram-sha-512'].map((mechanism): Case => [
    `a wrong password, ${mechanism}`,
    () => ({ brokers: kafka.at.sasl, ...sasl('ann', mechanism, 'wrong-canary-77'), ...exposed }),
    'KAFKA_AUTHENTICATION',
    /Check `sasl`/,
  ]),
  [
    'a wrong password over TLS',
    () => ({ brokers: kafka.at.saslTls, tls: 'ca', ...sasl('bob', 'scram-sha-256', PASSWORDS.ann) }),
    'KAFKA_AUTHENTICATION',
    /Check `sasl`/,
  ],
  ['an unknown topic', () => ({ brokers: kafka.server.broker, topic: 'nowhere' }), 'KAFKA_TOPIC_UNKNOWN', /topic: nowhere/],
  [
    'an unknown topic of dead letters',
    () => ({ brokers: kafka.server.broker, dead_letters: 'nowhere' }),
    'KAFKA_TOPIC_UNKNOWN',
    /topic: nowhere/,
  ],
  [
    'no rights',
    () => ({ brokers: kafka.at.sasl, topic: 'private', ...sasl('bob'), ...exposed }),
    'KAFKA_NOT_ALLOWED',
    /topic: private/,
  ],
];

describe('a wrong configuration ends the start', () => {
  it.each(WRONG)('%s', async (_, config, code, said) => {
    const given = config();
    const sink = build(given);
    const started = performance.now();
    const error = await sink.open(sinkContext()).then(
      () => undefined,
      (thrown: TidecastError) => thrown,
    );
    const took = performance.now() - started;
    expect(error?.code, error?.message).toBe(code);
    expect(error!.message).toContain(given.brokers);
    expect(error!.message).toMatch(said);
    expect(error!.message).not.toMatch(/\n|canary/);
    expect(error!.retriable).toBe(false);
    expect(error!.exit).toBe(EXIT.config);
    expect(took).toBeLessThan(15_000);
    // the same for `check --live`
    const findings = await build(given).check!(new AbortController().signal);
    expect(findings.filter(({ ok }) => !ok).map(({ what }) => what)).toContainEqual(expect.stringMatching(said));
    expect(JSON.stringify(findings)).not.toMatch(/canary/);
  });

  it.each([
    ['nothing listens', () => '127.0.0.1:1', /ECONNREFUSED/],
    ['the name is unknown', () => 'kafka.invalid:9092', /cannot be resolved/],
    ['it hangs', () => ports.mute, /gave no answer within/],
    ['it hangs up', () => ports.shut, /closed the connection without an answer/],
  ])('what may come up later is waited for: %s', async (_, brokers, said) => {
    const sink = build({ brokers: brokers() });
    const started = performance.now();
    await sink.open(sinkContext());
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(sink.health!()).toMatchObject({ ok: false, detail: expect.stringMatching(said) });
    await sink.close(false);
    const findings = await build({ brokers: brokers() }).check!(new AbortController().signal);
    expect(findings).toMatchObject([{ ok: false, what: expect.stringMatching(said) }]);
  });
});

describe('a right configuration', () => {
  it.each([
    ['plain', () => ({ brokers: kafka.server.broker })],
    ['one of several brokers', () => ({ brokers: ['127.0.0.1:1', kafka.server.broker] })],
    ['TLS', () => ({ brokers: kafka.at.tls, tls: 'ca' })],
    ['TLS by a name', () => ({ brokers: kafka.at.otherName, tls: { ca: kafka.files.ca, servername: 'kafka.example.org' } })],
    [
      'TLS with our certificate',
      () => ({ brokers: kafka.at.mutual, tls: { ca: kafka.files.ca, cert: kafka.files.cert, key: kafka.files.key } }),
    ],
    ['PLAIN in the open, with leave', () => ({ brokers: kafka.at.sasl, ...sasl('ann'), ...exposed })],
    ['PLAIN over TLS', () => ({ brokers: kafka.at.saslTls, tls: 'ca', ...sasl('ann') })],
    ['SCRAM-SHA-256 over TLS', () => ({ brokers: kafka.at.saslTls, tls: 'ca', ...sasl('ann', 'scram-sha-256') })],
    ['SCRAM-SHA-512 over TLS', () => ({ brokers: kafka.at.saslTls, tls: 'ca', ...sasl('ann', 'scram-sha-512') })],
  ])('%s', async (title, config) => {
    const written = () => endOffsets('ann-topic', [kafka.server.broker]);
    const untouched = await written();
    const findings = await build(config()).check!(new AbortController().signal);
    expect(await written()).toEqual(untouched);
    // all that was looked at is well; of several brokers one may be away
    expect(findings.filter(({ ok }) => !ok)).toHaveLength(title === 'one of several brokers' ? 1 : 0);
    expect(findings.at(-1)!.what).toMatch(/may produce/);
    const sink = build(config());
    await sink.open(sinkContext());
    await sink.write(forecasts(0, 10));
    await sink.flush({ from: 0, to: 10 });
    expect(sink.health!().ok).toBe(true);
    await sink.close(true);
    expect(sum(await written())).toBe(sum(untouched) + 10);
  });
});

describe('a password that is changed while the pipeline runs', () => {
  it('is waited for, and nothing is lost', async () => {
    const file = join(kafka.server.dir, 'server.properties');
    const right = readFileSync(file, 'utf8');
    const written = () => endOffsets('ann-topic', [kafka.server.broker]);
    const untouched = await written();
    const sink = build({ brokers: kafka.at.sasl, ...sasl('ann'), ...exposed });
    await sink.open(sinkContext());
    await sink.write(forecasts(0, 10));
    await sink.flush({ from: 0, to: 10 });
    const restart = async (properties: string) => {
      await kafka.server.stop();
      writeFileSync(file, properties);
      await kafka.server.restart();
    };
    await restart(right.replaceAll(PASSWORDS.ann, 'changed'));
    await sink.write(forecasts(10, 20));
    const flushed = sink.flush({ from: 10, to: 20 });
    await until('the password is refused', () => /uthentication/.test(sink.health!().detail));
    expect(sink.health!().ok).toBe(false);
    // longer than any other fault is believed
    await wait(6000);
    await restart(right);
    await flushed;
    expect(sink.health!().ok).toBe(true);
    await sink.close(true);
    expect(sum(await written())).toBe(sum(untouched) + 20);
  });
});

function sum(offsets: readonly number[]): number {
  return offsets.reduce((total, offset) => total + offset, 0);
}

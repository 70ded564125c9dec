import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import kafkaSink from '../../connectors/kafka-sink.ts';
import { connectKafka } from '../../connectors/kafka/client.ts';
import { kafkaFault } from '../../connectors/kafka/faults.ts';
import { probe } from '../../connectors/kafka/probe.ts';
import { connectionFields, soundConnection, tlsOptions } from '../../connectors/kafka/settings.ts';
import { SINKS } from '../../connectors/index.ts';
import { loadText, TEST_COMPONENTS } from '../support/spec-files.ts';

const schema = z.strictObject({ ...connectionFields }).superRefine(soundConnection);
const complaints = (value: object) => schema.safeParse(value).error?.issues.map(({ message }) => message) ?? [];
const sasl = { mechanism: 'plain', username: 'ann', password: 'canary-1234' };

describe('brokers', () => {
  it.each([
    ['a:1', ['a:1']],
    ['a', ['a:9092']],
    [' a:1 , b.example.org ', ['a:1', 'b.example.org:9092']],
    [
      ['127.0.0.1:19092', 'kafka_2'],
      ['127.0.0.1:19092', 'kafka_2:9092'],
    ],
  ])('%j', (written, brokers) => {
    expect(schema.parse({ brokers: written }).brokers).toEqual(brokers);
  });
  it.each([
    ['', 'names no broker: write `host:port`'],
    [[], 'names no broker: write `host:port`'],
    ['http://a:1', 'must be `host:port`, without a scheme such as `http://`'],
    ['SASL_SSL://a:1', 'must be `host:port`, without a scheme such as `http://`'],
    ['a:0', 'has a port that is not in 1 to 65535'],
    ['a:65536', 'has a port that is not in 1 to 65535'],
    ['a:b', 'must be `host:port`, such as `kafka.example.org:9092`'],
    ['a:1,,b:2', 'must be `host:port`, such as `kafka.example.org:9092`'],
    ['user:pw@a:1', 'must be `host:port`, such as `kafka.example.org:9092`'],
    ['[::1]:9092', 'cannot hold an IPv6 address: give the broker a name'],
  ])('%j is refused', (brokers, message) => {
    expect(complaints({ brokers })).toContain(message);
  });
});

describe('passwords', () => {
  it('travel encrypted, or with leave in so many words', async () => {
    const refused = { brokers: 'a:1', sasl };
    expect(complaints(refused)).toEqual([expect.stringMatching(/needs an encrypted connection.*allow_plaintext_password: true/)]);
    expect(complaints({ ...refused, tls: true })).toEqual([]);
    expect(complaints({ ...refused, allow_plaintext_password: true })).toEqual([]);
    // a component that forgot to ask is refused by the client and by the probe
    const forgot = z.strictObject({ ...connectionFields }).parse(refused);
    await expect(connectKafka(forgot, { folder: '.', pipeline: 'x' })).rejects.toMatchObject({ code: 'KAFKA_PASSWORD_EXPOSED' });
    await expect(probe(forgot, '.', new AbortController().signal)).rejects.toMatchObject({ code: 'KAFKA_PASSWORD_EXPOSED' });
  });

  it('are never shown in what is said of a pipeline file', () => {
    const text = (password: string) =>
      `source: {type: csv, path: x}
sinks:
  - type: kafka
    brokers: a:1
    topic: t
    tls: true
    sasl:
      mechanism: plan
      username: ann
      password: ${password}
`;
    const load = (password: string, env: Record<string, string> = {}) => {
      try {
        loadText(text(password), { ...TEST_COMPONENTS, sinks: SINKS, env });
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(load('"canary-1"')).toMatch(/sinks\[0\]\.sasl\.mechanism/);
    expect(load('"canary-1"')).not.toContain('canary');
    // a number would lose its zeros
    const number = load('${PASSWORD}', { PASSWORD: '007001' });
    expect(number).toMatch(/password must be text: put it in quotes/);
    expect(number).not.toContain('7001');
    expect(load('"${PASSWORD}"', { PASSWORD: '' })).toMatch(/must not be empty: the password is missing/);
  });

  it('cannot get into an error of the client', () => {
    const error = kafkaFault(new Error('x'.repeat(500)), { endpoint: 'a:1' });
    expect(error.message.length).toBeLessThan(450);
  });
});

describe('TLS', () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidecast-tls-'));
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-x509', '-subj', '/CN=x'];
    for (const name of ['one', 'two'])
      execFileSync('openssl', ['req', ...ec, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)], { stdio: 'ignore' });
    writeFileSync(at('text.pem'), 'hello');
    writeFileSync(at('broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const options = (tls: unknown) => tlsOptions(schema.parse({ brokers: 'a:1', tls }), folder);

  it('always verifies', () => {
    expect(options(true)).toEqual({ rejectUnauthorized: true });
    expect(options({ ca: 'one.pem', cert: 'one.pem', key: 'one.key', servername: 'b' })).toMatchObject({
      rejectUnauthorized: true,
      servername: 'b',
    });
    expect(options(false)).toBeUndefined();
    expect(complaints({ brokers: 'a:1', tls: { rejectUnauthorized: false } })).not.toEqual([]);
  });

  it.each([
    [{ ca: 'nowhere.pem' }, /tls\.ca: .*nowhere\.pem cannot be read, ENOENT/],
    [{ ca: 'text.pem' }, /tls\.ca: .*text\.pem holds no certificate/],
    [{ ca: 'broken.pem' }, /tls\.ca: .*broken\.pem holds no certificate/],
    [{ cert: 'one.pem', key: 'text.pem' }, /./],
    [{ cert: 'one.pem', key: 'two.key' }, /`tls.key` does not belong to `tls.cert`/],
  ])('%j is refused', (tls, message) => {
    expect(() => options(tls)).toThrow(expect.objectContaining({ code: 'KAFKA_TLS', message: expect.stringMatching(message) }));
  });

  it('needs certificate and key together', () => {
    expect(complaints({ brokers: 'a:1', tls: { cert: 'one.pem' } })).toEqual(['needs both `cert` and `key`, or neither']);
  });
});

describe('the sink', () => {
  const said = (value: object) =>
    kafkaSink.config.safeParse({ brokers: 'a:1', ...value }).error?.issues.map(({ message }) => message);
  it('needs a topic, and two different ones', () => {
    expect(said({})).toEqual(['is missing: name a `topic`, or `dead_letters`, or both']);
    expect(said({ topic: 'a', dead_letters: 'a' })).toEqual(['must be another topic than that of the forecasts']);
    expect(said({ topic: 'a/b' })).toEqual([expect.stringMatching(/must be a topic name/)]);
    expect(said({ dead_letters: 'a' })).toBeUndefined();
  });
});

describe('what the client throws', () => {
  const wrapped = (cause: object) => ({ name: 'KafkaJSNumberOfRetriesExceeded', message: 'outer', retriable: false, cause });
  it.each([
    [{ name: 'KafkaJSProtocolError', type: 'TOPIC_AUTHORIZATION_FAILED', message: 'no' }, 'KAFKA_NOT_ALLOWED', false],
    [{ name: 'KafkaJSProtocolError', type: 'GROUP_AUTHORIZATION_FAILED', message: 'no' }, 'KAFKA_NOT_ALLOWED', false],
    [
      wrapped({ name: 'KafkaJSProtocolError', type: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true }),
      'KAFKA_TOPIC_UNKNOWN',
      false,
    ],
    [wrapped({ name: 'KafkaJSConnectionError', code: 'ECONNREFUSED', retriable: true }), 'KAFKA_UNREACHABLE', true],
    [{ name: 'KafkaJSRequestTimeoutError', message: 'late', retriable: true }, 'KAFKA_UNREACHABLE', true],
    [{ name: 'KafkaJSProtocolError', type: 'NOT_ENOUGH_REPLICAS', retriable: true }, 'KAFKA_NOT_READY', true],
    [{ name: 'KafkaJSSASLAuthenticationError', message: 'no', retriable: false }, 'KAFKA_AUTHENTICATION', false],
    [{ name: 'KafkaJSConnectionError', code: 'CERT_HAS_EXPIRED', message: 'expired', retriable: true }, 'KAFKA_TLS', false],
    [
      {
        name: 'KafkaJSAggregateError',
        errors: [{ name: 'KafkaJSProtocolError', type: 'LEADER_NOT_AVAILABLE', retriable: true }],
      },
      'KAFKA_NOT_READY',
      true,
    ],
    [{ name: 'KafkaJSProtocolError', type: 'INVALID_RECORD', message: 'bad', retriable: false }, 'KAFKA_FAILED', false],
    ['text', 'KAFKA_FAILED', false],
  ])('%j', (cause, code, retriable) => {
    const fault = kafkaFault(cause, { endpoint: 'a:1' });
    expect(fault).toMatchObject({ code, retriable });
    expect(kafkaFault(fault, {})).toBe(fault);
    expect(fault.message).not.toContain('\n');
  });
});

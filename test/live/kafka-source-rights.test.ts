/** The Kafka source where a broker asks who reads, and lets not everyone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import kafkajs from 'kafkajs';
import type { TidecastError } from '../../src/core/errors.ts';
import { PASSWORDS, startSecuredKafka, type SecuredKafka } from '../services/secured-kafka.ts';
import { numbers, openKafka, Reader, readyTopic, ticks } from './support/kafka-reader.ts';
import { produce, until, withAdmin } from './support/servers.ts';

let kafka: SecuredKafka;
beforeAll(async () => {
  kafka = await startSecuredKafka();
  const at = [kafka.server.broker];
  await readyTopic(2, { name: 'ticks', at });
  await produce('ticks', ticks(100, 0, 2), { at });
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const read = (user: string, resourceType: number, resourceName: string) => ({
    resourceType,
    resourceName,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: `User:${user}`,
    host: '*',
    operation: AclOperationTypes.READ,
    permissionType: AclPermissionTypes.ALLOW,
  });
  const acl = [
    read('ann', AclResourceTypes.TOPIC, 'ticks'),
    read('ann', AclResourceTypes.GROUP, 'readers'),
    read('bob', AclResourceTypes.TOPIC, 'ticks'),
  ];
  await withAdmin(at, (admin) => admin.createAcls({ acl }));
});
afterAll(() => kafka?.clean());

function open(username: keyof typeof PASSWORDS, password: string = PASSWORDS[username]) {
  const sasl = { mechanism: 'scram-sha-512', username, password };
  const config = { group: 'readers', tls: { ca: kafka.files.ca }, sasl };
  return openKafka('ticks', { at: [kafka.at.saslTls], config }).source;
}

async function fault(source: ReturnType<typeof open>): Promise<TidecastError> {
  const before = Date.now();
  const reader = new Reader(source);
  await reader.done;
  await source.close();
  expect(Date.now() - before).toBeLessThan(15_000);
  return reader.error as TidecastError;
}

describe('row 63: rights', () => {
  it('to read the topic and the group are enough, over TLS with SCRAM', async () => {
    const source = open('ann');
    expect(await source.check!(new AbortController().signal)).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    const reader = new Reader(source);
    await until('all are read', () => reader.values.length >= 100, 60_000);
    expect([...reader.values].sort((a, b) => a - b)).toEqual(numbers(100));
    await source.commit!(reader.position);
    await reader.stop();
    await source.close();
  });
  it('a group that may not be used ends it, and is found by the check', async () => {
    const findings = await open('bob').check!(new AbortController().signal);
    expect(findings.map(({ ok }) => ok)).toEqual([true, true, false]);
    expect(findings[2]!.what).toContain('readers');
    expect(await fault(open('bob'))).toMatchObject({ code: 'KAFKA_NOT_ALLOWED' });
  });
  it('a wrong password ends it', async () => {
    const error = await fault(open('ann', 'wrong-canary-7'));
    expect(error.code).toBe('KAFKA_AUTHENTICATION');
    expect(JSON.stringify([error.message, error.facts])).not.toContain('canary');
  });
});

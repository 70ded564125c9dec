/** The servers that live tests stand on: they come, go, freeze and come back, and never stay when their starter is gone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startKafka, startKafkaCluster } from '../services/kafka.ts';
import { startProxy } from '../services/proxy.ts';
import {
  brokers,
  committed,
  endOffsets,
  influxUrl,
  kafkaClient,
  messagesOf,
  newDatabase,
  newTopic,
  pointsOf,
  produce,
  until,
} from './support/servers.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function alive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function write(server: { url: string }, database: string, lines: string): Promise<number> {
  const { status } = await fetch(`${server.url}/write?db=${database}&precision=ms`, { method: 'POST', body: lines });
  return status;
}

describe('the shared servers', () => {
  it('Kafka keeps what was produced, and old times too', async () => {
    const topic = await newTopic(2);
    await produce(topic, [
      { key: 'a', value: '1', partition: 0, timestamp: '1388534400000' },
      { key: 'b', value: '2', partition: 1 },
      { key: 'a', value: null, partition: 0 },
    ]);
    expect(await endOffsets(topic)).toEqual([2, 1]);
    const found = await messagesOf(topic);
    expect(found.map(({ partition, offset, value }) => [partition, offset, value?.toString()])).toEqual([
      [0, '0', '1'],
      [0, '1', undefined],
      [1, '0', '2'],
    ]);
    expect(found[0]!.timestamp).toBe('1388534400000');
  });
  it('what a group committed is read back', async () => {
    const topic = await newTopic(2);
    const producer = kafkaClient().producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    await producer.connect();
    const transaction = await producer.transaction();
    const topics = [{ topic, partitions: [{ partition: 1, offset: '7' }] }];
    await transaction.sendOffsets({ consumerGroupId: `g-${topic}`, topics });
    await transaction.commit();
    await producer.disconnect();
    expect(await committed(`g-${topic}`, topic)).toEqual([-1, 7]);
    expect(await committed('nobody', topic, brokers())).toEqual([-1, -1]);
  });
  it('points are found under their identity, without the fields that they lack', async () => {
    const database = await newDatabase();
    expect(await write({ url: influxUrl() }, database, 'm,s=b,k=1 x=0.1,y=2 5\nm,s=a,k=1 x=1 7\nm,s=b,k=1 z="t" 5')).toBe(204);
    expect([...(await pointsOf(influxUrl(), database, 'm'))]).toEqual([
      ['k=1,s=a 7', { x: 1 }],
      ['k=1,s=b 5', { x: 0.1, y: 2, z: 't' }],
    ]);
  });
});

describe('a server of one test', () => {
  it('Kafka: killed, back with its data, frozen, back, gone with its folder', async () => {
    const kafka = await startKafka({ properties: { 'message.max.bytes': 5000 } });
    ends.push(kafka.clean);
    const at = [kafka.broker];
    const topic = await newTopic(1, { at });
    await produce(topic, [{ value: 'kept' }], { at });
    await expect(produce(topic, [{ value: 'x'.repeat(6000) }], { at })).rejects.toThrow(/larger than/);
    const { pid } = kafka;
    await kafka.kill9();
    expect({ alive: alive(pid), pid: kafka.pid }).toEqual({ alive: false, pid: -1 });
    await kafka.restart();
    expect((await messagesOf(topic, at)).map(({ value }) => value!.toString())).toEqual(['kept']);
    await kafka.pause();
    expect(readFileSync(`/proc/${kafka.pid}/status`, 'utf8')).toMatch(/^State:\s+T/m);
    kafka.resume();
    await produce(topic, [{ value: 'more' }], { at });
    await kafka.stop();
    await kafka.clean();
    expect(existsSync(kafka.dir)).toBe(false);
  });
  it('three brokers: one dies, and what was written before and after is there', async () => {
    const cluster = await startKafkaCluster();
    ends.push(cluster.clean);
    const at = cluster.brokers;
    const topic = await newTopic(3, { copies: 3, at });
    await produce(
      topic,
      [0, 1, 2].map((partition) => ({ partition, value: 'before' })),
      { at },
    );
    await cluster.nodes[0]!.kill9();
    await produce(
      topic,
      [0, 1, 2].map((partition) => ({ partition, value: 'after' })),
      { at },
    );
    expect((await messagesOf(topic, [...at])).map(({ value }) => value!.toString())).toEqual(
      [0, 1, 2].flatMap(() => ['before', 'after']),
    );
  });
  it('InfluxDB: with passwords and limits of its own, killed, back with its data', async () => {
    const influx = await startInflux({ auth: true, conf: { http: { 'max-body-size': 100 } } });
    ends.push(influx.clean);
    await influx.query('CREATE DATABASE x');
    expect(await write(influx, 'x', 'm v=1 1')).toBe(401);
    const mayWrite = { authorization: `Basic ${Buffer.from('admin:pw').toString('base64')}` };
    const send = async (body: string) =>
      (await fetch(`${influx.url}/write?db=x&precision=ms`, { method: 'POST', body, headers: mayWrite })).status;
    expect(await send('m v=1 1')).toBe(204);
    expect(await send(`m v=1 1\n${'#'.repeat(200)}`)).toBe(413);
    await influx.kill9();
    await influx.restart();
    expect(await influx.query('SELECT v FROM m', 'x')).toEqual([{ name: 'm', columns: ['time', 'v'], values: [[1, 1]] }]);
    await expect(influx.query('SELECT')).rejects.toThrow(/refuses SELECT: error parsing query/);
  });
  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('ends with its starter, by %s too, and leaves no folder', async (signal) => {
    const starter = spawn(process.execPath, [resolve('dist/test/services/hold.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(starter.stdout.setEncoding('utf8'), 'data')) as [string];
    const { pid, dir } = JSON.parse(line) as { pid: number; dir: string };
    expect([alive(pid), existsSync(dir)]).toEqual([true, true]);
    starter.kill(signal);
    await until('the server and its folder are gone', () => !alive(pid) && !existsSync(dir));
  });
});

describe('the proxy', () => {
  async function behind(): Promise<{ influx: InfluxServer; proxy: Awaited<ReturnType<typeof startProxy>> }> {
    const influx = await startInflux();
    const proxy = await startProxy(influx.port);
    ends.push(influx.clean, proxy.close);
    return { influx, proxy };
  }
  /** The outcome of one question over a connection of its own: the status and the body, or how far it got and the error. */
  function ask(url: string, within = 1500): Promise<string> {
    return new Promise((tell) => {
      let got = 'nothing';
      const call = request(`${url}/query?q=SHOW+DATABASES`, { agent: false }, (answer) => {
        got = `status ${answer.statusCode}`;
        let body = '';
        answer.on('data', (chunk) => (body += String(chunk)));
        answer.on('end', () => tell(`${got} ${body.trim()}`));
        answer.on('error', (error) => tell(`${got}, then ${(error as NodeJS.ErrnoException).code}`));
      });
      call.on('error', (error) => tell(`${got}, then ${(error as NodeJS.ErrnoException).code}`));
      call.setTimeout(within, () => {
        tell(`${got}, then silence`);
        call.destroy();
      });
      call.end();
    });
  }
  it('does what it is told, and passes again afterwards', async () => {
    const { proxy } = await behind();
    const good = await ask(proxy.url);
    expect(good).toMatch(/^status 200 .*databases/);
    for (const [mode, outcome] of [
      ['stall', 'nothing, then silence'],
      ['reset', 'nothing, then ECONNRESET'],
      ['refuse', 'nothing, then ECONNREFUSED'],
      ['stallAfterHeaders', 'status 200, then silence'],
      [{ resetAfterBytes: 20 }, 'nothing, then ECONNRESET'],
      [{ resetAfterBytes: 20, of: 'requests' }, 'nothing, then ECONNRESET'],
      [{ delay: 5000 }, 'nothing, then silence'],
      [{ delay: 50 }, good],
    ] as const) {
      await proxy.mode(mode);
      expect(await ask(proxy.url), JSON.stringify(mode)).toBe(outcome);
      await proxy.mode('pass');
      expect(await ask(proxy.url), `after ${JSON.stringify(mode)}`).toBe(good);
    }
  });
  it('what was held back by a stall comes through when it is over', async () => {
    const { proxy } = await behind();
    await proxy.mode('stall');
    const asked = ask(proxy.url, 60_000);
    await until('the proxy has the connection', () => proxy.connections > 0);
    await proxy.mode('pass');
    expect(await asked).toMatch(/^status 200/);
  });
  it('stands before a Kafka that names it to its clients', async () => {
    const { freePort } = await import('../services/free-port.ts');
    const port = await freePort();
    const proxy = await startProxy(port);
    const kafka = await startKafka({ port, advertised: proxy.port });
    ends.push(proxy.close, kafka.clean);
    const topic = await newTopic(1, { at: [kafka.broker] });
    await produce(topic, [{ value: 'x' }], { at: [kafka.broker] });
    expect((await messagesOf(topic, [kafka.broker])).length).toBe(1);
    expect(proxy.accepted).toBeGreaterThan(2);
  });
});

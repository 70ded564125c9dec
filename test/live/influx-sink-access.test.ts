/** An InfluxDB that does not let us in, says when to come back, or is none; and what is sent to it. Rows of the fault table. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority } from '../services/certificates.ts';
import { freePort } from '../services/free-port.ts';
import { influxProgram, startInflux, writeInfluxConf, type InfluxServer } from '../services/influx.ts';
import { startProxy, type Proxy, type ProxyMode } from '../services/proxy.ts';
import { startServer } from '../services/server-process.ts';
import { expectSame, faultless, openInflux, rowsOf, writeRows } from './support/influx-sink.ts';
import { brokers, pointsOf, until } from './support/servers.ts';
import { startStandIn } from './support/stand-in.ts';

let server: InfluxServer;
let proxy: Proxy;
let databases = 0;
beforeAll(async () => {
  server = await startInflux();
  proxy = await startProxy(server.port);
});
afterAll(async () => {
  await proxy?.close();
  await server?.clean();
});

const through = (change = {}) => ({ url: proxy.url, database: `access_${databases++}`, ...change });

describe('row 22: the server does not let us in any more', () => {
  let guarded: InfluxServer;
  const ann = { username: 'ann', password: 'first' };
  beforeAll(async () => {
    guarded = await startInflux({ auth: true });
    await guarded.query("CREATE USER ann WITH PASSWORD 'first'");
  });
  afterAll(() => guarded?.clean());

  it.each([
    ['401, the password was changed', "SET PASSWORD FOR ann = 'second'", "SET PASSWORD FOR ann = 'first'", /HTTP 401/],
    ['403, the right was taken away', 'REVOKE ALL ON guarded FROM ann', 'GRANT ALL ON guarded TO ann', /HTTP 403/],
    [
      '404, the database was dropped',
      'DROP DATABASE guarded',
      'CREATE DATABASE guarded; GRANT ALL ON guarded TO ann',
      /HTTP 404 database not found/,
    ],
  ])('%s: an outage until it is mended', async (_, spoil, mend, reason) => {
    await guarded.query('CREATE DATABASE guarded');
    await guarded.query('GRANT ALL ON guarded TO ann');
    const { sink, waits, refused } = await openInflux({ url: guarded.url, database: 'guarded', ...ann });
    const gone = spoil.startsWith('DROP') ? 100 : 0;
    await writeRows(sink, 0, 100);
    await sink.flush({ from: 0, to: 100 });
    await guarded.query(spoil);
    await writeRows(sink, 100, 300);
    const flushing = sink.flush({ from: 100, to: 300 });
    await until('several requests were turned away', () => waits.filter((told) => reason.test(told.reason)).length >= 4);
    expect(sink.health!()).toMatchObject({ ok: false, detail: expect.stringMatching(reason) });
    expect(JSON.stringify([waits, sink.health!()])).not.toMatch(/first|second/);
    await guarded.query(mend);
    await flushing;
    await sink.close(true);
    expect(refused).toEqual([]);
    const found = await pointsOf(guarded.url, 'guarded', 'forecast', { user: 'admin', password: 'pw' });
    // what was stored before a drop is gone, and nobody's to bring back
    expectSame(found, await faultless(server.url, [rowsOf(gone, 300)]));
    await guarded.query('DROP DATABASE guarded');
  });

  it('a dropped database is created again where we may', async () => {
    const config = { url: server.url, database: 'dropped' };
    const { sink, waits } = await openInflux(config);
    await writeRows(sink, 0, 100);
    await sink.flush({ from: 0, to: 100 });
    await server.query('DROP DATABASE dropped');
    await writeRows(sink, 100, 300);
    await sink.flush({ from: 100, to: 300 });
    await sink.close(true);
    expect(waits.some(({ reason }) => reason.includes('it was created again'))).toBe(true);
    expectSame(await pointsOf(server.url, 'dropped', 'forecast'), await faultless(server.url, [rowsOf(100, 300)]));
  });
});

// InfluxDB 1 cannot be made to send Retry-After: a stand-in for a gateway or version 2
it('429 and 503 with Retry-After: not asked again before', async () => {
  let attempt = 0;
  const standIn = await startStandIn(({ body }) => {
    if (body === '') return { status: 204 };
    attempt++;
    if (attempt === 1) return { status: 429, headers: { 'retry-after': '1' }, body: '{"message":"too many requests"}' };
    // a date has whole seconds: at least one second from now
    return attempt > 2 ? { status: 204 } : { status: 503, headers: { 'retry-after': new Date(Date.now() + 2000).toUTCString() } };
  });
  const { sink, waits } = await openInflux({ url: standIn.url, database: 'x' });
  await writeRows(sink, 0, 20, { keys: ['one'] });
  await sink.flush({ from: 0, to: 20 });
  await sink.close(true);
  standIn.close();
  const [first, second, third] = standIn.asked.filter(({ body }) => body !== '');
  expect(waits.map(({ reason }) => reason)).toEqual(['HTTP 429 too many requests', 'HTTP 503']);
  expect(second!.at - first!.at).toBeGreaterThan(990);
  expect(third!.at - second!.at).toBeGreaterThan(990);
  expect([second!.body, third!.body], 'the same bytes each time').toEqual([first!.body, first!.body]);
});

describe('what is sent', () => {
  it.each([
    [{ token: 'abc-123==' }, 'Token abc-123=='],
    [{ username: 'ann', password: 'p:ä' }, `Basic ${Buffer.from('ann:p:ä').toString('base64')}`],
    [{}, undefined],
  ])('credentials: %o', async (credentials, header) => {
    const standIn = await startStandIn(() => ({ status: 204 }));
    const config = { url: standIn.url, database: 'my db', retention_policy: 'week', gzip: true };
    const { sink } = await openInflux({ ...config, ...credentials });
    await writeRows(sink, 0, 20);
    await sink.flush({ from: 0, to: 20 });
    await sink.close(true);
    standIn.close();
    expect(standIn.asked.length).toBeGreaterThan(1);
    for (const { headers, url } of standIn.asked) {
      expect(headers.authorization).toBe(header);
      expect(url).toBe('/write?db=my+db&rp=week&precision=ms');
    }
    expect(standIn.asked.at(-1)!.headers['content-encoding']).toBe('gzip');
  });
});

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

describe('row 62: something else than this InfluxDB', () => {
  const open = (config: object) => openInflux({ database: 'x', ...config });

  it('a Kafka', async () => {
    await expect(open({ url: `http://${brokers()[0]}` })).rejects.toMatchObject({ code: 'INFLUX_NOT_INFLUX' });
  });

  it('another HTTP server', async () => {
    const standIn = await startStandIn(() => ({ status: 404, body: '<html>not found</html>' }));
    await expect(open({ url: `${standIn.url}/elsewhere` })).rejects.toMatchObject({ code: 'INFLUX_NOT_INFLUX' });
    standIn.close();
  });

  it('TLS to a plain port', async () => {
    await expect(open({ url: server.url.replace('http', 'https') })).rejects.toThrow('write `http://`');
  });

  it('plain to a TLS port, and a certificate that nobody vouches for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidecast-tls-'));
    const { cert, key } = await (await makeAuthority(folder)).sign('influx', 'IP:127.0.0.1');
    const port = await freePort();
    const conf = {
      http: { 'https-enabled': true, 'https-certificate': cert, 'https-private-key': key, 'bind-address': `127.0.0.1:${port}` },
    };
    const dir = join(folder, 'influx');
    mkdirSync(dir);
    const args = writeInfluxConf(dir, port, await freePort(), conf);
    const secured = await startServer({
      command: await influxProgram(),
      args,
      dir,
      name: 'InfluxDB with TLS',
      ready: () => listens(port),
    });
    try {
      await expect(open({ url: `http://127.0.0.1:${port}` })).rejects.toThrow('write `https://`');
      await expect(open({ url: `https://127.0.0.1:${port}` })).rejects.toMatchObject({ code: 'INFLUX_TLS' });
    } finally {
      await secured.clean();
      rmSync(folder, { recursive: true });
    }
  });
});

describe('close(false) ends what is pending soon', () => {
  it.each<[string, ProxyMode]>([
    ['a server that does not answer', 'stall'],
    ['a server that is away', 'refuse'],
  ])('%s', async (_, fault) => {
    const { sink } = await openInflux(through({ timeout: '10m' }));
    await proxy.mode(fault);
    const writing = (async () => {
      for (let row = 0; ; row += 1000) await sink.write(rowsOf(row, row + 1000));
    })();
    const flushing = wait(1000).then(() => sink.flush({ from: 0, to: 1 }));
    const ended = Promise.allSettled([writing, flushing]);
    await wait(3000);
    await sink.close(false);
    expect((await ended).map((each) => each.status === 'rejected' && (each.reason as { code: string }).code)).toEqual([
      'INFLUX_CLOSED',
      'INFLUX_CLOSED',
    ]);
    await proxy.mode('pass');
  });

  it('a database that is being created', async () => {
    let dropped = false;
    const standIn = await startStandIn(({ url }) =>
      url.startsWith('/query')
        ? undefined
        : dropped
          ? { status: 404, body: '{"error":"database not found: \\"x\\""}' }
          : { status: 204 },
    );
    const { sink } = await openInflux({ url: standIn.url, database: 'x', timeout: '10m' });
    dropped = true;
    await writeRows(sink, 0, 1);
    const flushing = expect(sink.flush({ from: 0, to: 1 })).rejects.toMatchObject({ code: 'INFLUX_CLOSED' });
    await until('the database is to be created', () => standIn.asked.some(({ url }) => url.startsWith('/query')));
    await sink.close(false);
    await flushing;
    standIn.close();
  });
});

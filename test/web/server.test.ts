/** The three answers over real HTTP: what they say, what is refused, and that closing never waits for a client. */
import { connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serve, type Pages, type WebServer } from '../../src/web/server.ts';

const servers: WebServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function served(pages: Partial<Pages> = {}, at: { host: string; port: number } = { host: '127.0.0.1', port: 0 }) {
  const server = await serve(at, {
    pipeline: 'p',
    readiness: () => ({ ok: true, ends: [], checks: [] }),
    metrics: { contentType: 'text/plain; version=0.0.4; charset=utf-8', text: async () => 'tidecast_rows_total 3\n' },
    ...pages,
  });
  servers.push(server);
  return server;
}

describe('answers', () => {
  it('/health while the process lives', async () => {
    const { url } = await served();
    const response = await fetch(`${url}/health`);
    expect([response.status, await response.json()]).toEqual([200, { ok: true, pipeline: 'p' }]);
  });
  it('/ready is 503 until it is green, with the reasons', async () => {
    let ok = false;
    const { url } = await served({
      readiness: () => ({ ok, ends: [{ name: 'kafka', ok, detail: 'no broker answers' }], checks: [] }),
    });
    const red = await fetch(`${url}/ready`);
    expect([red.status, await red.json()]).toEqual([
      503,
      { ok: false, pipeline: 'p', ends: [{ name: 'kafka', ok: false, detail: 'no broker answers' }], checks: [] },
    ]);
    ok = true;
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });
  it('/metrics, as Prometheus reads it', async () => {
    const { url } = await served();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await response.text()).toBe('tidecast_rows_total 3\n');
  });
  it('nothing is kept by caches or guessed at', async () => {
    const { url } = await served();
    for (const path of ['/health', '/ready', '/metrics', '/other']) {
      const { headers } = await fetch(url + path);
      expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff']);
    }
  });
  it('HEAD has no body', async () => {
    const { url } = await served();
    const response = await fetch(`${url}/ready`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });
  it('a fault of a page is no stack', async () => {
    const { url } = await served({
      readiness: () => {
        throw new Error('secret');
      },
    });
    const response = await fetch(`${url}/ready`);
    expect([response.status, await response.text()]).toEqual([500, 'this answer could not be made\n']);
  });
});

describe('what is refused', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s', async (method) => {
    const { url } = await served();
    for (const path of ['/health', '/ready', '/metrics']) {
      const response = await fetch(url + path, { method });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
  });
  it.each(['/', '/metrics/', '/../etc/passwd', '/config', '/%2e%2e/x', '/health%00'])('%s is not there', async (path) => {
    const { url } = await served();
    expect((await fetch(url + path)).status).toBe(404);
  });
  it('a body', async () => {
    const { url } = await served();
    expect((await fetch(`${url}/ready`, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(413);
  });
  it('nonsense, and long headers', async () => {
    const { url } = await served();
    const { port } = new URL(url);
    expect(await answerTo(Number(port), 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
    expect(await answerTo(Number(port), `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431/,
    );
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });
  it('a request that never gets finished is cut off, and the others are answered meanwhile', async () => {
    const { url } = await served();
    const slow = connect(Number(new URL(url).port), '127.0.0.1', () => slow.write('GET /health HTTP/1.1\r\nhost: x\r\n'));
    let closed = false;
    slow.on('error', () => {}).on('close', () => (closed = true));
    slow.resume();
    expect((await fetch(`${url}/health`)).status).toBe(200);
    await vi.waitFor(() => expect(closed).toBe(true), { timeout: 60_000 });
  });
});

describe('the address', () => {
  it('that is taken is said, with what to do', async () => {
    const { url } = await served();
    const port = Number(new URL(url).port);
    await expect(served({}, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'WEB_ADDRESS_IN_USE',
      facts: { address: `127.0.0.1:${port}` },
    });
  });
  it('that is none of this machine as well', async () => {
    await expect(served({}, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'WEB_ADDRESS_UNUSABLE' });
    await expect(served({}, { host: 'nowhere.invalid', port: 0 })).rejects.toMatchObject({ code: 'WEB_ADDRESS_UNUSABLE' });
  });
});

it('closing does not wait for clients that hold on, nor for an answer that never comes', async () => {
  const { url, close } = await served({ metrics: { contentType: 'text/plain', text: () => new Promise(() => {}) } });
  const port = Number(new URL(url).port);
  const idle = connect(port, '127.0.0.1').on('error', () => {});
  await new Promise((resolve) => idle.once('connect', resolve));
  const pending = fetch(`${url}/metrics`).then(
    () => 'answered',
    () => 'cut off',
  );
  await fetch(`${url}/health`);
  await close();
  expect(await pending).toBe('cut off');
  await expect(fetch(`${url}/health`)).rejects.toThrow();
});

/** What a server says to raw bytes. */
function answerTo(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', () => resolve(said)).on('close', () => resolve(said));
  });
}

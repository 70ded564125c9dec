/** `/health`, `/ready` and `/metrics` over HTTP: three answers to be read, nothing that could be changed. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import { TidecastError } from '../core/errors.ts';
import type { Readiness } from './readiness.ts';

/** What is shown. */
export interface Pages {
  readonly pipeline: string;
  readiness(): Readiness;
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

/** A server that listens. */
export interface WebServer {
  /** `http://127.0.0.1:9464` */
  readonly url: string;
  /** Resolves within a second, whatever the clients do. */
  close(): Promise<void>;
}

const PATHS = ['/health', '/ready', '/metrics'];
const CONNECTIONS = 64;
const LIMITS = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8192,
};
const IDLE = 15_000;
const LAST_ANSWERS = 500;

/** Listens at an address; port 0 is any free one. Throws `WEB_ADDRESS_IN_USE` or `WEB_ADDRESS_UNUSABLE`. */
export async function serve({ host, port }: { readonly host: string; readonly port: number }, pages: Pages): Promise<WebServer> {
  const server = createAdaptorServer({ fetch: application(pages).fetch, serverOptions: LIMITS }) as Server;
  server.maxConnections = CONNECTIONS;
  server.timeout = IDLE;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(refusal(host, port, cause)));
    server.listen(port, host, resolve);
  });
  // a fault of one connection is that client's
  server.on('error', () => {});
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    close: () =>
      new Promise((resolve) => {
        const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

function application({ pipeline, readiness, metrics }: Pages): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const length = Number(context.req.header('content-length') ?? 0);
    if (length !== 0 || context.req.header('transfer-encoding') !== undefined)
      context.res = context.text('no body is taken here\n', 413, { connection: 'close' });
    else await next();
    context.header('cache-control', 'no-store');
    context.header('x-content-type-options', 'nosniff');
  });
  app.get('/health', (context) => context.json({ ok: true, pipeline }));
  app.get('/ready', (context) => {
    const answer = readiness();
    return context.json({ ok: answer.ok, pipeline, ends: answer.ends, checks: answer.checks }, answer.ok ? 200 : 503);
  });
  app.get('/metrics', async (context) => context.body(await metrics.text(), 200, { 'content-type': metrics.contentType }));
  for (const path of PATHS) app.all(path, (context) => context.text('only GET\n', 405, { allow: 'GET, HEAD' }));
  app.notFound((context) => context.text(`not here; there are ${PATHS.join(', ')}\n`, 404));
  app.onError((_, context) => context.text('this answer could not be made\n', 500));
  return app;
}

function refusal(host: string, port: number, cause: Error): TidecastError {
  const { code } = cause as NodeJS.ErrnoException;
  const address = `${host}:${port}`;
  if (code === 'EADDRINUSE') return new TidecastError('WEB_ADDRESS_IN_USE', { address }, { cause });
  return new TidecastError('WEB_ADDRESS_UNUSABLE', { address, reason: code ?? cause.message }, { cause });
}

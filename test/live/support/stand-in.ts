/** A server that answers as told: for answers that a real InfluxDB cannot be made to give, and to see exactly what is sent. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Monotonic ms. */
  readonly at: number;
}

export interface Said {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface StandIn {
  readonly url: string;
  /** All requests, in the order of their ends; the check of what kind of server it is left out. */
  readonly asked: readonly Asked[];
  close(): void;
}

/** `answer` is given each request; undefined: it is never answered. The question what kind of server it is, is answered: InfluxDB 2. */
export async function startStandIn(answer: (asked: Asked) => Said | undefined): Promise<StandIn> {
  const all: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { url = '', headers } = request;
      if (url === '/ping') return void response.writeHead(204, { 'x-influxdb-version': '2.7.0' }).end();
      const asked = { url, headers, body: Buffer.concat(chunks).toString(), at: performance.now() };
      all.push(asked);
      const said = answer(asked);
      if (said) response.writeHead(said.status, said.headers).end(said.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: all,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A TCP proxy that stands before a server and misbehaves when told: what a bad network does. */
import { createConnection, createServer, type Socket } from 'node:net';

/**
 * What happens to bytes, from now on and on every connection:
 * - `pass`: nothing.
 * - `stall`: connections open, and are kept, but not a byte comes through.
 * - `reset`: connections are reset, new ones too.
 * - `refuse`: connections are reset, and nobody listens any more.
 * - `stallAfterHeaders`: of an answer the HTTP headers come through, and nothing after them.
 * - `{ delay }`: answers come that many milliseconds later.
 * - `{ resetAfterBytes }`: a connection is reset after so many bytes of answers, counted from now on; with `of: 'requests'` of requests.
 */
export type ProxyMode =
  | 'pass'
  | 'stall'
  | 'reset'
  | 'refuse'
  | 'stallAfterHeaders'
  | { readonly delay: number }
  | { readonly resetAfterBytes: number; readonly of?: 'requests' | 'answers' };

export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Resolves when it is in force. */
  mode(mode: ProxyMode): Promise<void>;
  /** Connections that are open. */
  readonly connections: number;
  /** Connections that were ever opened. */
  readonly accepted: number;
  close(): Promise<void>;
}

/** `target`: the server's port on 127.0.0.1, or its address. It need not be there yet. */
export async function startProxy(target: number | { readonly host?: string; readonly port: number }): Promise<Proxy> {
  const { host = '127.0.0.1', port } = typeof target === 'number' ? { port: target } : target;
  const links = new Set<Link>();
  let mode: ProxyMode = 'pass';
  let accepted = 0;
  const server = createServer((client) => {
    accepted++;
    if (mode === 'reset') return void client.resetAndDestroy();
    const link = new Link(client, createConnection({ host, port, noDelay: true }), mode);
    links.add(link);
    client.once('close', () => links.delete(link));
  });
  const listen = (at: number) =>
    new Promise<void>((resolve, reject) => server.once('error', reject).listen(at, '127.0.0.1', resolve));
  const unlisten = () => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve()));
  await listen(0);
  const own = (server.address() as { port: number }).port;
  return {
    host: '127.0.0.1',
    port: own,
    url: `http://127.0.0.1:${own}`,
    get connections() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    mode: async (next) => {
      mode = next;
      if (next === 'reset' || next === 'refuse') for (const link of links) link.reset();
      else for (const link of links) link.set(next);
      if (next === 'refuse') await unlisten();
      else if (!server.listening) await listen(own);
    },
    close: async () => {
      for (const link of links) link.reset();
      await unlisten();
    },
  };
}

/** One connection: two sockets, and what is held back between them. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  #mode: ProxyMode;
  /** Bytes of each direction since the mode was set. */
  #seen = { requests: 0, answers: 0 };
  /** The last bytes of an answer's headers, to see where they end. */
  #tail = '';
  #headersOver = false;
  #held: (() => void)[] = [];

  constructor(client: Socket, server: Socket, mode: ProxyMode) {
    this.#client = client;
    this.#server = server;
    this.#mode = mode;
    client.setNoDelay(true);
    client.on('data', (chunk) => this.#carry('requests', chunk, server));
    server.on('data', (chunk) => this.#carry('answers', chunk, client));
    client.on('end', () => this.#later(() => server.end()));
    server.on('end', () => this.#later(() => client.end()));
    client.on('error', () => server.destroy());
    server.on('error', () => this.reset());
    client.on('close', () => server.destroy());
    server.on('close', () => this.#later(() => client.destroySoon()));
    // what waits in one direction holds up the socket that it came from
    client.on('drain', () => server.resume());
    server.on('drain', () => client.resume());
  }

  set(mode: ProxyMode): void {
    this.#mode = mode;
    this.#seen = { requests: 0, answers: 0 };
    this.#tail = '';
    this.#headersOver = false;
    if (mode === 'stall') return;
    const held = this.#held;
    this.#held = [];
    for (const go of held) go();
    this.#client.resume();
    this.#server.resume();
  }

  reset(): void {
    this.#held = [];
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  #carry(way: 'requests' | 'answers', chunk: Buffer, to: Socket): void {
    const mode = this.#mode;
    const from = to === this.#server ? this.#client : this.#server;
    if (mode === 'stall' || (this.#headersOver && way === 'answers')) {
      this.#held.push(() => this.#carry(way, chunk, to));
      return void from.pause();
    }
    if (mode === 'stallAfterHeaders' && way === 'answers') {
      const text = this.#tail + chunk.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end >= 0) {
        this.#headersOver = true;
        const cut = end + 4 - this.#tail.length;
        this.#write(chunk.subarray(0, cut), to, from);
        if (cut < chunk.length) this.#held.push(() => this.#carry(way, chunk.subarray(cut), to));
        return void from.pause();
      }
      this.#tail = text.slice(-3);
    }
    if (typeof mode === 'object' && 'delay' in mode && way === 'answers') {
      setTimeout(() => this.#write(chunk, to, from), mode.delay);
      return;
    }
    if (typeof mode === 'object' && 'resetAfterBytes' in mode && way === (mode.of ?? 'answers')) {
      const room = mode.resetAfterBytes - this.#seen[way];
      this.#seen[way] += chunk.length;
      if (chunk.length >= room) {
        // the reset must not overtake the bytes before it
        to.write(chunk.subarray(0, room), () => setTimeout(() => this.reset(), 5));
        from.pause();
        return;
      }
    }
    this.#write(chunk, to, from);
  }

  #write(chunk: Buffer, to: Socket, from: Socket): void {
    if (!to.destroyed && !to.write(chunk)) from.pause();
  }

  /** Ends are carried like bytes: after what came before them, and not while nothing passes. */
  #later(go: () => void): void {
    const mode = this.#mode;
    if (mode === 'stall' || this.#headersOver) this.#held.push(go);
    else if (typeof mode === 'object' && 'delay' in mode) setTimeout(go, mode.delay);
    else go();
  }
}

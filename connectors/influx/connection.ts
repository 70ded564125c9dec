/**
 * Requests to one InfluxDB, each with a deadline that covers its answer to the last byte.
 *
 * Writing does not go through the `influx` package, because it would lose or hang: a connection that breaks or stalls after the headers
 * leaves its promise pending for ever, whatever its time-out; one failure disables the only host, and writes then fail at once
 * without being sent; what a 5xx said is lost and Retry-After ignored; measurements are not escaped at all and line feeds in tags not
 * either; NaN is sent as text and fails the whole call; it throws in the middle of a call for some numbers.
 */
import type { ConnectionSettings } from './settings.ts';

/** What came back. */
export interface Answer {
  readonly status: number;
  /** The first 64 kB of the body. */
  readonly text: string;
  readonly headers: Headers;
}

/** There was no answer, or only a part of one: whether the request was carried out is not known. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
  /** As Node.js names it: `ECONNREFUSED`; `TIMEOUT` for our own deadline, `CLOSED` for `close()`. */
  readonly code: string;

  constructor(reason: string, code: string, cause?: unknown) {
    super(reason, { cause });
    this.code = code;
  }
}

export interface Ask {
  readonly method?: 'GET' | 'POST';
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array | string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds; default: the setting. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const MOST_TEXT = 65_536;

/** One InfluxDB as one user. Redirects are not followed: credentials go to the configured address only. */
export class Connection {
  /** The address as messages name it, without credentials. */
  readonly endpoint: string;
  readonly settings: ConnectionSettings;
  readonly #base: string;
  readonly #headers: Record<string, string>;
  readonly #open = new Set<AbortController>();
  #closed = false;

  constructor(settings: ConnectionSettings) {
    this.settings = settings;
    this.#base = settings.url.replace(/\/+$/, '');
    this.endpoint = this.#base;
    this.#headers = authorization(settings);
  }

  /** The whole answer, whatever its status. Throws {@link Unanswered}. */
  async ask(path: string, ask: Ask = {}): Promise<Answer> {
    const exchange = await this.begin(path, ask);
    try {
      const decoder = new TextDecoder();
      let text = '';
      for (let bytes; text.length < MOST_TEXT && (bytes = await exchange.read());)
        text += decoder.decode(bytes, { stream: true });
      return { status: exchange.response.status, text: text.slice(0, MOST_TEXT), headers: exchange.response.headers };
    } finally {
      exchange.end();
    }
  }

  /** An answer as far as its headers; `end` it in any case. The deadline goes on until it is {@link Exchange.held}. */
  async begin(
    path: string,
    { method = 'GET', query = {}, body, headers = {}, timeout = this.settings.timeout, signal }: Ask,
  ): Promise<Exchange> {
    if (this.#closed || signal?.aborted) throw stopped();
    // not AbortSignal.any: beside a signal that lives long, every request would leave something behind
    const control = new AbortController();
    const stop = () => control.abort(stopped());
    this.#open.add(control);
    signal?.addEventListener('abort', stop, { once: true });
    const exchange = new Exchange(control, timeout, () => {
      this.#open.delete(control);
      signal?.removeEventListener('abort', stop);
    });
    try {
      const asked = fetch(`${this.#base}${path}${search(query)}`, {
        method,
        headers: { ...this.#headers, ...headers },
        redirect: 'manual',
        signal: control.signal,
        ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
      });
      exchange.response = await unlessAborted(asked, control.signal);
      return exchange;
    } catch (error) {
      exchange.end();
      throw unanswered(error);
    }
  }

  /** Ends every request that is under way, and all to come, with `CLOSED`. */
  close(): void {
    this.#closed = true;
    for (const control of this.#open) control.abort(stopped());
  }
}

/** A request and its answer, under a deadline. */
class Exchange {
  response!: Response;
  readonly #control: AbortController;
  readonly #timeout: number;
  readonly #ended: () => void;
  #timer: NodeJS.Timeout | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #held = false;

  constructor(control: AbortController, timeout: number, ended: () => void) {
    this.#control = control;
    this.#timeout = timeout;
    this.#ended = ended;
    this.#arm();
  }

  /** From now on the deadline is that of each `read`, and time between two of them does not count. */
  held(): void {
    this.#held = true;
    clearTimeout(this.#timer);
  }

  /** The next bytes of the body; undefined at its end. Throws {@link Unanswered}. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#held) this.#arm();
    try {
      this.#reader ??= this.response.body?.getReader();
      return this.#reader && (await unlessAborted(this.#reader.read(), this.#control.signal)).value;
    } catch (error) {
      throw unanswered(error);
    } finally {
      if (this.#held) clearTimeout(this.#timer);
    }
  }

  /** Lets go of the connection; what was not read is given up. */
  end(): void {
    clearTimeout(this.#timer);
    this.#reader?.cancel().catch(() => undefined);
    if (!this.#reader) this.response?.body?.cancel().catch(() => undefined);
    this.#ended();
  }

  #arm(): void {
    const late = () => this.#control.abort(new Unanswered(`no answer within ${this.#timeout / 1000} s`, 'TIMEOUT'));
    this.#timer = setTimeout(late, this.#timeout);
  }
}

export type { Exchange };

/** The message that InfluxDB put into an answer, on one line and cut to 300 characters; undefined where it is not InfluxDB's JSON. */
export function saidBy({ text }: Answer): string | undefined {
  try {
    const { error, message, data } = JSON.parse(text) as Record<string, unknown>;
    // version 3 says which line was wrong, and why, in `data`
    const detail = (Array.isArray(data) ? (data[0] as Record<string, unknown>) : undefined)?.['error_message'];
    const said = [error ?? message, detail].filter((each) => typeof each === 'string').join(': ');
    return said === '' ? undefined : oneLine(said);
  } catch {
    return undefined;
  }
}

/** An answer as a reason: its status, and what it says. */
export function reasonOf(answer: Answer): string {
  return `HTTP ${answer.status} ${saidBy(answer) ?? oneLine(answer.text)}`.trim();
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 300);
}

/** `Token` is understood by the v1 endpoints of InfluxDB 2 and 3 alike; `Bearer` only by 3, or by 1 as something else. */
function authorization({ username, password, token }: ConnectionSettings): Record<string, string> {
  if (token !== undefined) return { authorization: `Token ${token}` };
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

function search(query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function stopped(): Unanswered {
  return new Unanswered('it was stopped', 'CLOSED');
}

/** What it gives, or the reason of the abort, at once: a `read` of Node's fetch may stay pending for ever after one (undici 6). */
function unlessAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    pending.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
function unanswered(error: unknown): Unanswered {
  if (error instanceof Unanswered) return error;
  const { code, message } = deepest(error);
  const reason =
    code === 'ECONNREFUSED'
      ? 'connection refused'
      : /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(code)
        ? 'the connection was closed without an answer'
        : code === 'ENOTFOUND' || code === 'EAI_AGAIN'
          ? 'the host name is not known'
          : oneLine(message);
  return new Unanswered(reason, code, error);
}

/** `fetch failed` says nothing; its cause, or the first of its causes, does. */
function deepest(error: unknown): { code: string; message: string } {
  let found = error as { code?: string; message?: string; cause?: unknown; errors?: unknown[] };
  for (let depth = 0; depth < 5; depth++) {
    const next = found.cause ?? found.errors?.[0];
    if (next === undefined || next === null) break;
    found = next as typeof found;
  }
  return { code: found.code ?? '', message: found.message ?? String(found) };
}

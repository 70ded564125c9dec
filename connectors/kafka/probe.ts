/**
 * Is there a Kafka broker at this address, and does it want what we are set to give?
 *
 * The client of Kafka meets every wrong server with the same time-out, so the question is asked by hand: connect, greet (TLS), send one
 * ApiVersions and one SaslHandshake request, look at the answers. No password is sent.
 */
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Finding } from '../../src/core/connector.ts';
import { TidecastError, type ErrorCode } from '../../src/core/errors.ts';
import { refuseExposed, tlsOptions, type Connection } from './settings.ts';
import { tlsProblem } from './tls-problem.ts';

const PATIENCE = 5000;
/** For the second question, asked only where the first was not answered as by Kafka. */
const SHORT = 2000;

/**
 * Resolves as soon as one of the brokers answers as configured; all are asked at once.
 *
 * Otherwise throws the fault of the first: `KAFKA_UNREACHABLE` if any may come up later, else what the configuration must mend
 * (`KAFKA_NOT_KAFKA`, `KAFKA_TLS`, `KAFKA_AUTHENTICATION`, `KAFKA_PASSWORD_EXPOSED`). It takes less than 10 seconds.
 */
export async function probe(connection: Connection, folder: string, signal: AbortSignal): Promise<void> {
  const tls = prepared(connection, folder);
  const faults: TidecastError[] = [];
  const asked = connection.brokers.map((broker) =>
    ask(broker, connection, tls, signal).catch((error: TidecastError) => {
      faults.push(error);
      throw error;
    }),
  );
  await Promise.any(asked).catch(() => {
    throw faults.find(({ retriable }) => retriable) ?? faults[0]!;
  });
}

/** The same for `check --live`: one finding a broker. */
export async function probeFindings(connection: Connection, folder: string, signal: AbortSignal): Promise<Finding[]> {
  return Promise.all(
    connection.brokers.map(async (broker) => {
      const endpoint = `kafka ${broker}`;
      try {
        const tls = prepared(connection, folder);
        await ask(broker, connection, tls, signal);
        return { endpoint, ok: true, what: `A Kafka broker answers${tls ? ', encrypted and verified' : ''}.` };
      } catch (error) {
        return { endpoint, ok: false, what: (error as TidecastError).message };
      }
    }),
  );
}

function prepared(connection: Connection, folder: string): ConnectionOptions | undefined {
  refuseExposed(connection);
  return tlsOptions(connection, folder);
}

async function ask(
  broker: string,
  connection: Connection,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<void> {
  const fail = (code: ErrorCode, problem: string, cause?: unknown) =>
    new TidecastError(code, { endpoint: broker, problem }, { cause });
  let answer: Answer;
  try {
    answer = await talk(broker, tls, requests(connection.sasl?.mechanism), signal, PATIENCE);
  } catch (error) {
    throw await diagnose(error, broker, tls, signal, fail);
  }
  const wrong = saslProblem(answer.sasl, connection);
  if (wrong) throw fail('KAFKA_AUTHENTICATION', wrong);
}

/** Why there was no answer as of Kafka: asks once more in the other tongue (TLS, plain, HTTP) before it says so. */
async function diagnose(
  error: unknown,
  broker: string,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
  fail: (code: ErrorCode, problem: string, cause?: unknown) => TidecastError,
): Promise<TidecastError> {
  const silence = error as Silence;
  const { code = '' } = silence;
  if (signal.aborted) return fail('KAFKA_UNREACHABLE', 'stopped before it answered', error);
  if (/^(ECONNREFUSED|EHOST|ENET|EADDRNOTAVAIL)/.test(code))
    return fail('KAFKA_UNREACHABLE', `nothing listens there, ${code}`, error);
  if (/^(ENOTFOUND|EAI_)/.test(code)) return fail('KAFKA_UNREACHABLE', `the host name cannot be resolved, ${code}`, error);
  if (!silence.connected) return fail('KAFKA_UNREACHABLE', silence.message, error);
  const problem = tls && tlsProblem(code, silence.message);
  if (problem) return fail('KAFKA_TLS', problem, error);
  const said = silence.said?.toString('latin1') ?? '';
  if (isHttp(said)) return fail('KAFKA_NOT_KAFKA', 'an HTTP server answers', error);
  const second = (other: ConnectionOptions | undefined, asked: readonly Buffer[]) =>
    talk(broker, other, asked, signal, SHORT).catch((silent: Silence) => silent);
  // with `rejectUnauthorized: false` only to learn which tongue is spoken there: nothing is sent over it
  const [http, other] = await Promise.all([
    second(undefined, HTTP_QUESTION),
    tls ? second(undefined, requests(undefined)) : second({ rejectUnauthorized: false }, []),
  ]);
  if ('said' in http && isHttp(http.said?.toString('latin1') ?? ''))
    return fail('KAFKA_NOT_KAFKA', 'an HTTP server answers', error);
  if (!(other instanceof Error))
    return fail(
      'KAFKA_TLS',
      tls ? 'a Kafka broker answers there without encryption' : 'the port speaks TLS, and `tls` is not set',
      error,
    );
  if (silence.said) return fail('KAFKA_NOT_KAFKA', `it answers ${JSON.stringify(said.slice(0, 40))}`, error);
  return fail('KAFKA_UNREACHABLE', silence.message, error);
}

function isHttp(said: string): boolean {
  return said.startsWith('HTTP/');
}

/** What the SaslHandshake said, against what is configured. */
function saslProblem(sasl: Answer['sasl'], connection: Connection): string | undefined {
  const { mechanism } = connection.sasl ?? {};
  if (!sasl) return undefined;
  if (sasl.code === ILLEGAL_SASL_STATE)
    return mechanism && 'this listener asks for no password: leave `sasl` out, or use the port of the listener that does';
  if (sasl.code !== 0 && sasl.code !== UNSUPPORTED_SASL_MECHANISM) return undefined;
  const offered = sasl.mechanisms.join(', ');
  if (!mechanism) return `this listener asks for a password (${offered}), and \`sasl\` is not set`;
  return sasl.code === 0 ? undefined : `the broker does not offer ${mechanism}, but ${offered || 'nothing'}`;
}

const ILLEGAL_SASL_STATE = 34;
const UNSUPPORTED_SASL_MECHANISM = 33;
const SASL_HANDSHAKE = 17;
const API_VERSIONS = 18;
const HTTP_QUESTION = [Buffer.from('GET / HTTP/1.0\r\n\r\n')];

/** A conversation that did not go as with Kafka: how far it came, and what the other side said. */
export interface Silence extends Error {
  readonly code?: string;
  readonly connected: boolean;
  readonly said?: Buffer | undefined;
}

interface Answer {
  readonly sasl?: { readonly code: number; readonly mechanisms: readonly string[] } | undefined;
}

/** Sends requests one after the other and reads an answer to each; without requests it only greets. Throws a {@link Silence}. */
function talk(
  broker: string,
  tls: ConnectionOptions | undefined,
  requests: readonly Buffer[],
  signal: AbortSignal,
  patience: number,
): Promise<Answer> {
  const [host = '', port] = broker.split(':');
  return new Promise((resolve, reject) => {
    let connected = false;
    let sent = 0;
    let said = Buffer.alloc(0);
    let sasl: Answer['sasl'];
    const socket: Socket = tls
      ? connectTls({ host, port: Number(port), ...(tls.servername || /^[\d.]+$/.test(host) ? {} : { servername: host }), ...tls })
      : connectPlain({ host, port: Number(port) });
    const done = (error?: Error & { code?: string }) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      // a late error of a socket that is being thrown away is nobody's
      socket.on('error', () => undefined).destroy();
      if (!error) resolve({ sasl });
      else reject(Object.assign(error, { connected, said: said.length > 0 ? said : undefined }) satisfies Silence);
    };
    const stop = () => done(new Error('stopped'));
    const slow = () =>
      done(new Error(`${connected ? 'it took the connection but gave no answer' : 'no connection'} within ${patience / 1000} s`));
    const timer = setTimeout(slow, patience);
    const next = () => (sent < requests.length ? socket.write(requests[sent++]!) : done());
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) return stop();
    socket.once('connect', () => (connected = true));
    socket.once(tls ? 'secureConnect' : 'connect', next);
    socket.on('error', done);
    socket.on('close', () => done(new Error('it closed the connection without an answer')));
    socket.on('data', (bytes) => {
      said = Buffer.concat([said, bytes]);
      if (said.length < 8) return;
      const size = said.readInt32BE(0);
      // correlation ids count from 1 with the requests
      if (said.readInt32BE(4) !== sent || size < 4 || size > 1_000_000) return done(new Error('its answer is not one of Kafka'));
      if (said.length < size + 4) return;
      if (sent === 2) sasl = handshake(said.subarray(8, size + 4));
      said = said.subarray(size + 4);
      next();
    });
  });
}

/** ApiVersions and SaslHandshake in their oldest forms, which every broker takes before anyone signs in. */
function requests(mechanism: string | undefined): Buffer[] {
  return [
    request(API_VERSIONS, 0, 1, Buffer.alloc(0)),
    request(SASL_HANDSHAKE, 1, 2, short((mechanism ?? 'plain').toUpperCase())),
  ];
}

function request(key: number, version: number, correlation: number, body: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeInt16BE(key, 4);
  head.writeInt16BE(version, 6);
  head.writeInt32BE(correlation, 8);
  const whole = Buffer.concat([head, short('tidecast'), body]);
  whole.writeInt32BE(whole.length - 4, 0);
  return whole;
}

function short(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Error code and offered mechanisms. */
function handshake(body: Buffer): Answer['sasl'] {
  const mechanisms: string[] = [];
  for (let at = 6; at + 2 <= body.length;) {
    const end = at + 2 + body.readInt16BE(at);
    mechanisms.push(body.toString('utf8', at + 2, end).toLowerCase());
    at = end;
  }
  return body.length < 2 ? undefined : { code: body.readInt16BE(0), mechanisms };
}

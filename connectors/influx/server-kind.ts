/** What answers at the address: an InfluxDB that lets us write, one that may come up later, or something that no waiting will mend. */
import { TidecastError, type ErrorCode } from '../../src/core/errors.ts';
import { reasonOf, Unanswered, type Answer, type Connection } from './connection.ts';

/** How long something that closes every connection unanswered may still be a proxy in front of an InfluxDB that is starting. */
const PATIENCE = 8000;
const PAUSE = 500;

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|ALTNAME|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/;

export interface Found {
  /** As it says itself: `1.6.7`. */
  readonly version?: string | undefined;
  /** Why it cannot be known yet: the server is away, busy, or does not answer. */
  readonly away?: string | undefined;
}

/**
 * Asks `/ping`. Throws `INFLUX_NOT_INFLUX`, `INFLUX_TLS` or `INFLUX_AUTHENTICATION` for what stays as it is; takes at most about 10 s.
 */
export async function serverKind(connection: Connection, signal?: AbortSignal): Promise<Found> {
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      return kindOf(connection, await connection.ask('/ping', { timeout: Math.min(5000, connection.settings.timeout), signal }));
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      const found = silence(connection, error);
      if (found.away !== undefined) return found;
      if (performance.now() > until)
        throw new TidecastError('INFLUX_NOT_INFLUX', { url: connection.endpoint, problem: found.problem }, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

function kindOf(connection: Connection, answer: Answer): Found {
  const { status, headers } = answer;
  const url = connection.endpoint;
  const version = headers.get('x-influxdb-version') ?? jsonVersion(answer);
  if (status === 401 || status === 403) throw new TidecastError('INFLUX_AUTHENTICATION', { url, answer: reasonOf(answer) });
  if (version !== undefined && status < 300) return { version };
  if (status === 429 || status >= 500) return { away: reasonOf(answer) };
  const problem = /HTTP request to an HTTPS server/i.test(answer.text)
    ? 'it speaks TLS: write `https://`'
    : status >= 300 && status < 400
      ? `it sends us elsewhere, HTTP ${status}`
      : `its answer to /ping is HTTP ${status} and names no InfluxDB version`;
  throw new TidecastError('INFLUX_NOT_INFLUX', { url, problem });
}

/** What no answer tells: away, or for good. */
function silence(connection: Connection, error: Unanswered): { away?: string; problem?: string } {
  const { code, message } = error;
  const fail = (name: ErrorCode, problem: string) =>
    new TidecastError(name, { url: connection.endpoint, problem }, { cause: error });
  if (CERTIFICATE.test(code)) throw fail('INFLUX_TLS', message);
  if (/^(EPROTO|ERR_SSL)/.test(code)) throw fail('INFLUX_NOT_INFLUX', 'it does not speak TLS: write `http://`');
  if (code.startsWith('HPE_')) throw fail('INFLUX_NOT_INFLUX', 'it does not speak HTTP');
  if (message === 'bad port') throw fail('INFLUX_NOT_INFLUX', 'HTTP clients refuse this port');
  if (/^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/.test(code)) return { problem: 'it closes every connection without an answer' };
  return { away: message };
}

/** InfluxDB 3 says its version in the body as well. */
function jsonVersion({ text }: Answer): string | undefined {
  try {
    const { version, product_name } = JSON.parse(text) as Record<string, unknown>;
    return typeof version === 'string' && typeof product_name === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

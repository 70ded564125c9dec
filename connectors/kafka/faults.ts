/** What the Kafka client throws, as errors that a user can act on. */
import { TidecastError, type ErrorCode, type Facts } from '../../src/core/errors.ts';
import { tlsProblem } from './tls-problem.ts';

/** Answers of a broker by their name in the protocol; what is not here is decided by whether the client calls it retriable. */
const BY_TYPE: Readonly<Record<string, ErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'KAFKA_TOPIC_UNKNOWN',
  INVALID_TOPIC_EXCEPTION: 'KAFKA_TOPIC_UNKNOWN',
  TOPIC_AUTHORIZATION_FAILED: 'KAFKA_NOT_ALLOWED',
  GROUP_AUTHORIZATION_FAILED: 'KAFKA_NOT_ALLOWED',
  CLUSTER_AUTHORIZATION_FAILED: 'KAFKA_NOT_ALLOWED',
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 'KAFKA_NOT_ALLOWED',
  SECURITY_DISABLED: 'KAFKA_NOT_ALLOWED',
  SASL_AUTHENTICATION_FAILED: 'KAFKA_AUTHENTICATION',
  UNSUPPORTED_SASL_MECHANISM: 'KAFKA_AUTHENTICATION',
  ILLEGAL_SASL_STATE: 'KAFKA_AUTHENTICATION',
  OFFSET_OUT_OF_RANGE: 'KAFKA_OFFSET_GONE',
  BROKER_NOT_AVAILABLE: 'KAFKA_NOT_READY',
  STALE_CONTROLLER_EPOCH: 'KAFKA_NOT_READY',
  STALE_BROKER_EPOCH: 'KAFKA_NOT_READY',
  OPERATION_NOT_ATTEMPTED: 'KAFKA_NOT_READY',
  UNKNOWN: 'KAFKA_NOT_READY',
};

/**
 * The error of the table for whatever the client threw; a `TidecastError` stays as it is.
 *
 * `facts` come first in the message: the endpoint, the topic, the group. No password is ever in what the client says.
 * `retriable` of the result says whether waiting can help.
 */
export function kafkaFault(cause: unknown, facts: Facts): TidecastError {
  if (cause instanceof TidecastError) return cause;
  const root = rootOf(cause);
  return new TidecastError(codeOf(root), { ...facts, problem: told(root) }, { cause });
}

interface Thrown {
  readonly name?: string;
  readonly message?: string;
  readonly type?: string;
  readonly code?: string | number;
  readonly retriable?: boolean;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** What lies beneath the wrappers: exhausted retries, aggregates, an error with a cause. */
function rootOf(cause: unknown, depth = 0): Thrown {
  const thrown = (typeof cause === 'object' && cause !== null ? cause : { message: String(cause) }) as Thrown;
  const below = thrown.name === 'KafkaJSAggregateError' ? thrown.errors?.[0] : thrown.cause;
  return below && depth < 10 ? rootOf(below, depth + 1) : thrown;
}

function codeOf({ name = '', message = '', type, code, retriable }: Thrown): ErrorCode {
  if (type !== undefined && Object.hasOwn(BY_TYPE, type)) return BY_TYPE[type]!;
  if (name === 'KafkaJSSASLAuthenticationError') return 'KAFKA_AUTHENTICATION';
  if (tlsProblem(String(code ?? ''), message)) return 'KAFKA_TLS';
  if (
    /^KafkaJS(Connection|ConnectionClosed|RequestTimeout|BrokerNotFound|NoBrokerAvailable)Error$|^KafkaJSBrokerNotFound$/.test(
      name,
    )
  )
    return 'KAFKA_UNREACHABLE';
  if (/^E(CONN|HOST|NET|PIPE|TIMEDOUT|AI_)|^ENOTFOUND$/.test(String(code))) return 'KAFKA_UNREACHABLE';
  return retriable === true || name === 'KafkaJSGroupCoordinatorNotFound' || /^KafkaJS(Lock)?Timeout$/.test(name)
    ? 'KAFKA_NOT_READY'
    : 'KAFKA_FAILED';
}

/** One line of what was said, cut to 200 characters. */
function told({ message = '', type, code, name }: Thrown): string {
  const said = (tlsProblem(String(code ?? ''), message) ?? (message || String(type ?? code ?? name ?? 'no reason given')))
    .replace(/\s+/g, ' ')
    .trim();
  const line = type !== undefined && !said.includes(type) ? `${said} [${type}]` : said;
  return line.length > 200 ? `${line.slice(0, 197)}...` : line;
}

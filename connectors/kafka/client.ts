/** The Kafka client: loaded when it is needed, silent, quick to give up. Whoever calls it owns the waiting. */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { ISocketFactory, Kafka, RetryOptions, SASLOptions } from 'kafkajs';
import type { ConnectorContext } from '../../src/core/connector.ts';
import { registerCodecs } from '../formats/kafka-codecs.ts';
import { refuseExposed, tlsOptions, type Connection } from './settings.ts';

export interface ClientOptions {
  /** How the client itself tries again; by default it hardly does. */
  readonly retry?: RetryOptions;
  /** Milliseconds until a request counts as lost. */
  readonly requestTimeout?: number;
  /** Takes every socket while it is open, so that a client that hangs can be ended by destroying them. */
  readonly sockets?: Set<Socket>;
  /** Bytes that a compressed batch may unpack to, for all clients of the process. */
  readonly unpackedLimit?: number;
}

/** Codecs belong to the library, not to a client: one without a limit of its own leaves them as they are. */
let registered = false;

/** A client for a connection; nothing is sent yet. Throws `KAFKA_PASSWORD_EXPOSED` and `KAFKA_TLS`. */
export async function connectKafka(
  connection: Connection,
  context: Pick<ConnectorContext, 'folder' | 'pipeline'>,
  options: ClientOptions = {},
): Promise<Kafka> {
  refuseExposed(connection);
  const kafkajs = (await import('kafkajs')).default;
  if (!registered || options.unpackedLimit !== undefined) await registerCodecs(kafkajs, options.unpackedLimit);
  registered = true;
  const ssl = tlsOptions(connection, context.folder);
  return new kafkajs.Kafka({
    clientId: `tidecast-${context.pipeline}`,
    brokers: [...connection.brokers],
    ...(ssl ? { ssl } : {}),
    ...(connection.sasl ? { sasl: { ...connection.sasl } as SASLOptions } : {}),
    connectionTimeout: 3000,
    authenticationTimeout: 5000,
    requestTimeout: options.requestTimeout ?? 15_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 2, ...options.retry },
    socketFactory: socketFactory(options.sockets),
    // the library reports ordinary events as errors; what matters comes as exceptions and instrumentation events
    logLevel: kafkajs.logLevel.NOTHING,
    logCreator: () => () => undefined,
  });
}

/** Sockets without Nagle's delay: the client writes whole requests. */
function socketFactory(sockets: Set<Socket> | undefined): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const name = isIP(host) ? {} : { servername: host };
    const socket = ssl
      ? connectTls({ host, port, ...name, ...(ssl as ConnectionOptions) }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setKeepAlive(true, 30_000);
    socket.setNoDelay(true);
    if (sockets) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    return socket;
  };
}

/** How a pipeline file says where Kafka is and who we are: the fields that the source and the sink have in common. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { createSecureContext, type ConnectionOptions } from 'node:tls';
import { z } from 'zod';
import { TidecastError } from '../../src/core/errors.ts';
import { tlsProblem } from './tls-problem.ts';

const DEFAULT_PORT = 9092;

const tlsFiles = z.strictObject({
  ca: z.string().min(1).optional().describe('File of the authorities to trust (PEM). Default: those that Node.js trusts.'),
  cert: z.string().min(1).optional().describe('File of our own certificate (PEM), where the broker asks for one.'),
  key: z.string().min(1).optional().describe('File of the key of our own certificate (PEM, without a passphrase).'),
  servername: z
    .string()
    .min(1)
    .optional()
    .describe('The name that the broker’s certificate must carry. Default: the host that is connected to.'),
});

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']).describe('How the password is proven.'),
  username: text('the user name').describe('The user.'),
  password: text('the password')
    .meta({ secret: true })
    .describe('The password, taken from the environment: `"${KAFKA_PASSWORD}"`, in quotes.'),
});

/** Fields of a connection, to be spread into a component's `z.strictObject`; add `.superRefine(soundConnection)` to the object. */
export const connectionFields = {
  brokers: z
    .union([z.string(), z.array(z.string())])
    .transform((given, context): string[] => {
      const written = (typeof given === 'string' ? given.split(',') : given).map((each) => each.trim());
      const refuse = (message: string) => void context.issues.push({ code: 'custom', message, input: given });
      if (written.every((each) => each === '')) refuse('names no broker: write `host:port`');
      return written.map((each) => brokerAddress(each, refuse));
    })
    .describe(
      'Where to begin: `host:port`, several as a list or with commas; the others are learnt from them. Default port: 9092.',
    ),
  tls: z
    .union([z.boolean(), tlsFiles])
    .default(false)
    .describe(
      'Encrypt and verify: `true`, or a map with `ca`, `cert`, `key` (files, relative to the pipeline file) and `servername`. The broker’s certificate is always verified.',
    ),
  sasl: sasl.optional().describe('User name and password, where the broker asks for them: `mechanism`, `username`, `password`.'),
  allow_plaintext_password: z
    .boolean()
    .default(false)
    .describe('Send the password over an unencrypted connection, where everyone on the way can read or use it.'),
};

/** A connection as its fields were parsed. */
export type Connection = z.infer<z.ZodObject<typeof connectionFields>>;

const NEEDS_TLS =
  'a password needs an encrypted connection: set `tls`, or `allow_plaintext_password: true` if everyone on the network may read it';

/** What must hold between the fields of a connection; for `z.strictObject({ ...connectionFields }).superRefine(soundConnection)`. */
export function soundConnection(connection: Connection, context: z.core.$RefinementCtx): void {
  if (exposed(connection)) context.addIssue({ code: 'custom', message: NEEDS_TLS, path: ['sasl'] });
  const { tls } = connection;
  if (typeof tls === 'object' && (tls.cert === undefined) !== (tls.key === undefined))
    context.addIssue({ code: 'custom', message: 'needs both `cert` and `key`, or neither', path: ['tls'] });
}

/** Throws `KAFKA_PASSWORD_EXPOSED` where a password would travel unencrypted without leave, whoever made the settings. */
export function refuseExposed(connection: Connection): void {
  if (exposed(connection)) throw new TidecastError('KAFKA_PASSWORD_EXPOSED', { endpoint: endpoint(connection) });
}

/** The brokers as messages name them: `a:9092, b:9092`. */
export function endpoint(connection: Connection): string {
  return connection.brokers.join(', ');
}

/**
 * Options for a TLS connection, or undefined for a plain one. Verification cannot be switched off, not by the environment either.
 *
 * `folder` is the pipeline file's. Files that cannot be read, or are not what they should be, are `KAFKA_TLS`.
 */
export function tlsOptions(connection: Connection, folder: string): ConnectionOptions | undefined {
  const { tls } = connection;
  if (tls === false) return undefined;
  const { servername, ...files } = tls === true ? {} : tls;
  const fail = (problem: string) => new TidecastError('KAFKA_TLS', { endpoint: endpoint(connection), problem });
  const texts: { ca?: string; cert?: string; key?: string } = {};
  for (const [field, path] of Object.entries(files) as [keyof typeof texts, string][]) {
    const file = resolve(folder, path);
    try {
      texts[field] = readFileSync(file, 'utf8');
    } catch (error) {
      throw fail(`tls.${field}: ${file} cannot be read, ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    }
    // Node.js passes over what it cannot read
    if (field !== 'key' && !isCertificate(texts[field])) throw fail(`tls.${field}: ${file} holds no certificate in PEM form`);
  }
  try {
    createSecureContext(texts);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw fail(tlsProblem(code, message) ?? `the files of \`tls\` cannot be used, ${message}`);
  }
  return { rejectUnauthorized: true, ...texts, ...(servername === undefined ? {} : { servername }) };
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).subject !== undefined;
  } catch {
    return false;
  }
}

function exposed({ tls, sasl, allow_plaintext_password: allowed }: Connection): boolean {
  return sasl !== undefined && tls === false && !allowed;
}

/** `host` or `host:port` as `host:port`. */
function brokerAddress(written: string, refuse: (message: string) => void): string {
  if (/^[a-z0-9+_.-]+:\/\//i.test(written)) refuse('must be `host:port`, without a scheme such as `http://`');
  else if (isIP(written.replace(/^\[(.*)\](:\d+)?$/, '$1')) === 6) refuse('cannot hold an IPv6 address: give the broker a name');
  else {
    const [, host, port = String(DEFAULT_PORT)] = /^([a-z0-9_.-]+)(?::(\d+))?$/i.exec(written) ?? [];
    if (!host) refuse('must be `host:port`, such as `kafka.example.org:9092`');
    else if (Number(port) < 1 || Number(port) > 65_535) refuse('has a port that is not in 1 to 65535');
    else return `${host}:${Number(port)}`;
  }
  return written;
}

/** Text that is never empty; an unquoted `${NAME}` that looks like a number would lose digits. */
function text(what: string) {
  return z
    .string({ error: ({ input }) => (input === undefined ? undefined : 'must be text: put it in quotes, "${NAME}"') })
    .min(1, `must not be empty: ${what} is missing`);
}

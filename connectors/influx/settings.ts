/** How a pipeline file says where InfluxDB is and who we are: the fields that the source and the sink have in common. */
import { z } from 'zod';
import { durationField } from '../formats/duration-field.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** Fields of a connection, to be spread into a component's `z.strictObject`; add `.superRefine(soundConnection)` to the object. */
export const connectionFields = {
  url: z
    .string()
    .superRefine((written, context) => {
      const problem = urlProblem(written);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    })
    .describe('Where InfluxDB is, `http://host:8086` or `https://...`; without user name and password.'),
  database: name('the database').describe('The database. With InfluxDB 2 the one that is mapped to a bucket.'),
  retention_policy: name('the retention policy').optional().describe('The retention policy. Default: the database’s own.'),
  username: text('the user name').optional().describe('The user, where InfluxDB asks for one; needs `password`.'),
  password: text('the password')
    .meta({ secret: true })
    .optional()
    .describe('The password, taken from the environment: `"${INFLUX_PASSWORD}"`, in quotes.'),
  token: text('the token')
    .regex(/^[\x21-\x7e]+$/, 'must be of visible ASCII characters')
    .meta({ secret: true })
    .optional()
    .describe('The token, instead of user and password, for InfluxDB 2 and 3: `"${INFLUX_TOKEN}"`.'),
  allow_plaintext_password: z
    .boolean()
    .default(false)
    .describe('Send password or token over http to another machine, where everyone on the way can read and use them.'),
  timeout: durationField(100, 600_000)
    .prefault('10s')
    .describe('How long one request may take, its answer included, before it is given up and sent again.'),
};

/** A connection as its fields were parsed. */
export type ConnectionSettings = z.infer<z.ZodObject<typeof connectionFields>>;

/** What must hold between the fields of a connection. */
export function soundConnection(settings: ConnectionSettings, context: z.core.$RefinementCtx): void {
  const { url, username, password, token, allow_plaintext_password: allowed } = settings;
  const say = (field: string, message: string) => context.addIssue({ code: 'custom', message, path: [field] });
  if (token !== undefined && (username !== undefined || password !== undefined))
    say('token', 'give a token, or a user and a password, not both');
  else if ((username === undefined) !== (password === undefined)) say('username', 'needs `username` and `password`, or neither');
  else if ((password ?? token) !== undefined && !allowed && urlProblem(url) === undefined && exposed(url))
    say(
      'url',
      'a password or token needs https: use an `https://` address, or `allow_plaintext_password: true` if everyone on the network may read it',
    );
}

/** Whether the host is this machine. */
export function isLoopback(url: string): boolean {
  return LOOPBACK.test(new URL(url).hostname);
}

function exposed(url: string): boolean {
  return new URL(url).protocol === 'http:' && !isLoopback(url);
}

function urlProblem(written: string): string | undefined {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) return 'must be an address such as http://127.0.0.1:8086';
  if (url.username || url.password) return 'must not hold a user name or password: use `username` and `password`';
  return url.search || url.hash ? 'must not hold a query: use the fields of this section' : undefined;
}

function name(what: string) {
  return text(what).regex(/^[^\u0000-\u001f\u007f]+$/, 'must not hold control characters');
}

/** Text that is never empty; an unquoted `${NAME}` that looks like a number would lose digits. */
function text(what: string) {
  return z
    .string({ error: ({ input }) => (input === undefined ? undefined : 'must be text: put it in quotes, "${NAME}"') })
    .min(1, `must not be empty: ${what} is missing`);
}

/** Certificates for tests, made by openssl: an authority, and what it signs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from './run-to-end.ts';

const MISSING = 'Install it: apt-get install openssl.';
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface Authority {
  /** File of its certificate (PEM). */
  readonly ca: string;
  /**
   * Files of a certificate for these names, and of both in one as Kafka wants it. `days` below 0: it has expired.
   *
   * `names` as openssl writes them: `IP:127.0.0.1,DNS:localhost`.
   */
  sign(name: string, names: string, days?: number): Promise<{ cert: string; key: string; store: string }>;
}

/** A new authority; its files go into `folder`. */
export async function makeAuthority(folder: string, name = 'authority'): Promise<Authority> {
  const at = (file: string) => join(folder, `${name}-${file}`);
  const openssl = (...args: string[]) => runToEnd('openssl', args, {}, MISSING);
  const [ca, caKey] = [at('ca.pem'), at('ca.key')];
  await openssl('req', '-x509', ...KEY, '-keyout', caKey, '-out', ca, '-subj', `/CN=${name}`, '-days', '2');
  return {
    ca,
    sign: async (whose, names, days = 2) => {
      const [cert, key, request, extensions, store] = ['pem', 'key', 'csr', 'ext', 'store.pem'].map((end) =>
        at(`${whose}.${end}`),
      ) as [string, string, string, string, string];
      writeFileSync(extensions, `subjectAltName=${names}\n`);
      await openssl('req', ...KEY, '-keyout', key, '-out', request, '-subj', `/CN=${whose}`);
      const signing = ['x509', '-req', '-in', request, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-extfile', extensions];
      await openssl(...signing, '-days', String(days), '-out', cert);
      writeFileSync(store, readFileSync(key, 'utf8') + readFileSync(cert, 'utf8') + readFileSync(ca, 'utf8'));
      return { cert, key, store };
    },
  };
}

/** What went wrong in a TLS handshake, in words. */

const UNTRUSTED = 'the certificate of the broker comes from an authority that is not trusted here: name its file as `tls.ca`';
const OURS = 'the broker wants a certificate of ours that it trusts: set `tls.cert` and `tls.key`';

const PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate of the broker has expired',
  CERT_NOT_YET_VALID: 'the certificate of the broker is not valid yet: check the clocks',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate of the broker is signed by itself: name its file as `tls.ca`',
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the broker is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the port does not speak TLS',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: OURS,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: OURS,
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the broker does not trust our certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: OURS,
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: '`tls.key` does not belong to `tls.cert`',
};

/** A sentence for a fault of TLS; undefined for one that lies elsewhere (refused, reset, slow). */
export function tlsProblem(code: string, message: string): string | undefined {
  const known = PROBLEMS[code];
  const line = message
    .replace(/\s+/g, ' ')
    .replace(/^.*:SSL routines:[^:]*:([^:]+):.*$/, '$1')
    .trim()
    .slice(0, 160);
  if (known) return code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? `${known}: ${line}` : known;
  return /^(ERR_(TLS|SSL|OSSL)_|CERT_|UNABLE_TO_|INVALID_CA|EPROTO$)/.test(code) ? line : undefined;
}

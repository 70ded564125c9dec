/** A real Kafka broker that wants passwords and speaks TLS, each in its own way on a port of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeAuthority } from './certificates.ts';
import { freePort } from './free-port.ts';
import { startKafka, type KafkaServer } from './kafka.ts';

/** Users of the broker; `ann` may do everything with topics and groups that begin with `ann`, `bob` nothing. */
export const PASSWORDS = { ann: 'ann-canary-51c7', bob: 'bob-canary-9e02' } as const;

export interface SecuredKafka {
  /** `broker` is its plain port, where everyone may do everything. */
  readonly server: KafkaServer;
  /** Addresses by what the listener is like. All certificates but the bad ones are for `localhost` and 127.0.0.1. */
  readonly at: {
    /** Password, no encryption. */
    readonly sasl: string;
    /** Password, encrypted. */
    readonly saslTls: string;
    /** No password, encrypted. */
    readonly tls: string;
    /** As `tls`, with a certificate that has expired; one for another name; and one that asks for ours. */
    readonly expired: string;
    readonly otherName: string;
    readonly mutual: string;
  };
  /** Certificate files: the broker's authority, another one, and a certificate of ours. */
  readonly files: { readonly ca: string; readonly otherCa: string; readonly cert: string; readonly key: string };
  clean(): Promise<void>;
}

/** Starts it: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512, and an authorizer that allows nothing that is not said. */
export async function startSecuredKafka(): Promise<SecuredKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-certificates-'));
  try {
    const [authority, other] = [await makeAuthority(folder), await makeAuthority(folder, 'other')];
    const here = 'IP:127.0.0.1,DNS:localhost';
    const good = await authority.sign('broker', here);
    const expired = await authority.sign('expired', here, -1);
    const otherName = await authority.sign('other-name', 'DNS:kafka.example.org');
    const ours = await authority.sign('tidecast', here);
    const protocols = {
      SASL: 'SASL_PLAINTEXT',
      SASLTLS: 'SASL_SSL',
      TLS: 'SSL',
      EXPIRED: 'SSL',
      OTHERNAME: 'SSL',
      MUTUAL: 'SSL',
    };
    const names = Object.keys(protocols) as (keyof typeof protocols)[];
    const ports = await Promise.all(names.map(() => freePort()));
    const address = (name: (typeof names)[number]) => `127.0.0.1:${ports[names.indexOf(name)]}`;
    const store = (name: string, file: string) => ({
      [`listener.name.${name}.ssl.keystore.type`]: 'PEM',
      [`listener.name.${name}.ssl.keystore.location`]: file,
      [`listener.name.${name}.ssl.truststore.type`]: 'PEM',
      [`listener.name.${name}.ssl.truststore.location`]: authority.ca,
    });
    const passwords = (name: string) => {
      const jaas = 'sasl.jaas.config';
      const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
      const users = Object.entries(PASSWORDS).map(([user, password]) => `user_${user}="${password}"`);
      return {
        [`listener.name.${name}.sasl.enabled.mechanisms`]: 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        [`listener.name.${name}.plain.${jaas}`]: `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`,
        [`listener.name.${name}.scram-sha-256.${jaas}`]: scram,
        [`listener.name.${name}.scram-sha-512.${jaas}`]: scram,
      };
    };
    const listeners = names.map((name) => `${name}://${address(name)}`).join(',');
    const server = await startKafka({
      properties: ({ port, controllerPort }) => ({
        listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort},${listeners}`,
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},${listeners}`,
        'listener.security.protocol.map': `PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,${names.map((name) => `${name}:${protocols[name]}`).join(',')}`,
        ...passwords('sasl'),
        ...passwords('sasltls'),
        ...store('sasltls', good.store),
        ...store('tls', good.store),
        ...store('expired', expired.store),
        ...store('othername', otherName.store),
        ...store('mutual', good.store),
        'listener.name.mutual.ssl.client.auth': 'required',
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        // whoever has no name of his own, and the broker itself
        'super.users': 'User:ANONYMOUS;User:CN=tidecast',
      }),
      format: Object.entries(PASSWORDS).flatMap(([user, password]) =>
        ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((kind) => ['--add-scram', `${kind}=[name=${user},password=${password}]`]),
      ),
    });
    return {
      server,
      at: {
        sasl: address('SASL'),
        saslTls: address('SASLTLS'),
        tls: address('TLS'),
        expired: address('EXPIRED'),
        otherName: address('OTHERNAME'),
        mutual: address('MUTUAL'),
      },
      files: { ca: authority.ca, otherCa: other.ca, cert: ours.cert, key: ours.key },
      clean: async () => {
        await server.clean();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

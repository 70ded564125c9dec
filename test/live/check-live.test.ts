/** `tidecast check --live` against real servers: what it says when all is well and when something is not, and that it leaves nothing behind. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { freePort } from '../services/free-port.ts';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { brokers, influxUrl, newDatabase, newTopic, until, withAdmin } from './support/servers.ts';

const PASSWORD = 'canary-p4ssword';
const folder = mkdtempSync(join(tmpdir(), 'tidecast-check-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ends {
  readonly broker?: string;
  readonly topic?: string;
  readonly url?: string;
  readonly database?: string;
  readonly more?: string;
}

/** What `check --live` makes of a pipeline from Kafka to InfluxDB. */
async function checked(
  { broker = brokers()[0]!, topic = 'none', url = influxUrl(), database = 'none', more = '' }: Ends,
  ...options: string[]
) {
  writeFileSync(
    join(folder, 'live.yaml'),
    `
source: { type: kafka, brokers: "${broker}", topic: ${topic}, values: [value] }
window: { interval: 1m }
forecast: { models: [naive] }
sinks: [{ type: influx, url: "${url}", database: ${database}${more} }]
`,
  );
  const terminal = fakeTerminal(folder, { PASSWORD });
  const began = Date.now();
  const code = await main(['check', 'live.yaml', '--live', ...options], terminal);
  return {
    code,
    lines: terminal.said.out,
    out: terminal.said.out.join('\n'),
    err: terminal.said.err.join('\n'),
    seconds: (Date.now() - began) / 1000,
  };
}

describe('all is well', () => {
  // the first question about groups makes a new broker set up its coordinator
  beforeAll(() =>
    withAdmin(brokers(), (admin) =>
      until('the broker knows about groups', async () => {
        await admin.fetchOffsets({ groupId: 'live' });
        return true;
      }),
    ),
  );
  it('a line for each thing that was found, exit code 0; nothing is left behind', async () => {
    const topic = await newTopic(3);
    const database = await newDatabase();
    const { code, out, err } = await checked({ topic, database });
    expect({ code, err }, out).toEqual({ code: 0, err: '' });
    expect(out).toMatch(new RegExp(`^✓ kafka ${brokers()[0]}: .*$`, 'm'));
    expect(out).toMatch(new RegExp(`^✓ kafka topic ${topic}: It has 3 partitions`, 'm'));
    expect(out).toMatch(/^✓ influx http:.*: InfluxDB .* answers\.$/m);
    expect(out).not.toContain('✗');
    const groups = await withAdmin(brokers(), (admin) => admin.listGroups());
    expect(groups.groups.map(({ groupId }) => groupId)).not.toContain('live');
  });
  it('--json', async () => {
    const { code, out } = await checked({ topic: await newTopic(1), database: await newDatabase() }, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      pipeline: 'live',
      ends: [
        { end: 'source kafka', exit: 0, findings: expect.arrayContaining([expect.objectContaining({ ok: true })]) },
        { end: 'sink influx', exit: 0 },
      ],
    });
  });
});

describe('something is not', () => {
  it('both servers are away: both are told', async () => {
    const { code, lines, out } = await checked({
      broker: `127.0.0.1:${await freePort()}`,
      url: `http://127.0.0.1:${await freePort()}`,
    });
    expect(code).toBe(69);
    expect(out).toMatch(/^✗ kafka 127\.0\.0\.1:\d+: /m);
    expect(out).toMatch(/^✗ influx http:\/\/127\.0\.0\.1:\d+: /m);
    expect(
      lines
        .join('\n')
        .split('\n')
        .every((line) => line.startsWith('✗')),
    ).toBe(true);
  });
  it('servers that take connections and never answer: told within 15 seconds', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as AddressInfo;
    const { code, out, seconds } = await checked({ broker: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}` });
    expect(code).toBe(69);
    expect(out.match(/^✗/gm)).toHaveLength(2);
    // 15 as promised, and room for a busy machine
    expect(seconds).toBeLessThan(20);
    silent.close();
  });
  it('each server where the other one should be', async () => {
    const { code, out } = await checked({ broker: new URL(influxUrl()).host, url: `http://${brokers()[0]}` });
    expect(code).toBeGreaterThanOrEqual(69);
    expect(out).toMatch(/^✗ kafka .*HTTP server/m);
    expect(out).toMatch(/^✗ influx /m);
  });
  it('a topic that does not exist', async () => {
    const { code, out } = await checked({ topic: 'no-such-topic', database: await newDatabase() });
    expect(code).toBe(69);
    expect(out).toMatch(/^✗ kafka topic no-such-topic: /m);
    expect(out).toMatch(/^✓ influx /m);
  });
});

describe('a wrong password', () => {
  let influx: InfluxServer;
  beforeAll(async () => void (influx = await startInflux({ auth: true })));
  afterAll(() => influx.clean());

  it('is told, and never said', async () => {
    const topic = await newTopic(1);
    const more = ', username: admin, password: "${PASSWORD}"';
    for (const options of [[], ['--json']]) {
      const { code, out, err } = await checked({ topic, url: influx.url, more }, ...options);
      expect(code).toBe(69);
      expect(out).toMatch(/user name|password|credentials|authoriz/i);
      expect(out + err).not.toContain(PASSWORD);
    }
  });
});

it('files have nothing to check, and say so', async () => {
  writeFileSync(
    join(folder, 'files.yaml'),
    'source: { type: csv, path: x.csv }\nwindow: { interval: 1m }\nsinks: [{ type: discard }]\n',
  );
  const terminal = fakeTerminal(folder);
  expect(await main(['check', 'files.yaml', '--live'], terminal)).toBe(0);
  expect(terminal.said.out).toEqual(['- source csv: nothing to check\n- sink discard: nothing to check']);
});

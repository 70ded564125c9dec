/** `npm run services`: servers that stay, are found again, and nothing else is touched; and what happens where there can be none. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../services/free-port.ts';
import { influxQuery } from '../services/influx.ts';
import { messagesOf, newTopic, produce } from './support/servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-lasting-'));
let kafka: number;
let influx: number;

function services(...args: string[]): { code: number | null; said: string } {
  const program = resolve('dist/test/services/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--dir', folder, ...args], { encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}
const start = () => services('--kafka-port', String(kafka), '--influx-port', String(influx));

beforeAll(async () => {
  [kafka, influx] = [await freePort(), await freePort()];
});
afterAll(() => {
  services('stop');
  rmSync(folder, { recursive: true, force: true });
});

describe('npm run services', () => {
  it('starts both, leaves them running, and finds them again', async () => {
    const first = start();
    expect(first, first.said).toMatchObject({ code: 0 });
    expect(first.said).toMatch(new RegExp(`Kafka +127.0.0.1:${kafka} +started\nInfluxDB +http://127.0.0.1:${influx} +started`));
    expect(start().said.match(/runs already/g)).toHaveLength(2);
    expect(services('status')).toMatchObject({
      code: 0,
      said: expect.stringMatching(/Kafka +runs on .*\nInfluxDB +runs on /) as string,
    });
    const at = [`127.0.0.1:${kafka}`];
    await newTopic(1, { name: 'kept', at });
    await produce('kept', [{ value: 'x' }], { at });
    await influxQuery(`http://127.0.0.1:${influx}`, 'CREATE DATABASE kept');
  });
  it('asked for another port it says what to do', () => {
    const { code, said } = services('--kafka-port', String(kafka + 1));
    expect(code).toBe(2);
    expect(said).toContain(`Kafka runs on port ${kafka} already. To move it, stop it first: npm run services -- stop`);
  });
  it('stops both, and the data is there the next time', async () => {
    expect(services('stop')).toMatchObject({ code: 0, said: 'Kafka     stopped\nInfluxDB  stopped\n' });
    expect(services('stop').said.match(/did not run/g)).toHaveLength(2);
    expect(services('status').code).toBe(1);
    expect(start().code).toBe(0);
    expect((await messagesOf('kept', [`127.0.0.1:${kafka}`])).length).toBe(1);
    const [databases] = await influxQuery(`http://127.0.0.1:${influx}`, 'SHOW DATABASES');
    expect(databases!.values.flat()).toContain('kept');
  });
  it('never ends a process that it did not start, even one with the number of one that it did', () => {
    const file = join(folder, 'influx.json');
    const note = JSON.parse(readFileSync(file, 'utf8')) as object;
    // were the start not compared, this would end the test itself
    writeFileSync(file, JSON.stringify({ ...note, pid: process.pid }));
    expect(services('stop').said).toMatch(/InfluxDB +did not run/);
    writeFileSync(file, JSON.stringify(note));
    expect(services('stop').said).toMatch(/InfluxDB +stopped/);
  });
  it('a port that is taken: says so, and touches nobody', async () => {
    const other = createServer().listen(kafka, '127.0.0.1');
    await once(other, 'listening');
    const { code, said } = start();
    expect(code).toBe(2);
    expect(said).toContain(
      `Port ${kafka} of 127.0.0.1 is taken by another program. Stop it, or start Kafka on another: --kafka-port`,
    );
    expect(other.listening).toBe(true);
    await new Promise((done) => other.close(done));
  });
  it.each([
    [['bogus'], 'There is no "bogus". Use start, stop, status or fetch.'],
    [['--kafka-port', 'x'], 'A port is a number from 1 to 65535, not x.'],
  ])('%j: a clear word', (args, words) => {
    expect(services(...args)).toEqual({ code: 2, said: `${words}\n` });
  });
});

describe('where no server can be had', () => {
  function liveTests(env: Readonly<Record<string, string>>) {
    const nowhere = join(folder, 'nowhere');
    const args = [resolve('node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.live.config.ts', '--reporter=verbose'];
    const { HOME = '' } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      env: { HOME, PATH: nowhere, TIDECAST_CACHE: join(nowhere, 'cache'), NO_COLOR: '1', ...env },
    });
    rmSync(nowhere, { recursive: true, force: true });
    return { status, said: stdout + stderr };
  }
  const reason = 'mvn cannot be run: spawn mvn ENOENT. Install Maven and Java 17: apt-get install maven openjdk-17-jre-headless.';

  it('the live tests are skipped, with the reason in words', () => {
    const { status, said } = liveTests({});
    expect(status).toBe(0);
    expect(said).toContain(`the live tests: ${reason}`);
    expect(said).toMatch(/1 skipped/);
  });
  it('with CI set they fail', () => {
    const { status, said } = liveTests({ CI: 'true' });
    expect(status).not.toBe(0);
    expect(said).toContain(`The live tests cannot run. ${reason}`);
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });
});

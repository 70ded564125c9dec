/** The whole line where it must stop and say why, or be patient. Rows 12, 17, 20, 42, 43, 52, 54 and 62 of the fault table. */
import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { influxQuery } from '../services/influx.ts';
import { startKafka, type KafkaServer } from '../services/kafka.ts';
import { figure } from '../support/figures.ts';
import { LineProcess } from './oracle/line.ts';
import { ended, expectSame, Trial, unbroken, type Outcome, type TrialOptions } from './oracle/trial.ts';
import { FULL } from './support/forms.ts';
import { brokers, influxUrl, messagesOf, newTopic, until, withAdmin } from './support/servers.ts';

const INPUT = { series: 4, rows: 260, partitions: 2 };
const HALF = 130;
const MINUTES = { timeout: 600_000 };

let wanted: Outcome;
let trial: Trial;
beforeAll(async () => {
  wanted = await unbroken({ input: INPUT });
});
afterEach(() => trial.clean());

async function prepared(options: Partial<TrialOptions> = {}): Promise<Trial> {
  return (trial = await new Trial({ input: INPUT, ...options }).prepare());
}

async function halfway(options: Partial<TrialOptions> = {}): Promise<LineProcess> {
  await prepared(options);
  const line = new LineProcess(trial);
  await trial.feed(0, HALF);
  await until('the first half is committed', async () => (await trial.look()) >= HALF * INPUT.series);
  return line;
}

async function concluded(line: LineProcess): Promise<void> {
  await trial.finish();
  expect(await line.stop(), line.said.slice(-2000)).toBe(0);
  expectSame(await trial.outcome(), wanted);
}

/** Waits until the process has ended with this error, and gives what it said last. */
async function fails(line: LineProcess, code: string): Promise<Record<string, unknown>> {
  const exit = await ended(line.child);
  const last = line.log.find(({ event }) => event === 'run.failed');
  expect(last, line.said.slice(-2000)).toMatchObject({ code, exit });
  return last!;
}

describe('what waiting does not mend', () => {
  it(
    'row 17: messages that retention deleted before they were read: it stops with the place, and skips nothing',
    MINUTES,
    async () => {
      const line = await halfway();
      expect(await line.stop()).toBe(0);
      await trial.feed(HALF, HALF + 50);
      await withAdmin(brokers(), async (admin) => {
        await admin.fetchTopicOffsets(trial.topic);
        const offset = String((HALF + 20) * 2);
        await admin.deleteTopicRecords({ topic: trial.topic, partitions: [{ partition: 0, offset }] });
      });
      const last = await fails(new LineProcess(trial), 'KAFKA_OFFSET_GONE');
      expect(last['facts']).toMatchObject({ partition: 0, next: HALF * 2, oldest: (HALF + 20) * 2 });
      expect(await trial.look()).toBe(HALF * INPUT.series);
    },
  );
  it('row 43: a partition is added: it stops, says what to do, and goes no further after a restart', MINUTES, async () => {
    const line = await halfway();
    await withAdmin(brokers(), (admin) => admin.createPartitions({ topicPartitions: [{ topic: trial.topic, count: 3 }] }));
    // the second begins when the first has ended: the state and the port are one's
    for (const next of [() => line, () => new LineProcess(trial)]) {
      const last = await fails(next(), 'KAFKA_PARTITIONS_CHANGED');
      expect(last['msg']).toContain('start over with `--fresh`');
      expect(last['facts']).toMatchObject({ before: 2, now: 3 });
    }
    expect(await trial.look()).toBe(HALF * INPUT.series);
  });
  it(
    'row 42: the dead-letter topic is deleted: it stops, commits nothing past what it could not write, and makes good later',
    MINUTES,
    async () => {
      const letters = await newTopic(1);
      const sinks = `- { type: kafka, brokers: "${brokers().join(',')}", dead_letters: ${letters} }`;
      const line = await halfway({ sinks });
      await withAdmin(brokers(), (admin) => admin.deleteTopics({ topics: [letters] }));
      const timestamp = String(Date.parse('2024-03-04T00:00:00Z') + HALF * 60_000);
      await trial.send([{ key: 'series-0', value: '{bad', partition: 0, timestamp }]);
      await trial.feed(HALF, HALF + 50);
      await fails(line, 'KAFKA_TOPIC_UNKNOWN');
      await trial.look();
      const [first] = await withAdmin(brokers(), (admin) => admin.fetchOffsets({ groupId: trial.group, topics: [trial.topic] }));
      expect(Number(first!.partitions.find(({ partition }) => partition === 0)!.offset)).toBeLessThanOrEqual(HALF * 2);
      await until('it is made again', () => newTopic(1, { name: letters }).then(() => true));
      const next = new LineProcess(trial);
      await trial.feed(HALF + 50);
      await concluded(next);
      expect((await messagesOf(letters)).map(({ headers }) => String(headers!['reason']))).toContain('undecodable');
    },
  );
});

describe('the dead-letter topic is away for a while', () => {
  let other: KafkaServer;
  beforeAll(async () => {
    other = await startKafka();
  });
  afterAll(() => other?.clean());

  it('row 42: its broker is down: the line waits, commits nothing past it, and goes on when it is back', MINUTES, async () => {
    const letters = await newTopic(1, { at: [other.broker] });
    const line = await halfway({ sinks: `- { type: kafka, brokers: "${other.broker}", dead_letters: ${letters} }` });
    await other.kill9();
    const timestamp = String(Date.parse('2024-03-04T00:00:00Z') + HALF * 60_000);
    await trial.send([0, 1].map((partition) => ({ key: 'series-0', value: '{bad', partition, timestamp })));
    await trial.feed(HALF, HALF + 50);
    await line.becomes(503);
    await until('the messages are read', async () => (await line.metric('tidecast_rows_total')) >= (HALF + 50) * INPUT.series);
    await wait(2000);
    // a cut may lie just before the first bad message
    expect(await trial.look()).toBeLessThanOrEqual(HALF * INPUT.series + 2);
    await other.restart();
    await trial.feed(HALF + 50);
    await concluded(line);
    expect(await messagesOf(letters, [other.broker])).toHaveLength(2);
  });
});

describe('the state folder', () => {
  const isRoot = process.getuid?.() === 0;
  afterEach(() => void spawnSync('umount', [trial.stateFolder]));

  it.skipIf(!isRoot)(
    'row 20: is full: it stops with what to do, commits nothing more, and makes good when there is room',
    MINUTES,
    async () => {
      await prepared();
      mkdirSync(trial.stateFolder);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', trial.stateFolder]);
      const line = new LineProcess(trial);
      await trial.feed(0, HALF);
      await until('the first half is committed', async () => (await trial.look()) >= HALF * INPUT.series);
      const ballast = join(trial.stateFolder, 'ballast');
      fill(ballast);
      await trial.feed(HALF, HALF + 50);
      const last = await fails(line, 'STATE_WRITE');
      expect(last['exit']).toBe(74);
      await trial.look();
      rmSync(ballast);
      const next = new LineProcess(trial);
      await trial.feed(HALF + 50);
      await concluded(next);
    },
  );
});

/** Writes until nothing more fits. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  try {
    for (;;) if (writeSync(file, page) < page.length) break;
  } catch (cause) {
    expect(cause).toMatchObject({ code: 'ENOSPC' });
  }
  closeSync(file);
}

describe('time', () => {
  it('row 52: the clock jumps three days forth and back under it: the same points and states', MINUTES, async () => {
    const preload = /^LD_PRELOAD=(.*)$/m.exec(execFileSync('faketime', ['-f', '+0', 'env'], { encoding: 'utf8' }))![1]!;
    await prepared();
    const file = join(trial.folder, 'clock');
    writeFileSync(file, '+3d\n');
    const line = new LineProcess(trial, {
      env: {
        LD_PRELOAD: preload,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    });
    const clocks = ['+0', '-3d', '+400d', '+3d'];
    const part = INPUT.rows / (clocks.length + 1);
    await trial.feed(0, part);
    await until('it has begun', async () => (await trial.look()) > 0);
    for (const [i, clock] of clocks.entries()) {
      writeFileSync(file, `${clock}\n`);
      await trial.feed(part * (i + 1), part * (i + 2));
      await until('it goes on', async () => (await trial.look()) >= part * (i + 2) * INPUT.series);
    }
    await concluded(line);
    const days = line.log.map(({ time }) => Math.round((Date.parse(String(time)) - Date.now()) / 86_400_000));
    expect(days[0], 'the process believed its clock').toBe(3);
  });
  it('row 12: a long training beside it: no rebalance', MINUTES, async (test) => {
    const input = { series: 20, rows: 300, partitions: 2 };
    await prepared({ input, retrain: '{ every: 4h, rows: 240, epochs: 250, swap: asap }' });
    const line = new LineProcess(trial);
    const trained = () => line.log.find(({ event }) => event === 'training.finished');
    const since = Date.now();
    let fed = 0;
    for (; fed < input.rows && (!trained() || Date.now() - since < 8000); fed += 2) {
      await trial.feed(fed, Math.min(input.rows, fed + 2));
      await wait(100);
    }
    await until('a training is over', () => trained() !== undefined);
    await trial.feed(fed);
    await trial.finish();
    const lag = 'tidecast_nodejs_eventloop_lag';
    const [p99, delay] = await line.metrics(`${lag}_p99_seconds`, `${lag}_max_seconds`);
    expect(await line.stop(), line.said.slice(-2000)).toBe(0);
    const took = Number(trained()!['milliseconds']);
    figure(
      test,
      `training ${(took / 1000).toFixed(1)} s, session 6 s, event-loop delay p99 ${(p99! * 1000).toFixed(0)} ms, most ${(delay! * 1000).toFixed(0)} ms`,
    );
    expect(delay, 'seconds that the event loop stood still').toBeLessThan(6);
    expect(line.count('source.assigned')).toBe(1);
    expect(line.count('source.revoked')).toBe(0);
  });
  it('row 54: far more than it can take: the lag grows, memory does not, and all of it is worked off', MINUTES, async (test) => {
    const input = { series: 100, rows: FULL ? 8400 : 1300, partitions: 2 };
    await prepared({ input, swap: 'none', state: 'checkpoint: 1s' });
    const line = new LineProcess(trial);
    await trial.feed(0, 300);
    // a heap that has just begun to work still grows, overload or not
    await trial.spread(300, 700, 6000);
    await until('it runs evenly', async () => (await trial.look()) >= 695 * input.series);
    const before = line.memory;
    const watch = line.watchMemory();
    let most = 0;
    const feeding = trial.feed(700);
    const finishing = trial.finish(120_000);
    for (let done = false; !done; await wait(200)) {
      most = Math.max(most, (await line.metric('tidecast_source_lag')) || 0);
      done = await Promise.race([Promise.all([feeding, finishing]).then(() => true), wait(0).then(() => false)]);
    }
    const rise = watch() - before;
    figure(test, `lag up to ${most} messages, RSS +${rise.toFixed(0)} MB`);
    expect(most).toBeGreaterThan(5000);
    expect(rise).toBeLessThan(100);
    await until('nothing is left', async () => (await line.metric('tidecast_source_lag')) === 0);
    await line.becomes(200);
    expect(await line.stop(), line.said.slice(-2000)).toBe(0);
    const [count] = await influxQuery(influxUrl(), 'SELECT COUNT(mean) FROM forecast', { database: trial.database });
    expect(count!.values[0]![1]).toBe(input.series * input.rows * 2);
  });
});

describe('row 62: the wrong server', () => {
  const influxHost = () => new URL(influxUrl()).host;
  const cases: Record<string, [code: string, at: (web: string) => { kafka?: string; influx?: string }]> = {
    'row 62: a web server as broker': ['KAFKA_NOT_KAFKA', (web) => ({ kafka: web })],
    'row 62: InfluxDB as broker': ['KAFKA_NOT_KAFKA', () => ({ kafka: influxHost() })],
    'row 62: a web server as InfluxDB': ['INFLUX_NOT_INFLUX', (web) => ({ influx: `http://${web}` })],
    'row 62: a broker as InfluxDB': ['INFLUX_NOT_INFLUX', () => ({ influx: `http://${brokers()[0]}` })],
    'row 62: TLS to a plain InfluxDB': ['INFLUX_NOT_INFLUX', () => ({ influx: `https://${influxHost()}` })],
    'row 62: TLS to a plain broker': ['KAFKA_TLS', () => ({ kafka: `${brokers()[0]}\n  tls: true` })],
  };
  it.each(Object.keys(cases))('%s: one line with the place and what to do, within 15 seconds', MINUTES, async (name) => {
    const [code, at] = cases[name]!;
    const web = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await new Promise((resolve) => web.once('listening', resolve));
    trial = new Trial({ input: INPUT });
    await trial.makeTopic();
    await trial.writePipeline(at(`127.0.0.1:${(web.address() as AddressInfo).port}`));
    const before = Date.now();
    const line = new LineProcess(trial);
    const { msg, exit } = await fails(line, code);
    expect(Date.now() - before).toBeLessThan(15_000);
    expect(String(msg)).not.toContain('\n');
    expect(exit).toBe(78);
    web.close();
  });
});

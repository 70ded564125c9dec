/** The whole line while its servers die, freeze and come late. Rows 3, 4, 7, 15, 16, 38 and 40 of the fault table. */
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../services/free-port.ts';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startKafka, type KafkaServer } from '../services/kafka.ts';
import { figure } from '../support/figures.ts';
import { LineProcess, type LineOptions } from './oracle/line.ts';
import { ended, expectSame, Trial, unbroken, type Outcome, type TrialOptions } from './oracle/trial.ts';
import { FULL, outage } from './support/forms.ts';
import { kafkaClient, until, withAdmin } from './support/servers.ts';

const INPUT = { series: 6, rows: 300, partitions: 2 };
const MINUTES = { timeout: 600_000 };

let kafka: KafkaServer;
let influx: InfluxServer;
let wanted: Outcome;
const trials: Trial[] = [];

beforeAll(async () => {
  [kafka, influx] = await Promise.all([startKafka(), startInflux()]);
  wanted = await unbroken({ input: INPUT });
});
afterEach(async () => {
  influx.resume();
  kafka.resume();
  await Promise.all(trials.splice(0).map((trial) => trial.clean()));
});
afterAll(async () => {
  await Promise.all([kafka?.clean(), influx?.clean()]);
});

function newTrial(options: Partial<TrialOptions> = {}): Trial {
  const trial = new Trial({ input: INPUT, kafka: [kafka.broker], influx: influx.url, ...options });
  trials.push(trial);
  return trial;
}

/** A line that has read the first rows of each series. */
async function halfway(rows = 150, options: LineOptions = {}): Promise<{ trial: Trial; line: LineProcess }> {
  const trial = await newTrial().prepare();
  const line = new LineProcess(trial, options);
  await trial.feed(0, rows);
  await until('the first half is committed', async () => (await trial.look()) >= rows * INPUT.series);
  await line.becomes(200);
  return { trial, line };
}

/** Lets the line finish, and compares. */
async function concluded(trial: Trial, line: LineProcess): Promise<void> {
  await trial.finish();
  expect(await line.stop(), line.said.slice(-2000)).toBe(0);
  expectSame(await trial.outcome(), wanted);
}

describe('the consumer', () => {
  it('row 3: dies for good inside the client: /ready is red, another takes its place, nothing is lost', MINUTES, async (test) => {
    const { trial, line } = await halfway(150, { node: ['--import', resolve('dist/test/support/dead-consumer.js')] });
    const died = Date.now();
    line.child.kill('SIGUSR2');
    await line.becomes(503);
    expect((await line.ask('/health')).status).toBe(200);
    await line.becomes(200);
    figure(test, `ready again ${((Date.now() - died) / 1000).toFixed(1)} s after its death`);
    await trial.feed(150);
    await concluded(trial, line);
  });
  it(
    'row 40: is thrown out of its group, which is then deleted: it joins anew, commits again, and nothing counts twice',
    MINUTES,
    async () => {
      const { trial, line } = await halfway();
      line.child.kill('SIGSTOP');
      await trial.feed(150, 200);
      const group = () => withAdmin([kafka.broker], (admin) => admin.describeGroups([trial.group]));
      await until('it was thrown out', async () => (await group()).groups[0]!.members.length === 0);
      await withAdmin([kafka.broker], (admin) => admin.deleteGroups([trial.group]));
      line.child.kill('SIGCONT');
      trial.forgetCommits();
      await trial.feed(200);
      await concluded(trial, line);
    },
  );
  it(
    'row 40: other members come and go while it commits: no offset goes back, nothing is lost or counts twice',
    MINUTES,
    async (test) => {
      const { trial, line } = await halfway();
      let rebalances = 0;
      for (let i = 0; i < 2; i++) {
        // it takes half of the partitions, reads nothing that counts, and commits nothing
        const guest = kafkaClient([kafka.broker]).consumer({
          groupId: trial.group,
          sessionTimeout: 6000,
          rebalanceTimeout: 12_000,
        });
        guest.on('consumer.group_join', () => void rebalances++);
        await guest.connect();
        await guest.subscribe({ topics: [trial.topic], fromBeginning: false });
        await guest.run({ autoCommit: false, eachMessage: async () => undefined });
        await until('it is a member', () => rebalances > i);
        await trial.feed(150 + i * 60, 210 + i * 60);
        await trial.look();
        await guest.disconnect();
      }
      await trial.feed(270);
      await concluded(trial, line);
      figure(test, `${line.count('source.assigned')} assignments`);
    },
  );
});

describe('Kafka', () => {
  it('row 15: killed and started again under the line: nothing is lost or counts twice', MINUTES, async (test) => {
    const { trial, line } = await halfway();
    await kafka.kill9();
    await line.becomes(503);
    await wait(outage(2000, 60_000));
    await kafka.restart();
    const back = Date.now();
    await trial.feed(150);
    await concluded(trial, line);
    figure(test, `everything committed ${((Date.now() - back) / 1000).toFixed(1)} s after its start`);
  });
  it(
    'row 38: frozen for longer than the session under the line: /ready is red, and nothing is lost or counts twice',
    MINUTES,
    async (test) => {
      const { trial, line } = await halfway();
      await trial.feed(150, 170);
      await kafka.pause();
      const since = Date.now();
      await line.becomes(503);
      const noticed = Date.now() - since;
      await wait(outage(8000, 60_000));
      kafka.resume();
      await trial.feed(170);
      await concluded(trial, line);
      figure(test, `/ready is red after ${(noticed / 1000).toFixed(1)} s`);
    },
  );
});

describe('InfluxDB', () => {
  it('row 4: frozen while the process is killed: nothing was committed that it had not stored', MINUTES, async () => {
    const { trial, line } = await halfway();
    await influx.pause();
    await trial.feed(150, 250);
    await until('the messages are read', async () => (await line.metric('tidecast_rows_total')) >= 250 * INPUT.series);
    const committed = await trial.look();
    // some checkpoints' time
    await wait(1000);
    expect(await trial.look()).toBe(committed);
    line.child.kill('SIGKILL');
    await ended(line.child);
    influx.resume();
    await trial.feed(250);
    await concluded(trial, new LineProcess(trial));
  });

  it(
    `row 7: stopped for ${FULL ? '5 minutes' : '20 s'} under load: memory stays, the lag is worked off, nothing is lost`,
    { timeout: 1_800_000 },
    async (test) => {
      const input = { series: 100, rows: FULL ? 3600 : 1300, partitions: 2 };
      const options = { input, swap: 'none' } as const;
      const trial = await newTrial({ ...options, state: 'checkpoint: 1s' }).prepare();
      const line = new LineProcess(trial);
      await trial.feed(0, 300);
      // a heap that has just begun to work still grows, outage or not
      await trial.spread(300, 700, 6000);
      await until('it runs evenly', async () => (await trial.look()) >= 690 * input.series);
      const before = line.memory;
      const watch = line.watchMemory();
      await influx.stop();
      await trial.spread(700, input.rows, outage(20_000, 300_000));
      await line.becomes(503);
      expect(await line.metric('tidecast_source_lag')).toBeGreaterThan(1000);
      const committed = await trial.look();
      await influx.restart();
      const back = Date.now();
      await line.becomes(200);
      await trial.finish();
      const rise = watch() - before;
      expect(committed).toBeLessThan(input.series * input.rows);
      figure(
        test,
        `RSS +${rise.toFixed(0)} MB; ${input.series * input.rows - committed} messages of lag worked off in ${((Date.now() - back) / 1000).toFixed(1)} s`,
      );
      expect(rise).toBeLessThan(100);
      expect(await line.stop(), line.said.slice(-2000)).toBe(0);
      expectSame(await trial.outcome(), await unbroken({ ...options, state: 'checkpoint: 1s' }));
    },
  );
});

describe('row 16: the order of starting', () => {
  it.each(['Kafka', 'InfluxDB'])(
    'row 16: %s comes up later: alive, not ready, and then everything comes',
    MINUTES,
    async (late) => {
      const port = await freePort();
      const isKafka = late === 'Kafka';
      const trial = newTrial(isKafka ? { kafka: [`127.0.0.1:${port}`] } : { influx: `http://127.0.0.1:${port}` });
      await (isKafka ? trial.writePipeline() : trial.prepare());
      const line = new LineProcess(trial);
      if (!isKafka) await trial.feed();
      await until('it is alive', async () => (await line.ask('/health')).status === 200);
      for (const end = Date.now() + outage(10_000, 60_000); Date.now() < end; await wait(500)) {
        expect((await line.ask('/health')).status).toBe(200);
        expect((await line.ask('/ready')).status).toBe(503);
      }
      const server = await (isKafka ? startKafka({ port }) : startInflux({ port }));
      try {
        if (isKafka) {
          await trial.makeTopic();
          await trial.feed();
        }
        await line.becomes(200);
        await concluded(trial, line);
      } finally {
        await trial.clean();
        await server.clean();
      }
    },
  );
});

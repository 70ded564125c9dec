/** Processes that start and stop, as `tidecast run`: rows 32, 57 and 61 of the fault table, and who may share a state folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/core/errors.ts';
import { Random } from '../../src/core/random.ts';
import { startInflux, type InfluxServer } from '../services/influx.ts';
import { startKafka, type KafkaServer } from '../services/kafka.ts';
import { ended, expectSame, Trial, unbroken, type TrialOptions } from './oracle/trial.ts';
import { until } from './support/servers.ts';

const CLI = resolve('dist/src/cli/main.js');
const SHARED = 'checkpoint: 100ms\nshared: true';

/** `tidecast run`, with what it writes on standard error. */
function program(trial: Trial, file = trial.pipeline): { child: ChildProcess; told: () => string } {
  const child = spawn(process.execPath, [CLI, 'run', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr.on('data', (text: Buffer) => (told += text.toString()));
  trial.children.push(child);
  return { child, told: () => told };
}

async function within<T>(options: TrialOptions, use: (trial: Trial) => Promise<T>): Promise<T> {
  const trial = await new Trial(options).prepare();
  try {
    return await use(trial);
  } finally {
    await trial.clean();
  }
}

describe('row 32: SIGTERM', () => {
  const INPUT = { series: 6, rows: 1000, partitions: 2 };
  const [FIRST, MORE] = [300, 400];
  /** `stop_within` of the trial's pipeline, and what a busy machine adds; ms. */
  const LIMIT = 10_000 + 5000;
  let kafka: KafkaServer;
  let influx: InfluxServer;
  let options: TrialOptions;
  let wanted: Awaited<ReturnType<typeof unbroken>>;
  beforeAll(async () => {
    [kafka, influx] = await Promise.all([startKafka(), startInflux()]);
    options = { input: INPUT, swap: 'none', kafka: [kafka.broker], influx: influx.url };
    wanted = await unbroken(options);
  });
  afterAll(async () => {
    await Promise.all([kafka.clean(), influx.clean()]);
  });

  /** Begins with a part of the input, is asked to stop in some situation, which then passes, and is started again. */
  const stopped = (
    code: number,
    situation: (trial: Trial) => Promise<unknown>,
    pass: () => void = () => undefined,
    state = 'checkpoint: 100ms',
  ) =>
    within({ ...options, state }, async (trial) => {
      await trial.feed(0, FIRST);
      const { child, told } = program(trial);
      let took;
      try {
        await situation(trial);
        const asked = performance.now();
        child.kill('SIGTERM');
        expect(await ended(child), told()).toBe(code);
        took = performance.now() - asked;
      } finally {
        pass();
      }
      console.log(`ended after ${Math.round(took)} ms with ${code}`);
      expect(took).toBeLessThan(LIMIT);
      await trial.feed(FIRST + MORE);
      trial.start();
      await trial.finish();
      expect((await trial.stop()).at(-1), trial.told).toBe(0);
      expectSame(await trial.outcome(), wanted);
    });
  const idle = (trial: Trial) => until('everything was committed', async () => (await trial.look()) === FIRST * INPUT.series);
  /** Ticks come, and the process has not yet done with them. */
  const more = (trial: Trial) => trial.feed(FIRST, FIRST + MORE);

  it('row 32: idle: ends cleanly, and a restart goes on', () =>
    stopped(EXIT.ok, async (trial) => {
      await idle(trial);
      await more(trial);
      await until('they were committed too', async () => (await trial.look()) === (FIRST + MORE) * INPUT.series);
    }));
  it('row 32: busy: ends cleanly, and a restart goes on', () =>
    stopped(EXIT.ok, async (trial) => {
      await idle(trial);
      await more(trial);
    }));
  it.each(['checkpoint: 100ms', SHARED])(
    'row 32: InfluxDB stands still: ends in time, says that it was not clean, and a restart loses nothing (%j)',
    (state) =>
      stopped(
        EXIT.tryAgain,
        async (trial) => {
          await idle(trial);
          await influx.pause();
          await more(trial);
          await wait(1000);
        },
        () => influx.resume(),
        state,
      ),
  );
  it('row 32: Kafka stands still: ends in time, and a restart loses nothing', () =>
    stopped(
      EXIT.ok,
      async (trial) => {
        await idle(trial);
        await more(trial);
        await kafka.pause();
      },
      () => kafka.resume(),
    ));
});

describe.concurrent('row 57: one state folder', () => {
  const INPUT = { series: 4, rows: 600, partitions: 2 };

  it('a second process is refused with the reason, and the first does not notice', async () => {
    const wanted = await unbroken({ input: INPUT, swap: 'none' });
    await within({ input: INPUT, swap: 'none', log: 'off' }, async (trial) => {
      await trial.feed(0, 300);
      const first = trial.start();
      await until('the first is at work', async () => (await trial.look()) > 0);
      const second = program(trial);
      expect(await ended(second.child)).toBe(EXIT.tryAgain);
      expect(second.told()).toMatch(/^tidecast: Another process is using this state folder \(.*\)\. [^\n]*\n$/);
      expect(second.told()).toContain(String(first.pid));
      await trial.feed(300);
      await trial.finish();
      expect(await trial.stop([first]), trial.told).toEqual([0]);
      expectSame(await trial.outcome(), wanted);
    });
  });

  it('a member that does not share the state is refused with the reason, and the others go on', async () => {
    const shared = { input: INPUT, swap: 'none', state: SHARED, log: 'off' } as const;
    const wanted = await unbroken({ input: INPUT, swap: 'none' });
    await within(shared, async (trial) => {
      await trial.feed(0, 300);
      const first = trial.start();
      await until('both partitions were committed', async () => (await trial.look()) === 300 * INPUT.series);
      const yaml = readFileSync(trial.pipeline, 'utf8');
      const elsewhere = /^tidecast: Kafka gave this process a partition whose state is in another folder \([^\n]*\n$/;
      const strangers: [string, RegExp][] = [
        [yaml.replace('path: state', 'path: elsewhere'), elsewhere],
        [yaml.replace('path: state', 'path: alone').replace('shared: true', 'shared: false'), elsewhere],
        [yaml.replace('shared: true', 'shared: false'), /^tidecast: The saved state was kept in the other way[^\n]*\n$/],
      ];
      for (const [text, reason] of strangers) {
        const file = join(trial.folder, 'stranger.yaml');
        writeFileSync(file, text);
        const { child, told } = program(trial, file);
        expect(await ended(child), told()).toBe(EXIT.config);
        expect(told()).toMatch(reason);
      }
      await trial.feed(300);
      await trial.finish();
      expect(await trial.stop([first]), trial.told).toEqual([0]);
      expectSame(await trial.outcome(), wanted);
    });
  });
});

describe.concurrent('row 61: a restart storm', () => {
  const SEED = 61;
  const RESTARTS = 20;
  const INPUT = { series: 6, rows: 60 * (RESTARTS + 1), partitions: 2 };

  it.each(['checkpoint: 100ms', SHARED])(
    `${RESTARTS} restarts under load (%j): offsets never go back, the files of the state stay few, nothing is lost`,
    { timeout: 600_000 },
    async (state) => {
      const shared = state === SHARED;
      const wanted = await unbroken({ input: INPUT, swap: 'none' });
      await within({ input: INPUT, swap: 'none', state, session: '1s' }, async (trial) => {
        const random = new Random(SEED);
        const folders = () =>
          shared
            ? readdirSync(trial.stateFolder)
                .filter((name) => name.startsWith('partition-'))
                .map((name) => join(trial.stateFolder, name))
            : [trial.stateFolder];
        const began = performance.now();
        for (let n = 0; n < RESTARTS; n++) {
          await trial.feed(60 * n, 60 * (n + 1));
          const child = trial.start();
          const until = Date.now() + 1000 + random.below(2000);
          for (; Date.now() < until; await wait(20)) await trial.look();
          child.kill(random.below(3) === 0 ? 'SIGTERM' : 'SIGKILL');
          await ended(child);
          // a slow machine may not have come as far as a state yet
          for (const folder of existsSync(trial.stateFolder) ? folders() : [])
            expect(readdirSync(folder).filter((name) => name.startsWith('generation-')).length).toBeLessThanOrEqual(4);
        }
        console.log(`${RESTARTS} restarts in ${Math.round((performance.now() - began) / 1000)} s`);
        trial.start();
        await trial.feed(60 * RESTARTS);
        await trial.finish();
        expect((await trial.stop()).at(-1), trial.told).toBe(0);
        expectSame(await trial.outcome(), wanted);
      });
    },
  );
});

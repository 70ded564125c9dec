/** InfluxDB away under load: what the process needs of memory meanwhile, and how soon it has caught up. `TIDECAST_BENCH=full`: five minutes. */
import { setTimeout as wait } from 'node:timers/promises';
import { median, round, type Emit } from './figure.ts';
import { LiveChild } from './live-child.ts';
import { interval, poll, produce, type Feed } from './live-feed.ts';
import { withServers } from './servers.ts';
import { inFolder, MIXTURE, pipeline } from './workload.ts';

const FEED: Feed = { topic: 'outage', series: 1000, ticksPerSecond: 4000 };
const WARM_UP = 24_000;
const OUTAGE = process.env['TIDECAST_BENCH'] === 'full' ? 300_000 : 60_000;
const SAMPLE = 250;
/** Points as new as this mean that nothing is left to work off. */
const CAUGHT_UP = 1000;
const PATIENCE = 120_000;
const BAR = 100e6;

/** The figures of one outage. */
export async function outageBench(emit: Emit): Promise<void> {
  await withServers(async (servers) => {
    await inFolder(async (folder) => {
      const { topic } = FEED;
      await servers.fill(topic, []);
      pipeline(folder, {
        source: { type: 'kafka', brokers: servers.kafka.broker, topic, values: ['value'] },
        window: { grid: 'rows', interval: `${interval(FEED)}ms` },
        forecast: MIXTURE,
        sinks: [{ type: 'influx', url: servers.influx.url, database: topic }],
      });
      const child = await LiveChild.start(folder);
      const end = new AbortController();
      try {
        const sentAt = await produce(servers, FEED, end.signal);
        let age = Infinity;
        const polled = poll(servers, topic, FEED, end.signal, (series, row) => (age = performance.now() - sentAt(series, row)));
        await wait(WARM_UP / 2);
        const before = await sample(child, performance.now() + WARM_UP / 2);
        await servers.influx.stop();
        const during = await sample(child, performance.now() + OUTAGE);
        age = Infinity;
        await servers.influx.restart();
        const back = performance.now();
        const after = await sample(child, back + PATIENCE, () => age < CAUGHT_UP);
        const seconds = (performance.now() - back) / 1000;
        const done = age < CAUGHT_UP;
        end.abort();
        await polled;
        const rise = Math.max(...during) - median(before);
        const later = Math.max(...after) - median(before);
        const keys = { bench: 'outage', peer: 'tidecast', series: FEED.series, ticks_per_s: FEED.ticksPerSecond };
        const outage = `${OUTAGE / 1000} s`;
        emit({
          keys: { ...keys, outage_s: OUTAGE / 1000, resident_bytes: median(before), rise_bytes: rise, rise_after_bytes: later },
          what: `InfluxDB away for ${outage}: rise of resident memory from ${Math.round(median(before) / 1e6)} MB`,
          shown: `${Math.round(rise / 1e6)} MB`,
          bar: 'under 100',
          pass: rise < BAR,
        });
        emit({
          keys: { ...keys, outage_s: OUTAGE / 1000, caught_up_s: done ? round(seconds) : null },
          what: `from its return until points are a second old again; memory then up to ${Math.round(later / 1e6)} MB above`,
          shown: done ? `${seconds.toFixed(1)} s` : 'not yet',
          bar: `at most ${PATIENCE / 1000} s`,
          pass: done,
        });
      } finally {
        end.abort();
        await child.stop();
      }
    });
  });
}

/** Resident memory until a moment, or until something is so. */
async function sample(child: LiveChild, until: number, done: () => boolean = () => false): Promise<number[]> {
  const found: number[] = [];
  do {
    found.push(child.resident);
    await wait(SAMPLE);
  } while (performance.now() < until && !done());
  return found;
}

/**
 * Latency at 1,000 ticks a second. From the produce call until the point is in an answer of InfluxDB: asked for every few milliseconds, for
 * one series of every partition, so the time from the answer to the next question counts as latency too.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { round, whole, type Emit } from './figure.ts';
import { LiveChild } from './live-child.ts';
import { interval, poll, produce, type Feed } from './live-feed.ts';
import { withServers, type Servers } from './servers.ts';
import { inFolder, MIXTURE, NETWORK, pipeline } from './workload.ts';

const WARM_UP = 20_000;
const SPAN = 45_000;
/** In event time, which runs as fast as the clock: three trainings in the span. */
const RETRAIN = '15s';
const CASES = [
  ['recurrent alone', 'latency_recurrent', NETWORK],
  ['default mixture', 'latency_mixture', MIXTURE],
] as const;

/** Both forecasters, one after the other. */
export async function latencyBench(emit: Emit): Promise<void> {
  await withServers(async (servers) => {
    for (const [what, topic, forecast] of CASES) await inFolder((folder) => one(servers, folder, what, topic, forecast, emit));
  });
}

async function one(servers: Servers, folder: string, what: string, topic: string, forecast: object, emit: Emit): Promise<void> {
  const feed: Feed = { topic, series: 100, ticksPerSecond: 1000 };
  await servers.fill(topic, []);
  pipeline(folder, {
    source: { type: 'kafka', brokers: servers.kafka.broker, topic, values: ['value'] },
    window: { grid: 'rows', interval: `${interval(feed)}ms` },
    forecast,
    retrain: { every: RETRAIN },
    sinks: [{ type: 'influx', url: servers.influx.url, database: topic }],
  });
  const child = await LiveChild.start(folder);
  const end = new AbortController();
  try {
    const sentAt = await produce(servers, feed, end.signal);
    const newest = new Map<number, number>();
    let latencies: number[] = [];
    const polled = poll(servers, topic, feed, end.signal, (series, row) => {
      const now = performance.now();
      for (let n = (newest.get(series) ?? -1) + 1; n <= row; n++) latencies.push(now - sentAt(series, n));
      newest.set(series, row);
    });
    await wait(WARM_UP);
    latencies = [];
    child.measure();
    await wait(SPAN);
    const { delays, trainings, checkpoints } = await child.report();
    const measured = latencies;
    end.abort();
    await polled;
    const meanwhile = `${trainings} trainings, ${checkpoints} checkpoints meanwhile`;
    if (trainings === 0 || checkpoints === 0) throw new Error(`${what}: ${meanwhile}`);
    const keys = { bench: 'latency', peer: 'tidecast', model: what, series: feed.series, trainings, checkpoints };
    say(emit, keys, `${what}: produced to queryable, ${whole(measured.length)} points`, measured, 0.5, 60);
    say(emit, keys, `${what}: produced to queryable`, measured, 0.99, 250);
    say(emit, keys, `${what}: arrived to forecast, ${whole(delays.length)} ticks, ${meanwhile}`, delays, 0.99, 10);
  } finally {
    end.abort();
    await child.stop();
  }
}

function say(
  emit: Emit,
  keys: Readonly<Record<string, string | number>>,
  what: string,
  all: readonly number[],
  share: number,
  bar: number,
): void {
  const sorted = [...all].sort((a, b) => a - b);
  const value = sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
  const name = `p${Math.round(100 * share)}`;
  emit({
    keys: { ...keys, measure: what, [`${name}_ms`]: round(value), max_ms: round(sorted.at(-1) ?? NaN) },
    what: `${what}, ${name}`,
    shown: `${value.toFixed(1)} ms`,
    bar: `under ${bar}`,
    pass: value < bar,
  });
}

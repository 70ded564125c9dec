/** Ticks into a topic at a steady rate, and the points that come of them in InfluxDB. */
import { setTimeout as wait } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { START, values } from './series.ts';
import { PARTITIONS, type Servers } from './servers.ts';

/** How often ticks are produced: those that are due go in one call. */
const EVERY = 10;
/** Pause between two questions to InfluxDB. */
const POLL = 5;

export interface Feed {
  readonly topic: string;
  readonly series: number;
  /** All series together. */
  readonly ticksPerSecond: number;
}

/** Milliseconds of event time between two ticks of a series. */
export function interval({ series, ticksPerSecond }: Feed): number {
  return (1000 * series) / ticksPerSecond;
}

/** Produces until the signal is aborted; gives when a tick was produced: `at(series, row)`, by the clock of this process. */
export async function produce(
  servers: Servers,
  feed: Feed,
  signal: AbortSignal,
): Promise<(series: number, row: number) => number> {
  const { topic, series, ticksPerSecond } = feed;
  const producer = servers.client().producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  await producer.connect();
  const sent: number[] = [];
  const value = values(1);
  const run = async (): Promise<void> => {
    const started = performance.now();
    while (!signal.aborted) {
      const due = Math.floor(((performance.now() - started) * ticksPerSecond) / 1000);
      const messages = [];
      const now = performance.now();
      while (sent.length < due) {
        const one = sent.length % series;
        const n = Math.floor(sent.length / series);
        const tick = `{"ts":${START + n * interval(feed)},"value":${value(one, n).toFixed(3)}}`;
        messages.push({ key: `s${one}`, value: tick, partition: one % PARTITIONS });
        sent.push(now);
      }
      if (messages.length > 0) void producer.send({ topic, messages });
      await wait(EVERY);
    }
    await producer.disconnect();
  };
  void run();
  return (one, row) => sent[row * series + one]!;
}

/**
 * Asks InfluxDB again and again for the newest forecast of one series of every partition; `seen` is told the newest row of which the point
 * was there, when the answer had come. Ends with the signal.
 */
export async function poll(
  { influx }: Servers,
  database: string,
  feed: Feed,
  signal: AbortSignal,
  seen: (series: number, row: number) => void,
): Promise<void> {
  const marked = Array.from({ length: PARTITIONS }, (_, i) => `"series" = 's${i}'`).join(' OR ');
  let since = START;
  while (!signal.aborted) {
    const query = `SELECT LAST("issued") FROM "forecast" WHERE (${marked}) AND time >= ${since}ms GROUP BY "series"`;
    const found = await influx.query(query, database).catch(() => []);
    const rows = found.map(({ tags, values: [point] }) => {
      const row = Math.round((Number(point?.[1]) - START) / interval(feed));
      seen(Number(tags!['series']!.slice(1)), row);
      return row;
    });
    // the points before these are known to be there
    if (rows.length === PARTITIONS) since = START + Math.min(...rows) * interval(feed);
    await wait(POLL);
  }
}

/**
 * The line between the real servers, with the network alone: from Kafka against a bare consumer and against a file, into InfluxDB against
 * a bare writer. Both sides of a ratio take turns, in this process, on one core.
 */
import { join } from 'node:path';
import * as arrow from 'apache-arrow';
import type { Message } from 'kafkajs';
import { EventBus } from '../../src/core/events.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { bareConsumer } from './bare-consumer.ts';
import { median, round, whole, type Emit } from './figure.ts';
import { intoInflux } from './into-influx.ts';
import { MINUTE, START, values } from './series.ts';
import { pacing, type Pace } from './pace.ts';
import { onOneCore, PARTITIONS, withServers, type Servers } from './servers.ts';
import { split } from './split.ts';
import { inFolder, NETWORK, pipeline, timed, writeTicks } from './workload.ts';

const SERIES = 1000;
const RUNS = 5;
const JSON_ROWS = 2_000_000;
const ARROW_ROWS = 2_000_000;
const TICKS_A_MESSAGE = 1000;
/** Other programs on the same kind of topic, 1 M messages, as they were measured on two cores; thousand rows a second. */
const PEERS = [
  ['Quix Streams, doing nothing', '109'],
  ['Quix Streams, a stored count', '70'],
  ['Quix Streams, GRU(64) in numpy', '45'],
  ['Bytewax in memory, GRU(64) in numpy', '43-71'],
] as const;

/** The three ratios, and where the time goes. */
export async function kafkaBench(emit: Emit): Promise<void> {
  await withServers(async (servers) => {
    await servers.fill('json', jsonTicks());
    await servers.fill('arrow', arrowTicks());
    if (!onOneCore(servers)) emit({ keys: { bench: 'kafka' }, what: 'not bound to one core', shown: 'no taskset' });
    await inFolder((folder) => fromJson(servers, folder, emit));
    await inFolder((folder) => fromArrow(servers, folder, emit));
    await inFolder((folder) => intoInflux(servers, folder, emit));
  });
  for (const [what, thousands] of PEERS)
    emit({
      keys: { bench: 'kafka_peer', peer: what, rows_per_s: `${thousands} k` },
      what: `peer: ${what}`,
      shown: `${thousands} k rows/s`,
    });
}

/** (a) One JSON tick a message. */
async function fromJson(servers: Servers, folder: string, emit: Emit): Promise<void> {
  const ours: Pace[] = [];
  const bare: Pace[] = [];
  for (let n = 0; n < RUNS; n++) {
    ours.push(await paceOf(fromTopic(servers, folder, 'json', 'json'), JSON_ROWS));
    bare.push(await bareConsumer(servers.client(), 'json', JSON_ROWS));
  }
  ratio(emit, 'json', 'Kafka to forecasts, one JSON tick a message', 'a bare kafkajs consumer that parses them', ours, bare, 0.7);
  await whereItGoes(emit, 'json', () => paceOf(fromTopic(servers, folder, 'json', 'json'), JSON_ROWS));
}

/** (b) A thousand ticks a message. */
async function fromArrow(servers: Servers, folder: string, emit: Emit): Promise<void> {
  const path = join(folder, 'ticks.arrow');
  await writeTicks(path, SERIES, ARROW_ROWS);
  const fromFile = pipeline(folder, {
    source: { type: 'arrow', path, time: 'time', series: 'series', values: ['value'] },
    retrain: { every: 'never' },
    forecast: NETWORK,
  });
  const ours: Pace[] = [];
  const file: Pace[] = [];
  for (let n = 0; n < RUNS; n++) {
    ours.push(await paceOf(fromTopic(servers, folder, 'arrow', 'arrow'), ARROW_ROWS));
    file.push(await paceOf(fromFile, ARROW_ROWS));
  }
  ratio(emit, 'arrow', 'Kafka to forecasts, 1,000 ticks a message, Arrow', 'the same line from an Arrow file', ours, file, 0.8);
  await whereItGoes(emit, 'arrow', () => paceOf(fromTopic(servers, folder, 'arrow', 'arrow'), ARROW_ROWS));
}

/** Emits both sides of a ratio and the ratio of their medians. */
export function ratio(
  emit: Emit,
  bench: string,
  what: string,
  against: string,
  ours: readonly Pace[],
  theirs: readonly Pace[],
  bar: number,
): void {
  const sides = [ours, theirs].map((paces) => ({
    rate: median(paces.map(({ rowsPerSecond }) => rowsPerSecond)),
    cpu: median(paces.map(({ cpu }) => cpu)),
  }));
  const [mine, other] = sides as [{ rate: number; cpu: number }, { rate: number; cpu: number }];
  const share = mine.rate / other.rate;
  const keys = { bench: `kafka_${bench}`, series: SERIES, threads: 1 };
  emit({
    keys: { ...keys, peer: against, rows_per_s: Math.round(other.rate), cpu_us: round(other.cpu) },
    what: against,
    shown: `${whole(other.rate)} rows/s, ${other.cpu.toFixed(2)} us of CPU a row`,
  });
  emit({
    keys: {
      ...keys,
      peer: 'tidecast',
      model: 'gru32',
      rows_per_s: Math.round(mine.rate),
      cpu_us: round(mine.cpu),
      ratio: round(share),
      cpu_ratio: round(other.cpu / mine.cpu),
    },
    what,
    shown: `${whole(mine.rate)} rows/s, ${mine.cpu.toFixed(2)} us: ${Math.round(share * 100)} %, by CPU ${Math.round((other.cpu / mine.cpu) * 100)} %`,
    bar: `at least ${Math.round(bar * 100)} % of it`,
    pass: share >= bar,
  });
}

/** Emits how the time of one more run divides. */
export async function whereItGoes(emit: Emit, bench: string, work: () => Promise<unknown>): Promise<void> {
  const parts = (await split(work)).filter(([, share]) => share >= 0.005);
  emit({
    keys: { bench: `kafka_${bench}_time`, ...Object.fromEntries(parts.map(([part, share]) => [part, round(share)])) },
    what: '  its time',
    shown: parts.map(([part, share]) => `${part} ${Math.round(share * 100)} %`).join(', '),
  });
}

let groups = 0;

function fromTopic({ kafka }: Servers, folder: string, topic: string, format: string): LoadedSpec {
  return pipeline(folder, {
    source: {
      type: 'kafka',
      brokers: kafka.broker,
      topic,
      group: `bench-${groups++}`,
      format,
      values: ['value'],
      ...(format === 'arrow' ? { series: 'series' } : {}),
    },
    retrain: { every: 'never' },
    forecast: NETWORK,
  });
}

/** From the first batch that went through to the last: the start does not count, nor does that batch. */
async function paceOf(spec: LoadedSpec, rows: number): Promise<Pace> {
  const stop = new AbortController();
  const events = new EventBus();
  let read: ((rows: number) => Pace) | undefined;
  let pace: Pace | undefined;
  events.on('ticks.ingested', ({ total }) => {
    if (total > 0) read ??= pacing(total);
    if (total < rows || pace) return;
    pace = read!(rows);
    stop.abort();
  });
  events.on('ticks.rejected', ({ reason }) => stop.abort(reason));
  const { rows: went } = await timed(spec, { events, signal: stop.signal });
  if (!pace || went !== rows) throw new Error(`${went} rows went through, not ${rows}: ${String(stop.signal.reason)}`);
  return pace;
}

function* jsonTicks(): Generator<Message> {
  const value = values(1);
  for (let row = 0; row < JSON_ROWS; row++) {
    const one = row % SERIES;
    const n = Math.floor(row / SERIES);
    const key = `s${one}`;
    const tick = `{"series":"${key}","ts":${START + n * MINUTE},"value":${value(one, n).toFixed(3)}}`;
    yield { key, value: tick, partition: one % PARTITIONS };
  }
}

/** A message holds the next ticks of the series of its partition. */
function* arrowTicks(): Generator<Message> {
  const value = values(1);
  const time = new arrow.TimestampMillisecond();
  const parts = Array.from({ length: PARTITIONS }, (_, partition) => {
    const mine = Array.from({ length: SERIES }, (_, i) => i).filter((i) => i % PARTITIONS === partition);
    return {
      mine,
      names: arrow.vectorFromArray(
        mine.map((i) => `s${i}`),
        new arrow.Utf8(),
      ).data[0]!,
      rows: 0,
    };
  });
  for (let sent = 0; sent < ARROW_ROWS; sent += TICKS_A_MESSAGE) {
    const partition = (sent / TICKS_A_MESSAGE) % PARTITIONS;
    const part = parts[partition]!;
    const places = Int32Array.from({ length: TICKS_A_MESSAGE }, (_, i) => (part.rows + i) % part.mine.length);
    const steps = Array.from({ length: TICKS_A_MESSAGE }, (_, i) => Math.floor((part.rows + i) / part.mine.length));
    part.rows += TICKS_A_MESSAGE;
    const table = new arrow.Table({
      ts: arrow.vectorFromArray(
        steps.map((n) => START + n * MINUTE),
        time,
      ),
      series: arrow.makeVector({
        type: new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()),
        data: places,
        dictionary: new arrow.Vector([part.names]),
      }),
      value: arrow.makeVector(Float64Array.from(places, (place, i) => value(part.mine[place]!, steps[i]!))),
    });
    yield { value: Buffer.from(arrow.tableToIPC(table, 'stream')), partition };
  }
}

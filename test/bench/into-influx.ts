/** (c) The line into InfluxDB against a bare writer of the same points: text by hand, two requests at a time, nothing kept or tried again. */
import { join } from 'node:path';
import type { ForecastBatch } from '../../src/core/batch.ts';
import type { Emit } from './figure.ts';
import { ratio, whereItGoes } from './kafka.ts';
import { pacing, type Pace } from './pace.ts';
import type { Servers } from './servers.ts';
import { NETWORK, pipeline, timed, writeTicks } from './workload.ts';

const SERIES = 1000;
const ROWS = 300_000;
const RUNS = 3;
const POINTS_A_REQUEST = 5000;

/** A batch, copied. */
type Kept = Pick<
  ForecastBatch,
  'length' | 'issued' | 'validTimes' | 'mean' | 'quantiles' | 'naive' | 'actual' | 'scoredTimes' | 'errors'
> & { readonly series: readonly string[] };

export async function intoInflux({ influx }: Servers, folder: string, emit: Emit): Promise<void> {
  const path = join(folder, 'ticks.arrow');
  await writeTicks(path, SERIES, ROWS);
  const source = { type: 'arrow', path, time: 'time', series: 'series', values: ['value'] };
  const kept: Kept[] = [];
  await timed(pipeline(folder, { source, retrain: { every: 'never' }, forecast: NETWORK }), {
    watch: (batch) => kept.push(copyOf(batch)),
  });
  let databases = 0;
  const inNewDatabase = async (work: (database: string) => Promise<Pace>): Promise<Pace> => {
    const database = `bench_${databases++}`;
    await influx.query(`CREATE DATABASE ${database}`);
    const pace = await work(database);
    const [{ values: [[, points]] = [[]] } = {}] = await influx.query('SELECT COUNT("mean") FROM "forecast"', database);
    if (points !== ROWS) throw new Error(`${String(points)} forecasts are in InfluxDB, not ${ROWS}`);
    await influx.query(`DROP DATABASE ${database}`);
    return pace;
  };
  const line = () =>
    inNewDatabase(async (database) => {
      const sinks = [{ type: 'influx', url: influx.url, database }];
      let read!: (rows: number) => Pace;
      let pace!: Pace;
      const spec = pipeline(folder, { source, retrain: { every: 'never' }, forecast: NETWORK, sinks });
      await timed(spec, { built: () => (read = pacing()), ended: () => void (pace = read(ROWS)) });
      return pace;
    });
  const ours: Pace[] = [];
  const bare: Pace[] = [];
  for (let n = 0; n < RUNS; n++) {
    ours.push(await line());
    bare.push(await inNewDatabase((database) => bareWriter(kept, `${influx.url}/write?db=${database}&precision=ms`)));
  }
  ratio(
    emit,
    'influx',
    'Arrow file to points in InfluxDB, all acknowledged',
    'a bare writer of the same points',
    ours,
    bare,
    0.7,
  );
  await whereItGoes(emit, 'influx', line);
}

/** Until the last request was answered. */
async function bareWriter(batches: readonly Kept[], url: string): Promise<Pace> {
  const read = pacing();
  const texts = pointTexts(batches);
  const worker = async (): Promise<void> => {
    for (const body of texts) {
      const answer = await fetch(url, { method: 'POST', body });
      await answer.arrayBuffer();
      if (answer.status !== 204) throw new Error(`InfluxDB answered ${answer.status}`);
    }
  };
  await Promise.all([worker(), worker()]);
  return read(ROWS);
}

/** Bodies of requests, made as they are wanted. */
function* pointTexts(batches: readonly Kept[]): Generator<string> {
  let text = '';
  let points = 0;
  for (const { length, series, issued, validTimes, mean, quantiles, naive, actual, scoredTimes, errors } of batches) {
    for (let row = 0; row < length; row++) {
      const head = `forecast,pipeline=bench,series=${series[row]!},step=1,target=value`;
      const q = 3 * row;
      text += `${head} mean=${mean[row]!},q0100=${quantiles[q]!},q0500=${quantiles[q + 1]!},q0900=${quantiles[q + 2]!},naive=${naive[row]!},issued=${issued[row]!}i ${validTimes[row]!}\n`;
      points++;
      if (Number.isFinite(errors[row]!)) {
        text += `${head} actual=${actual[row]!},error=${errors[row]!} ${scoredTimes[row]!}\n`;
        points++;
      }
      if (points < POINTS_A_REQUEST) continue;
      yield text;
      text = '';
      points = 0;
    }
  }
  if (points > 0) yield text;
}

function copyOf(batch: ForecastBatch): Kept {
  const { length, issued, validTimes, mean, quantiles, naive, actual, scoredTimes, errors } = batch;
  return {
    length,
    series: Array.from(batch.lanes.subarray(0, length), (lane) => batch.keys[lane]!.replaceAll(' ', '\\ ')),
    issued: issued.slice(0, length),
    validTimes: validTimes.slice(0, length),
    mean: mean.slice(0, length),
    quantiles: quantiles.slice(0, 3 * length),
    naive: naive.slice(0, length),
    actual: actual.slice(0, length),
    scoredTimes: scoredTimes.slice(0, length),
    errors: errors.slice(0, length),
  };
}

/** Promise 2: live and backtest are one line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { backtest } from '../../src/backtest/replay.ts';
import type { ForecastBatch } from '../../src/core/batch.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-backtest-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };

function load() {
  const file = join(folder, 'pipeline.yaml');
  writeFileSync(
    file,
    `
name: one-line
source: { type: arrow, path: ${resolve('pipelines/data/nyc_taxi.arrow')}, name: taxi }
window: { grid: rows, interval: 30m, ring: 600 }
forecast: { horizon: 3, season: 48, models: [naive, holt-winters, linear, { type: recurrent, hidden: 8, rebuild: 32 }], warmup: 500 }
retrain: { every: 2w, rows: 600, epochs: 1 }
state: { path: state }
`,
  );
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}

/** Bits of every forecast by series and origin, and the scores. */
async function collect(
  start: (options: { events: EventBus; signal: AbortSignal; watch: (batch: ForecastBatch) => void }) => Promise<object>,
) {
  const rows = new Map<string, string>();
  const watch = (batch: ForecastBatch): void => {
    const cells = batch.targets * batch.horizon;
    for (let i = 0; i < batch.length; i++) {
      const bytes = [
        batch.mean.slice(i * cells, (i + 1) * cells),
        batch.quantiles.slice(i * cells * batch.quantileCount, (i + 1) * cells * batch.quantileCount),
      ];
      rows.set(
        `${batch.keys[batch.lanes[i]!]} ${batch.issued[i]}`,
        Buffer.concat(bytes.map(({ buffer }) => Buffer.from(buffer))).toString('hex'),
      );
    }
  };
  const result = await start({ events: new EventBus(), signal: new AbortController().signal, watch });
  return { rows, result: result as { stateHash: string; scores: unknown } };
}

it('`run --fast` and `backtest` give byte-equal forecasts, scores and state', async () => {
  const spec = load();
  const live = await collect((options) => runPipeline(spec, { ...COMPONENTS, ...options, fast: true, fresh: true }));
  const replayed = await collect((options) => backtest(spec, { ...COMPONENTS, ...options }));
  expect(live.rows.size).toBe(10_320);
  expect(replayed.rows).toEqual(live.rows);
  expect(replayed.result.scores).toEqual(live.result.scores);
  expect(replayed.result.stateHash).toBe(live.result.stateHash);
});

it('cutting the last 10 % of the recording changes no earlier forecast', async () => {
  const spec = load();
  const whole = await collect((options) => backtest(spec, { ...COMPONENTS, ...options }));
  const cut = await collect((options) => backtest(spec, { ...COMPONENTS, ...options, to: Date.UTC(2015, 0, 10) }));
  expect(cut.rows.size).toBe(9264);
  for (const [id, bits] of cut.rows) expect(whole.rows.get(id), id).toBe(bits);
});

it('rows before `from` are not scored, and change no forecast', async () => {
  const spec = load();
  const whole = await collect((options) => backtest(spec, { ...COMPONENTS, ...options }));
  const late = await collect((options) => backtest(spec, { ...COMPONENTS, ...options, from: Date.UTC(2015, 0, 1) }));
  expect(late.rows).toEqual(whole.rows);
  expect((late.result.scores as { n: number }[][])[0]![0]!.n).toBe(31 * 48);
});

it('the scores by series include those that were idle at the end', async () => {
  const rows = ['time,series,value'];
  for (let i = 0; i < 60; i++)
    for (const name of i < 20 ? ['a', 'b'] : ['b'])
      rows.push(`${new Date(Date.UTC(2024, 0, 1, i)).toISOString()},${name},${i % 7}`);
  writeFileSync(join(folder, 'idle.csv'), rows.join('\n'));
  const file = join(folder, 'idle.yaml');
  writeFileSync(
    file,
    `
source: { type: csv, path: idle.csv, time: time, series: series, values: [value] }
window: { grid: rows, interval: 1h, ring: 300 }
forecast: { models: [naive, linear] }
state: { path: idle-state, time_to_live: 6h }
`,
  );
  const spec = loadPipeline(file, { env: {}, ...COMPONENTS });
  // 64 rows a batch: idle series are looked for between them
  const result = await backtest(spec, {
    ...COMPONENTS,
    events: new EventBus(),
    signal: new AbortController().signal,
    sources: [inSmallBatches(SOURCES)],
  });
  expect(result.series.map(({ name, scores }) => `${name} ${scores[0]![0]!.n}`)).toEqual(['a 19', 'b 59']);
});

/** The CSV source, eight rows a batch. */
function inSmallBatches(sources: typeof SOURCES): (typeof SOURCES)[number] {
  const csv = sources.find(({ name }) => name === 'csv')!;
  return {
    ...csv,
    build: (config, context) => {
      const source = csv.build(config as never, context);
      return {
        channels: source.channels,
        bounded: true,
        close: () => source.close(),
        async *read(from, signal) {
          for await (const batch of source.read(from, signal)) {
            for (let at = 0; at < batch.times.length; at += 8) {
              const part = <A extends Float64Array | Int32Array>(column: A): A => column.slice(at, at + 8) as A;
              yield {
                ...batch,
                codes: part(batch.codes),
                times: part(batch.times),
                offsets: part(batch.offsets),
                channels: batch.channels.map(part),
                ids: batch.ids && part(batch.ids),
                rejects: [],
              };
            }
          }
        },
      };
    },
  };
}

/** `season: auto`: what is found in rows that are not scored is used as if it stood in the file, by every run alike. */
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findLeaks } from '../../src/backtest/leaks.ts';
import { backtest, changed } from '../../src/backtest/replay.ts';
import type { Source } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { EventBus } from '../../src/core/events.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { COMPONENTS, HOUR, pipeline, START, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-season-auto-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeData(folder, 400);

const MODELS = 'models: [naive, seasonal-naive, linear]';
const AUTO = { forecast: `horizon: 2, season: auto, warmup: 200, ${MODELS}` };

function options() {
  const events = new EventBus();
  const found: { seasons: readonly number[]; rows: number; time: number }[] = [];
  events.on('seasons.found', (each) => found.push(each));
  return { given: { ...COMPONENTS, events, signal: new AbortController().signal }, found };
}

async function backtested(spec: LoadedSpec, wrap?: Parameters<typeof backtest>[1]['wrap']) {
  const { given, found } = options();
  const mean: number[] = [];
  const result = await backtest(spec, { ...given, ...(wrap ? { wrap } : {}), watch: (batch) => mean.push(...batch.mean) });
  return { result, found, mean };
}

it('finds the season of the warm-up rows, and forecasts as if it stood in the file', async () => {
  const auto = await backtested(pipeline(folder, 'auto', AUTO));
  const given = await backtested(pipeline(folder, 'given', { forecast: `horizon: 2, season: 24, warmup: 200, ${MODELS}` }));
  // a and b take turns: a is the first with 200 rows
  expect(auto.found).toEqual([{ seasons: [24], rows: 399, time: START + 199 * HOUR }]);
  expect(auto.result.seasons).toEqual([24]);
  expect(auto.mean).toEqual(given.mean);
  expect(auto.result.scores).toEqual(given.result.scores);
  expect(auto.result.dataHash).toBe(given.result.dataHash);
  expect(given.result.seasons).toBeUndefined();
});

it('looks at no later row: another future gives the same seasons and the same earlier forecasts', async () => {
  const spec = pipeline(folder, 'future', AUTO);
  const usual = await backtested(spec);
  const until = START + 200 * HOUR;
  const flat = await backtested(spec, (source) =>
    changed(source, (batch) => ({
      ...batch,
      channels: batch.channels.map((column) => column.map((value, i) => (batch.times[i]! >= until ? 5 : value))),
    })),
  );
  expect(flat.found).toEqual(usual.found);
  expect(flat.mean.slice(0, 2 * 400)).toEqual(usual.mean.slice(0, 2 * 400));
  expect(flat.mean).not.toEqual(usual.mean);
  const checks = await findLeaks(spec, { ...COMPONENTS, signal: new AbortController().signal, cuts: 2 });
  expect(checks.filter(({ leak }) => leak)).toEqual([]);
  for (const { cut, compared } of checks) {
    expect(cut).toBeGreaterThan(usual.found[0]!.time);
    expect(compared).toBeGreaterThan(100);
  }
});

it('a restart goes on with what was found, whatever the recording says by then', async () => {
  const lines = readFileSync(join(folder, 'data.csv'), 'utf8').split('\n');
  const path = join(folder, 'data-grows.csv');
  const grown = (name: string): LoadedSpec => {
    const { file } = pipeline(folder, name, AUTO);
    writeFileSync(file, readFileSync(file, 'utf8').replace('data.csv', 'data-grows.csv'));
    return loadPipeline(file, { env: {}, ...COMPONENTS });
  };
  const run = async (name: string) => {
    const { given, found } = options();
    const mean: number[] = [];
    const watch = (batch: { mean: Float64Array }) => mean.push(...batch.mean);
    const result = await runPipeline(grown(name), { ...given, watch, fast: true, fresh: false });
    return { mean, found, hash: result.stateHash };
  };
  writeFileSync(path, lines.slice(0, 501).join('\n'));
  const first = await run('parts');
  // the first rows are other ones now: they were read, and are not looked at again
  writeFileSync(path, [...lines.slice(0, 1), ...lines.slice(1, 501).map((line) => line.replace(/[^,]*$/, '5')), ''].join('\n'));
  appendFileSync(path, lines.slice(501).join('\n'));
  const second = await run('parts');
  expect(second.found).toEqual(first.found);
  copyFileSync(join(folder, 'data.csv'), path);
  const whole = await run('whole');
  expect([...first.mean, ...second.mean]).toEqual(whole.mean);
});

it('a history is looked at as a whole', async () => {
  const { file } = pipeline(folder, 'history', AUTO);
  const lines = readFileSync(join(folder, 'data.csv'), 'utf8').split('\n');
  writeFileSync(join(folder, 'past.csv'), lines.slice(0, 501).join('\n'));
  writeFileSync(join(folder, 'now.csv'), [lines[0], ...lines.slice(501)].join('\n'));
  const text = readFileSync(file, 'utf8').replace('data.csv', 'now.csv').replace(', warmup: 200', '');
  writeFileSync(file, `${text}history: { type: csv, path: past.csv, time: time, series: series, values: [value] }\n`);
  const { found } = await backtested(loadPipeline(file, { env: {}, ...COMPONENTS }));
  expect(found).toEqual([{ seasons: [24], rows: 500, time: START + 249 * HOUR }]);
});

it('bad input: a source without an end and without a history cannot be searched', async () => {
  const { given } = options();
  const wrap = (source: Source): Source => ({ ...changed(source, (batch) => batch), bounded: false });
  const run = runPipeline(pipeline(folder, 'endless', AUTO), { ...given, wrap, fast: true, fresh: true });
  await expect(run).rejects.toThrow(expect.objectContaining({ code: 'SEASON_ENDLESS' }) as TidecastError);
});

it('bad input: fewer rows than four seasons, or none at all, show none', async () => {
  writeFileSync(join(folder, 'few.csv'), 'time,series,value\n2024-01-01T00:00:00Z,a,1\n');
  const { file } = pipeline(folder, 'few', AUTO);
  writeFileSync(file, readFileSync(file, 'utf8').replace('data.csv', 'few.csv'));
  const spec = loadPipeline(file, { env: {}, ...COMPONENTS });
  expect((await backtested(spec)).result.seasons).toEqual([]);
  writeFileSync(join(folder, 'few.csv'), 'time,series,value\n2024-01-01T00:00:00Z,a,NaN\n');
  expect((await backtested(spec)).result.seasons).toEqual([]);
});

it('of several series half must have a season', async () => {
  const random = new Random(9);
  const names = ['a', 'b', 'c'];
  const file = (seasonal: readonly string[]) => {
    const lines = ['time,series,value'];
    for (let i = 0; i < 400; i++)
      for (const name of names) {
        const wave = seasonal.includes(name) ? 8 * Math.sin((2 * Math.PI * i) / 24) : 0;
        lines.push(`${new Date(START + i * HOUR).toISOString()},${name},${(20 + wave + random.normal(log)).toFixed(4)}`);
      }
    writeFileSync(join(folder, 'votes.csv'), lines.join('\n'));
  };
  const { file: path } = pipeline(folder, 'votes', AUTO);
  writeFileSync(path, readFileSync(path, 'utf8').replace('data.csv', 'votes.csv'));
  const spec = loadPipeline(path, { env: {}, ...COMPONENTS });
  file(['b']);
  expect((await backtested(spec)).result.seasons).toEqual([]);
  file(['a', 'b']);
  expect((await backtested(spec)).result.seasons).toEqual([24]);
});

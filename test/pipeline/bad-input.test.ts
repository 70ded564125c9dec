/** Input that no forecaster was made for: a clear error or a stated behaviour, through the whole product with its default models. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import { runPipeline, type RunResult } from '../../src/pipeline/run.ts';

const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };
const MINUTE = 60_000;
const START = Date.UTC(2024, 0, 1);
const folder = mkdtempSync(join(tmpdir(), 'tidecast-bad-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Told {
  readonly series: string;
  readonly issued: number;
  /** Of all steps ahead. */
  readonly times: readonly number[];
  readonly mean: readonly number[];
  readonly quantiles: readonly number[];
}

interface Outcome {
  readonly told: readonly Told[];
  readonly result: RunResult;
  readonly trained: number;
  readonly rejected: number;
}

let runs = 0;

/** Runs lines of `time,series,value,other` through the default models, trained early and often. */
async function outcomeOf(
  lines: readonly string[],
  { forecast = {}, window = {}, retrain = { every: '50m' } as object, values = ['value'] } = {},
): Promise<Outcome> {
  const path = join(folder, `${++runs}.csv`);
  writeFileSync(path, ['time,series,value,other', ...lines].join('\n'));
  const file = join(folder, `${runs}.yaml`);
  const sections = {
    source: { type: 'csv', path, time: 'time', series: 'series', values },
    window: { grid: 'rows', interval: '1m', ...window },
    forecast: { horizon: 2, targets: ['value'], ...forecast },
    retrain: { steps: 8, burn_in: 4, epochs: 1, ...retrain },
  };
  writeFileSync(file, JSON.stringify(sections));
  const told: Told[] = [];
  let [trained, rejected] = [0, 0];
  const events = new EventBus();
  events.on('training.finished', () => trained++);
  events.on('ticks.rejected', ({ count }) => (rejected += count));
  const result = await runPipeline(loadPipeline(file, { env: {}, ...COMPONENTS }), {
    ...COMPONENTS,
    signal: new AbortController().signal,
    fast: true,
    fresh: true,
    events,
    watch: ({ length, lanes, keys, issued, validTimes, mean, quantiles, horizon, quantileCount }) => {
      for (let i = 0; i < length; i++)
        told.push({
          series: keys[lanes[i]!]!,
          issued: issued[i]!,
          times: [...validTimes.slice(i * horizon, (i + 1) * horizon)],
          mean: [...mean.slice(i * horizon, (i + 1) * horizon)],
          quantiles: [...quantiles.slice(i * horizon * quantileCount, (i + 1) * horizon * quantileCount)],
        });
    },
  });
  for (const { mean, quantiles } of told) for (const value of [...mean, ...quantiles]) expect(value).toSatisfy(Number.isFinite);
  return { told, result, trained, rejected };
}

const at = (minute: number) => new Date(START + minute * MINUTE).toISOString();
const wave = (minute: number) => (10 + 3 * Math.sin(minute / 4)).toFixed(4);
const rows = (n: number, value: (minute: number) => string = wave) =>
  Array.from({ length: n }, (_, minute) => `${at(minute)},a,${value(minute)},1`);

describe('input that no forecaster was made for', () => {
  it('a season longer than the history: the seasonal forecast is the naive one until a season was seen', async () => {
    const { result, trained } = await outcomeOf(rows(160), { forecast: { season: 500 } });
    expect(trained).toBeGreaterThan(0);
    const { models } = result.scores[0]![0]!;
    expect(models['seasonal-naive']!.mae).toBe(models['naive']!.mae);
    expect(models['mixture']!.mae).toBeLessThan(models['naive']!.mae);
  });

  it('a horizon above the history: every step is forecast, those that were reached are scored', async () => {
    const { told, result } = await outcomeOf(rows(10), { forecast: { horizon: 48 } });
    expect(told.map(({ mean }) => mean.length)).toEqual(Array<number>(10).fill(48));
    expect(result.scores[0]!.map(({ n }) => n)).toEqual(Array.from({ length: 48 }, (_, step) => Math.max(0, 9 - step)));
  });

  it('a constant series is forecast as what it is, with intervals of no width', async () => {
    const { told, trained } = await outcomeOf(rows(160, () => '7.5'));
    expect(trained).toBeGreaterThan(0);
    for (const { mean, quantiles } of told) for (const value of [...mean, ...quantiles]) expect(value).toBe(7.5);
  });

  it('one row is forecast on from, and nothing is scored', async () => {
    const { told, result } = await outcomeOf(rows(1));
    expect(told).toHaveLength(1);
    for (const value of told[0]!.mean) expect(value).toBeCloseTo(10, 9);
    expect(result.scores[0]!.map(({ n }) => n)).toEqual([0, 0]);
  });

  it('all NaN: every row is refused, and the run ends well', async () => {
    const { told, result, rejected } = await outcomeOf(rows(30, () => 'NaN'));
    expect(told).toEqual([]);
    expect(rejected).toBe(30);
    expect(result.complete).toBe(true);
  });

  it('a covariate that is missing from some row on keeps its last value', async () => {
    const lines = (other: (minute: number) => string) =>
      Array.from({ length: 160 }, (_, minute) => `${at(minute)},a,${wave(minute)},${other(minute)}`);
    const values = ['value', 'other'];
    const missing = await outcomeOf(
      lines((minute) => (minute < 80 ? wave(minute + 3) : '')),
      { values },
    );
    const held = await outcomeOf(
      lines((minute) => wave(Math.min(minute, 79) + 3)),
      { values },
    );
    expect(missing.trained).toBeGreaterThan(0);
    expect(missing.told).toEqual(held.told);
    expect(missing.rejected).toBe(0);
  });

  it('two series with different intervals: each goes by its own rows, and neither changes the other', async () => {
    const slow = Array.from({ length: 24 }, (_, i) => `${at(5 * i)},slow,${wave(9 * i)},1`);
    const both = [...rows(120), ...slow].sort();
    const { told, rejected } = await outcomeOf(both, { retrain: { every: 'never' } });
    const alone = await outcomeOf(slow, { retrain: { every: 'never' } });
    expect(rejected).toBe(0);
    expect(told.filter(({ series }) => series === 'slow')).toEqual(alone.told);
    // the step ahead is the next row, whose nominal time goes by the declared interval
    for (const { issued, times } of told) expect(times).toEqual([issued + MINUTE, issued + 2 * MINUTE]);
  });

  it.each([
    ['spring', Date.UTC(2024, 2, 30)],
    ['autumn', Date.UTC(2024, 9, 26)],
  ])('a change of the clock in %s: every hour is a row, none twice', async (_, from) => {
    const lines = Array.from(
      { length: 72 },
      (_, hour) => `${new Date(from + hour * 60 * MINUTE).toISOString()},a,${wave(hour)},1`,
    );
    const window = { grid: '1h', interval: undefined, time_zone: 'Europe/Berlin' };
    const { told, rejected } = await outcomeOf(lines, { window, forecast: { season: 24 } });
    expect(rejected).toBe(0);
    const issued = told.map((each) => each.issued);
    // the last bar is still open
    expect(issued).toHaveLength(71);
    for (let i = 1; i < issued.length; i++) expect(issued[i]! - issued[i - 1]!).toBe(60 * MINUTE);
    for (const each of told) expect(each.times).toEqual([each.issued + 60 * MINUTE, each.issued + 120 * MINUTE]);
  });
});

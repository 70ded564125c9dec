/** The result of a backtest: a row a scored forecast, whose errors are the scores. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { createResult, readResult } from '../../connectors/index.ts';
import { backtest, changed, type BacktestOptions } from '../../src/backtest/replay.ts';
import type { ResultBlock } from '../../src/backtest/result.ts';
import { EventBus } from '../../src/core/events.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { COMPONENTS, HOUR, pipeline, START, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-record-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeData(folder, 400);

async function recorded(spec: LoadedSpec, options: Partial<BacktestOptions> = {}) {
  const path = join(folder, 'forecasts.arrow');
  const result = await backtest(spec, {
    ...COMPONENTS,
    ...{ events: new EventBus(), signal: new AbortController().signal, record: await createResult(path) },
    ...options,
  });
  const blocks: ResultBlock[] = [];
  for await (const block of readResult(path)) blocks.push(block);
  return { result, rows: blocks.flatMap(rowsOf) };
}

function rowsOf({ length, numbers, texts }: ResultBlock) {
  return Array.from({ length }, (_, i) => ({
    series: texts['series']!.names[texts['series']!.codes[i]!]!,
    target: texts['target']!.names[texts['target']!.codes[i]!]!,
    n: (name: string) => numbers[name]![i]!,
  }));
}

it('has a row a scored forecast; their mean errors are the scores, of every model', async () => {
  const { result, rows } = await recorded(pipeline(folder, 'all'));
  const met = rows.filter((row) => !Number.isNaN(row.n('actual')));
  for (const [s, name] of ['a', 'b'].entries())
    for (let step = 1; step <= 4; step++) {
      const own = met.filter((row) => row.series === name && row.n('step') === step);
      const summary = result.series[s]!.scores[0]![step - 1]!;
      expect(own.length).toBe(summary.n);
      const mae = (column: string) => own.reduce((sum, row) => sum + Math.abs(row.n('actual') - row.n(column)), 0) / own.length;
      expect(mae('mean')).toBeCloseTo(summary.models['mixture']!.mae, 9);
      expect(mae('naive')).toBeCloseTo(summary.models['naive']!.mae, 9);
      expect(mae('forecast_linear')).toBeCloseTo(summary.models['linear']!.mae, 9);
      const inside = own.filter((row) => row.n('actual') >= row.n('q0100') && row.n('actual') <= row.n('q0900')).length;
      expect(inside / own.length).toBeCloseTo(summary.intervals.find(({ nominal }) => nominal === 0.8)!.coverage, 9);
    }
  // warm-up rows are left out, forecasts whose truth is still to come are kept: 1 + 2 + 3 + 4 a series
  expect(met).toHaveLength(2 * 4 * 350);
  expect(rows.length - met.length).toBe(20);
  for (const row of rows) {
    expect(row.n('time')).toBe(row.n('issued') + row.n('step') * HOUR);
    const weights = ['naive', 'holt-winters', 'linear'].map((name) => row.n(`weight_${name}`));
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 9);
    // the mixture is what its parts say, by their weights
    const parts = ['naive', 'forecast_holt-winters', 'forecast_linear'].map((name) => row.n(name));
    expect(parts.reduce((sum, part, i) => sum + part * weights[i]!, 0)).toBeCloseTo(row.n('mean'), 9);
  }
  expect(readdirSync(folder).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

it('a recording changes no score and no bit of the state', async () => {
  const spec = pipeline(folder, 'same');
  const { result } = await recorded(spec);
  const bare = await backtest(spec, { ...COMPONENTS, events: new EventBus(), signal: new AbortController().signal });
  const { milliseconds: _, ...rest } = bare;
  expect(result).toMatchObject(rest);
});

it('with a stride only every so many origins count, and the scores are those of these rows', async () => {
  const spec = pipeline(folder, 'stride');
  const { result, rows } = await recorded(spec, { stride: 3 });
  const origins = new Set(rows.map((row) => (row.n('issued') - START) / HOUR + 1));
  expect([...origins].every((index) => index % 3 === 0)).toBe(true);
  const own = rows.filter((row) => row.series === 'a' && row.n('step') === 2 && !Number.isNaN(row.n('actual')));
  const { n, models } = result.series[0]!.scores[0]![1]!;
  expect(own).toHaveLength(n);
  expect(own.reduce((sum, row) => sum + Math.abs(row.n('actual') - row.n('mean')), 0) / n).toBeCloseTo(models['mixture']!.mae, 9);
  // the scale of MASE is made of all rows of the warm-up
  const every = await recorded(spec);
  const scale = ({ mae, mase }: { mae: number; mase: number }) => mae / mase;
  expect(scale(models['mixture']!)).toBeCloseTo(scale(every.result.series[0]!.scores[0]![1]!.models['mixture']!), 9);
});

it('what came before `from` is in neither; the hash of the data tells other data apart', async () => {
  const spec = pipeline(folder, 'from');
  const { rows, result } = await recorded(spec, { from: START + 300 * HOUR });
  expect(Math.min(...rows.map((row) => row.n('time')))).toBe(START + 300 * HOUR);
  const shorter = await recorded(spec, { to: START + 399 * HOUR });
  expect(result.dataHash).toMatch(/^[0-9a-f]{64}$/);
  expect(shorter.result.dataHash).not.toBe(result.dataHash);
});

it('a forecast whose truth is still to come is kept where that lies beyond the warm-up', async () => {
  const forecast = 'horizon: 4, warmup: 399, models: [naive]';
  const { rows } = await recorded(pipeline(folder, 'late', { forecast }));
  const unmet = rows.filter((row) => Number.isNaN(row.n('actual')) && row.series === 'a');
  // row 400 is the last: what was forecast for rows 401 to 404, from rows 397 to 400
  const rowOf = (time: number) => (time - START) / HOUR + 1;
  expect(unmet.map((row) => `${rowOf(row.n('issued'))}+${row.n('step')}`)).toEqual([
    ...['397+4', '398+3', '398+4', '399+2', '399+3', '399+4', '400+1', '400+2', '400+3', '400+4'],
  ]);
});

it('`since` leaves out what is older, as if the recording began there', async () => {
  const spec = pipeline(folder, 'since');
  const since = START + 100 * HOUR;
  const begun = await recorded(spec, { since });
  const cut = await recorded(spec, {
    wrap: (source) => changed(source, (batch) => ({ ...batch, times: batch.times.map((time) => (time < since ? NaN : time)) })),
  });
  expect(begun.result.scores).toEqual(cut.result.scores);
  expect(Math.min(...begun.rows.map((row) => row.n('issued')))).toBe(Math.min(...cut.rows.map((row) => row.n('issued'))));
  expect(begun.result.rows).toBe(600);
});

it('where a shadow took over, the rows and the scores are of what was sent out, beside what the pipeline’s own models said', async () => {
  const own = 'horizon: 2, season: 24, warmup: 50, models: [naive, holt-winters]';
  const shadow = 'shadow: { forecast: { models: [naive, linear], output: linear }, promote: { margin: 0.01, rows: 100 } }';
  const alone = await recorded(pipeline(folder, 'alone', { forecast: own }));
  const { result, rows } = await recorded(pipeline(folder, 'promoted', { forecast: own, rest: shadow }));
  const promoted = result.marks.find(({ event }) => event === 'model.promoted')!.time;
  const at = (from: typeof rows) => new Map(from.map((row) => [[row.series, row.n('step'), row.n('issued')].join(), row]));
  const before = at(alone.rows);
  const differ = rows.filter(
    (row) => before.get([row.series, row.n('step'), row.n('issued')].join())!.n('mean') !== row.n('mean'),
  );
  expect(differ.length).toBeGreaterThan(100);
  for (const row of differ) expect(row.n('issued')).toBeGreaterThan(promoted);
  for (const row of rows) {
    const same = before.get([row.series, row.n('step'), row.n('issued')].join())!;
    for (const name of ['forecast_holt-winters', 'naive', 'weight_naive', 'actual']) expect(row.n(name)).toBe(same.n(name));
  }
  const met = rows.filter((row) => !Number.isNaN(row.n('actual')) && row.series === 'a' && row.n('step') === 2);
  const { n, models } = result.series[0]!.scores[0]![1]!;
  expect(n).toBe(met.length);
  const mae = met.reduce((sum, row) => sum + Math.abs(row.n('actual') - row.n('mean')), 0) / met.length;
  expect(models['mixture']!.mae).toBeCloseTo(mae, 9);
  expect(mae).toBeLessThan(alone.result.series[0]!.scores[0]![1]!.models['mixture']!.mae);
  // the same scores without a file
  const { series } = await backtest(pipeline(folder, 'promoted', { forecast: own, rest: shadow }), {
    ...{ ...COMPONENTS, events: new EventBus(), signal: new AbortController().signal },
  });
  expect(series).toEqual(result.series);
});

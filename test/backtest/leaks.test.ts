/** The leak check: clean lines pass, a planted leak is caught and named. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { changed } from '../../src/backtest/replay.ts';
import { findLeaks, type LeakOptions } from '../../src/backtest/leaks.ts';
import type { SourceBatch } from '../../src/core/batch.ts';
import { defineForecaster } from '../../src/forecast/forecaster.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { COMPONENTS, HOUR, pipeline, START, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-leaks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeData(folder, 200);

const find = (spec: LoadedSpec, options: Partial<LeakOptions> = {}) =>
  findLeaks(spec, { ...COMPONENTS, signal: new AbortController().signal, cuts: 2, ...options });

it('finds nothing in a line with every model and retraining', async () => {
  const models = '[naive, seasonal-naive, holt-winters, linear, { type: recurrent, hidden: 4, rebuild: 24 }]';
  const rest = 'retrain: { every: 3d, rows: 120, epochs: 1, steps: 24, burn_in: 8 }';
  const spec = pipeline(folder, 'clean', { forecast: `horizon: 2, season: 24, models: ${models}`, rest });
  const told: string[] = [];
  const checks = await find(spec, { told: (done, of) => told.push(`${done}/${of}`) });
  expect(checks.map(({ change }) => change)).toEqual(
    [...Array(2)].flatMap(() => ['shifted', 'scaled', 'replaced by noise', 'cut off']),
  );
  expect(checks.filter(({ leak }) => leak)).toEqual([]);
  // two series, two steps; the cuts are after a third and two thirds of 200 rows
  expect(checks.map(({ compared }) => compared)).toEqual([...Array(4).fill(67 * 4), ...Array(4).fill(134 * 4)]);
  expect(told).toEqual(Array.from({ length: 9 }, (_, i) => `${i + 1}/9`));
});

it('finds nothing in bars over a recording with gaps, where rows are made when a later one comes', async () => {
  const rest = `clean: { max_jump: 30 }`;
  const spec = pipeline(folder, 'bars', { forecast: 'horizon: 2, season: none, models: [naive, linear]', rest });
  const bars: LoadedSpec = {
    ...spec,
    window: {
      ...spec.window,
      ...{ grid: 2 * HOUR, slide: 2 * HOUR, interval: 2 * HOUR },
      gaps: { policy: 'forward-fill', limit: 3 },
    },
  };
  const gappy: LeakOptions['wrap'] = (source) =>
    changed(source, (batch) => ({
      ...batch,
      times: batch.times.map((time) => (Math.floor((time - START) / HOUR) % 20 > 14 ? NaN : time)),
    }));
  const checks = await find(bars, { wrap: gappy });
  expect(checks.filter(({ leak }) => leak)).toEqual([]);
  expect(Math.min(...checks.map(({ compared }) => compared))).toBeGreaterThan(100);
});

/** Says the value that series `a` has some rows later, which it reads in the batch that the source is in. */
function peeking(rowsAhead: number, inQuantiles = false) {
  const rows: { time: number; value: number }[] = [];
  const wrap: LeakOptions['wrap'] = (source) => {
    rows.length = 0;
    return changed(source, (batch: SourceBatch) => {
      batch.times.forEach((time, i) => batch.codes[i] === 0 && rows.push({ time, value: batch.channels[0]![i]! }));
      return batch;
    });
  };
  const forecaster = defineForecaster({
    name: 'peeking',
    status: 'experimental',
    summary: 'Knows what comes.',
    config: z.strictObject({}),
    example: '{}',
    guarantees: [],
    lookback: () => 1,
    build: (_, { horizon, quantiles }) => ({
      name: 'peeking',
      ownQuantiles: inQuantiles,
      step: (wave, outlook) => {
        for (let k = 0; k < wave.rows; k++) {
          const own = wave.values[k * wave.channels]!;
          const later =
            wave.lanes[k] === 0 ? rows.find(({ time }) => time === wave.times[k]! + rowsAhead * HOUR)?.value : undefined;
          const [from, to] = [k * horizon, (k + 1) * horizon];
          outlook.mean.fill(inQuantiles ? own : (later ?? own), from, to);
          if (inQuantiles)
            for (let q = from * quantiles.length; q < to * quantiles.length; q++)
              outlook.quantiles[q] = own + (1 + Math.abs(later ?? own)) * (quantiles[q % quantiles.length]! - 0.5);
        }
      },
    }),
  });
  return { wrap, forecasters: [...FORECASTERS, forecaster] };
}

it.each([1, 5])(
  'a forecaster that looks %i rows ahead through the source is caught, with series, row and step',
  async (ahead) => {
    const { wrap, forecasters } = peeking(ahead);
    pipeline(folder, 'planted', { forecast: 'horizon: 2, models: [naive]' });
    const spec = loadPipeline(join(folder, 'planted.yaml'), {
      env: {},
      ...{ ...COMPONENTS, forecasters },
      override: (value) => ({ ...(value as object), forecast: { horizon: 2, models: ['naive', 'peeking'], output: 'peeking' } }),
    });
    const checks = await find(spec, { wrap, forecasters });
    for (const { leak, cut, change } of checks) {
      // the first row whose look ahead reaches beyond the cut
      const issued = cut - (ahead - 1) * HOUR;
      expect(leak, change).toMatchObject({ series: 'a', target: 'value', step: 1, issued, row: (issued - START) / HOUR + 1 });
      expect(leak!.before).not.toBe(leak!.after);
    }
  },
);

it('what is known of the future in the quantiles alone is caught as well', async () => {
  const { wrap, forecasters } = peeking(1, true);
  pipeline(folder, 'spread', { forecast: 'horizon: 2, models: [naive]' });
  const spec = loadPipeline(join(folder, 'spread.yaml'), {
    env: {},
    ...{ ...COMPONENTS, forecasters },
    override: (value) => ({ ...(value as object), forecast: { horizon: 2, models: ['naive', 'peeking'], output: 'peeking' } }),
  });
  const checks = await find(spec, { wrap, forecasters });
  for (const { leak, cut, change } of checks) {
    expect(leak, change).toMatchObject({ series: 'a', step: 1, issued: cut });
    expect(leak!.before).toBe(leak!.after);
  }
});

it('too little to look at is an error', async () => {
  writeData(mkdtempSync(join(folder, 'short-')), 1);
  const spec = pipeline(folder, 'short', { forecast: 'models: [naive]' });
  await expect(find(spec, { cuts: 1000 })).rejects.toMatchObject({ code: 'LEAKS_NOTHING' });
});

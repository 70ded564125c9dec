/** The pipeline of the box that knows something beside the past: its file can be made again, and what it knows is worth something. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { backtest } from '../../src/backtest/replay.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';

const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };

/** Backtests the pipeline, changed. */
async function tested(change: (sections: { source: object; forecast: object }) => object = (sections) => sections) {
  const override = (value: unknown) => change(value as { source: object; forecast: object });
  const spec = loadPipeline('pipelines/shops.yaml', { env: {}, ...COMPONENTS, override });
  const options = { ...COMPONENTS, events: new EventBus(), signal: new AbortController().signal };
  const { scores, seasons, unscored } = await backtest(spec, options);
  return { seasons, unscored, steps: scores[0]! };
}

it('the week is found; offers that are planned, and what a shop is like, make forecasts better', async () => {
  const all = await tested();
  expect([all.seasons, all.unscored]).toEqual([[7], 219]);
  const without = await tested(({ source, forecast, ...rest }) => ({
    ...rest,
    source: { ...source, values: ['sales'] },
    forecast: { ...forecast, known_ahead: undefined },
  }));
  const alike = await tested(({ forecast, ...rest }) => ({ ...rest, forecast: { ...forecast, attributes: undefined } }));
  const mae = ({ steps }: typeof all, step: number) => steps[step]!.models['mixture']!.mae;
  for (const [step, { skill }] of all.steps.entries()) {
    expect(skill['seasonal-naive']!.verdict).toBe('better');
    expect(mae(all, step)).toBeLessThan(0.8 * mae(without, step));
    expect(mae(all, step)).toBeLessThan(0.97 * mae(alike, step));
  }
});

it('its file is what its script makes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-shops-'));
  try {
    cpSync('pipelines/data/make-shops.mjs', join(folder, 'make-shops.mjs'));
    execFileSync(process.execPath, [join(folder, 'make-shops.mjs')]);
    expect(readFileSync(join(folder, 'shops.csv'), 'utf8')).toBe(readFileSync('pipelines/data/shops.csv', 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

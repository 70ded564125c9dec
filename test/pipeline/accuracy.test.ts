/** Promise 4: it knows how good it is. Figures of the bundled data and of seeded walks, through the product's own backtest. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { SINKS, SOURCES } from '../../connectors/index.ts';
import { backtest } from '../../src/backtest/replay.ts';
import { EventBus } from '../../src/core/events.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-accuracy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COMPONENTS = { sources: SOURCES, sinks: SINKS, forecasters: FORECASTERS };

function run(file: string) {
  return backtest(loadPipeline(file, { env: {}, ...COMPONENTS }), {
    ...COMPONENTS,
    events: new EventBus(),
    signal: new AbortController().signal,
  });
}

it('taxi, after the first 30 % of rows, one step ahead: the mixture beats every forecaster in it, and intervals cover what they say', async () => {
  const { scores } = await run(resolve('pipelines/taxi.yaml'));
  const [first] = scores[0]!;
  const { mixture, ...models } = first!.models;
  const maes = Object.fromEntries(Object.entries(first!.models).map(([name, { mae }]) => [name, Math.round(mae * 10) / 10]));
  console.log('MAE, step 1:', JSON.stringify(maes), 'intervals:', JSON.stringify(first!.intervals));
  for (const [name, { mae }] of Object.entries(models)) expect(mixture!.mae, name).toBeLessThan(mae);
  expect(1 - models['recurrent']!.mae / models['naive']!.mae).toBeGreaterThan(0.5);
  for (const { nominal, coverage } of first!.intervals) expect(Math.abs(coverage - nominal), `${nominal}`).toBeLessThan(0.03);
});

it('20 seeded random walks: the report says "no skill" for at least 18, and none is better', async () => {
  const file = join(folder, 'walks.yaml');
  writeFileSync(
    file,
    `
source: { type: synthetic, kind: random-walk, series: 20, rows: 30000, interval: 1m, seed: 11 }
window: { grid: rows, interval: 1m, ring: 512 }
forecast: { models: [naive, holt-winters, linear, { type: recurrent, hidden: 8 }], warmup: 450 }
retrain: { every: 6h, rows: 512, epochs: 2 }
`,
  );
  const { scores, series } = await run(file);
  const { naive } = scores[0]![0]!.skill;
  const verdicts = series.map((each) => each.scores[0]![0]!.skill['naive']!.verdict);
  console.log(
    'all series:',
    JSON.stringify(naive),
    'no skill:',
    verdicts.filter((verdict) => verdict === 'no skill').length,
    'of',
    verdicts.length,
  );
  expect(naive!.verdict).toBe('no skill');
  expect(verdicts.filter((verdict) => verdict === 'no skill').length).toBeGreaterThanOrEqual(18);
  expect(verdicts).not.toContain('better');
  expect(Math.abs(naive!.skill)).toBeLessThan(0.005);
});

/** A pipeline whose output is a Keras model: its forecasts, its state over a restart, and what is refused before it begins. */
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { backtest } from '../../src/backtest/replay.ts';
import { COMPONENTS } from '../../src/cli/components.ts';
import { EventBus } from '../../src/core/events.ts';
import { exportKeras } from '../../src/interop/keras-export.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { drawnWeights } from '../nn/cases.ts';
import { runToEnd } from '../services/run-to-end.ts';
import { farthest, kernelRun, scratch } from './models.ts';

const SHAPE = { cell: 'lstm', inputs: 1, hidden: 6, layers: 2, outputs: 2, skip: true } as const;
const WEIGHTS = drawnWeights(SHAPE, 11);
const TO = Date.UTC(2014, 6, 20);

function pipeline(folder: string, horizon = 2): LoadedSpec {
  const file = join(folder, 'pipeline.yaml');
  const model = '{ type: keras, model: model, center: [15000], scale: [5000] }';
  writeFileSync(
    file,
    `
name: keras
source: { type: arrow, path: ${resolve('pipelines/data/nyc_taxi.arrow')}, name: taxi }
window: { grid: rows, interval: 30m, ring: 100 }
forecast: { horizon: ${horizon}, models: [naive, ${model}], output: keras }
state: { path: state, checkpoint: 200 }
`,
  );
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}

function withModel(): string {
  const folder = scratch();
  exportKeras(join(folder, 'model'), SHAPE, WEIGHTS);
  return folder;
}

interface Row {
  readonly value: number;
  readonly mean: readonly number[];
}

/** Forecasts by origin; with `until`, the run is stopped after so many rows. */
async function run(spec: LoadedSpec, how: 'run' | 'backtest', until = Infinity): Promise<Map<number, Row>> {
  const rows = new Map<number, Row>();
  const stop = new AbortController();
  const options = {
    ...COMPONENTS,
    events: new EventBus(),
    signal: stop.signal,
    watch: ({
      length,
      issued,
      mean,
      naive,
    }: {
      length: number;
      issued: Float64Array;
      mean: Float64Array;
      naive: Float64Array;
    }) => {
      for (let i = 0; i < length; i++) rows.set(issued[i]!, { value: naive[2 * i]!, mean: [...mean.slice(2 * i, 2 * i + 2)] });
      if (rows.size >= until) stop.abort();
    },
  };
  if (how === 'backtest') await backtest(spec, { ...options, to: TO });
  else await runPipeline(spec, { ...options, fast: true, fresh: false });
  return rows;
}

it('gives the kernel’s forecasts, in the units of the channel', async () => {
  const rows = [...(await run(pipeline(withModel()), 'backtest')).values()];
  expect(rows.length).toBeGreaterThan(900);
  const expected = kernelRun(
    SHAPE,
    WEIGHTS,
    rows.map(({ value }) => [Math.fround((value - 15000) / 5000)]),
  );
  expect(
    farthest(
      rows.map(({ mean }) => mean.map((value) => (value - 15000) / 5000)),
      expected,
    ),
  ).toBeLessThan(1e-5);
});

it('goes on after a stop as if there had been none, and refuses another model’s state', async () => {
  const whole = await run(pipeline(withModel()), 'run');
  const folder = withModel();
  const first = await run(pipeline(folder), 'run', 1500);
  const second = await run(pipeline(folder), 'run');
  expect(first.size + second.size).toBeGreaterThanOrEqual(whole.size);
  expect(second.size).toBeLessThan(whole.size);
  expect(new Map([...first, ...second])).toEqual(whole);

  rmSync(join(folder, 'model'), { recursive: true });
  exportKeras(join(folder, 'model'), SHAPE, drawnWeights(SHAPE, 12));
  await expect(run(pipeline(folder), 'run')).rejects.toMatchObject({ code: 'STATE_SHAPE' });
});

it('refuses a model of other sizes, and one that is not there, before a tick is read', async () => {
  await expect(run(pipeline(withModel(), 3), 'backtest')).rejects.toMatchObject({
    code: 'KERAS_UNFIT',
    facts: { inputs: 1, outputs: 2, 'targets x horizon': 3 },
  });
  await expect(run(pipeline(scratch()), 'backtest')).rejects.toMatchObject({ code: 'KERAS_MISSING' });
});

it('runs from the built program, without a word from TensorFlow.js', async () => {
  const folder = withModel();
  pipeline(folder);
  const program = join(import.meta.dirname, '../../dist/src/cli/main.js');
  const output = await runToEnd(process.execPath, [
    program,
    'backtest',
    join(folder, 'pipeline.yaml'),
    '--to',
    '2014-07-10',
    '--json',
  ]);
  expect(output).not.toMatch(/tensorflow|tfjs/i);
  // notices come first, on standard error
  expect(JSON.parse(output.slice(output.indexOf('\n{')))).toMatchObject({ rows: 432 });
});

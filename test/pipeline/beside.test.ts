/** Inputs that are known ahead, and attributes of series: they help where they should, and break none of the promises. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findLeaks } from '../../src/backtest/leaks.ts';
import { backtest } from '../../src/backtest/replay.ts';
import type { ForecastBatch } from '../../src/core/batch.ts';
import { EventBus } from '../../src/core/events.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { COMPONENTS, HOUR, START } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-beside-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const AHEAD = 4;
const ROWS = 700;
let files = 0;

interface Row {
  readonly time: number;
  readonly series: string;
  readonly values: readonly (number | '')[];
}

function spec(rows: readonly Row[], names: readonly string[], forecast: object, rest: object = {}): LoadedSpec {
  const path = `${++files}.csv`;
  const lines = rows.map(
    ({ time, series, values }) => `${new Date(time).toISOString()},${series},${values.slice(0, names.length).join(',')}`,
  );
  writeFileSync(join(folder, path), [`time,series,${names.join(',')}`, ...lines].join('\n'));
  const file = join(folder, `${files}.yaml`);
  const sections = {
    source: { type: 'csv', path, time: 'time', series: 'series', values: names },
    window: { grid: 'rows', interval: '1h', ring: 1000 },
    forecast: { horizon: AHEAD, targets: ['y'], warmup: 400, ...forecast },
    retrain: { every: '12d', steps: 24, burn_in: 8, epochs: 6 },
    ...rest,
  };
  writeFileSync(file, JSON.stringify(sections));
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}

const given = () => ({ ...COMPONENTS, events: new EventBus(), signal: new AbortController().signal });

/** Sales that are 5 higher, and differ by 1, on days with a promotion, which comes by chance; rows know it `AHEAD` rows before. */
function promoted(told: (row: number, promotion: number) => number | '' = (_, promotion) => promotion): Row[] {
  const random = new Random(11);
  const promotion = Array.from({ length: ROWS + AHEAD }, () => (random.uniform() < 0.3 ? 1 : 0));
  return Array.from({ length: ROWS }, (_, i) => ({
    time: START + i * HOUR,
    series: 'shop',
    values: [20 + 5 * promotion[i]! + random.normal(log), told(i, promotion[i + AHEAD]!)],
  }));
}

const NETWORK = { type: 'recurrent', hidden: 8, lags: 4, rebuild: 48 };
const MODELS = ['naive', 'ridge', 'boosted', NETWORK];

describe('inputs that are known ahead', () => {
  it('each trained model reads them at the moment forecast for', async () => {
    const rows = promoted();
    const known = await backtest(spec(rows, ['y', 'promotion'], { known_ahead: { promotion: AHEAD }, models: MODELS }), given());
    const blind = await backtest(spec(rows, ['y'], { models: MODELS }), given());
    for (const [step, { models }] of known.scores[0]!.entries())
      for (const name of ['ridge', 'boosted', 'recurrent']) {
        // the noise alone costs 0.8; the network is told of the first step, the middle and the last
        expect(models[name]!.mae, `${name} at step ${step + 1}`).toBeLessThan(name === 'recurrent' ? 1.6 : 1.1);
        expect(blind.scores[0]![step]!.models[name]!.mae).toBeGreaterThan(2);
      }
  });

  it('the same bits in batches of any size, and no leak: what is known has come with the row', async () => {
    const pipeline = spec(promoted(), ['y', 'promotion'], { known_ahead: { promotion: AHEAD }, models: MODELS });
    const checks = await findLeaks(pipeline, { ...COMPONENTS, signal: new AbortController().signal, cuts: 1 });
    expect(checks.filter(({ leak }) => leak)).toEqual([]);
    const parts = (batch_rows: number) =>
      runPipeline(
        { ...pipeline, source: { ...pipeline.source, config: { ...(pipeline.source.config as object), batch_rows } } },
        {
          ...given(),
          ...{ fast: true, fresh: true },
        },
      );
    expect((await parts(7)).stateHash).toBe((await parts(500)).stateHash);
  });

  it('bad input: covariates missing for the future: the last one told goes on', async () => {
    const missing = (instead: (row: number, promotion: number) => number | '') =>
      told(spec(promoted(instead), ['y', 'promotion'], { known_ahead: { promotion: AHEAD }, models: ['naive', 'ridge'] }));
    let last = 0;
    const gone = await missing((row, promotion) => (row < 500 ? promotion : ''));
    const held = await missing((row, promotion) => (row < 500 ? (last = promotion) : last));
    expect(gone).toEqual(held);
    expect(gone).toHaveLength(ROWS * AHEAD);
    // never told: nothing is known, and nothing breaks
    expect((await missing(() => '')).every(Number.isFinite)).toBe(true);
  });

  it('bad input: an input that is not there, or that is the target', async () => {
    const rows = promoted();
    const wrong = (name: string) => told(spec(rows, ['y', 'promotion'], { targets: undefined, known_ahead: { [name]: AHEAD } }));
    await expect(wrong('price')).rejects.toThrow(/SPEC_CHANNEL|names a channel that is not there.*price.*promotion/s);
    await expect(wrong('y')).rejects.toThrow(/names a channel that is not there.*known_ahead: y, inputs: promotion/s);
  });
});

/** Series that wander and drift, up or down by their kind; the last two begin when the others have been trained on. */
function drifting(): Row[] {
  const random = new Random(3);
  const names = ['up-1', 'up-2', 'down-1', 'down-2', 'up-new', 'down-new'];
  const at = new Map(names.map((name) => [name, 0]));
  return Array.from({ length: ROWS }, (_, i) => i).flatMap((i) =>
    names
      .filter((name) => !name.endsWith('new') || i >= ROWS - 4)
      .map((series) => {
        at.set(series, at.get(series)! + (series.startsWith('up') ? 0.5 : -0.5) + random.normal(log));
        return { time: START + i * HOUR, series, values: [at.get(series)!] };
      }),
  );
}

describe('attributes of series', () => {
  const of = (up: string | number, down: string | number) =>
    Object.fromEntries(
      ['up-1', 'up-2', 'down-1', 'down-2', 'up-new', 'down-new'].map((name) => [
        name,
        { trend: name.startsWith('up') ? up : down },
      ]),
    );
  const kinds = of('up', 'down');
  const few = { horizon: 1, warmup: 0 };

  it.each([
    ['ridge', 'its kind was', kinds],
    ['boosted', 'its kind was', kinds],
    ['recurrent', 'its kind was', kinds],
    ['ridge', 'such of its number were', of(1, -1)],
    ['boosted', 'such of its number were', of(1.5, 0.5)],
    ['recurrent', 'such of its number were', of(1.5, -1.5)],
  ])('a new series is forecast by %s as %s', async (name, _, attributes) => {
    const models = ['naive', name === 'recurrent' ? NETWORK : name];
    const changes = async (attributes: object | undefined) => {
      const changes = new Map<string, number[]>();
      const pipeline = spec(drifting(), ['y'], { ...few, models, output: name, ...(attributes ? { attributes } : {}) });
      await backtest(pipeline, {
        ...given(),
        watch: ({ length, lanes, keys, mean, actual, issued }) => {
          for (let i = 0; i < length; i++) {
            const series = keys[lanes[i]!]!;
            if (issued[i]! > START + (ROWS - 4) * HOUR)
              changes.set(series, [...(changes.get(series) ?? []), mean[i]! - actual[i]!]);
          }
        },
      });
      const meanOf = (series: string) =>
        changes.get(series)!.reduce((sum, change) => sum + change, 0) / changes.get(series)!.length;
      return meanOf('up-new') - meanOf('down-new');
    };
    const told = await changes(attributes);
    expect(told).toBeGreaterThan(0.3);
    // as if nothing were said, and as if all were unknown
    const [silent, others] = [
      await changes(undefined),
      await changes({ 'another-1': { trend: 'up' }, 'another-2': { trend: 'down' } }),
    ];
    expect(told).toBeGreaterThan(silent + 0.2);
    expect(told).toBeGreaterThan(others + 0.2);
  });

  it('a further series of a known kind fits a saved state, a further kind does not', async () => {
    const rows = drifting().filter(({ series }) => !series.endsWith('new'));
    const models = ['naive', 'ridge'];
    const state = { state: { path: 'kinds' } };
    const run = (attributes: object, fresh = false) =>
      runPipeline(spec(rows, ['y'], { ...few, models, attributes }, state), { ...given(), fast: true, fresh });
    const { 'up-new': _, ...before } = kinds;
    await run(before, true);
    await expect(run(kinds)).resolves.toMatchObject({ rows: 0 });
    await expect(run({ ...kinds, sideways: { trend: 'none' } })).rejects.toThrow(/trend=none/);
  });
});

async function told(pipeline: LoadedSpec): Promise<number[]> {
  const mean: number[] = [];
  await backtest(pipeline, { ...given(), watch: (batch: ForecastBatch) => mean.push(...batch.mean) });
  return mean;
}

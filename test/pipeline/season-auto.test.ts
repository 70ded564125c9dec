/** A pipeline that names no season: what is found in rows that are not scored is used as if it stood in the file, by every run alike. */
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findLeaks } from '../../src/backtest/leaks.ts';
import { backtest, changed } from '../../src/backtest/replay.ts';
import { trainModel } from '../../src/backtest/train-model.ts';
import type { Source } from '../../src/core/connector.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { log } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { backtested, listening } from '../support/season-runs.ts';
import { COMPONENTS, HOUR, pipeline, START, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-season-auto-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeData(folder, 400);

const MODELS = 'models: [naive, seasonal-naive, linear]';
const AUTO = { forecast: `horizon: 2, season: auto, warmup: 200, ${MODELS}` };
const UNNAMED = { forecast: `horizon: 2, warmup: 200, ${MODELS}` };

/** A pipeline whose file is changed before it is loaded. */
function edited(name: string, forecast: { forecast: string }, edit: (text: string) => string): LoadedSpec {
  const { file } = pipeline(folder, name, forecast);
  writeFileSync(file, edit(readFileSync(file, 'utf8')));
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}

it('finds the season of the warm-up rows, and forecasts as if it stood in the file', async () => {
  const auto = await backtested(pipeline(folder, 'auto', AUTO));
  const given = await backtested(pipeline(folder, 'given', { forecast: `horizon: 2, season: 24, warmup: 200, ${MODELS}` }));
  // up to the first row that is scored
  expect(auto.found).toEqual([{ seasons: [24], rows: 400, time: START + 199 * HOUR }]);
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
  const flat = await backtested(spec, {
    wrap: (source) =>
      changed(source, (batch) => ({
        ...batch,
        channels: batch.channels.map((column) => column.map((value, i) => (batch.times[i]! >= until ? 5 : value))),
      })),
  });
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
    const { given, found } = listening();
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
  const { given } = listening();
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

describe('a pipeline that says nothing of seasons', () => {
  it('is one with `season: auto`, to the bit, each time; `none` is one that knows none', async () => {
    const auto = await backtested(pipeline(folder, 'named', AUTO));
    const first = await backtested(pipeline(folder, 'unnamed', UNNAMED));
    const again = await backtested(pipeline(folder, 'unnamed', UNNAMED));
    expect(first.found).toEqual(auto.found);
    expect(first.mean).toEqual(auto.mean);
    expect([again.mean, again.result.stateHash]).toEqual([first.mean, first.result.stateHash]);
    const none = await backtested(pipeline(folder, 'none', { forecast: `horizon: 2, season: none, warmup: 200, ${MODELS}` }));
    expect([none.found, none.off, none.result.seasons]).toEqual([[], [], undefined]);
    expect(none.mean).not.toEqual(first.mean);
  });

  it('looks at the rows before `from`, which are not scored', async () => {
    const from = START + 150 * HOUR;
    const some = await backtested(pipeline(folder, 'scored', { forecast: `horizon: 2, ${MODELS}` }), { from });
    expect(some.found).toEqual([{ seasons: [24], rows: 300, time: from - HOUR }]);
    expect(some.off).toEqual([]);
  });

  it('over a source that does not end, without a history, goes on without, and says so once', async () => {
    const endless = (source: Source): Source => ({ ...changed(source, (batch) => batch), bounded: false });
    const { given, found, off } = listening();
    const mean: number[] = [];
    const stop = new AbortController();
    const watch = (batch: { mean: Float64Array }) => {
      mean.push(...batch.mean);
      if (mean.length >= 2 * 800) stop.abort();
    };
    const run = { ...given, signal: stop.signal, watch, wrap: endless, fast: true, fresh: true };
    const result = await runPipeline(pipeline(folder, 'unnamed-endless', UNNAMED), run);
    expect([found, result.seasons]).toEqual([[], undefined]);
    expect(off).toEqual(['the source does not end: give a history']);
    const none = pipeline(folder, 'none-endless', { forecast: `horizon: 2, season: none, warmup: 200, ${MODELS}` });
    expect(mean).toEqual((await backtested(none)).mean);
  });

  it('of which several processes share the state knows none, in a backtest as well', async () => {
    const spec = edited('shared', UNNAMED, (text) => text.replace('path: state-shared', 'path: state-shared, shared: true'));
    const { found, off } = await backtested(spec);
    expect([found, off]).toEqual([[], ['several processes share the state']]);
  });

  it('goes on without where its state was made without; and where its file names by now what was found', async () => {
    const run = async (spec: LoadedSpec) => {
      const { given, found, off } = listening();
      const { seasons, rows } = await runPipeline(spec, { ...given, fast: true, fresh: false });
      return { found, off, seasons, rows };
    };
    const at = (name: string, forecast: string) =>
      edited(name, { forecast }, (text) => text.replace(`state-${name}`, 'state-kept'));
    expect((await run(at('kept-none', `horizon: 2, season: none, warmup: 200, ${MODELS}`))).rows).toBe(800);
    const without = await run(at('kept-unnamed', UNNAMED.forecast));
    expect(without).toEqual({ found: [], off: ['the saved state was made without'], seasons: undefined, rows: 0 });

    const began = (name: string, forecast: string) =>
      edited(name, { forecast }, (text) => text.replace(`state-${name}`, 'state-began'));
    expect((await run(began('began-unnamed', UNNAMED.forecast))).seasons).toEqual([24]);
    const named = await run(began('began-named', `horizon: 2, season: 24, warmup: 200, ${MODELS}`));
    expect(named).toEqual({ found: [], off: [], seasons: undefined, rows: 0 });
    await expect(run(began('began-other', `horizon: 2, season: 12, warmup: 200, ${MODELS}`))).rejects.toThrow(
      expect.objectContaining({ code: 'STATE_SHAPE' }) as TidecastError,
    );
  });

  it('leaks nothing: what is compared comes after what was looked at', async () => {
    const spec = pipeline(folder, 'unnamed-leaks', UNNAMED);
    const checks = await findLeaks(spec, { ...COMPONENTS, signal: new AbortController().signal, cuts: 2 });
    expect(checks.map(({ leak }) => leak)).toEqual(checks.map(() => undefined));
    for (const { cut } of checks) expect(cut).toBeGreaterThan(START + 199 * HOUR);
  });

  it('refuses, counts and hashes a row once, though it is read twice', async () => {
    const lines = readFileSync(join(folder, 'data.csv'), 'utf8').split('\n');
    lines.splice(50, 0, lines[49]!.replace(/[^,]*$/, 'NaN'));
    writeFileSync(join(folder, 'bad.csv'), lines.join('\n'));
    const outcome = async (forecast: string) => {
      const { given } = listening();
      const refused: string[] = [];
      given.events.on('ticks.rejected', ({ reason }) => refused.push(reason));
      let rows = 0;
      given.events.on('ticks.ingested', (each) => (rows += each.rows));
      const spec = edited('bad', { forecast }, (text) => text.replace('data.csv', 'bad.csv'));
      const { dataHash } = await backtest(spec, given);
      return { refused, rows, dataHash };
    };
    const unnamed = await outcome(UNNAMED.forecast);
    expect(unnamed.refused).toHaveLength(1);
    expect(unnamed).toEqual(await outcome(`horizon: 2, season: 24, warmup: 200, ${MODELS}`));
  });

  it('has a shadow that may name its own', async () => {
    const rest = 'shadow: { forecast: { season: none, models: [naive, linear] } }';
    const { result } = await backtested(pipeline(folder, 'shadowed', { ...UNNAMED, rest }));
    const alone = await backtested(
      pipeline(folder, 'alone', { forecast: 'horizon: 2, season: none, warmup: 200, models: [naive, linear]' }),
    );
    expect(result.seasons).toEqual([24]);
    expect(result.shadow![0]![0]!.models['linear']).toEqual(alone.result.scores[0]![0]!.models['linear']);
  });

  it('is trained with those of all rows, and a run begins with those of the model', async () => {
    const models = 'models: [naive, ridge]';
    const rest = 'retrain: { every: 5d, steps: 8, burn_in: 4 }';
    const { given, off } = listening();
    const to = join(folder, 'model');
    const trained = await trainModel(pipeline(folder, 'trained', { forecast: `horizon: 2, ${models}`, rest }), to, given);
    expect([trained.seasons, off]).toEqual([[24], []]);
    const begun = await backtested(pipeline(folder, 'begun', { forecast: `horizon: 2, weights: model, ${models}`, rest }));
    expect(begun.found).toEqual([{ seasons: [24], rows: 0, time: -Infinity }]);
  });

  it('stopped while it looks leaves no state behind: the next start looks again', async () => {
    const spec = pipeline(folder, 'stopped', UNNAMED);
    const stop = new AbortController();
    const stopping = (source: Source) => changed(source, (batch) => (stop.abort(), batch));
    const { given, found } = listening();
    await runPipeline(spec, { ...given, signal: stop.signal, wrap: stopping, fast: true, fresh: true });
    expect(found).toEqual([]);
    await runPipeline(spec, { ...given, fast: true, fresh: false });
    expect(found.map(({ seasons }) => seasons)).toEqual([[24]]);
  });
});

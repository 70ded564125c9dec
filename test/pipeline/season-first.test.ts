/** The first use: neither seasons nor a warm-up are named. Where the first rows show a season, they become the warm-up. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findLeaks } from '../../src/backtest/leaks.ts';
import { changed } from '../../src/backtest/replay.ts';
import type { SourceBatch } from '../../src/core/batch.ts';
import { systemClock } from '../../src/core/clock.ts';
import { TidecastError } from '../../src/core/errors.ts';
import { log, sin } from '../../src/core/math/math.ts';
import { Random } from '../../src/core/random.ts';
import { loadPipeline, type LoadedSpec } from '../../src/pipeline/load.ts';
import { runPipeline } from '../../src/pipeline/run.ts';
import { searchBeginning } from '../../src/pipeline/season-search.ts';
import { backtested, listening } from '../support/season-runs.ts';
import { COMPONENTS, HOUR, pipeline, START } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-season-first-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODELS = 'models: [naive, seasonal-naive, linear]';

/** Hourly rows of series: from which row on, how many, and how high the wave of a day is in them. */
function rowsOf(series: Readonly<Record<string, readonly [from: number, rows: number, wave: number]>>): string[] {
  const random = new Random(7);
  const all = Object.entries(series);
  const last = Math.max(...all.map(([, [from, rows]]) => from + rows));
  return Array.from({ length: last }, (_, i) => i).flatMap((i) =>
    all.flatMap(([name, [from, rows, wave]]) => {
      const value = 20 + wave * sin((2 * Math.PI * i) / 24) + random.normal(log);
      return i < from || i >= from + rows ? [] : [`${new Date(START + i * HOUR).toISOString()},${name},${value.toFixed(4)}`];
    }),
  );
}

function write(name: string, rows: readonly string[]): void {
  writeFileSync(join(folder, `${name}.csv`), ['time,series,value', ...rows].join('\n'));
}

/** A pipeline over the file of that name. */
function over(data: string, fields = '', rest = ''): LoadedSpec {
  const { file } = pipeline(folder, `over-${data}`, { forecast: `horizon: 2, ${fields}${MODELS}`, rest });
  writeFileSync(file, readFileSync(file, 'utf8').replace('data.csv', `${data}.csv`));
  return loadPipeline(file, { env: {}, ...COMPONENTS });
}

it('where the first rows show a season they are the warm-up, as if both stood in the file', async () => {
  write('two', rowsOf({ a: [0, 400, 8], b: [0, 400, 8] }));
  const first = await backtested(over('two'));
  expect(first.found).toEqual([{ seasons: [24], rows: 240, time: START + 119 * HOUR, first: 120 }]);
  expect([first.result.seasons, first.result.unscored]).toEqual([[24], 120]);
  expect(first.scored).toEqual({ a: 280, b: 280 });
  const given = await backtested(over('two', 'season: 24, warmup: 120, '));
  expect(first.mean).toEqual(given.mean);
  expect(first.result.scores).toEqual(given.result.scores);
  expect(first.result.dataHash).toBe(given.result.dataHash);
  const again = await backtested(over('two'));
  expect([again.mean, again.result.stateHash]).toEqual([first.mean, first.result.stateHash]);
  // a stride is counted by the recorder, which has a warm-up of its own
  const strided = await backtested(over('two'), { stride: 3 });
  expect(strided.result.scores).toEqual(
    (await backtested(over('two', 'season: 24, warmup: 120, '), { stride: 3 })).result.scores,
  );
});

it('a season that is named, or `none`, leaves every row scored', async () => {
  for (const season of ['none', '24']) {
    const named = await backtested(over('two', `season: ${season}, `));
    expect([named.found, named.off, named.result.seasons]).toEqual([[], [], undefined]);
    expect(named.scored).toEqual({ a: 399, b: 399 });
  }
});

it('where they show none every row is scored, as with `none`', async () => {
  write('noise', rowsOf({ a: [0, 400, 0], b: [0, 400, 0] }));
  const first = await backtested(over('noise'));
  expect(first.found).toEqual([{ seasons: [], rows: 240, time: START + 119 * HOUR, first: 120 }]);
  expect([first.result.seasons, first.result.unscored]).toEqual([[], 0]);
  const none = await backtested(over('noise', 'season: none, '));
  expect(first.mean).toEqual(none.mean);
  expect(first.result.scores).toEqual(none.result.scores);
  expect(first.scored).toEqual({ a: 399, b: 399 });
});

it('at most 1,000 rows of a series are looked at, and none that is scored', async () => {
  write('long', rowsOf({ a: [0, 4000, 8] }));
  const first = await backtested(over('long'));
  expect(first.found).toEqual([{ seasons: [24], rows: 1000, time: START + 999 * HOUR, first: 1000 }]);
  expect(first.scored).toEqual({ a: 3000 });
  const until = START + 1000 * HOUR;
  const flat = await backtested(over('long'), {
    wrap: (source) =>
      changed(source, (batch) => ({
        ...batch,
        channels: batch.channels.map((column) => column.map((value, i) => (batch.times[i]! >= until ? 5 : value))),
      })),
  });
  expect(flat.found).toEqual(first.found);
  expect(flat.mean.slice(0, 2 * 1000)).toEqual(first.mean.slice(0, 2 * 1000));
  expect(flat.mean).not.toEqual(first.mean);
});

it('of series of different lengths the longest counts; nothing is looked at after the first row that is scored', async () => {
  // of `late` no row comes before the 121st of `a`; of `some` all do, of `short` 40
  write('mixed', rowsOf({ some: [0, 100, 8], a: [0, 400, 8], late: [200, 200, 8], short: [80, 60, 8] }));
  const { found, scored } = await backtested(over('mixed'));
  expect(found).toEqual([{ seasons: [24], rows: 100 + 120 + 40, time: START + 119 * HOUR, first: 120 }]);
  // each series has its own warm-up: one that is shorter is not scored
  expect(scored).toEqual({ a: 280, late: 80, short: 0, some: 0 });
});

it('bad input: a file of few rows is scored whole', async () => {
  for (const rows of [1, 3]) {
    write('few', rowsOf({ a: [0, rows, 8] }));
    const few = await backtested(over('few'));
    expect([few.found, few.off]).toEqual([[], ['there are too few rows']]);
    expect(few.result.noSeason).toBe('there are too few rows');
    expect(few.scored).toEqual({ a: rows - 1 });
  }
  write('few', rowsOf({ a: [0, 30, 8] }));
  const some = await backtested(over('few'));
  expect(some.found).toEqual([{ seasons: [], rows: 9, time: START + 8 * HOUR, first: 9 }]);
  expect(some.scored).toEqual({ a: 29 });
});

it('bad input: a source that does not end is not read to be searched', async () => {
  const source = {
    ...{ channels: ['value'], bounded: false, close: async () => undefined },
    read: (): AsyncGenerator<SourceBatch> => expect.unreachable('it was read'),
  };
  const { signal } = listening().given;
  const search = searchBeginning(over('two'), source, () => source, { ...COMPONENTS, clock: systemClock, signal });
  await expect(search).rejects.toThrow(expect.objectContaining({ code: 'SEASON_ENDLESS' }) as TidecastError);
});

it('a restart goes on with the same seasons and warm-up, though there are more rows by then', async () => {
  const all = rowsOf({ a: [0, 800, 8] });
  const run = async (fields = '') => {
    const { given, found, off } = listening();
    const mean: number[] = [];
    const watch = (batch: { mean: Float64Array }) => mean.push(...batch.mean);
    const { scores, seasons, unscored } = await runPipeline(over('grows', fields), { ...given, watch, fast: true, fresh: false });
    return { mean, found, off, seasons, unscored, scored: scores[0]![0]!.n };
  };
  write('grows', all.slice(0, 400));
  const first = await run();
  expect([first.seasons, first.unscored, first.scored]).toEqual([[24], 120, 280]);
  write('grows', all);
  const second = await run();
  expect([second.found, second.seasons, second.unscored]).toEqual([first.found, [24], 120]);
  expect(second.scored).toBe(680);
  write('whole', all);
  const whole = await backtested(over('whole', 'season: 24, warmup: 120, '));
  expect([...first.mean, ...second.mean]).toEqual(whole.mean);
  // that the file names by now what was found changes nothing; another warm-up is another state
  expect(await run('season: 24, warmup: 120, ')).toMatchObject({ found: [], off: [], mean: [] });
  await expect(run('season: 24, ')).rejects.toThrow(expect.objectContaining({ code: 'STATE_SHAPE' }) as TidecastError);
});

it('a state that was begun without a season goes on without, whatever more rows would show', async () => {
  const all = rowsOf({ a: [0, 800, 8] });
  const run = async () => {
    const { given, found } = listening();
    const { scores, seasons } = await runPipeline(over('begun'), { ...given, fast: true, fresh: false });
    return { found, seasons, scored: scores[0]![0]!.n };
  };
  write('begun', all.slice(0, 40));
  const first = await run();
  expect(first).toEqual({ found: [{ seasons: [], rows: 12, time: START + 11 * HOUR, first: 12 }], seasons: [], scored: 39 });
  write('begun', all);
  expect(await run()).toEqual({ found: first.found, seasons: [], scored: 799 });
});

it('leaks nothing, in a future in which the recording is cut off as well', async () => {
  const checks = await findLeaks(over('two'), { ...COMPONENTS, signal: new AbortController().signal, cuts: 2 });
  expect(checks.map(({ leak }) => leak)).toEqual(checks.map(() => undefined));
  for (const { cut, compared } of checks) {
    expect(cut).toBeGreaterThan(START + 119 * HOUR);
    expect(compared).toBeGreaterThan(100);
  }
});

it('a shadow that names its own seasons is scored on the same rows', async () => {
  const { result } = await backtested(over('two', '', 'shadow: { forecast: { season: none, models: [naive, linear] } }'));
  expect(result.seasons).toEqual([24]);
  expect(result.shadow![0]![0]!.n).toBe(560);
  expect(result.scores[0]![0]!.n).toBe(560);
});

it.each([
  ['a tenth of the rows is missing, and two days', (i: number) => !(i > 100 && i < 148) && i % 10 !== 3],
  ['every fifth row is missing', (i: number) => i % 5 !== 2],
])('a season is found in time, not in rows: %s', async (_, kept) => {
  write(
    'holes',
    rowsOf({ a: [0, 800, 8] }).filter((__, i) => kept(i)),
  );
  expect((await backtested(over('holes'))).found).toMatchObject([{ seasons: [24] }]);
});

it('where rows are further apart than the interval says, a season is counted in rows', async () => {
  write(
    'sparse',
    rowsOf({ a: [0, 2400, 8] }).filter((__, i) => i % 4 === 0),
  );
  expect((await backtested(over('sparse'))).found).toMatchObject([{ seasons: [6] }]);
});

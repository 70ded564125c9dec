/** `backtest --out`, several at once, `compare` and `leaks`, as they are typed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { main } from '../../src/cli/program.ts';
import { fakeTerminal } from '../support/fake-terminal.ts';
import { pipeline, writeData } from '../support/small-backtest.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidecast-out-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeData(folder, 400);
const rest = 'retrain: { every: 5d, rows: 120, epochs: 1, steps: 24, burn_in: 8 }';
const recurrent = '{ type: recurrent, hidden: 4, rebuild: 24 }';
pipeline(folder, 'one', { forecast: `horizon: 3, season: 24, models: [naive, ${recurrent}]`, rest });
pipeline(folder, 'two', { forecast: `horizon: 3, season: 24, models: [naive, linear]` });

async function call(...words: string[]) {
  const terminal = fakeTerminal(folder);
  const code = await main(words, terminal);
  return { code, out: terminal.said.out.join('\n'), err: terminal.said.err.join('\n') };
}

interface Outcome {
  readonly seconds: number;
  readonly files: Record<string, string>;
  readonly pipeline: string;
  readonly dataHash: string;
  readonly marks: readonly { readonly event: string; readonly facts: Record<string, unknown> }[];
}

/** Without what differs from run to run: how long it took, and where the files are. */
const lasting = ({ seconds: _, files: __, marks, ...rest }: Outcome): object => ({
  ...rest,
  marks: marks.map(({ facts: { milliseconds: ___, ...facts }, ...mark }) => ({ ...mark, facts })),
});

it('several pipelines at once give the bits that each gives alone, and `compare` says which is better', async () => {
  const together = await call('backtest', 'one.yaml', 'two.yaml', '--out', 'both', '--json');
  expect(together.code, together.err).toBe(0);
  const { ok, backtests } = JSON.parse(together.out) as { ok: boolean; backtests: Outcome[] };
  expect(ok).toBe(true);
  expect(backtests.map(({ pipeline }) => pipeline)).toEqual(['one', 'two']);
  for (const [i, name] of ['one', 'two'].entries()) {
    const alone = await call('backtest', `${name}.yaml`, '--out', `alone/${name}`, '--json');
    expect(lasting(backtests[i]!)).toEqual(lasting(JSON.parse(alone.out) as Outcome));
    const bytes = (of: string) => readFileSync(join(folder, of, name, 'forecasts.arrow'));
    expect(bytes('both').equals(bytes('alone'))).toBe(true);
    const summary = JSON.parse(readFileSync(join(folder, 'both', name, 'summary.json'), 'utf8')) as Outcome;
    expect(lasting(summary)).toEqual(lasting(JSON.parse(alone.out) as Outcome));
  }
  expect(backtests[0]!.marks.some(({ event }) => event === 'weights.swapped')).toBe(true);
  expect(backtests[0]!.dataHash).toBe(backtests[1]!.dataHash);

  const compared = await call('compare', 'both/one', 'both/two/forecasts.arrow');
  expect(compared.code).toBe(0);
  expect(compared.out).toMatch(/value: two is better at step 1 by \d/);
  const json = JSON.parse((await call('compare', 'both/one', 'both/two', '--json')).out) as { cells: { sentence: string }[] };
  expect(json.cells).toHaveLength(3);
  // the same against itself
  expect((await call('compare', 'both/one', 'alone/one')).out).toContain('value: both made the same error at step 3.');
});

it('one that fails is told, and the others are done all the same', async () => {
  pipeline(folder, 'lost', { forecast: 'models: [naive]', rest: 'seed: 3' });
  const { code, out, err } = await call('backtest', 'two.yaml', 'two.yaml', 'lost.yaml', '--source', 'gone.csv', '--json');
  expect(code).toBe(66);
  expect(err).toContain('The input file does not exist');
  expect(JSON.parse(out)).toMatchObject({
    ok: false,
    backtests: [{ ok: false, error: { code: 'SOURCE_FILE_MISSING' } }, {}, {}],
  });
});

it('the options lie over the pipeline, and what they cannot mean is said', async () => {
  pipeline(folder, 'still', { forecast: 'models: [naive]', rest: 'retrain: { every: never }' });
  const { out } = await call(
    'backtest',
    'one.yaml',
    '--horizon',
    '2',
    '--warmup',
    '100',
    '--stride',
    '5',
    '--gap',
    '2h',
    '--json',
  );
  const { scores } = JSON.parse(out) as { scores: { step: number; summary: { n: number } }[] };
  // origins at every fifth row of 400; truths after the 100th
  expect(scores.map(({ step, summary }) => [step, summary.n])).toEqual([
    [1, 2 * 60],
    [2, 2 * 60],
  ]);
  expect(await call('backtest', 'still.yaml', '--gap', '2h')).toMatchObject({
    code: 64,
    err: expect.stringContaining('no `retrain`'),
  });
  expect(await call('backtest', 'two.yaml', '--stride', '0')).toMatchObject({ code: 64 });
  expect(await call('backtest', 'two.yaml', 'two.yaml', '--out', 'x')).toMatchObject({ code: 64 });
});

it('`compare` says what a result is and which command writes one, not how to mend a pipeline', async () => {
  mkdirSync(join(folder, 'results/good'), { recursive: true });
  mkdirSync(join(folder, 'results/cut'));
  expect((await call('backtest', 'two.yaml', '--out', 'results/good')).code).toBe(0);
  const bytes = readFileSync(join(folder, 'results/good/forecasts.arrow'));
  writeFileSync(join(folder, 'results/cut/forecasts.arrow'), bytes.subarray(0, bytes.length >> 1));
  const told = async (path: string) => {
    const { code, err, out } = await call('compare', 'results/good', path, '--json');
    expect(err).not.toMatch(/pipeline|`path`|expect_rows|choose the source/);
    const { error } = JSON.parse(out) as { error: { code: string; message: string } };
    expect(err).toContain(error.message);
    return [code, error.code, /\. (.*)$/.exec(error.message)![1]];
  };
  const write = 'Write one with `tidecast backtest FILE --out FOLDER`, and give that folder.';
  expect(await told('nowhere')).toEqual([66, 'COMPARE_MISSING', write]);
  // the folder above: it says what is in it
  expect(await told('results')).toEqual([66, 'COMPARE_MISSING', write]);
  expect((await call('compare', 'results/good', 'results')).err).toMatch(/results in .*\/results: cut good\)/);
  const give = 'Give the folder of `tidecast backtest FILE --out FOLDER`, or the `forecasts.arrow` in it.';
  for (const other of ['data.csv', 'two.yaml', 'results/good/report.html'])
    expect(await told(other)).toEqual([65, 'COMPARE_FOREIGN', give]);
  expect(await told('results/cut')).toEqual([65, 'COMPARE_DAMAGED', 'Write it again: `tidecast backtest FILE --out FOLDER`.']);
  // no file, though it is there
  mkdirSync(join(folder, 'results/odd/forecasts.arrow'), { recursive: true });
  expect((await told('results/odd')).slice(0, 2)).toEqual([66, 'COMPARE_UNREADABLE']);
});

it('`leaks` shows how far it is, and ends with 0 where nothing moved', async () => {
  const { code, out, err } = await call('leaks', 'two.yaml', '--cuts', '1');
  expect(err).toContain('two: first the future that happened, then 4 that did not');
  expect(err).toMatch(
    /two: 1 of 5: the future that happened\n.*two: 2 of 5: everything after 2024-01-09 \d\d:00 shifted: 1,2\d\d forecasts, none moved/s,
  );
  expect(out).toMatch(/^two: no leak: 4,8\d\d forecasts, each made before one of 4 changed futures, are the same to the bit$/);
  expect(code).toBe(0);
});

interface FoldOutcome extends Outcome {
  readonly from: string;
  readonly to: string;
  readonly scores: readonly {
    readonly step: number;
    readonly summary: { readonly n: number; readonly models: Record<string, { readonly mae: number }> };
  }[];
}

async function folds(...words: string[]): Promise<FoldOutcome[]> {
  const { code, out, err } = await call('backtest', 'one.yaml', '--folds', '3', ...words, '--json');
  expect(code, err).toBe(0);
  return (JSON.parse(out) as { folds: FoldOutcome[] }).folds;
}

it('folds give the same bits on one thread and on two, and all of them together are the whole', async () => {
  const [one, two] = [await folds('--threads', '1', '--out', 'f1'), await folds('--threads', '2', '--out', 'f2')];
  expect(two.map(lasting)).toEqual(one.map(lasting));
  for (const fold of [1, 2, 3]) {
    const bytes = (of: string) => readFileSync(join(folder, of, `fold-${fold}`, 'forecasts.arrow'));
    expect(bytes('f1').equals(bytes('f2'))).toBe(true);
  }
  expect(one.map(({ from }) => from)).toEqual([
    '2024-01-05T03:45:00.000Z',
    '2024-01-09T07:30:00.000Z',
    '2024-01-13T11:15:00.000Z',
  ]);
  expect(one.slice(0, -1).map(({ to }) => to)).toEqual(one.slice(1).map(({ from }) => from));
  const whole = JSON.parse((await call('backtest', 'one.yaml', '--from', one[0]!.from, '--json')).out) as FoldOutcome;
  for (const [i, { summary }] of whole.scores.entries()) {
    const parts = one.map(({ scores }) => scores[i]!.summary);
    expect(parts.reduce((sum, { n }) => sum + n, 0)).toBe(summary.n);
    const mae = parts.reduce((sum, { n, models }) => sum + n * models['mixture']!.mae, 0) / summary.n;
    expect(mae).toBeCloseTo(summary.models['mixture']!.mae, 9);
  }
});

it('folds with a bounded past know nothing older', async () => {
  const short = await folds('--past', '3d', '--warmup', '0');
  const long = await folds('--warmup', '0');
  expect(short.map(({ scores }) => scores[0]!.summary.n)).toEqual(long.map(({ scores }) => scores[0]!.summary.n));
  // three days before it and itself, of two series; the third has all before it else
  expect(short[2]!.dataHash).not.toBe(long[2]!.dataHash);
  // a changed value that is older than the past of the last fold changes the first folds only
  const lines = readFileSync(join(folder, 'data.csv'), 'utf8').split('\n');
  writeFileSync(join(folder, 'data.csv'), lines.map((line, i) => (i === 300 ? line.replace(/[^,]*$/, '99') : line)).join('\n'));
  const other = await folds('--past', '3d', '--warmup', '0');
  writeFileSync(join(folder, 'data.csv'), lines.join('\n'));
  expect(other[2]!.scores).toEqual(short[2]!.scores);
  expect(other[1]!.scores).not.toEqual(short[1]!.scores);
});

it('folds that cannot be are refused with a reason', async () => {
  expect(await call('backtest', 'one.yaml', '--folds', '0')).toMatchObject({ code: 64 });
  expect(await call('backtest', 'one.yaml', 'two.yaml', '--folds', '2')).toMatchObject({ code: 64 });
  expect(await call('backtest', 'one.yaml', '--folds', '2', '--past', 'long')).toMatchObject({ code: 64 });
  expect(await call('backtest', 'one.yaml', '--folds', '2', '--from', '2031-01-01')).toMatchObject({
    code: 64,
    err: expect.stringMatching(/nothing to cut into folds/) as string,
  });
  // one moment cannot be cut
  expect(await call('backtest', 'one.yaml', '--folds', '2', '--to', '2024-01-01T01:00:00Z')).toMatchObject({ code: 64 });
  const text = await call('backtest', 'two.yaml', '--folds', '2', '--threads', '1', '--out', 'f3');
  // which fold a line is of, and where its report is
  for (const fold of [1, 2]) {
    expect(text.err).toMatch(new RegExp(`^fold ${fold}: two: started$`, 'm'));
    expect(text.out).toContain(`report: ${join(folder, `f3/fold-${fold}/report.html`)}`);
  }
  expect(text.out).toMatch(/fold +from +to .*MAE/);
  expect(text.out.split('\n').filter((line) => / \+[13] /.test(line))).toHaveLength(4);
});

it('`check --seasons` tells what is found where no season is named, and a backtest says what it found', async () => {
  pipeline(folder, 'auto', { forecast: 'horizon: 2, warmup: 200, models: [naive, linear]' });
  const text = await call('check', 'auto.yaml', '--seasons');
  expect(text).toMatchObject({ code: 0, out: 'season of 24 rows, found in 400 rows\n\nforecast:\n  season: 24' });
  const json = JSON.parse((await call('check', 'auto.yaml', '--seasons', '--json')).out) as { found: object };
  expect(json.found).toMatchObject({ seasons: [24], rows: 400 });
  const tested = await call('backtest', 'auto.yaml', '--out', 'auto');
  expect(tested.out).toMatch(/^auto: season of 24 rows, found in 400 rows$/m);
  expect(tested.out).toMatch(/^found: season of 24 rows$/m);
  expect(readFileSync(join(folder, 'auto/report.md'), 'utf8')).toContain(
    'The pipeline names no season; found in 400 rows that are not scored: season of 24 rows.',
  );
  const folds = await call('backtest', 'auto.yaml', '--folds', '2', '--json');
  expect((JSON.parse(folds.out) as { folds: { seasons: number[] }[] }).folds.map(({ seasons }) => seasons)).toEqual([[24], [24]]);
});

it('without a warm-up says how many first rows were looked at, and that they are not scored', async () => {
  pipeline(folder, 'first', { forecast: 'horizon: 2, models: [naive, linear]' });
  const where = 'the first 120 of each series, which are not scored';
  const told = `season of 24 rows, found in 240 rows, ${where}`;
  const found = await call('check', 'first.yaml', '--seasons');
  expect(found).toMatchObject({ code: 0, out: `${told}\n\nforecast:\n  season: 24\n  warmup: 120` });
  expect((await call('check', 'first.yaml')).out).toContain('seasons looked for');
  const { out } = await call('backtest', 'first.yaml', '--out', 'first');
  expect(out).toContain(`first: ${told}\n`);
  expect(out).toContain(`found: season of 24 rows, in ${where}\nscored on 560 rows`);
  const report = (name: string) => readFileSync(join(folder, 'first', name), 'utf8');
  const sentence = `The pipeline names no season; found in 240 rows, ${where}: season of 24 rows.`;
  for (const name of ['report.md', 'report.html']) expect(report(name)).toContain(sentence);
  expect(report('report.md')).toContain('after 120 rows of warm-up');
  const data = JSON.parse(report('report.json')) as { facts: object; marks: object[] };
  expect(data.facts).toMatchObject({ season: 24, warmup: 120 });
  expect(data.marks[0]).toMatchObject({ event: 'seasons.found', facts: { rows: 240, first: 120 } });
  expect(JSON.parse(report('summary.json'))).toMatchObject({ seasons: [24], unscored: 120 });
});

it('the report says why no season was looked for', async () => {
  pipeline(folder, 'off', { forecast: 'horizon: 2, models: [naive, linear]', rest: '' });
  const file = join(folder, 'off.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace('path: state-off', 'path: state-off, shared: true'));
  expect((await call('check', 'off.yaml')).out).toContain('no season');
  await call('backtest', 'off.yaml', '--out', 'off');
  const report = (name: string) => readFileSync(join(folder, 'off', name), 'utf8');
  const sentence = 'The pipeline names no season, and none was looked for: several processes share the state.';
  for (const name of ['report.md', 'report.html']) expect(report(name)).toContain(sentence);
  for (const name of ['report.json', 'summary.json']) expect(report(name)).toContain('"noSeason":');
});

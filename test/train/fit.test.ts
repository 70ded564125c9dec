/** What is fitted in one go: what it learns, and how targets come together. */
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.ts';
import { centreName, treesName } from '../../src/forecast/boosted.ts';
import { ridgeOf, ridgeSize } from '../../src/forecast/ridge.ts';
import { SCALER_SIZE } from '../../src/forecast/scaler.ts';
import { sumOfTrees, treesOf } from '../../src/nn/trees.ts';
import { fitTarget, joinFitted } from '../../src/train/fit.ts';
import type { TrainingJob } from '../../src/train/job.ts';
import { Origins } from '../../src/train/origins.ts';
import { train } from '../../src/train/train.ts';

const [ROWS, HORIZON, TARGETS] = [400, 2, 2];

/** Two channels about a level, half of each distance gone a row later; the first channel may be given. */
function jobOf(rows: number, first?: (row: number) => number): TrainingJob {
  const random = new Random(5);
  const values = new Float64Array(rows * TARGETS);
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < TARGETS; c++) {
      const before = row > 0 ? values[(row - 1) * TARGETS + c]! : 0;
      values[row * TARGETS + c] = (c === 0 ? 0.5 : -0.5) * before + random.uniform() - 0.5;
    }
  for (let row = 0; first && row < rows; row++) values[row * TARGETS] = first(row);
  const scaler = new Float64Array(TARGETS * SCALER_SIZE);
  const series = {
    ...{ name: 'a', first: 1, times: Float64Array.from({ length: rows }, (_, i) => i * 60_000), values },
    ...{ flags: new Uint8Array(rows), scaler },
  };
  const options = { rows, maxRows: 1e6, holdout: 0.2, epochs: 1, batch: 1, steps: 4, burnIn: 4 };
  return {
    ...{ trigger: 0, seed: 1, shape: undefined, fitted: ['ridge', 'boosted'], quantiles: [0.5], first: false },
    sizes: { channels: TARGETS, targets: TARGETS, horizon: HORIZON, seasons: [], lags: 0 },
    calendar: { interval: 60_000 },
    weights: new Map(),
    options: { ...options, learningRate: 0.01, weightDecay: 0, clip: 1, loss: 'huber' },
    series: [series],
  };
}

/** The first channel goes round every 12 rows. */
function seasonal(): TrainingJob {
  const job = jobOf(ROWS, (row) => 10 * Math.sin((row * Math.PI) / 6) + (row % 5));
  return { ...job, sizes: { ...job.sizes, seasons: [12] } };
}

/** Mean |error| of a target's map over that of the naive forecast, one step ahead, in a job's rows. */
function ratio(ridge: Float32Array, job: TrainingJob, target: number): number {
  const origins = new Origins(job, target);
  const { count } = origins.tabular;
  const [x, y] = [new Float32Array(origins.count * count), new Float32Array(origins.count)];
  origins.step(1, x, y);
  let [own, naive] = [0, 0];
  for (let n = 0; n < origins.count; n++) {
    own += Math.abs(y[n]! - ridgeOf(ridge, 0, x, n * count, count));
    naive += Math.abs(y[n]!);
  }
  return own / naive;
}

it('every target has the map that fits it', () => {
  const job = jobOf(ROWS);
  const [first, second] = [fitTarget(job, 0)!, fitTarget(job, 1)!];
  expect(ratio(first.ridge, job, 0)).toBeLessThan(0.9);
  expect(ratio(second.ridge, job, 1)).toBeLessThan(0.6);
  expect(ratio(first.ridge, job, 1)).toBeGreaterThan(1.3 * ratio(second.ridge, job, 1));
  const { weights, accepted } = train(job);
  expect(accepted).toBe(true);
  expect([...weights.get('ridge/w')!]).toEqual([...first.ridge, ...second.ridge]);
  expect([...weights.keys()].filter((name) => name.startsWith('boosted/'))).toHaveLength(TARGETS * HORIZON * 3);
});

it('a series without noise is followed closely: the penalty is chosen by the newest rows', () => {
  const job = jobOf(ROWS, (row) => Math.sin(row / 3));
  expect(ratio(fitTarget(job, 0)!.ridge, job, 0)).toBeLessThan(0.002);
});

it('large errors count less: rare spikes do not move what is said of the other rows', () => {
  const random = new Random(3);
  const job = jobOf(ROWS, () => random.uniform() + (random.uniform() < 0.05 ? 40 : 0));
  const origins = new Origins(job, 0);
  const { count } = origins.tabular;
  const [x, y] = [new Float32Array(origins.count * count), new Float32Array(origins.count)];
  origins.step(1, x, y);
  const { ridge } = fitTarget(job, 0)!;
  const off = Float64Array.from(y, (truth, n) => truth - ridgeOf(ridge, 0, x, n * count, count)).sort();
  const mean = off.reduce((sum, each) => sum + Math.abs(each), 0) / off.length;
  // the middle of what is left over: plain least squares is pulled up towards the spikes
  expect(Math.abs(off[off.length >> 1]!)).toBeLessThan(0.3 * mean);
});

it('trees further ahead are grown around the level, and around last season where there is one: first what says more', () => {
  const centres = (job: TrainingJob) => [0, 1].map((block) => [...fitTarget(job, 0)!.trees.get(centreName(0, block))!]);
  const { level, phases } = new Origins(seasonal(), 0).tabular;
  expect(centres(jobOf(ROWS))).toEqual([
    [-1, -1, 0],
    [level, -1, 0],
  ]);
  expect(centres(seasonal())).toEqual([
    [-1, -1, 0],
    [phases[0], level, 0],
  ]);
  // a walk lies far from where it was a season ago
  const random = new Random(9);
  let walk = 0;
  const far = jobOf(ROWS, () => (walk += random.uniform() - 0.5));
  expect(centres({ ...far, sizes: { ...far.sizes, seasons: [150] } })[1]).toEqual([level, -1, 0]);
});

it('trees around a centre learn what is missing from there', () => {
  const job = seasonal();
  const origins = new Origins(job, 0);
  const { tabular, count: rows } = origins;
  const { count } = tabular;
  const [x, y, seen] = [new Float32Array(rows * count), new Float32Array(rows), new Float32Array(count)];
  origins.step(HORIZON, x, y);
  const { trees } = fitTarget(job, 0)!;
  const around = treesOf(trees.get(treesName(0, 1, 'centre'))!);
  let [off, far] = [0, 0];
  for (let n = 0; n < rows; n++) {
    if (y[n] !== y[n]) continue;
    tabular.recentre(x, n * count, tabular.phases[0]!, 1, seen, 0);
    off += Math.abs(y[n]! - x[n * count + tabular.phases[0]!]! - sumOfTrees(around, seen, 0));
    far += Math.abs(y[n]! - x[n * count + tabular.phases[0]!]!);
  }
  expect(off).toBeLessThan(0.1 * far);
});

/** Two series that go round every 12 rows, the second a hundred times as high and with changes ten times as large. */
function fleet(low = 20): TrainingJob {
  const round = (row: number) => low + 10 * Math.sin((row * Math.PI) / 6) + (row % 5);
  const [one, other] = [jobOf(ROWS, round), jobOf(ROWS, (row) => 100 * low + 10 * round(row))];
  return { ...one, sizes: { ...one.sizes, seasons: [12] }, series: [...one.series, { ...other.series[0]!, name: 'b' }] };
}

it('trees of series that were never below 0 are in shares of their means; others are not', () => {
  const centresOf = (job: TrainingJob, target: number) => [...fitTarget(job, target)!.trees.get(centreName(target, 1))!];
  const { level, phases } = new Origins(fleet(), 0).tabular;
  expect(centresOf(fleet(), 0)).toEqual([phases[0], level, 1]);
  // the other target goes below 0, and so does the first with a lower level; one series shares nothing
  expect(centresOf(fleet(), 1)[2]).toBe(0);
  expect(centresOf(fleet(5), 0)[2]).toBe(0);
  expect(centresOf({ ...fleet(), series: fleet().series.slice(0, 1) }, 0)[2]).toBe(0);
});

it('trees in shares of the mean learn what is missing from either centre, in every series', () => {
  const job = fleet();
  const origins = new Origins(job, 0);
  const { tabular, count: rows } = origins;
  const { count, level, phases } = tabular;
  const [x, y, seen] = [new Float32Array(rows * count), new Float32Array(rows), new Float32Array(count)];
  origins.step(HORIZON, x, y);
  const { trees } = fitTarget(job, 0)!;
  for (const [base, centre] of [
    ['centre', phases[0]!],
    ['second', level],
  ] as const) {
    const around = treesOf(trees.get(treesName(0, 1, base))!);
    let [off, far] = [0, 0];
    for (let n = 0; n < rows; n++) {
      if (y[n] !== y[n]) continue;
      const [size, missing] = [origins.size(n), y[n]! - x[n * count + centre]!];
      tabular.recentre(x, n * count, centre, size, seen, 0);
      off += Math.abs(missing - size * sumOfTrees(around, seen, 0)) / size;
      far += Math.abs(missing) / size;
    }
    expect(off).toBeLessThan(0.3 * far);
  }
});

it('inputs in units of a size: all that are distances of the target are measured in it, and nothing else', () => {
  const { tabular } = new Origins(fleet(), 0);
  const { level, phases, count } = tabular;
  const x = Float32Array.from({ length: count }, (_, i) => i + 1);
  const [one, two] = [new Float32Array(count), new Float32Array(count)];
  tabular.recentre(x, 0, level, 1, one, 0);
  tabular.recentre(x, 0, level, 2, two, 0);
  // lags, three levels and the season's change; the season's four phases, their two neighbours and its move
  const own = (i: number) => i < level + 3 || (i >= phases[0]! && i < phases[0]! + 7);
  for (let i = 0; i < count; i++) expect(two[i], `input ${i}`).toBe(one[i]! / (own(i) ? 2 : 1));
});

it('a step ahead is known for an origin when the row is there: the newest has none', () => {
  const origins = new Origins(jobOf(ROWS), 0);
  const [x, y] = [new Float32Array(origins.count * origins.tabular.count), new Float32Array(origins.count)];
  const unknown = (step: number) => {
    origins.step(step, x, y);
    return y.filter((value) => value !== value).length;
  };
  // the newest row is no origin at all
  expect([unknown(1), unknown(2)]).toEqual([0, 1]);
});

it('where one target has too few rows there is nothing for any', () => {
  expect(fitTarget(jobOf(30), 0)).toBeUndefined();
  const fitted = fitTarget(jobOf(ROWS), 0);
  expect(joinFitted([fitted, undefined]).size).toBe(0);
  expect(joinFitted([]).size).toBe(0);
  const { accepted, weights } = train(jobOf(30));
  expect([accepted, weights.size]).toEqual([false, 0]);
});

it.each([
  ['under two days', 15 * 60_000 - 1, 0],
  ['two days', 15 * 60_000, 2],
  ['under fourteen days', 105 * 60_000 - 1, 2],
  ['fourteen days', 105 * 60_000, 4],
])('the clock is an input from two days of rows on, that of the week from fourteen: %s', (_, interval, wanted) => {
  // 192 intervals; beside a series that is half as long
  const job = jobOf(193);
  const series = [97, 193].map((rows, i) => ({
    ...{ ...job.series[0]!, name: `${i}`, values: job.series[0]!.values.slice(0, rows * TARGETS) },
    ...{ times: Float64Array.from({ length: rows }, (_, row) => row * interval), flags: new Uint8Array(rows) },
  }));
  const of = { ...job, fitted: ['ridge'], calendar: { interval }, series };
  const { ridge } = fitTarget(of, 0)!;
  const { clock, count } = new Origins(of, 0).tabular;
  for (let step = 0; step < HORIZON; step++)
    for (let i = 0; i < 4; i++) {
      const says = ridge[step * ridgeSize(count) + clock + i] !== 0;
      expect(says, `step ${step + 1}, number ${i}`).toBe(i < wanted);
    }
});

it('of more rows than 31,000 over the number of targets some are drawn, the same for the same seed', () => {
  const [few, many, again] = [15_000, 20_000, 20_000].map((rows) => new Origins(jobOf(rows), 0));
  expect(few!.count).toBeGreaterThan(14_500);
  expect(Math.abs(many!.count - 15_500)).toBeLessThan(500);
  expect(again!.age).toEqual(many!.age);
});

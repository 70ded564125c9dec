/**
 * Development script: how good and how dear the forecasters, the mixture and the intervals are on a folder of CSV files
 * (`timestamp,value`, as the Numenta Anomaly Benchmark has them) or on seeded synthetic series.
 *
 *   node dist/test/bench/nab.js FOLDER|synthetic [--files a,b] [--forecasters naive,linear:half_life=300] [--fraction 0.3] [--from 0.5] [--horizon 12]
 *
 * Only the first `fraction` of the rows is read, and of it the part after `from` is scored: so that what is chosen here is not
 * chosen on rows that a later report scores.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { State } from '../../src/core/state.ts';
import type { Column } from '../../src/core/lanes.ts';
import { Ring } from '../../src/window/ring.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { Inputs } from '../../src/forecast/inputs.ts';
import { Interval } from '../../src/forecast/interval.ts';
import { Mixture } from '../../src/forecast/mixture.ts';
import type { GridClock } from '../../src/forecast/forecaster.ts';
import { SYNTHETIC, type Series } from '../support/synthetic.ts';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    files: { type: 'string' },
    forecasters: {
      type: 'string',
      default: FORECASTERS.map((component) => component.name)
        .filter((name) => name !== 'recurrent')
        .join(),
    },
    fraction: { type: 'string', default: '0.3' },
    from: { type: 'string', default: '0.5' },
    horizon: { type: 'string', default: '12' },
  },
});
const HORIZON = Number(args.horizon);
const LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975];

/** Forecasts of one forecaster, `rows x HORIZON`, and what they cost. */
interface Outcome {
  readonly name: string;
  readonly mean: Float64Array;
  readonly microseconds: number;
  readonly bytes: number;
}

function clockOf(interval: number): GridClock {
  return {
    interval,
    offset: () => 0,
    after: (time, steps) => time + steps * interval,
    phases: (time, into, at) => {
      const day = (2 * Math.PI * (time % 86_400_000)) / 86_400_000;
      const week = (2 * Math.PI * (time % 604_800_000)) / 604_800_000;
      into[at] = Math.sin(day);
      into[at + 1] = Math.cos(day);
      into[at + 2] = Math.sin(week);
      into[at + 3] = Math.cos(week);
    },
  };
}

function bytesOf(columns: readonly Column[]): number {
  return columns
    .filter(({ name }) => !name.startsWith('ring.'))
    .reduce((sum, { stride, data }) => sum + stride * data.BYTES_PER_ELEMENT, 0);
}

/** `name` or `name:key=number:...` as written on the command line. */
function forecast(written: string, series: Series): Outcome {
  const [name, ...settings] = written.split(':');
  const component = FORECASTERS.find((each) => each.name === name);
  if (!component) throw new Error(`no forecaster ${name}`);
  const state = new State();
  const config = component.config.parse(
    Object.fromEntries(settings.map((each) => each.split('=')).map(([k, v]) => [k, JSON.parse(v!)])),
  );
  const capacity = component.lookback(config, { horizon: HORIZON, seasons: series.seasons });
  const ring = new Ring(state.lanes, { capacity, channels: 1 });
  const sizes = { channels: 1, targets: 1, horizon: HORIZON, seasons: series.seasons };
  const inputs = new Inputs(state.lanes, ring, clockOf(series.interval), sizes);
  const forecaster = component.build(config, {
    state,
    lanes: state.lanes,
    ring,
    inputs,
    clock: clockOf(series.interval),
    targets: 1,
    channels: 1,
    horizon: HORIZON,
    season: series.seasons[0],
    seasons: series.seasons,
    quantiles: LEVELS,
    seed: 1,
  });
  const lane = state.lanes.lane('series');
  const rows = series.values.length;
  const mean = new Float64Array(rows * HORIZON);
  const outlook = { mean: new Float64Array(HORIZON), quantiles: new Float64Array(HORIZON * LEVELS.length) };
  const wave = {
    rows: 1,
    lanes: Int32Array.of(lane),
    times: new Float64Array(1),
    values: new Float64Array(1),
    channels: 1,
    elapsed: Float64Array.of(series.interval),
    flags: new Uint8Array(1),
  };
  const start = performance.now();
  for (let row = 0; row < rows; row++) {
    wave.times[0] = series.times[row]!;
    wave.values[0] = series.values[row]!;
    ring.push(lane, wave.times[0], wave.values, 0);
    inputs.follow(wave);
    forecaster.step(wave, outlook);
    mean.set(outlook.mean, row * HORIZON);
  }
  const microseconds = ((performance.now() - start) * 1000) / rows;
  const columns = state.lanes.snapshot().columns as readonly Column[];
  return { name: written, mean, microseconds, bytes: bytesOf(columns) };
}

/** The mixture of the outcomes with its intervals, row by row as the line would do it. */
function mix(outcomes: readonly Outcome[], series: Series) {
  const state = new State();
  const mixture = new Mixture(state.lanes, { experts: outcomes.length, cells: HORIZON });
  const mixtureBytes = bytesOf(state.lanes.snapshot().columns as readonly Column[]);
  const interval = new Interval(state.lanes, { cells: HORIZON, levels: LEVELS });
  const lane = state.lanes.lane('series');
  const rows = series.values.length;
  const n = LEVELS.length;
  const experts = new Float64Array(rows * HORIZON * outcomes.length);
  outcomes.forEach(({ mean }, e) => mean.forEach((value, i) => (experts[i * outcomes.length + e] = value)));
  const mean = new Float64Array(rows * HORIZON);
  const base = new Float64Array(rows * HORIZON * n);
  const issued = new Float64Array(rows * HORIZON * n);
  let mixing = 0;
  let calibrating = 0;
  for (let row = 0; row < rows; row++) {
    const truth = series.values[row]!;
    const start = performance.now();
    for (let step = 0; step < HORIZON && step < row; step++) {
      const at = (row - step - 1) * HORIZON + step;
      mixture.update(lane, step, experts, at * outcomes.length, 1, truth);
    }
    for (let step = 0; step < HORIZON; step++) {
      const at = row * HORIZON + step;
      mean[at] = mixture.combine(lane, step, experts, at * outcomes.length, 1);
    }
    const middle = performance.now();
    for (let step = 0; step < HORIZON && step < row; step++) {
      const at = (row - step - 1) * HORIZON + step;
      interval.update(lane, step, base, at * n, issued, at * n, truth);
    }
    for (let step = 0; step < HORIZON; step++) {
      const at = row * HORIZON + step;
      base.fill(mean[at]!, at * n, at * n + n);
      interval.apply(lane, step, base, at * n, issued, at * n);
    }
    mixing += middle - start;
    calibrating += performance.now() - middle;
  }
  const bytes = bytesOf(state.lanes.snapshot().columns as readonly Column[]);
  const weights = Array.from({ length: HORIZON }, (_, step) => {
    const into = new Float64Array(outcomes.length);
    mixture.weights(lane, step, into);
    return into;
  });
  const outcome = { name: 'mixture', mean, microseconds: (mixing * 1000) / rows, bytes: mixtureBytes };
  return { outcome, issued, weights, microseconds: (calibrating * 1000) / rows, bytes: bytes - mixtureBytes };
}

function mae(mean: Float64Array, series: Series, step: number, from: number): number {
  let sum = 0;
  let count = 0;
  for (let row = from; row + step < series.values.length; row++, count++) {
    sum += Math.abs(series.values[row + step]! - mean[row * HORIZON + step - 1]!);
  }
  return sum / count;
}

/** Coverage of the central interval between levels i and last - i, over a range of origins. */
function coverage(issued: Float64Array, series: Series, step: number, i: number, from: number, to: number): number {
  let inside = 0;
  const n = LEVELS.length;
  for (let row = from; row < to; row++) {
    const at = (row * HORIZON + step - 1) * n;
    const truth = series.values[row + step]!;
    if (truth >= issued[at + i]! && truth <= issued[at + n - 1 - i]!) inside++;
  }
  return inside / (to - from);
}

function pinball(issued: Float64Array, series: Series, step: number, from: number): number {
  let sum = 0;
  const n = LEVELS.length;
  const last = series.values.length - step;
  for (let row = from; row < last; row++) {
    for (let i = 0; i < n; i++) {
      const above = series.values[row + step]! - issued[(row * HORIZON + step - 1) * n + i]!;
      sum += above >= 0 ? LEVELS[i]! * above : (LEVELS[i]! - 1) * above;
    }
  }
  return sum / (last - from) / n;
}

function load(folder: string, file: string): Series {
  const lines = readFileSync(`${folder}/${file}`, 'utf8').trim().split('\n').slice(1);
  const rows = Math.floor(lines.length * Number(args.fraction));
  const cells = lines.slice(0, rows).map((line) => line.split(','));
  const times = Float64Array.from(cells, ([time]) => Date.parse(`${time!.replace(' ', 'T')}Z`));
  const gaps = Float64Array.from(times.subarray(1), (time, i) => time - times[i]!).sort();
  const interval = gaps[gaps.length >> 1]!;
  const seasons = [86_400_000, 604_800_000].map((span) => span / interval).filter((season) => season * 3 <= lines.length);
  return {
    name: file.replace('.csv', ''),
    interval,
    times,
    values: Float64Array.from(cells, ([, value]) => Number(value)),
    seasons,
  };
}

const folder = positionals[0] ?? 'synthetic';
const all =
  folder === 'synthetic'
    ? SYNTHETIC.map((make) => make())
    : readdirSync(folder)
        .filter((file) => file.endsWith('.csv'))
        .map((file) => load(folder, file));
const show = (value: number) => value.toPrecision(4).padStart(9);
for (const series of all.filter(({ name }) => !args.files || args.files.split(',').some((part) => name.includes(part)))) {
  const from = Math.floor(series.values.length * Number(args.from));
  const outcomes = args.forecasters.split(',').map((name) => forecast(name, series));
  const mixed = mix(outcomes, series);
  console.log(
    `\n${series.name}: ${series.values.length} rows, scored from ${from}, seasons ${series.seasons.join() || 'none'}, horizon ${HORIZON}`,
  );
  for (const { name, mean, microseconds, bytes } of [...outcomes, mixed.outcome]) {
    const e = outcomes.findIndex((outcome) => outcome.name === name);
    const weight = (step: number) => (e < 0 ? '' : mixed.weights[step - 1]![e]!.toFixed(2));
    console.log(
      `  ${name.padEnd(24)} MAE h1 ${show(mae(mean, series, 1, from))}  h${HORIZON} ${show(mae(mean, series, HORIZON, from))}` +
        `  ${microseconds.toFixed(2).padStart(7)} us/row ${String(bytes).padStart(7)} B/series  ${weight(1)} ${weight(HORIZON)}`,
    );
  }
  for (const step of new Set([1, HORIZON])) {
    const last = series.values.length - step;
    const tenths = Array.from({ length: 10 }, (_, t) => {
      const [a, b] = [t, t + 1].map((x) => from + Math.floor(((last - from) * x) / 10));
      return Math.round(100 * coverage(mixed.issued, series, step, 1, a!, b!));
    });
    const [wide, narrow] = [0, 1].map((i) => (100 * coverage(mixed.issued, series, step, i, from, last)).toFixed(1));
    console.log(
      `  interval h${step}: 80 % ${narrow}, 95 % ${wide}, tenths of 80 %: ${tenths.join(' ')}; pinball ${show(pinball(mixed.issued, series, step, from))}`,
    );
  }
  console.log(`  interval: ${mixed.microseconds.toFixed(2)} us/row, ${mixed.bytes} B/series`);
}

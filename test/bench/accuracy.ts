/**
 * How accurate the default forecast is, beside what other tools reached on the same rows: `npm run accuracy`.
 *
 *   node dist/test/bench/accuracy.js [--only taxi,ec2,memory] [--data FOLDER] [--choose] [--models naive,linear] [--json]
 *
 * Progressive: nothing is fitted on rows later than a forecast's origin. Every pipeline names columns, seasons and horizon; the rest is
 * default. `--choose` reads the first part of each file only (30 % of the NAB files, 11,520 rows of ETTh1) and scores its second half: settings are chosen there.
 * ETTh1 and M4 are read from `--data` (`ett/ETTh1.csv`, `m4/Hourly-train.csv`, `m4/Hourly-test.csv`) and left out without it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { COMPONENTS } from '../../src/cli/components.ts';
import type { ForecastBatch } from '../../src/core/batch.ts';
import type { Source } from '../../src/core/connector.ts';
import { EventBus } from '../../src/core/events.ts';
import { Random, seedOf } from '../../src/core/random.ts';
import { runPipeline, type RunResult } from '../../src/pipeline/run.ts';
import type { ScoreSummary } from '../../src/forecast/score.ts';
import { Coverage, type CoverageFigures } from './coverage.ts';
import { latches, latchLines } from './latch.ts';
import { pipeline } from './workload.ts';

const { values: args } = parseArgs({
  options: {
    only: { type: 'string' },
    data: { type: 'string' },
    models: { type: 'string' },
    retrain: { type: 'string' },
    ring: { type: 'string' },
    choose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});

/** What is read, and from which row on forecasts are scored. */
interface Case {
  readonly name: string;
  readonly sections: Readonly<Record<string, unknown>>;
  /** Rows of a series that are read, and the first origin that is scored, counted from 0. */
  readonly rows: number;
  readonly from: number;
  /** Error measure: `mae` of steps 1 and last; `z` MSE and MAE over all steps, scaled by the first `scaled` rows; `m4`; `walks`: error over naive's, and series without skill; `shifts`: error after changes of regime over that of the best model there; `memory`: error without the network over that with it, of all rows and of those that hang on something over 200 rows old. */
  readonly measure: 'mae' | 'z' | 'm4' | 'walks' | 'shifts' | 'memory';
  readonly wanted: string;
}

const NAB = {
  taxi: ['nyc_taxi', 10_320, [48, 336], '30m', '455 / 1266'],
  ec2: ['ec2_cpu_utilization_5f5533', 4032, [288], '5m', '1.12 / 1.51'],
  occupancy: ['occupancy_6005', 2380, [288], '5m', '1.67 / 1.96'],
  machine: ['machine_temperature_system_failure', 22_695, [288], '5m', '0.748 / 2.07'],
} as const;
const ETT = { rows: 14_400, known: 11_520, scaled: 8640 };
const ETT_COLUMNS = ['HUFL', 'HULL', 'MUFL', 'MULL', 'LUFL', 'LULL', 'OT'];

function cases(folder: string): Case[] {
  const found: Case[] = [];
  for (const [name, [file, rows, season, interval, wanted]] of Object.entries(NAB)) {
    const known = Math.floor(rows * 0.3);
    found.push({
      name,
      sections: {
        source: { type: 'arrow', path: resolve(`pipelines/data/${file}.arrow`), name },
        clean: { lateness: '1h', duplicates: 'keep' },
        window: { grid: 'rows', interval },
        forecast: { horizon: 12, season },
      },
      rows: args.choose ? known : rows,
      from: (args.choose ? Math.floor(known / 2) : known) - 1,
      measure: 'mae',
      wanted,
    });
  }
  found.push({
    name: 'walks',
    sections: {
      source: { type: 'synthetic', kind: 'random-walk', series: 100, rows: 100_000, interval: '1m', seed: 21 },
      window: { grid: 'rows', interval: '1m' },
      forecast: { horizon: 1, season: 24 },
    },
    rows: Infinity,
    from: 299,
    measure: 'walks',
    wanted: 'within 1 %, 90 without skill',
  });
  found.push({
    name: 'shifts',
    sections: {
      source: { type: 'csv', path: shiftTicks(folder), time: 'time', series: 'series', values: ['value'] },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon: 1, season: 24 },
    },
    rows: Infinity,
    from: 2 * REGIME - 1,
    measure: 'shifts',
    wanted: 'within 1.10',
  });
  found.push({
    name: 'memory',
    sections: {
      source: { type: 'csv', path: memoryTicks(folder), time: 'time', series: 'series', values: ['value', 'set', 'cue'] },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon: 1, season: 24, targets: ['value'] },
    },
    rows: Infinity,
    from: MEMORY.rows * 0.3 - 1,
    measure: 'memory',
    wanted: 'from 1.20 / 1.20',
  });
  if (args.data === undefined) return found;
  const data = resolve(args.data);
  const ett = (name: string, targets: string[], horizon: number, wanted: string): Case => ({
    name,
    sections: {
      source: { type: 'csv', path: join(data, 'ett/ETTh1.csv'), time: 'date', values: targets, name: 'ETTh1' },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon, season: [24, 168], targets },
    },
    rows: args.choose ? ETT.known : ETT.rows,
    from: (args.choose ? ETT.scaled : ETT.known) - 1,
    measure: 'z',
    wanted,
  });
  found.push(ett('ett-ot-1', ['OT'], 1, '0.0038 / 0.0454'), ett('ett-ot-24', ['OT'], 24, '0.0266 / 0.1240'));
  found.push(ett('ett-all-1', ETT_COLUMNS, 1, '0.0915 / 0.1941'), ett('ett-all-24', ETT_COLUMNS, 24, '0.2952 / 0.3490'));
  found.push({
    name: 'm4',
    sections: {
      source: { type: 'csv', path: m4Ticks(data, folder), time: 'time', series: 'series', values: ['value'] },
      window: { grid: 'rows', interval: '1h' },
      forecast: { horizon: 48, season: [24, 168] },
    },
    rows: Infinity,
    from: 0,
    measure: 'm4',
    wanted: '9.328 / 0.893',
  });
  return found;
}

/** Rows of a regime, and those after its begin that are looked at. */
const REGIME = 1000;
const AFTER = 500;

/** Six seeded series that become something else every thousand rows: a walk, noise about a level, a season, a trend, a slow return to a level. */
function shiftTicks(folder: string): string {
  const kinds: ((t: number, before: number, draw: () => number) => number)[] = [
    (_, before, draw) => before + draw(),
    (_, __, draw) => 40 + 3 * draw(),
    (t, _, draw) => 20 + 15 * Math.sin((2 * Math.PI * t) / 24) + draw(),
    (t, _, draw) => 0.05 * (t % REGIME) + 2 * draw(),
    (_, before, draw) => 60 + 0.9 * (before - 60) + draw(),
  ];
  const series = Array.from({ length: 6 }, (_, s) => {
    const random = new Random(seedOf('shifts', s));
    const order = Array.from({ length: 8 }, () => random.below(kinds.length));
    let value = 0;
    return Array.from(
      { length: 8 * REGIME },
      (__, t) => (value = kinds[order[Math.floor(t / REGIME)]!]!(t, value, () => random.normal(Math.log))),
    );
  });
  const lines = ['time,series,value'];
  for (let t = 0; t < 8 * REGIME; t++)
    series.forEach((values, s) => lines.push(`${new Date(Date.UTC(2020, 0, 1, t)).toISOString()},s${s},${values[t]}`));
  const path = join(folder, 'shifts.csv');
  writeFileSync(path, lines.join('\n'));
  return path;
}

const MEMORY = { series: 24, rows: 8000 };

function memoryTicks(folder: string): string {
  const path = join(folder, 'memory.csv');
  writeFileSync(path, latchLines(latches(MEMORY)).join('\n'));
  return path;
}

/** Errors one step ahead, of every model and of what was sent out, in the rows after each change of regime. */
class AfterShifts {
  readonly #said = new Map<string, number[]>();
  /** Series and regime -> sums by model, the output last. */
  readonly sums = new Map<string, number[]>();

  take({ length, lanes, keys, actual, mean, opinions, targets, horizon }: ForecastBatch, from: number): void {
    if (!opinions) return;
    const { models, index, said } = opinions;
    const cells = targets * horizon;
    for (let row = 0; row < length; row++) {
      const key = keys[lanes[row]!]!;
      const n = index[row]! - 1;
      const before = this.#said.get(key);
      if (before && n > from && n % REGIME < AFTER) {
        const place = `${key} ${Math.floor(n / REGIME)}`;
        const sums = this.sums.get(place) ?? before.map(() => 0);
        this.sums.set(
          place,
          sums.map((sum, m) => sum + Math.abs(actual[row * targets]! - before[m]!)),
        );
      }
      const own = Array.from(models, (_, m) => said[row * cells * models.length + m]!);
      this.#said.set(key, [...own, mean[row * cells]!]);
    }
  }

  /** The error over that of the best single model in hindsight: over all changes together, and the worst of them. */
  figures(): number[] {
    const ratios = [...this.sums.values()].map((sums) => [sums.at(-1)!, Math.min(...sums.slice(0, -1))] as const);
    const total = ratios.reduce((sum, [own]) => sum + own, 0) / ratios.reduce((sum, [, best]) => sum + best, 0);
    return [total, Math.max(...ratios.map(([own, best]) => own / best))];
  }
}

/** The training rows of all series in order of time, each beginning at the same hour; with `--choose` less their last 48. */
function m4Ticks(data: string, folder: string): string {
  const series = m4Series(data);
  const longest = series.reduce((most, { train }) => Math.max(most, train.length), 0);
  const lines = ['time,series,value'];
  for (let row = 0; row < longest; row++)
    for (const { name, train } of series)
      if (row < train.length) lines.push(`${new Date(Date.UTC(2015, 0, 1, row)).toISOString()},${name},${train[row]}`);
  const path = join(folder, 'm4.csv');
  writeFileSync(path, lines.join('\n'));
  return path;
}

interface M4Series {
  readonly name: string;
  readonly train: readonly number[];
  readonly test: readonly number[];
}

function m4Series(data: string): M4Series[] {
  const read = (file: string) =>
    readFileSync(join(data, 'm4', file), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.split(',').map((cell) => cell.replaceAll('"', '')))
      .map(([name, ...cells]) => ({ name: name!, numbers: cells.filter((cell) => cell !== '').map(Number) }));
  const tests = read('Hourly-test.csv');
  return read('Hourly-train.csv').map(({ name, numbers }, i) =>
    args.choose
      ? { name, train: numbers.slice(0, -48), test: numbers.slice(-48) }
      : { name, train: numbers, test: tests[i]!.numbers },
  );
}

/** Errors by cell (target x step), of origins from the first that is scored. */
class Errors {
  readonly #from: number;
  readonly #only: (series: string, row: number) => boolean;
  readonly #rows = new Map<string, number>();
  readonly absolute: number[] = [];
  readonly squared: number[] = [];
  readonly count: number[] = [];
  /** What was forecast last for each series, first target. */
  readonly last = new Map<string, Float64Array>();

  /** `only`: the rows whose errors count. */
  constructor(from: number, only: (series: string, row: number) => boolean = () => true) {
    this.#from = from;
    this.#only = only;
  }

  /** Of a cell. */
  mae(cell: number): number {
    return this.absolute[cell]! / this.count[cell]!;
  }

  take(batch: ForecastBatch): void {
    const { length, lanes, keys, targets, horizon, errors, mean } = batch;
    const cells = targets * horizon;
    for (let row = 0; row < length; row++) {
      const key = keys[lanes[row]!]!;
      const n = this.#rows.get(key) ?? 0;
      this.#rows.set(key, n + 1);
      if (!this.#only(key, n)) continue;
      this.last.set(key, mean.slice(row * cells, row * cells + horizon));
      for (let cell = 0; cell < cells; cell++) {
        const error = errors[row * cells + cell]!;
        if (n - (cell % horizon) - 1 < this.#from || Number.isNaN(error)) continue;
        this.absolute[cell] = (this.absolute[cell] ?? 0) + Math.abs(error);
        this.squared[cell] = (this.squared[cell] ?? 0) + error * error;
        this.count[cell] = (this.count[cell] ?? 0) + 1;
      }
    }
  }
}

/** Ends a source after so many rows of its one series. */
function cut(source: Source, rows: number): Source {
  if (rows === Infinity) return source;
  return {
    channels: source.channels,
    bounded: true,
    async *read(from, signal) {
      let left = rows;
      for await (const batch of source.read(from, signal)) {
        const n = Math.min(left, batch.times.length);
        const part = (column: Float64Array) => column.subarray(0, n);
        yield {
          ...batch,
          codes: batch.codes.subarray(0, n),
          times: part(batch.times),
          offsets: part(batch.offsets),
          channels: batch.channels.map(part),
        };
        left -= n;
        if (left === 0) return;
      }
    },
    close: () => source.close(),
  };
}

const digits = (x: number) => (x >= 1000 ? x.toFixed(0) : x >= 100 ? x.toFixed(1) : x >= 1 ? x.toFixed(3) : x.toFixed(4));

interface Replayed {
  readonly result: RunResult;
  readonly errors: Errors;
  /** Of {@link Errors}, those that hang on something long past. */
  readonly late: Errors;
  readonly shifts: AfterShifts;
  readonly coverage: Coverage;
  readonly verdicts: readonly string[];
  readonly trainings: number;
  readonly training: number;
  readonly seconds: number;
}

async function replay({ sections, rows, from, measure }: Case, folder: string, models = args.models): Promise<Replayed> {
  const forecast = sections['forecast'] as Record<string, unknown>;
  const spec = pipeline(folder, {
    ...sections,
    seed: Number(args.seed),
    forecast: {
      ...forecast,
      warmup: Math.max(0, from),
      ...(models ? { models: models.startsWith('[') ? (JSON.parse(models) as unknown) : models.split(',') } : {}),
    },
    ...(args.ring ? { window: { ...(sections['window'] as object), ring: Number(args.ring) } } : {}),
    ...(args.retrain ? { retrain: JSON.parse(args.retrain) as unknown } : {}),
  });
  const events = new EventBus();
  let trainings = 0;
  let training = 0;
  events.on('training.finished', ({ milliseconds }) => {
    trainings++;
    training += milliseconds;
  });
  const errors = new Errors(from);
  const switches = new Map(measure === 'memory' ? latches(MEMORY).map(({ name, late }) => [name, late]) : []);
  const late = new Errors(from, (series, row) => switches.get(series)?.[row] === 1);
  const shifts = new AfterShifts();
  const coverage = new Coverage(from, spec.forecast.horizon, spec.forecast.quantiles);
  let verdicts: string[] = [];
  const began = performance.now();
  const result = await runPipeline(spec, {
    ...COMPONENTS,
    signal: new AbortController().signal,
    fast: true,
    fresh: true,
    events,
    wrap: (source) => cut(source, rows),
    opinions: measure === 'shifts',
    watch: (batch) => {
      errors.take(batch);
      late.take(batch);
      coverage.take(batch);
      if (measure === 'shifts') shifts.take(batch, from);
    },
    ended: ({ ensemble }) => {
      verdicts = ensemble.lanes.keys.map((_, lane) => ensemble.scores.summary(lane, 0, 0).skill['naive']!.verdict);
    },
  });
  const seconds = (performance.now() - began) / 1000;
  return { result, errors, late, shifts, coverage, verdicts, trainings, training: training / 1000, seconds };
}

async function run(one: Case, folder: string): Promise<void> {
  const { sections, measure, wanted, name } = one;
  const { result, errors, late, shifts, coverage, verdicts, trainings, training, seconds } = await replay(one, folder);
  const { horizon } = sections['forecast'] as { horizon: number };
  let figures: number[];
  if (measure === 'mae') figures = [errors.mae(0), errors.mae(horizon - 1)];
  else if (measure === 'z') figures = zScored(errors, sections, horizon);
  else if (measure === 'shifts') figures = shifts.figures();
  else if (measure === 'walks') figures = walkFigures(result, verdicts);
  else if (measure === 'm4') figures = m4Scores(errors.last);
  else {
    const without = await replay(one, folder, 'naive,seasonal-naive,holt-winters,linear,ridge,boosted');
    figures = [without.errors.mae(0) / errors.mae(0), without.late.mae(0) / late.mae(0)];
  }
  const covered = coverage.figures();
  const told = { name, figures, wanted, covered, trainings, training_seconds: training, seconds, rows: result.rows };
  if (args.json) return console.log(JSON.stringify(told));
  console.log(
    `${name.padEnd(12)} ${figures.map(digits).join(' / ').padEnd(18)} reach ${wanted.padEnd(18)} ${seconds.toFixed(1)} s, ${trainings} trainings in ${training.toFixed(1)} s`,
  );
  if (measure === 'm4') return;
  for (const step of horizon > 1 ? [0, horizon - 1] : [0]) {
    const summary = result.scores[0]![step]!;
    console.log(`   step ${step + 1}: ${modelsOf(summary)}`);
  }
  console.log(`   intervals: ${covered.map(coverageText).join('; ')}`);
}

/** In percent; what there is too little for is left out. */
function coverageText({ nominal, first, longer, tenth }: CoverageFigures): string {
  const percent = (share: number) => (100 * share).toFixed(1);
  return [
    `${percent(nominal)} % held ${percent(first)} at step 1`,
    ...(Number.isNaN(tenth) ? [] : [`worst tenth ${percent(tenth)}`]),
    ...(Number.isNaN(longer) ? [] : [`worst longer step ${percent(longer)}`]),
  ].join(', ');
}

function walkFigures({ scores }: RunResult, verdicts: readonly string[]): number[] {
  return [1 - scores[0]![0]!.skill['naive']!.skill, verdicts.filter((each) => each === 'no skill').length];
}

function modelsOf(summary: ScoreSummary): string {
  return Object.entries(summary.models)
    .map(([name, { mae }]) => `${name} ${digits(mae)}`)
    .join(', ');
}

function zScored(errors: Errors, sections: Case['sections'], horizon: number): number[] {
  const { path, values } = sections['source'] as { path: string; values: string[] };
  const [head, ...lines] = readFileSync(path, 'utf8').trim().split('\n');
  const columns = head!.split(',');
  let [mse, mae] = [0, 0];
  values.forEach((value, t) => {
    const at = columns.indexOf(value);
    const known = lines.slice(0, ETT.scaled).map((line) => Number(line.split(',')[at]));
    const m = known.reduce((sum, x) => sum + x, 0) / known.length;
    const sd = Math.sqrt(known.reduce((sum, x) => sum + (x - m) ** 2, 0) / known.length);
    for (let h = 0; h < horizon; h++) {
      const cell = t * horizon + h;
      mse += errors.squared[cell]! / errors.count[cell]! / sd ** 2;
      mae += errors.absolute[cell]! / errors.count[cell]! / sd;
    }
  });
  return [mse / values.length / horizon, mae / values.length / horizon];
}

function m4Scores(last: ReadonlyMap<string, Float64Array>): number[] {
  let [smape, mase] = [0, 0];
  const series = m4Series(resolve(args.data!));
  for (const { name, train, test } of series) {
    const forecast = last.get(name)!;
    let scale = 0;
    for (let i = 24; i < train.length; i++) scale += Math.abs(train[i]! - train[i - 24]!) / (train.length - 24);
    let [s, a] = [0, 0];
    test.forEach((y, h) => {
      s += (200 * Math.abs(y - forecast[h]!)) / (Math.abs(y) + Math.abs(forecast[h]!));
      a += Math.abs(y - forecast[h]!);
    });
    smape += s / test.length / series.length;
    mase += a / test.length / scale / series.length;
  }
  return [smape, mase];
}

const folder = mkdtempSync(join(tmpdir(), 'tidecast-accuracy-'));
try {
  const wanted = args.only?.split(',');
  for (const one of cases(folder)) if (!wanted || wanted.includes(one.name)) await run(one, folder);
} finally {
  rmSync(folder, { recursive: true });
}

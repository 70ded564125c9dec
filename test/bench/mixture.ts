/** What the default mixture costs: rows a second, and by part the microseconds a row and the bytes a series. */
import { join } from 'node:path';
import type { Lanes } from '../../src/core/lanes.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import { Mixture } from '../../src/forecast/mixture.ts';
import { QuantileMixture } from '../../src/forecast/quantile-mixture.ts';
import { Scores } from '../../src/forecast/score.ts';
import type { LoadedSpec } from '../../src/pipeline/load.ts';
import { median, round, whole, type Emit } from './figure.ts';
import { inFolder, MIXTURE, pipeline, timed, writeTicks } from './workload.ts';

const SERIES = 1000;
const ROWS = 500_000;
const RUNS = 3;
const BAR = 30_000;

/** Emits the promised figure, then the parts. */
export async function mixtureBench(emit: Emit): Promise<void> {
  await inFolder(async (folder) => {
    const path = join(folder, 'ticks.arrow');
    await writeTicks(path, SERIES, ROWS);
    const spec = pipeline(folder, {
      source: { type: 'arrow', path, time: 'time', series: 'series', values: ['value'] },
      forecast: MIXTURE,
    });
    const models = modelsOf(spec);
    const rates: number[] = [];
    for (let n = 0; n < RUNS; n++) rates.push((ROWS / (await timed(spec)).milliseconds) * 1000);
    const rate = median(rates);
    emit({
      keys: {
        bench: 'mixture',
        peer: 'tidecast',
        model: models.join('+'),
        series: SERIES,
        rows: ROWS,
        threads: 1,
        rows_per_s: Math.round(rate),
      },
      what: `whole line, ${whole(ROWS)} rows`,
      shown: `${whole(rate)} rows/s`,
      bar: `at least ${whole(BAR)}`,
      pass: rate >= BAR,
    });
    await parts(spec, emit);
  });
}

function modelsOf({ forecast }: LoadedSpec): string[] {
  return forecast.models.map(({ type }) => type);
}

async function parts(spec: LoadedSpec, emit: Emit): Promise<void> {
  const watches = new Map(modelsOf(spec).map((name) => [name, new Stopwatch()]));
  // in place: a copy would be a forecaster from elsewhere, which the line puts a quarantine around
  for (const component of FORECASTERS) {
    const { build } = component;
    component.build = (...given) => {
      const model = build(...given);
      watches.get(component.name)?.watch(model, 'step');
      return model;
    };
  }
  watches.set('score', new Stopwatch().watch(Scores.prototype, 'add'));
  watches.set('mixture', new Stopwatch().watch(Mixture.prototype, 'update', 'combine'));
  watches.set('quantiles', new Stopwatch().watch(QuantileMixture.prototype, 'update', 'apply'));
  let lanes!: Lanes;
  const { milliseconds } = await timed(spec, { built: (line) => (lanes = line.ensemble.lanes) });
  const bytes = new Map<string, number>();
  for (const column of lanes.columns) {
    const [station] = column.name.split('.') as [string];
    bytes.set(station, (bytes.get(station) ?? 0) + column.bytes);
  }
  const say = (model: string, microseconds: number | null, held: number): void =>
    emit({
      keys: {
        bench: 'mixture_part',
        peer: 'tidecast',
        model,
        series: SERIES,
        us_per_row: microseconds === null ? null : round(microseconds),
        bytes_per_series: held,
      },
      what: model,
      shown: `${microseconds === null ? '' : `${microseconds.toFixed(2)} us a row, `}${whole(held)} bytes a series`,
    });
  let watched = 0;
  let overhead = 0;
  for (const [name, watch] of watches) {
    watched += watch.milliseconds;
    overhead += watch.overhead;
    say(name, (watch.milliseconds * 1000) / ROWS, bytes.get(name) ?? 0);
    bytes.delete(name);
  }
  for (const [name, held] of bytes) say(name, null, held);
  const rest = ((milliseconds - watched - overhead) * 1000) / ROWS;
  emit({
    keys: { bench: 'mixture_part', peer: 'tidecast', model: 'rest of the line', series: SERIES, us_per_row: round(rest) },
    what: 'reading, cleaning, windowing, keeping',
    shown: `${rest.toFixed(2)} us a row`,
  });
}

/** Adds up the time within methods, calls of one watched method by another counted once. */
class Stopwatch {
  #sum = 0;
  #calls = 0;
  #depth = 0;

  watch(owner: object, ...methods: readonly string[]): this {
    const target = owner as Record<string, (...given: unknown[]) => unknown>;
    for (const name of methods) {
      const method = target[name]!;
      // eslint-disable-next-line @typescript-eslint/no-this-alias -- the method's own `this` is another one
      const watch = this;
      target[name] = function (this: unknown, ...given) {
        if (watch.#depth > 0) return method.apply(this, given);
        watch.#depth++;
        watch.#calls++;
        const start = performance.now();
        const result = method.apply(this, given);
        watch.#sum += performance.now() - start;
        watch.#depth--;
        return result;
      };
    }
    return this;
  }

  /** What the watching itself costs inside the measured time. */
  get overhead(): number {
    return this.#calls * READING;
  }

  get milliseconds(): number {
    return Math.max(0, this.#sum - this.overhead);
  }
}

/** Milliseconds between two readings of the clock, one right after the other. */
const READING = (() => {
  let sum = 0;
  for (let n = 0; n < 200_000; n++) sum -= performance.now() - performance.now();
  return sum / 200_000;
})();

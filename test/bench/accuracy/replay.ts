/** One run of a case, and everything that is measured on the way. */
import { COMPONENTS } from '../../../src/cli/components.ts';
import type { Source } from '../../../src/core/connector.ts';
import { EventBus } from '../../../src/core/events.ts';
import { runPipeline, type RunResult } from '../../../src/pipeline/run.ts';
import { Coverage } from '../coverage.ts';
import { latches } from '../latch.ts';
import { pipeline } from '../workload.ts';
import { AfterShifts } from './after-shifts.ts';
import type { Case } from './cases.ts';
import { Errors } from './errors.ts';
import { MEMORY } from './made-up.ts';

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

/** What came out of a run. */
export interface Replayed {
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

/** What may differ from the defaults, to look at what they do. */
export interface ReplayOptions {
  /** Names with commas between them, or a JSON array. */
  readonly models?: string | undefined;
  /** The section `retrain`, as JSON. */
  readonly retrain?: string | undefined;
  readonly ring?: string | undefined;
  readonly seed?: string | undefined;
}

/** Runs a case through the product's own line, with state in `folder`. */
export async function replay(
  { sections, rows, from, measure }: Case,
  folder: string,
  { models, retrain, ring, seed = '1' }: ReplayOptions = {},
): Promise<Replayed> {
  const forecast = sections['forecast'] as Record<string, unknown>;
  const spec = pipeline(folder, {
    ...sections,
    seed: Number(seed),
    forecast: {
      ...forecast,
      warmup: Math.max(0, from),
      ...(models ? { models: models.startsWith('[') ? (JSON.parse(models) as unknown) : models.split(',') } : {}),
    },
    ...(ring ? { window: { ...(sections['window'] as object), ring: Number(ring) } } : {}),
    ...(retrain ? { retrain: JSON.parse(retrain) as unknown } : {}),
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

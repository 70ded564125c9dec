/** The whole line in memory: ticks in, bits out; cut into batches, stopped and restarted where a test wants it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastValueFrom } from 'rxjs';
import { tap } from 'rxjs/operators';
import type { ForecastBatch, Reject, SourceBatch } from '../../src/core/batch.ts';
import { ManualClock } from '../../src/core/clock.ts';
import type { Source } from '../../src/core/connector.ts';
import { EventBus } from '../../src/core/events.ts';
import type { Position } from '../../src/core/position.ts';
import { State, type StateSnapshot } from '../../src/core/state.ts';
import { FORECASTERS } from '../../src/forecast/index.ts';
import type { ScoreSummary } from '../../src/forecast/score.ts';
import { buildLine } from '../../src/pipeline/build.ts';
import type { Spec } from '../../src/pipeline/spec.ts';
import { SwapLog } from '../../src/pipeline/swap-log.ts';
import { train } from '../../src/train/train.ts';

export interface Row {
  readonly series: string;
  readonly time: number;
  readonly values: readonly number[];
}

/** A small spec; tests override what they are about. */
export function specOf(overrides: { [K in keyof Spec]?: Partial<Spec[K]> } = {}): Spec {
  const spec = {
    name: 'test',
    seed: 7,
    source: { type: 'memory', config: {} },
    clean: { lateness: 0, duplicates: 'first', jump_patience: 3 },
    window: { grid: 'rows', interval: 60_000, time_zone: 'UTC', gaps: { policy: 'mask', limit: 10 }, ring: 96 },
    forecast: {
      horizon: 2,
      quantiles: [0.1, 0.5, 0.9],
      models: ['naive', 'seasonal-naive', 'holt-winters', 'linear', 'ridge', 'boosted', 'recurrent', 'readout'].map((type) => ({
        type,
        config: configOf(type),
      })),
      output: 'mixture',
      season: [6],
      baselines: ['naive'],
      warmup: 4,
    },
    retrain: undefined,
    sinks: [],
    state: { path: '', checkpoint: 1000, max_lanes: 1_000_000 },
    replay: undefined,
    service: { ready_within: 60_000, stop_within: 20_000, log: 'off' },
  } as unknown as Spec;
  const merged = { ...spec } as Record<string, unknown>;
  for (const [key, value] of Object.entries(overrides)) {
    const given = merged[key];
    merged[key] = typeof given === 'object' && given !== null && typeof value === 'object' ? { ...given, ...value } : value;
  }
  return merged as unknown as Spec;
}

/** A forecaster's defaults, with a small network. */
export function configOf(type: string, more: object = {}): unknown {
  const small = type === 'recurrent' ? { hidden: 8, rebuild: 16, lags: 3 } : {};
  return FORECASTERS.find(({ name }) => name === type)!.config.parse({ ...small, ...more });
}

/** Retraining that is quick enough for a property test. */
export const QUICK_RETRAIN = {
  every: 25 * 60_000,
  lag: 0,
  drift: { error: false, inputs: false },
  rows: 80,
  holdout: 0.25,
  epochs: 1,
  batch: 4,
  steps: 6,
  burn_in: 3,
  learning_rate: 0.01,
  weight_decay: 0.01,
  clip: 1,
  loss: 'huber',
  max_seconds: 60,
} as unknown as NonNullable<Spec['retrain']>;

export interface Outcome {
  /** Bits by identity: forecasts, and the scores of their truth. */
  readonly outputs: Map<string, string>;
  readonly rejects: Reject[];
  readonly hash: string;
  readonly scores: readonly ScoreSummary[];
  readonly trainings: number;
}

export interface Cuts {
  /** Rows of each batch of the source; cycled. */
  readonly batches?: readonly number[];
  /** Rows after which the line is stopped and another goes on from its snapshot. */
  readonly restarts?: readonly number[];
  readonly exact?: boolean;
}

/** Runs rows through the whole line. */
export async function runLine(
  spec: Spec,
  rows: readonly Row[],
  { batches = [64], restarts = [], exact = true }: Cuts = {},
): Promise<Outcome> {
  const outputs = new Map<string, string>();
  const rejects: Reject[] = [];
  let trainings = 0;
  let snapshot: StateSnapshot | undefined;
  let last!: { state: State; scores: readonly ScoreSummary[] };
  const stops = [...new Set(restarts)].sort((a, b) => a - b).filter((at) => at > 0 && at < rows.length);
  for (const until of [...stops, rows.length]) {
    const folder = mkdtempSync(join(tmpdir(), 'tidecast-line-'));
    const stop = new AbortController();
    const state = new State({ maxLanes: spec.state.max_lanes });
    if (snapshot) state.restore(snapshot);
    const events = new EventBus();
    events.on('training.started', () => trainings++);
    const whole = until === rows.length;
    const line = buildLine(spec, {
      state,
      source: memorySource(rows.slice(0, until), batches, whole ? () => undefined : () => stop.abort()),
      sinks: [
        {
          open: async () => undefined,
          write: (batch) => record(batch, outputs),
          reject: (some) => void rejects.push(...some),
          flush: async () => undefined,
          close: async () => undefined,
        },
      ],
      forecasters: FORECASTERS,
      clock: new ManualClock(),
      events,
      signal: stop.signal,
      exact,
      paced: false,
      training: { runner: async (job) => train(job), log: new SwapLog(folder) },
    });
    if (snapshot) state.assertClaimed();
    await lastValueFrom(line.forecasts$.pipe(tap()), { defaultValue: undefined });
    await line.delivery.room();
    snapshot = structuredClone(state.snapshot());
    const { horizon } = spec.forecast;
    last = {
      state,
      scores: line.layout.targets.flatMap((_, t) => Array.from({ length: horizon }, (_, h) => line.ensemble.scores.total(t, h))),
    };
    rmSync(folder, { recursive: true });
  }
  return { outputs, rejects, hash: last.state.hash(), scores: last.scores, trainings };
}

/** Rows from memory, in batches of the given sizes. */
export function memorySource(rows: readonly Row[], batches: readonly number[], atEnd: () => void = () => undefined): Source {
  const channels = rows[0]?.values.map((_, c) => `c${c}`) ?? ['c0'];
  return {
    channels,
    bounded: true,
    async *read(from: Position | undefined): AsyncIterable<SourceBatch> {
      let at = from?.['0'] ?? 0;
      for (let b = 0; at < rows.length; b++) {
        const part = rows.slice(at, at + batches[b % batches.length]!);
        const series = [...new Set(part.map((row) => row.series))];
        yield {
          partition: 0,
          series,
          codes: Int32Array.from(part, (row) => series.indexOf(row.series)),
          times: Float64Array.from(part, (row) => row.time),
          channels: channels.map((_, c) => Float64Array.from(part, (row) => row.values[c]!)),
          offsets: Float64Array.from(part, (_, i) => at + i),
        };
        at += part.length;
      }
      atEnd();
    },
    close: async () => undefined,
  };
}

/** Writes a batch down: bits by identity, of forecasts and of the scores of their truth. */
export function record(batch: ForecastBatch, outputs: Map<string, string>): void {
  const { targets, horizon, quantileCount } = batch;
  for (let i = 0; i < batch.length; i++) {
    const series = batch.keys[batch.lanes[i]!]!;
    for (let t = 0; t < targets; t++) {
      for (let h = 0; h < horizon; h++) {
        const cell = (i * targets + t) * horizon + h;
        const id = `${series}|${t}|${h + 1}|`;
        const quantiles = batch.quantiles.subarray(cell * quantileCount, (cell + 1) * quantileCount);
        outputs.set(
          `${id}${batch.validTimes[i * horizon + h]!}|${batch.issued[i]!}`,
          bits(batch.mean[cell]!, batch.naive[cell]!, ...quantiles) + batch.models[batch.model[i]!]!,
        );
        const scored = batch.scoredTimes[i * horizon + h]!;
        if (scored === scored) outputs.set(`${id}${scored}|score`, bits(batch.actual[i * targets + t]!, batch.errors[cell]!));
      }
    }
  }
}

function bits(...numbers: number[]): string {
  return Buffer.from(Float64Array.from(numbers).buffer).toString('hex');
}

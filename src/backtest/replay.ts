/** A backtest: the same line, with a recording as its source, nothing paced, and a state that nobody keeps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { SourceBatch } from '../core/batch.ts';
import { defineSink } from '../core/component.ts';
import type { Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import type { ScoreSummary } from '../forecast/score.ts';
import { seriesNames } from '../window/sequences.ts';
import { drive, type RunOptions, type RunResult } from '../pipeline/run.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import { unscoredRows } from '../pipeline/season-search.ts';
import type { StateStore } from '../pipeline/state-store.ts';
import type { DriftWatch } from './alarms.ts';
import { DataHash } from './data-hash.ts';
import { marksOf, type Mark } from './marks.ts';
import { Recorder, type RecordOptions } from './record.ts';

export interface BacktestOptions extends Omit<RunOptions, 'fast' | 'fresh' | 'scoreFrom' | 'opinions'> {
  /** Rows before this event time are not scored, epoch ms. */
  readonly from?: number | undefined;
  /** The recording begins at this event time, epoch ms. */
  readonly since?: number | undefined;
  /** The recording ends before this event time, epoch ms. */
  readonly to?: number | undefined;
  /** Every so many rows of a series is an origin whose forecasts are scored. Default: 1, every row. */
  readonly stride?: number | undefined;
  /** Opens the file that takes a row a scored forecast. */
  readonly record?: RecordOptions['open'];
}

export interface BacktestResult extends RunResult {
  /** By series in name order, then target, then step. */
  readonly series: readonly { readonly name: string; readonly scores: readonly (readonly ScoreSummary[])[] }[];
  /** SHA-256 of the rows that came from the source, up to `to`. */
  readonly dataHash: string;
  /** Trainings, swaps of weights and the like, in the order in which they came. */
  readonly marks: readonly Mark[];
  /** What watches for drift. */
  readonly drift: readonly DriftWatch[];
  /** Why none was looked for, where the pipeline names no season. */
  readonly noSeason?: string;
}

/** A checkpoint never comes due. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * Replays a pipeline's recording through its line, weights swapped exactly, and scores it. Its sinks and its state are not touched;
 * `watch` sees the forecasts.
 */
export async function backtest(spec: LoadedSpec, options: BacktestOptions): Promise<BacktestResult> {
  const { from, since, to, stride = 1, record, wrap, ...rest } = options;
  const { horizon, quantiles, warmup, baselines, output, models } = spec.forecast;
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-backtest-'));
  const names = models.map(({ type }) => type);
  // the line scores every origin, and the pipeline's own forecast also where a shadow took over
  const scored = stride > 1 || spec.shadow?.promote !== undefined;
  const recorder =
    record || scored
      ? new Recorder({
          names: [...names, output === 'mixture' ? output : `${output} (output)`],
          ...{ baselines, horizon, quantiles, warmup, stride, scored, open: record, from: from ?? -Infinity },
        })
      : undefined;
  const replayed: LoadedSpec = {
    ...spec,
    sinks: recorder ? [{ type: RECORDER, config: {} }] : [],
    replay: undefined,
    state: { ...spec.state, checkpoint: NEVER },
    retrain: spec.retrain && { ...spec.retrain, swap: 'exact' },
  };
  let hash = new DataHash();
  const marks = marksOf(options.events);
  const drift: DriftWatch[] = [];
  let noSeason: string | undefined;
  const deaf = [
    options.events.on('drift.watched', (watch) => void drift.push(watch)),
    options.events.on('seasons.off', ({ reason }) => void (noSeason = reason)),
    // the recorder is made before they are looked for
    options.events.on('seasons.found', (found) => void (recorder && (recorder.warmup ||= unscoredRows(found)))),
  ];
  const steps = Array.from({ length: horizon }, (_, step) => step);
  let series: BacktestResult['series'] = [];
  try {
    const { result } = await drive(replayed, new NoStore(), folder, {
      ...rest,
      sinks: recorder ? [sinkOf(recorder)] : [],
      opinions: recorder !== undefined,
      fast: true,
      fresh: true,
      scoreFrom: from,
      ended: (line) => {
        const { ensemble, layout } = line;
        const counted = recorder?.scores(horizon);
        series = seriesNames(ensemble.lanes).map((name) => ({
          name,
          scores:
            counted?.of(name) ?? layout.targets.map((_, t) => steps.map((step) => ensemble.scores.summaryOf(name, t, step))),
        }));
        return options.ended?.(line);
      },
      wrap: (source: Source) => {
        if (!source.bounded) throw new TidecastError('BACKTEST_ENDLESS', { source: spec.source.type });
        const begun = since === undefined ? source : changed(source, (batch) => notBefore(batch, since));
        const until = to === undefined ? begun : changed(begun, (batch) => before(batch, to));
        // what is read first may be a search for seasons: the hash is that of the rows of the line
        const own = (hash = new DataHash());
        const read = {
          ...changed(until, (batch) => (own.add(batch), batch)),
          ...(to === undefined && since === undefined && source.rows ? { rows: () => source.rows!() } : {}),
        };
        return wrap ? wrap(read) : read;
      },
    });
    await recorder?.finish();
    const scores = recorder?.scores(horizon)?.total() ?? result.scores;
    const off = noSeason === undefined ? {} : { noSeason };
    return { ...result, scores, series, dataHash: hash.digest(), marks: marks(), drift, ...off };
  } catch (error) {
    await recorder?.discard();
    throw error;
  } finally {
    for (const each of deaf) each();
    rmSync(folder, { recursive: true, force: true });
  }
}

const RECORDER = 'backtest';

function sinkOf(recorder: Recorder) {
  return defineSink({
    name: RECORDER,
    status: 'stable',
    summary: 'Keeps forecasts until their truth comes.',
    config: z.strictObject({}),
    example: '{}',
    guarantees: [],
    build: () => recorder,
  });
}

class NoStore implements StateStore {
  load(): undefined {
    return undefined;
  }
  async save(): Promise<{ generation: number; bytes: number }> {
    return { generation: 0, bytes: 0 };
  }
  close(): void {
    // nothing was opened
  }
}

/** A source whose batches are looked at, or changed, on their way. */
export function changed(source: Source, change: (batch: SourceBatch) => SourceBatch): Source {
  return {
    channels: source.channels,
    bounded: source.bounded,
    close: () => source.close(),
    async *read(position, signal) {
      for await (const batch of source.read(position, signal)) yield change(batch);
    },
  };
}

/** The rows before an event time; a row without a time stays, so that it is refused like in a run. */
export function before(batch: SourceBatch, to: number): SourceBatch {
  return without(batch, (time) => time >= to);
}

/** The rows from an event time on, and those without a time. */
function notBefore(batch: SourceBatch, since: number): SourceBatch {
  return without(batch, (time) => time < since);
}

function without(batch: SourceBatch, left: (time: number) => boolean): SourceBatch {
  if (!batch.times.some(left)) return batch;
  const kept = [...batch.times.keys()].filter((i) => !left(batch.times[i]!));
  const take = (column: Float64Array) => Float64Array.from(kept, (i) => column[i]!);
  return {
    ...batch,
    codes: Int32Array.from(kept, (i) => batch.codes[i]!),
    times: take(batch.times),
    channels: batch.channels.map(take),
    offsets: take(batch.offsets),
    ids: batch.ids && take(batch.ids),
  };
}

/** A backtest: the same line, with a recording as its source, nothing paced, and a state that nobody keeps. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourceBatch } from '../core/batch.ts';
import type { Source } from '../core/connector.ts';
import { TidecastError } from '../core/errors.ts';
import type { ScoreSummary } from '../forecast/score.ts';
import { seriesNames } from '../window/sequences.ts';
import { drive, type RunOptions, type RunResult } from '../pipeline/run.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import type { StateStore } from '../pipeline/state-store.ts';

export interface BacktestOptions extends Omit<RunOptions, 'fast' | 'fresh' | 'scoreFrom' | 'wrap'> {
  /** Rows before this event time are not scored, epoch ms. */
  readonly from?: number | undefined;
  /** The recording ends before this event time, epoch ms. */
  readonly to?: number | undefined;
}

export interface BacktestResult extends RunResult {
  /** By series in name order, then target, then step. */
  readonly series: readonly { readonly name: string; readonly scores: readonly (readonly ScoreSummary[])[] }[];
}

/** A checkpoint never comes due. */
const NEVER = Number.MAX_SAFE_INTEGER;

/**
 * Replays a pipeline's recording through its line, weights swapped exactly, and scores it. Its sinks and its state are not touched;
 * `watch` sees the forecasts.
 */
export async function backtest(spec: LoadedSpec, options: BacktestOptions): Promise<BacktestResult> {
  const { from, to, ...rest } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tidecast-backtest-'));
  const replayed: LoadedSpec = {
    ...spec,
    sinks: [],
    replay: undefined,
    state: { ...spec.state, checkpoint: NEVER },
    retrain: spec.retrain && { ...spec.retrain, swap: 'exact' },
  };
  try {
    let series: BacktestResult['series'] = [];
    const { result } = await drive(replayed, new NoStore(), folder, {
      ...rest,
      fast: true,
      fresh: true,
      scoreFrom: from,
      ended: ({ ensemble: { scores, lanes }, layout: { targets } }) => {
        const steps = Array.from({ length: spec.forecast.horizon }, (_, step) => step);
        series = seriesNames(lanes).map((name) => ({
          name,
          scores: targets.map((_, t) => steps.map((step) => scores.summaryOf(name, t, step))),
        }));
      },
      wrap: (source: Source) => {
        if (!source.bounded) throw new TidecastError('BACKTEST_ENDLESS', { source: spec.source.type });
        return to === undefined ? source : endingAt(source, to);
      },
    });
    return { ...result, series };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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

/** The rows of a source before an event time; a row without a time stays, so that it is refused like in a run. */
function endingAt(source: Source, to: number): Source {
  return {
    channels: source.channels,
    bounded: source.bounded,
    close: () => source.close(),
    async *read(position, signal) {
      for await (const batch of source.read(position, signal)) yield before(batch, to);
    },
  };
}

function before(batch: SourceBatch, to: number): SourceBatch {
  if (!batch.times.some((time) => time >= to)) return batch;
  const kept = [...batch.times.keys()].filter((i) => !(batch.times[i]! >= to));
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

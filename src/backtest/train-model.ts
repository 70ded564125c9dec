/** A model from a recording: the line as in a backtest, retrained as its pipeline says, and one last training on all rows that it keeps. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { TidecastError } from '../core/errors.ts';
import { saveModel, weightsHash, type ModelFile } from '../nn/files.ts';
import type { Line } from '../pipeline/build.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import type { RunResult } from '../pipeline/run.ts';
import { syncFolder } from '../pipeline/state-write.ts';
import { backtest, type BacktestOptions, type BacktestResult } from './replay.ts';

/** How good forecasts were on the way, each by weights that had not seen its rows; of the first step and the last. */
export interface LearnedScore {
  readonly target: string;
  readonly step: number;
  /** Rows scored. */
  readonly rows: number;
  /** By model, and of the output; raw units. */
  readonly mae: Readonly<Record<string, number>>;
  /** The output beside each baseline. */
  readonly skill: Readonly<Record<string, { readonly skill: number; readonly verdict: string }>>;
}

export interface Learned {
  /** The model's. */
  readonly folder: string;
  readonly hash: string;
  /** Event time of the newest row that it learned from. */
  readonly until: string;
  /** Rows and series of the last training, and its losses on held-out rows; null where nothing was compared. */
  readonly rows: number;
  readonly series: number;
  readonly champion: number | null;
  readonly challenger: number | null;
  readonly scores: readonly LearnedScore[];
}

/**
 * Trains from nothing, whatever `forecast.weights` says, and writes the model whole or not at all.
 *
 * Throws `EXPORT_UNSAVED` where the folder exists, before anything is read; `MODEL_NOTHING`; `MODEL_STOPPED`; and what `backtest` throws.
 */
export async function trainModel(
  given: LoadedSpec,
  folder: string,
  options: BacktestOptions,
): Promise<BacktestResult & { readonly learned: Learned }> {
  if (existsSync(folder)) throw new TidecastError('EXPORT_UNSAVED', { path: folder, reason: 'it exists already' });
  const spec = { ...given, shadow: undefined, forecast: { ...given.forecast, weights: undefined } };
  let newest = -Infinity;
  const off = options.events.on('ticks.ingested', ({ time }) => void (newest = time));
  let trained: Omit<Learned, 'scores' | 'folder'> | undefined;
  let model: ModelFile | undefined;
  const ended = async (line: Line): Promise<void> => {
    const last = newest > -Infinity ? await line.retraining?.model(newest) : undefined;
    if (!last) return;
    model = last.model;
    const { weights, rows, series, champion, challenger } = last.result;
    const finite = (loss: number) => (Number.isFinite(loss) ? loss : null);
    const losses = { champion: finite(champion), challenger: finite(challenger) };
    trained = { hash: weightsHash(weights), until: new Date(newest).toISOString(), rows, series, ...losses };
  };
  let result: BacktestResult;
  try {
    result = await backtest(spec, { ...options, ended, everywhere: true });
  } finally {
    off();
  }
  if (!result.complete) throw new TidecastError('MODEL_STOPPED', { rows: result.rows });
  if (!model || !trained) throw new TidecastError('MODEL_NOTHING', { rows: result.rows });
  const scores = scoresOf(result);
  writeModel(folder, { ...model, meta: { ...model.meta, scores } });
  return { ...result, learned: { folder, ...trained, scores } };
}

function scoresOf({ targets, scores }: RunResult): LearnedScore[] {
  return targets.flatMap((target, t) => {
    const steps = [...new Set([0, scores[t]!.length - 1])];
    return steps.map((step) => {
      const { n: rows, models, skill } = scores[t]![step]!;
      const mae = Object.fromEntries(Object.entries(models).map(([name, score]) => [name, score.mae]));
      return { target, step: step + 1, rows, mae, skill };
    });
  });
}

/** Makes the folder beside its place, and moves it there when it is whole. */
function writeModel(folder: string, model: ModelFile): void {
  let draft: string | undefined;
  try {
    mkdirSync(dirname(folder), { recursive: true });
    draft = `${folder}.${process.pid}.tmp`;
    saveModel(draft, model);
    renameSync(draft, folder);
    syncFolder(dirname(folder));
  } catch (cause) {
    if (draft !== undefined) rmSync(draft, { recursive: true, force: true });
    if (cause instanceof TidecastError) throw cause;
    throw new TidecastError('EXPORT_UNSAVED', { path: folder, reason: (cause as Error).message }, { cause });
  }
}

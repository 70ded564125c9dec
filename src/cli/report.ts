/** What a run came to, as the summary shows it and `--json` prints it. */
import { resolve } from 'node:path';
import type { DriftWatch } from '../backtest/alarms.ts';
import type { Mark } from '../backtest/marks.ts';
import type { Learned } from '../backtest/train-model.ts';
import type { BacktestResult } from '../backtest/replay.ts';
import type { Events } from '../core/events.ts';
import type { LoadedSpec } from '../pipeline/load.ts';
import type { RunResult } from '../pipeline/run.ts';
import type { ScoreSummary } from '../forecast/score.ts';
import type { ScoreLine } from './view-model.ts';

export interface Report {
  readonly pipeline: string;
  /** Rows since the pipeline was first started, and in this run. */
  readonly rows: number;
  readonly rowsHere: number;
  readonly seconds: number;
  readonly series: number;
  /** Refused ticks of this run by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Whether the source ended; false: it was stopped. */
  readonly complete: boolean;
  readonly scores: readonly ScoreLine[];
  /** The scores of the shadow on the same rows, where there is one. */
  readonly shadow?: { readonly name: string; readonly scores: readonly ScoreLine[] };
  /** Where the forecasts are. */
  readonly outputs: readonly string[];
  readonly stateHash: string;
  /** Where the pipeline names no season: what was found, in rows. */
  readonly seasons?: readonly number[];
  /** Then also: the first rows of each series, that are not scored because seasons were found in them. */
  readonly unscored?: number;
  /** Of a backtest: why none was looked for. */
  readonly noSeason?: string;
  /** Of a backtest: the scores of each series. */
  readonly bySeries?: readonly { readonly name: string; readonly scores: readonly ScoreLine[] }[];
  /** SHA-256 of the rows that were read. */
  readonly dataHash?: string;
  readonly seed?: number;
  /** Trainings, swaps of weights and the like, in event time. */
  readonly marks?: readonly Mark[];
  /** Where series do not come as `window.interval` says: how. */
  readonly intervals?: Events['intervals.differed'];
  /** Of a backtest: what watches for drift. */
  readonly drift?: readonly DriftWatch[];
  /** Of `train`: the model. */
  readonly learned?: Learned;
  /** Files that were written, by what they are. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Puts a result and what was seen on the way together. */
export function reportOf(
  spec: LoadedSpec,
  result: RunResult | BacktestResult,
  seen: { readonly series: number; readonly rejected: Readonly<Record<string, number>> },
): Report {
  const { rows, total, milliseconds, complete, targets, scores, stateHash } = result;
  return {
    pipeline: spec.name,
    rows: total,
    rowsHere: rows,
    seconds: milliseconds / 1000,
    series: seen.series,
    rejected: seen.rejected,
    complete,
    scores: scoreLines(targets, scores),
    ...(spec.shadow && result.shadow ? { shadow: { name: spec.shadow.name, scores: scoreLines(targets, result.shadow) } } : {}),
    outputs: outputs(spec),
    ...(result.seasons ? { seasons: result.seasons, unscored: result.unscored ?? 0 } : {}),
    stateHash,
    ...('series' in result
      ? {
          bySeries: result.series.map(({ name, scores: own }) => ({ name, scores: scoreLines(targets, own) })),
          dataHash: result.dataHash,
          seed: spec.seed,
          marks: result.marks,
          drift: result.drift,
          ...(result.noSeason === undefined ? {} : { noSeason: result.noSeason }),
        }
      : {}),
  };
}

/** Scores by target and step, flat; `steps` (from 0) where not every step is among them. Of the models the last is the output. */
export function scoreLines(
  targets: readonly string[],
  scores: readonly (readonly ScoreSummary[])[],
  steps?: readonly number[],
): ScoreLine[] {
  return targets.flatMap((target, t) =>
    (scores[t] ?? []).map((summary, i): ScoreLine => ({
      target,
      step: (steps?.[i] ?? i) + 1,
      output: Object.keys(summary.models).at(-1) ?? '',
      summary,
    })),
  );
}

function outputs(spec: LoadedSpec): string[] {
  return spec.sinks.flatMap(({ type, config }) => {
    const fields = (config ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof fields['path'] === 'string') return [`${type} ${resolve(spec.folder, fields['path'])}`];
    const place = [fields['url'] ?? fields['brokers'], fields['database'] ?? fields['topic']].filter(
      (each) => each !== undefined,
    );
    return place.length > 0 ? [`${type} ${place.map(String).join(' ')}`] : [];
  });
}

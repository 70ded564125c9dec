/** Everything that the report of a backtest shows, as plain data: the pages are drawn from it, and `report.json` is it. */
import type { Events } from '../core/events.ts';
import type { ScoreSummary } from '../forecast/score.ts';
import { watchedDrift, type DriftWatch, type WatchedDrift } from './alarms.ts';
import type { Mark } from './marks.ts';
import type { ReadResult } from './result.ts';
import { readStretches, stretchesOf, type Stretch } from './stretch.ts';
import { timelines, type Timeline, type Trail } from './timeline.ts';

/** Scores of a target and step. */
export interface CellScore {
  readonly target: string;
  readonly step: number;
  /** Name of the model that is sent out. */
  readonly output: string;
  readonly summary: ScoreSummary;
}

export interface SeriesScore {
  readonly name: string;
  readonly scores: readonly CellScore[];
}

/** Facts that are known when the backtest is over. */
export interface BacktestFacts {
  readonly pipeline: string;
  readonly rows: number;
  readonly seconds: number;
  readonly series: number;
  readonly complete: boolean;
  readonly rejected: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly dataHash: string;
  readonly stateHash: string;
  /** Names and versions of what ran. */
  readonly versions: Readonly<Record<string, string>>;
  readonly horizon: number;
  /** Rows of the first season, where there is one. */
  readonly season: number | undefined;
  /** Why none was looked for, where the pipeline names none. */
  readonly noSeason?: string;
  /** Where series do not come as the pipeline says: how. */
  readonly intervals?: Events['intervals.differed'];
  readonly warmup: number;
  /** Levels, ascending. */
  readonly quantiles: readonly number[];
  readonly models: readonly string[];
  readonly baselines: readonly string[];
  /** Milliseconds between rows. */
  readonly interval: number;
  /** Options of the command that changed what was done. */
  readonly options: Readonly<Record<string, string>>;
  /** The pipeline file as it was, secrets left out. */
  readonly spec: string;
}

/** How far a series' error is below that of the naive forecast, over all targets and steps. */
export interface Ranked {
  readonly name: string;
  /** Mean over targets and steps of MAE / MAE of naive: below 1 is better. */
  readonly ratio: number;
  readonly scores: readonly CellScore[];
}

export interface ReportData {
  readonly facts: BacktestFacts;
  readonly scores: readonly CellScore[];
  /** Best first; only the ends and the middle where there are many. */
  readonly ranked: readonly Ranked[];
  /** Every series' ratio, best first. */
  readonly ratios: readonly number[];
  readonly timelines: readonly Timeline[];
  readonly stretches: readonly Stretch[];
  readonly residuals: readonly Residuals[];
  readonly marks: readonly Mark[];
  readonly drift: readonly WatchedDrift[];
}

/** A series' errors over time: of each run of rows the smallest, the middle and the largest. */
export interface Residuals {
  readonly series: string;
  readonly target: string;
  readonly step: number;
  /** Rows that one point stands for. */
  readonly each: number;
  readonly points: readonly { readonly time: number; readonly low: number; readonly middle: number; readonly high: number }[];
}

/** Targets that are drawn; the tables have all. */
const MOST_TARGETS = 3;
/** Series listed from each end of the ranking. */
const LISTED = 10;
const POINTS = 240;

/** Puts it together; reads the result three times. */
export async function reportData(
  read: ReadResult,
  facts: BacktestFacts,
  scores: readonly CellScore[],
  bySeries: readonly SeriesScore[],
  { marks, watches }: { readonly marks: readonly Mark[]; readonly watches: readonly DriftWatch[] },
): Promise<ReportData> {
  const ranked = rank(bySeries);
  const shown = ends(ranked);
  const targets = [...new Set(scores.map(({ target }) => target))].slice(0, MOST_TARGETS);
  const steps = [...new Set([1, facts.horizon])];
  const quantiles = facts.quantiles.map((level) => ({ level, column: `q${String(Math.round(level * 1000)).padStart(4, '0')}` }));
  const series = shown.map(({ ranked: { name } }) => name);
  const { lines, trails } = await timelines(read, { models: facts.models, quantiles, steps, targets, series });
  const rows = Math.max(96, Math.min(240, Math.max(8 * facts.horizon, 4 * (facts.season ?? 0))));
  const wanted = shown.flatMap(({ what, ranked: { name } }) =>
    targets.flatMap((target) => {
      const trail = trails.find((each) => each.series === name && each.target === target && each.step === steps.at(-1));
      return trail ? stretchesOf(trail, rows, what, ranked.length === 1) : [];
    }),
  );
  const middle = shown[Math.floor(shown.length / 2)]?.ranked.name;
  return {
    facts,
    scores,
    ranked: ranked.length <= 2 * LISTED + 1 ? ranked : listed(ranked),
    ratios: thinned(ranked.map(({ ratio }) => ratio)),
    timelines: lines,
    stretches: await readStretches(
      read,
      wanted,
      facts.horizon,
      quantiles.map(({ column }) => column),
    ),
    residuals: trails.filter((trail) => trail.series === middle).map(residualsOf),
    marks,
    drift: watches.map((watch) => watchedDrift(watch, marks)),
  };
}

function rank(bySeries: readonly SeriesScore[]): Ranked[] {
  return bySeries
    .map(({ name, scores }) => {
      const ratios = scores
        .filter(({ summary }) => summary.n > 0)
        .map(({ output, summary: { models } }) => models[output]!.mae / (models['naive']?.mae ?? NaN))
        .filter((ratio) => Number.isFinite(ratio));
      return { name, scores, ratio: ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length };
    })
    .filter(({ scores }) => scores.some(({ summary }) => summary.n > 0))
    .sort((a, b) => rankable(a.ratio) - rankable(b.ratio) || (a.name < b.name ? -1 : 1));
}

/** A series in which naive makes no error cannot be ranked: it comes last. */
function rankable(ratio: number): number {
  return Number.isFinite(ratio) ? ratio : Number.MAX_VALUE;
}

function ends(ranked: readonly Ranked[]): { what: string; ranked: Ranked }[] {
  const usable = ranked.filter(({ ratio }) => Number.isFinite(ratio));
  const from = usable.length > 0 ? usable : ranked;
  if (from.length === 0) return [];
  if (from.length === 1) return [{ what: 'the last rows', ranked: from[0]! }];
  const middle = { what: 'the median series', ranked: from[(from.length - 1) >> 1]! };
  const [best, worst] = [
    { what: 'the best series', ranked: from[0]! },
    { what: 'the worst series', ranked: from.at(-1)! },
  ];
  return from.length === 2 ? [best, worst] : [best, middle, worst];
}

function listed(ranked: readonly Ranked[]): Ranked[] {
  return [...ranked.slice(0, LISTED), ranked[(ranked.length - 1) >> 1]!, ...ranked.slice(-LISTED)];
}

/** At most a thousand of a sorted list, the ends among them. */
function thinned(all: readonly number[]): number[] {
  const most = 1000;
  const finite = all.filter((x) => Number.isFinite(x));
  if (finite.length <= most) return finite;
  return Array.from({ length: most }, (_, i) => finite[Math.round((i * (finite.length - 1)) / (most - 1))]!);
}

function residualsOf({ series, target, step, times, errors }: Trail): Residuals {
  const each = Math.max(1, Math.ceil(times.length / POINTS));
  const points = Array.from({ length: Math.ceil(times.length / each) }, (_, i) => {
    const part = errors.slice(i * each, (i + 1) * each).sort((a, b) => a - b);
    const time = times[Math.min(times.length - 1, i * each + (each >> 1))]!;
    return { time, low: part[0]!, middle: part[part.length >> 1]!, high: part.at(-1)! };
  });
  return { series, target, step, each, points };
}

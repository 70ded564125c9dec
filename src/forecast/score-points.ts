/** Scores of a series as named numbers, for sinks. */
import type { ScorePoint } from '../core/batch.ts';
import type { Ensemble } from './ensemble.ts';
import type { ScoreSummary } from './score.ts';

/** A point a target and step that was scored at all, at event time `time` (epoch ms). */
export function scorePoints(ensemble: Ensemble, lane: number, time: number): ScorePoint[] {
  const { targets, horizon } = ensemble.context;
  const points: ScorePoint[] = [];
  for (let target = 0; target < targets; target++) {
    for (let step = 0; step < horizon; step++) {
      const summary = ensemble.scores.summary(lane, target, step);
      if (summary.n === 0) continue;
      points.push({ series: ensemble.lanes.keys[lane]!, target, step: step + 1, time, values: valuesOf(summary) });
    }
  }
  return points;
}

/** Of the models the last is the output. What is not finite is left out. */
function valuesOf({ n, models, pinball, intervals, skill }: ScoreSummary): Record<string, number> {
  const { mae, rmse, smape, mase } = Object.values(models).at(-1)!;
  const all = {
    n,
    mae,
    rmse,
    smape,
    mase,
    pinball: pinball.reduce((sum, each) => sum + each, 0) / pinball.length,
    ...Object.fromEntries(intervals.map(({ nominal, coverage }) => [`coverage_${digits(nominal)}`, coverage])),
    ...Object.fromEntries(Object.entries(skill).map(([name, each]) => [`skill_${name.replaceAll('-', '_')}`, each.skill])),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => Number.isFinite(value)));
}

function digits(share: number): string {
  return String(Math.round(share * 1000)).padStart(4, '0');
}

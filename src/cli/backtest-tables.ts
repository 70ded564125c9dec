/** What a backtest says beyond a run: every model's scores, and those of each series. */
import type { ScoreSummary } from '../forecast/score.ts';
import { cut, printable } from './cell.ts';
import { percent, value, whole } from './numbers.ts';
import type { Report } from './report.ts';
import { calmTable } from './table.ts';
import type { Paint } from './terminal.ts';
import { verdict } from './verdict.ts';
import type { ScoreLine } from './view-model.ts';

/** Series shown at most; the rest is in `--json`. */
const MOST_SERIES = 20;

/** A table of models at the first and the last step of each target, and one of series. */
export function backtestTables(scores: readonly ScoreLine[], bySeries: NonNullable<Report['bySeries']>, paint: Paint): string[] {
  const ends = ofEnds(scores.filter(({ summary }) => summary.n > 0));
  if (ends.length === 0) return [];
  return ['', ...models(ends, paint), '', ...series(bySeries, paint), ''];
}

function models(lines: readonly ScoreLine[], paint: Paint): string[] {
  const rows = lines.flatMap(({ target, step, summary }) =>
    Object.entries(summary.models).map(([name, score]) => [
      cut(printable(target), 24),
      name,
      `+${step}`,
      value(score.mae),
      value(score.rmse),
      `${value(score.smape)} %`,
      value(score.mase),
    ]),
  );
  return [paint('bold', 'by model'), calmTable(['target', 'model', 'step', 'MAE', 'RMSE', 'sMAPE', 'MASE'], rows, paint, 2)];
}

function series(bySeries: NonNullable<Report['bySeries']>, paint: Paint): string[] {
  const scored = bySeries.filter(({ scores }) => scores.some(({ summary }) => summary.n > 0));
  const first = scored[0]?.scores[0]?.summary;
  if (!first) return [];
  const baselines = Object.keys(first.skill);
  const levels = first.intervals.map(({ nominal }) => nominal).sort((a, b) => a - b);
  const titles = ['series', 'target', 'step', 'rows', 'MAE', 'RMSE', 'sMAPE', 'MASE', 'pinball'];
  titles.push(...levels.flatMap((level) => [`in ${percent(level)}`, 'width']), ...baselines.map((name) => `vs ${cut(name, 14)}`));
  const rows = scored
    .slice(0, MOST_SERIES)
    .flatMap(({ name, scores }) =>
      ofEnds(scores).map(({ target, step, output, summary }) => [
        cut(printable(name), 24),
        cut(printable(target), 24),
        `+${step}`,
        whole(summary.n),
        ...ofOutput(summary, output),
        ...levels.flatMap((level) => ofInterval(summary, level)),
        ...baselines.map((baseline) => verdict(summary.skill[baseline], paint)),
      ]),
    );
  const left = scored.length - MOST_SERIES;
  return [
    paint('bold', 'by series'),
    calmTable(titles, rows, paint, 2),
    ...(left > 0 ? [paint('dim', `${whole(left)} further series: see --json`)] : []),
  ];
}

function ofOutput(summary: ScoreSummary, output: string): string[] {
  const { mae = NaN, rmse = NaN, smape = NaN, mase = NaN } = summary.models[output] ?? {};
  const pinball = summary.pinball.reduce((sum, loss) => sum + loss, 0) / summary.pinball.length;
  return [value(mae), value(rmse), `${value(smape)} %`, value(mase), value(pinball)];
}

function ofInterval(summary: ScoreSummary, level: number): string[] {
  const interval = summary.intervals.find(({ nominal }) => nominal === level);
  return [percent(interval?.coverage ?? NaN, 1), value(interval?.width ?? NaN)];
}

/** The first and the last step of each target. */
function ofEnds(lines: readonly ScoreLine[]): ScoreLine[] {
  return lines.filter(({ target }, i) => lines[i - 1]?.target !== target || lines[i + 1]?.target !== target);
}

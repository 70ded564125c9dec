/** What is said at the end: how good the forecasts were, how long it took, where they are. */
import { cut, printable } from './cell.ts';
import { backtestTables } from './backtest-tables.ts';
import { ago, firstText, instant, percent, rowsText, seasonsText, unscoredText, value, whole } from './numbers.ts';
import type { Report } from './report.ts';
import { plainPaint, type Paint } from './terminal.ts';
import { calmTable } from './table.ts';
import { verdict } from './verdict.ts';
import type { ScoreLine } from './view-model.ts';

/** Steps of a target shown at most; the rest is in `--json`. */
const MOST_STEPS = 8;

/** The closing text of a run or backtest. */
export function summaryText(report: Report, paint: Paint = plainPaint): string {
  const { pipeline, rows, rowsHere, seconds, series, rejected, complete, outputs } = report;
  const refused = Object.entries(rejected).filter(([, n]) => n > 0);
  if (!complete && rowsHere === 0) return nothingCame(report, refused, paint);
  const lines = [
    `${paint('bold', printable(pipeline))}: ${complete ? 'the source ended' : 'stopped'} after ${rowsText(rows)} of ${whole(series)} series`,
    ...seasonsLine(report),
    ...scoreTables(report, paint),
    ...(report.bySeries ? backtestTables(report.scores, report.bySeries, paint) : []),
    ...shadowLine(report),
    `${rowsText(rowsHere)} in ${ago(seconds)}, ${whole(rowsHere / Math.max(seconds, 1e-3))} rows/s`,
    ...refusedLine(refused),
    ...outputs.map((output) => `forecasts: ${printable(output)}`),
    ...learnedText(report),
    ...Object.entries(report.files ?? {}).map(([what, file]) => `${what}: ${printable(file)}`),
    ...(complete || report.bySeries ? [] : ['the next run continues here; `--fresh` starts over']),
    ...(complete && rowsHere === 0 && rows > 0 ? ['nothing new since the last run; `--fresh` starts over'] : []),
  ];
  return lines.join('\n');
}

function seasonsLine({ seasons, unscored }: Report): string[] {
  if (!seasons) return [];
  if (seasons.length === 0) return ['no season was found'];
  return [`found: ${seasonsText(seasons)}${unscored ? `, in ${firstText({ seasons, first: unscored })}` : ''}`];
}

/** How the shadow did, of each target at the first and the last step. */
function shadowLine({ scores, shadow }: Report): string[] {
  if (!shadow) return [];
  const mae = ({ output, summary }: ScoreLine) => value(summary.models[output]?.mae ?? NaN);
  const last = Math.max(...scores.map(({ step }) => step));
  const parts = shadow.scores.flatMap((each, i) =>
    (each.step === 1 || each.step === last) && each.summary.n > 0
      ? [`${printable(each.target)} +${each.step} ${mae(each)} (forecast ${mae(scores[i]!)})`]
      : [],
  );
  return [`shadow ${printable(shadow.name)}: MAE ${parts.join(', ') || 'not scored yet'}`];
}

/** Of a run that was stopped before a row came. */
function nothingCame({ pipeline, rows, seconds }: Report, refused: readonly (readonly [string, number])[], paint: Paint): string {
  return [
    `${paint('bold', printable(pipeline))}: stopped; no row came in ${ago(seconds)}${rows > 0 ? `, ${whole(rows)} had come before` : ''}`,
    ...refusedLine(refused),
    `the next run continues here${rows > 0 ? '; `--fresh` starts over' : ''}`,
  ].join('\n');
}

/** Of `train`: the model, and whether it is worth beginning with. */
function learnedText({ learned }: Report): string[] {
  if (!learned) return [];
  const { folder, until, rows, series, champion, challenger, scores } = learned;
  const skilled = scores.some(({ skill }) => Object.values(skill).every((beside) => beside.verdict === 'better'));
  return [
    ...(champion !== null && challenger !== null && challenger >= champion
      ? ['the last training of the network was no better than the one before, which was kept']
      : []),
    ...(skilled ? [] : ['no skill was shown: a run that begins with this model may do no better than a baseline']),
    `model: ${printable(folder)}, from ${whole(rows)} rows of ${whole(series)} series up to ${instant(Date.parse(until))}`,
    `to begin with it: \`forecast: { weights: ${printable(folder)} }\`; it is in force for rows after those`,
  ];
}

function refusedLine(refused: readonly (readonly [string, number])[]): string[] {
  return refused.length > 0 ? [`refused: ${refused.map(([reason, n]) => `${whole(n)} ${reason}`).join(', ')}`] : [];
}

function scoreTables({ scores, rowsHere, rejected }: Report, paint: Paint): string[] {
  const scored = scores.filter(({ summary }) => summary.n > 0);
  const first = scored[0];
  if (!first) return [unscoredText(rowsHere, rejected)];
  const baselines = Object.keys(first.summary.skill);
  const nominal = first.summary.intervals.map((interval) => interval.nominal).sort((a, b) => a - b);
  const titles = [
    'target',
    'step',
    'MAE',
    'RMSE',
    ...baselines.map((name) => `vs ${cut(name, 14)}`),
    ...nominal.map((level) => `in ${percent(level)}`),
  ];
  const shown = pick(scored);
  const rows = shown.map(({ target, step, output, summary }) => [
    cut(printable(target), 24),
    `+${step}`,
    value(summary.models[output]?.mae ?? NaN),
    value(summary.models[output]?.rmse ?? NaN),
    ...baselines.map((name) => verdict(summary.skill[name], paint)),
    ...nominal.map((level) => percent(summary.intervals.find((interval) => interval.nominal === level)?.coverage ?? NaN, 1)),
  ]);
  const left = scored.length - shown.length;
  return [
    paint('dim', `scored on ${whole(first.summary.n)} rows`),
    calmTable(titles, rows, paint),
    ...(left > 0 ? [paint('dim', `${left} further steps: see --json`)] : []),
  ];
}

/** Of each target the first steps, then ever wider ones, and the last. */
function pick(scores: readonly ScoreLine[]): ScoreLine[] {
  const targets = [...new Set(scores.map(({ target }) => target))];
  return targets.flatMap((target) => {
    const own = scores.filter((line) => line.target === target);
    if (own.length <= MOST_STEPS) return own;
    const wanted = new Set(
      Array.from({ length: MOST_STEPS }, (_, i) =>
        Math.round(((own.length - 1) * i * i) / ((MOST_STEPS - 1) * (MOST_STEPS - 1))),
      ),
    );
    return own.filter((_, i) => wanted.has(i));
  });
}

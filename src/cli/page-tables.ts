/** The tables of the report, as titles and cells: HTML and Markdown draw the same ones. */
import { levelOf } from '../backtest/timeline.ts';
import type { CellScore, Ranked, ReportData } from '../backtest/report-data.ts';
import { printable } from './cell.ts';
import { ago, instant, percent, value, whole } from './numbers.ts';
import { byTarget, markText, pickSteps, sharesOf, shown } from './page-words.ts';
import { verdictText } from './verdict.ts';

/** `kind` of a cell colours it; `own` marks a row that stands out. */
export interface PageTable {
  readonly titles: readonly string[];
  readonly rows: readonly {
    readonly cells: readonly string[];
    readonly own?: boolean;
    readonly kinds?: readonly (string | undefined)[];
  }[];
  /** Whether its cells are words, not numbers. */
  readonly text?: boolean;
}

/** Trainings and the like shown at most; `report.json` has all. */
const MOST_MARKS = 60;

/** Errors of the output and its skill, step by step. */
export function stepTable(scores: readonly CellScore[]): PageTable {
  const first = scores.find(({ summary }) => summary.n > 0)!.summary;
  const baselines = Object.keys(first.skill);
  const levels = first.intervals.map(({ nominal }) => nominal).sort((a, b) => a - b);
  const rows = byTarget(scores).flatMap(([target, own]) =>
    pickSteps(own).map(({ step, output, summary }) => {
      const { mae, rmse, smape, mase } = summary.models[output]!;
      const pinball = summary.pinball.reduce((sum, loss) => sum + loss, 0) / summary.pinball.length;
      const skills = baselines.map((name) => summary.skill[name]!);
      const covers = levels.map((level) => percent(summary.intervals.find(({ nominal }) => nominal === level)!.coverage, 1));
      const cells = [
        `${printable(target)} +${step}`,
        whole(summary.n),
        value(mae),
        value(rmse),
        `${value(smape)} %`,
        value(mase),
        value(pinball),
      ];
      return {
        cells: [...cells, ...skills.map(({ skill, verdict }) => verdictText(signed(skill), verdict)), ...covers],
        kinds: [...cells.map(() => undefined), ...skills.map(({ verdict }) => verdict), ...covers.map(() => undefined)],
      };
    }),
  );
  const titles = ['target and step', 'forecasts', 'MAE', 'RMSE', 'sMAPE', 'MASE', 'pinball'];
  return {
    titles: [...titles, ...baselines.map((name) => `against ${name}`), ...levels.map((level) => `in ${percent(level)}`)],
    rows,
  };
}

/** Every model at the first and the last step of each target. */
export function modelTable(scores: readonly CellScore[]): PageTable {
  const rows = byTarget(scores).flatMap(([target, own]) =>
    (own.length > 1 ? [own[0]!, own.at(-1)!] : own).flatMap(({ step, output, summary }) =>
      Object.entries(summary.models).map(([name, { mae, rmse, smape, mase }]) => ({
        cells: [`${printable(target)} +${step}`, name, value(mae), value(rmse), `${value(smape)} %`, value(mase)],
        own: name === output,
      })),
    ),
  );
  return { titles: ['target and step', 'model', 'MAE', 'RMSE', 'sMAPE', 'MASE'], rows };
}

/** Series, best first, at the first step of each target. */
export function seriesTable(ranked: readonly Ranked[]): PageTable {
  const baselines = Object.keys(ranked[0]?.scores[0]?.summary.skill ?? {});
  const rows = ranked.flatMap(({ name, scores, ratio }) =>
    byTarget(scores).flatMap(([target, own]) => {
      const { output, step, summary } = own[0]!;
      const { mae, mase } = summary.models[output]!;
      const skills = baselines.map((baseline) => summary.skill[baseline]!);
      const cells = [
        printable(name, 60),
        signed(1 - ratio),
        `${printable(target)} +${step}`,
        whole(summary.n),
        value(mae),
        value(mase),
      ];
      return {
        cells: [...cells, ...skills.map(({ skill, verdict }) => verdictText(signed(skill), verdict))],
        kinds: [...cells.map(() => undefined), ...skills.map(({ verdict }) => verdict)],
      };
    }),
  );
  const titles = [
    'series',
    'naive, all steps',
    'target and step',
    'forecasts',
    'MAE',
    'MASE',
    ...baselines.map((name) => `against ${name}`),
  ];
  return { titles, rows };
}

/** Observed coverage by step. */
export function coverageTable(scores: readonly CellScore[]): PageTable {
  const levels = [...scores.find(({ summary }) => summary.n > 0)!.summary.intervals]
    .map(({ nominal }) => nominal)
    .sort((a, b) => a - b);
  const rows = byTarget(scores).flatMap(([target, own]) =>
    pickSteps(own).map(({ step, summary }) => {
      const of = (level: number) => summary.intervals.find(({ nominal }) => nominal === level)!;
      return {
        cells: [
          `${printable(target)} +${step}`,
          ...levels.flatMap((level) => [percent(of(level).coverage, 1), value(of(level).width)]),
        ],
      };
    }),
  );
  return { titles: ['target and step', ...levels.flatMap((level) => [`in ${percent(Number(levelOf(level)))}`, 'width'])], rows };
}

/** How far each model was trusted, and what leaving it out would change. */
export function trustTable({ timelines }: Pick<ReportData, 'timelines'>): PageTable {
  const rows = timelines.flatMap((line) =>
    sharesOf(line).map(({ name, weight, cost, effect }) => {
      const without = effect === 'none' ? 'no difference' : `${shown(Math.abs(cost))} ${cost > 0 ? 'more' : 'less'} error`;
      return { cells: [`${printable(line.target)} +${line.step}`, name, percent(weight), without] };
    }),
  );
  return { titles: ['target and step', 'model', 'mean weight', 'without it'], rows };
}

/** The newest of what happened to the models. */
export function markTable({ marks }: Pick<ReportData, 'marks'>): PageTable {
  const told = marks.filter(({ event }) => event !== 'weights.swapped');
  return {
    titles: ['event time (UTC)', 'what'],
    rows: told.slice(-MOST_MARKS).map((mark) => ({ cells: [instant(mark.time), markText(mark)] })),
    text: true,
  };
}

/** How the backtest was made. */
export function factTable({ facts, timelines }: ReportData): PageTable {
  const { rows, seconds, series, seed, dataHash, stateHash, versions, warmup, horizon, models, rejected, options } = facts;
  const refused = Object.entries(rejected).filter(([, n]) => n > 0);
  const times = timelines.flatMap((line) => [line.times[0]!, line.times.at(-1)!]);
  const facta: [string, string][] = [
    ['pipeline', printable(facts.pipeline)],
    ['rows', `${whole(rows)} of ${whole(series)} series${facts.complete ? '' : '; stopped before the end'}`],
    [
      'scored',
      times.length > 0
        ? `about ${minute(Math.min(...times))} to ${minute(Math.max(...times))} UTC, after ${whole(warmup)} rows of warm-up`
        : 'nothing',
    ],
    ['steps ahead', `${horizon}, rows ${ago(facts.interval / 1000).replace(/ 0 [sm]$/, '')} apart`],
    ['models', models.join(', ')],
    ['refused ticks', refused.length > 0 ? refused.map(([reason, n]) => `${whole(n)} ${reason}`).join(', ') : 'none'],
    ['speed', `${ago(seconds)}, ${whole(rows / Math.max(seconds, 1e-3))} rows/s, training included`],
    ['seed', String(seed)],
    ['data (SHA-256)', dataHash],
    ['state (SHA-256)', stateHash],
    [
      'versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ...(Object.keys(options).length > 0
      ? [
          [
            'options',
            Object.entries(options)
              .map(([name, given]) => `--${name} ${printable(given)}`)
              .join(' '),
          ] as [string, string],
        ]
      : []),
  ];
  return { titles: ['', ''], rows: facta.map((cells) => ({ cells })), text: true };
}

/** The middle of a stretch is no round time. */
function minute(time: number): string {
  return instant(Math.round(time / 60_000) * 60_000);
}

/** Skill with its sign. */
export function signed(share: number): string {
  if (!Number.isFinite(share)) return '-';
  const size = shown(Math.abs(share));
  return Number.parseFloat(size) === 0 ? '0 %' : `${share > 0 ? '+' : '−'}${size}`;
}

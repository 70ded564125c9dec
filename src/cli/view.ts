/** The live view: one calm screen, drawn anew from a ViewModel. Pure: the same model and width give the same text. */
import { columns, cut, displayWidth, pad, printable } from './cell.ts';
import { endOf } from './notices.ts';
import { ago, instant, percent, signedPercent, value, whole } from './numbers.ts';
import { plainPaint, type Paint } from './terminal.ts';
import type { ForecastLine, RecentLine, ScoreLine, TrainingLine, ViewModel, WaitingLine } from './view-model.ts';

const MARGIN = ' ';
const WIDEST = 118;

/** The whole view, at most `width` columns wide. */
export function render(model: ViewModel, width: number, paint: Paint = plainPaint): string {
  const room = Math.max(40, Math.min(width, WIDEST)) - 2;
  const sections = [
    header(model, room, paint),
    forecastTable(model.forecasts, room, paint),
    model.recent ? recentChart(model.recent, room, paint) : [],
    scoreTable(model.scores, room, paint),
    trainingTable(model, room, paint),
    model.warning ? [paint('yellow', cut(`! ${printable(model.warning)}`, room))] : [],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.map((line) => MARGIN + clip(line, room)).join('\n'))
    .join('\n\n');
}

/** A line with emphasis cannot be cut in the middle of it: one that is too long loses its emphasis first. */
function clip(line: string, room: number): string {
  return displayWidth(line) <= room ? line : cut(line.replace(/\u001b\[[0-9;]*m/g, ''), room);
}

function header(model: ViewModel, room: number, paint: Paint): string[] {
  const { rows, total, phase } = model;
  const resumed = model.resumedAt ? `continued at row ${whole(model.resumedAt)} · ` : '';
  const name = cut(printable(model.pipeline), Math.floor(room / 2));
  const state = resumed + (phase === 'stopping' ? 'stopping: saving the state …' : phase);
  const title = `${paint('bold', name)}${' '.repeat(Math.max(2, room - displayWidth(name) - displayWidth(state)))}${paint('dim', state)}`;

  const facts = [
    `${whole(model.rowsPerSecond)} rows/s`,
    model.lag === undefined ? '' : model.lag > 0 ? `${whole(model.lag)} behind` : 'caught up',
    model.time === undefined ? '' : `at ${instant(model.time)}`,
    `${whole(model.series)} series`,
    model.rejected > 0 ? `${whole(model.rejected)} refused` : '',
    model.checkpoint
      ? `saved ${model.checkpoint.seconds < 10 ? `${Math.floor(model.checkpoint.seconds)} s` : ago(model.checkpoint.seconds)} ago`
      : '',
  ];
  return [
    title,
    progress(rows, total, model.seconds, room, paint),
    fitting(facts.filter(Boolean), room).join(paint('dim', ' · ')),
    ...model.waiting.map((line) => paint('yellow', cut(waitingText(line), room))),
  ];
}

/** As many from the front as fit on a line with what parts them. */
function fitting(facts: readonly string[], room: number): readonly string[] {
  const many = facts.findIndex((_, i) => displayWidth(facts.slice(0, i + 1).join(' · ')) > room);
  return many < 1 ? facts : facts.slice(0, many);
}

function waitingText({ name, endpoint, reason, seconds }: WaitingLine): string {
  return printable(`waiting ${seconds < 10 ? `${Math.floor(seconds)} s` : ago(seconds)} for ${endOf(name, endpoint)}: ${reason}`);
}

function progress(rows: number, total: number | undefined, seconds: number, room: number, paint: Paint): string {
  if (total === undefined || total <= 0) return `${whole(rows)} rows in ${ago(seconds)}`;
  const share = Math.min(1, rows / total);
  const label = `${pad(`${whole(rows)} of ${whole(total)} rows`, whole(total).length * 2 + 9, 'right')}  ${pad(percent(Math.floor(share * 100) / 100), 5, 'right')}`;
  const length = Math.max(10, room - displayWidth(label) - 2);
  const full = Math.floor(share * length);
  return `${paint('cyan', '━'.repeat(full))}${paint('dim', '─'.repeat(length - full))}  ${label}`;
}

function forecastTable(forecasts: readonly ForecastLine[], room: number, paint: Paint): string[] {
  if (forecasts.length === 0) return [];
  const nominal = forecasts.find(({ interval }) => interval)?.interval?.nominal;
  const several = new Set(forecasts.map(({ target }) => target)).size > 1;
  const titles = [
    'Forecasts',
    ...(several ? ['target'] : []),
    'step',
    'for',
    'mean',
    nominal === undefined ? '' : `${percent(nominal)} interval`,
    'naive',
    'last error',
  ];
  const rows = forecasts.map(({ series, target, step, time, mean, interval, naive, lastError }) => [
    cut(printable(series), Math.max(9, Math.min(28, room - 70))),
    ...(several ? [cut(printable(target), 14)] : []),
    `+${step}`,
    instant(time),
    value(mean),
    interval ? `${value(interval.low)} … ${value(interval.high)}` : '',
    value(naive),
    value(lastError),
  ]);
  const first = several ? 2 : 1;
  return table([titles, ...rows], [first, first + 2, first + 3, first + 4, first + 5], paint);
}

function table(rows: readonly (readonly string[])[], right: readonly number[], paint: Paint): string[] {
  const [title = '', ...lines] = columns(rows, right);
  const head = rows[0]?.[0] ?? '';
  return [paint('bold', head) + paint('dim', title.slice(head.length)), ...lines];
}

const LEVELS = '▁▂▃▄▅▆▇█';

function recentChart(recent: RecentLine, room: number, paint: Paint): string[] {
  const points = Math.min(recent.actual.length, room - 12);
  if (points < 8) return [];
  const actual = recent.actual.slice(-points);
  const forecast = recent.forecast.slice(-points);
  const finite = [...actual, ...forecast].filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const bar = (x: number) =>
    Number.isFinite(x) ? LEVELS[high > low ? Math.min(7, Math.floor(((x - low) / (high - low)) * 8)) : 3]! : ' ';
  return [
    `${paint('dim', 'actual    ')}${actual.map(bar).join('')}`,
    `${paint('dim', 'forecast  ')}${paint('cyan', forecast.map(bar).join(''))}`,
  ];
}

/** Step 1 and the last step of each target, the first two targets. */
function scoreTable(scores: readonly ScoreLine[], room: number, paint: Paint): string[] {
  const targets = [...new Set(scores.map(({ target }) => target))].slice(0, 2);
  const shown = targets.flatMap((target) => {
    const own = scores.filter((line) => line.target === target && line.summary.n > 0);
    return own.filter((_, i) => i === 0 || i === own.length - 1);
  });
  if (shown.length === 0) return [];
  const baselines = Object.keys(shown[0]!.summary.skill);
  const nominal = shown[0]!.summary.intervals.map((interval) => interval.nominal).sort((a, b) => a - b);
  const titles = [
    'Error so far',
    'step',
    'MAE',
    'RMSE',
    ...baselines.map((name) => `vs ${cut(name, room < 90 ? 9 : 30)}`),
    ...nominal.map((level) => `in ${percent(level)}`),
  ];
  const rows = shown.map(({ target, step, output, summary }) => [
    cut(printable(target), Math.max(12, Math.min(20, room - 60))),
    `+${step}`,
    value(summary.models[output]?.mae ?? NaN),
    value(summary.models[output]?.rmse ?? NaN),
    ...baselines.map((name) => {
      const skill = summary.skill[name];
      const text = signedPercent(skill?.skill ?? NaN);
      return skill?.verdict === 'better' ? paint('green', text) : skill?.verdict === 'worse' ? paint('red', text) : `${text} ~`;
    }),
    ...nominal.map((level) => percent(summary.intervals.find((interval) => interval.nominal === level)?.coverage ?? NaN, 1)),
  ]);
  const numbers = titles.map((_, i) => i).slice(1);
  const luck = rows.some((row) => row.some((cell) => cell.endsWith(' ~')))
    ? [paint('dim', '~ no skill: the difference is small, or may be luck')]
    : [];
  return [...table([titles, ...rows], numbers, paint), ...luck];
}

function trainingTable({ trainings, training }: ViewModel, room: number, paint: Paint): string[] {
  if (trainings.length === 0 && !training) return [];
  const rows = trainings.slice(-3).map((line) => trainingRow(line, room, paint));
  const titles = ['Retraining', 'loss before', 'after', 'took', ''];
  return [...table([titles, ...rows], [1, 2, 3], paint), ...(training ? [paint('cyan', 'training now …')] : [])];
}

function trainingRow(
  { trigger, champion, challenger, accepted, seconds, reason }: TrainingLine,
  room: number,
  paint: Paint,
): string[] {
  if (reason !== undefined)
    return [instant(trigger), '-', '-', '-', paint('yellow', cut(printable(reason), Math.max(40, room - 50)))];
  return [
    instant(trigger),
    value(champion),
    value(challenger),
    ago(seconds),
    accepted && !(challenger >= champion) ? paint('green', 'accepted') : paint('yellow', 'kept the old network'),
  ];
}
